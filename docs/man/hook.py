"""Build hook of hatchling: add the manual page and the shell completions to the wheel.

They are generated from the argument parser in each build, so they cannot be out of date.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ManualHook(BuildHookInterface[Any]):
    """Adds share/man, share/bash-completion and share/zsh; not to an editable install."""

    _generated: TemporaryDirectory[str]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Generate the files into a temporary directory."""
        self._generated = TemporaryDirectory()
        if version == "editable":
            return
        sys.path.insert(0, self.root)
        from docs.man.completion import completion
        from docs.man.page import manual_page
        from vtep import __version__
        from vtep.cli.parsers import full_parser

        for path, text in {
            "share/man/man8/vtep.8": manual_page(full_parser(), __version__),
            "share/bash-completion/completions/vtep": completion(full_parser(), "bash"),
            "share/zsh/site-functions/_vtep": completion(full_parser(), "zsh"),
        }.items():
            file = Path(self._generated.name, path)
            file.parent.mkdir(parents=True)
            file.write_text(text)
            build_data["shared_data"][str(file)] = path

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove the temporary directory."""
        self._generated.cleanup()
