"""What .ci/setup and .ci/install need where pip compiles python-pytun, as on ARM."""

import subprocess
import sys
from pathlib import Path

from tests.consoles import ROOT

ON_ARM = """
. .ci/common.sh
uname() { echo aarch64; }
install() { echo "install $*"; }
need_compiler "$1"
"""


def need_compiler(folder: Path, base_prefix: str) -> subprocess.CompletedProcess[str]:
    """Call the function for a Python without header files, installed below `base_prefix`."""
    python = folder / "python"
    python.write_text(
        f"""#!/bin/sh
exec {sys.executable} -c "
import sys, sysconfig
sysconfig.get_path = lambda name: '/nonexistent'
sys.base_prefix = '{base_prefix}'
exec(sys.argv[1])" "$2"
"""
    )
    python.chmod(0o755)
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", ON_ARM, "bash", python],
        cwd=ROOT, capture_output=True, text=True, timeout=60,
    )  # fmt: skip


def test_the_header_files_of_the_chosen_python_are_installed(tmp_path: Path) -> None:
    done = need_compiler(tmp_path, "/usr")
    package = f"python{sys.version_info.major}.{sys.version_info.minor}-dev"
    assert done.stdout.split()[:1] == ["install"], done
    assert done.stdout.split()[-1] == package


def test_a_python_without_a_package_of_header_files_is_refused(tmp_path: Path) -> None:
    done = need_compiler(tmp_path, "/opt/python")
    assert done.returncode == 2
    assert "Python.h" in done.stderr
    assert done.stdout == ""
