"""Build hook of hatchling: add the manual page and the shell completions to the wheel.

They are generated from the argument parser in each build, so they cannot be out of date.
"""

import sys
from contextlib import suppress
from importlib.util import cache_from_source, module_from_spec, spec_from_file_location
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

# The source code may be another user's, as for `sudo pipx install .`: leave no bytecode in it.
# hatchling's import of this file has written some already.
sys.dont_write_bytecode = True
_bytecode = Path(cache_from_source(__file__))
with suppress(OSError):  # no bytecode, or that of other files, too
    _bytecode.unlink(missing_ok=True)
    _bytecode.parent.rmdir()


class ManualHook(BuildHookInterface[Any]):
    """Adds share/man, share/bash-completion and share/zsh; not to an editable install."""

    _generated: TemporaryDirectory[str]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Generate the files into a temporary directory."""
        self._generated = TemporaryDirectory()
        if version == "editable":
            return
        sys.path.insert(0, self.root)
        from vtep import __version__
        from vtep.cli.parsers import full_parser

        page, shells = _load("page.py"), _load("completion.py")
        for path, text in {
            "share/man/man8/vtep.8": page.manual_page(full_parser(), __version__),
            "share/bash-completion/completions/vtep": shells.completion(full_parser(), "bash"),
            "share/zsh/site-functions/_vtep": shells.completion(full_parser(), "zsh"),
        }.items():
            file = Path(self._generated.name, path)
            file.parent.mkdir(parents=True)
            file.write_text(text)
            build_data["shared_data"][str(file)] = path

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove the temporary directory."""
        self._generated.cleanup()


def _load(name: str) -> ModuleType:
    """Return the module of a file beside this one; an installed package may be named docs, too."""
    spec = spec_from_file_location(f"vtep_{Path(name).stem}", Path(__file__).with_name(name))
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
