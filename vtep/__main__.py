import sys

from vtep.cli import main

sys.exit(main())
