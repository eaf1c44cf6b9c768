import sys

from vtep.cli.main import main

sys.exit(main())
