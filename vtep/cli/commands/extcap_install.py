"""`vtep extcap`: put the program into Wireshark's folder for such, and take it away."""

import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from vtep.config.arguments import Parser
from vtep.errors import UsageError

NAME = "vtep"
_MARK = "# Made by `vtep extcap install`; `vtep extcap uninstall` removes it."
_CODE = (
    "import sys; sys.path.insert(0, {}); "
    "from vtep.cli.commands.extcap import main; sys.exit(main(sys.argv[1:]))"
)
_ASK_S = 10.0
_NOTES = """\
Wireshark then shows each running vtep as an interface, as vtep-vx0; so does
tshark -D. Who captures must be able to ask the vtep: its user, or root.
"""


def main(words: Sequence[str]) -> int:
    """Carry out the command; return the exit code.

    Raises:
        ConfigError: it cannot be carried out as given.
    """
    parser = Parser("extcap", "Show running vteps as interfaces in Wireshark.")
    parser.epilog = _NOTES
    parser.add_argument("action", choices=("install", "uninstall"), metavar="install|uninstall")
    parser.add_argument("--dir", metavar="DIR", help="the folder, if not Wireshark's personal one")
    arguments = parser.parse_args(words)
    path = (Path(arguments.dir) if arguments.dir else _personal_folder()) / NAME
    try:
        if arguments.action == "install":
            _install(path)
            print(f"installed {path}")
        else:
            _uninstall(path)
            print(f"removed {path}")
    except OSError as error:
        raise UsageError(
            f"cannot {arguments.action} {path} ({error.strerror}): give another --dir"
        ) from error
    return 0


def script() -> str:
    """Return the program: it runs with the Python that runs us, and finds the vtep we are."""
    ours = repr(str(Path(__file__).resolve().parents[3]))
    command = shlex.join([sys.executable, "-c", _CODE.format(ours)])
    return f'#!/bin/sh\n{_MARK}\nexec {command} "$@"\n'


def _install(path: Path) -> None:
    if path.exists() and not _is_ours(path):
        raise UsageError(f"{path} is another program: remove it, or give another --dir")
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{NAME}-{os.getpid()}")
    fresh.write_text(script())
    fresh.chmod(0o755)
    fresh.replace(path)


def _uninstall(path: Path) -> None:
    if not path.exists():
        raise UsageError(f"{path} does not exist: give the --dir it was installed in")
    if not _is_ours(path):
        raise UsageError(f"{path} is another program: it stays")
    path.unlink()


def _is_ours(path: Path) -> bool:
    return _MARK in path.read_text(errors="replace")


def _personal_folder() -> Path:
    """Return where this user's Wireshark looks: it is asked, for older ones look elsewhere."""
    folders = _folders()
    if "Personal Extcap path" in folders:
        return Path(folders["Personal Extcap path"])
    if "Personal configuration" in folders:
        return Path(folders["Personal configuration"]) / "extcap"
    return Path.home() / ".local/lib/wireshark/extcap"


def _folders() -> dict[str, str]:
    try:
        asked = subprocess.run(
            ["tshark", "-G", "folders"], capture_output=True, text=True, timeout=_ASK_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return {}
    pairs = (line.partition(":") for line in asked.stdout.splitlines())
    return {name.strip(): path.strip() for name, _, path in pairs}
