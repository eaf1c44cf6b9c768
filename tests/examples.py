"""The examples of a page of docs: what stands in its console blocks is run, and must say that.

    ```console
    $ vtep walk --brief
    A ping from c1 to c2, and what VXLAN does to it
    ...
    ```

A command begins with "$ " and may go on behind a backslash; what it prints, on stdout and stderr,
follows, up to the next command. "..." stands for any text, over several lines too.
"""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]

_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Example(NamedTuple):
    """A command, what it prints, and the line of the page where it stands."""

    command: str
    output: str
    line: int

    def __str__(self) -> str:
        return f"{self.line}: {self.command}"


def examples(page: Path) -> list[Example]:
    """Return the examples of a page, in their order."""
    text = page.read_text()
    found = []
    for block in _BLOCK.finditer(text):
        first = text.count("\n", 0, block.start(1)) + 1
        joined = block[1].replace("\\\n", "\0")
        begun: list[list[str]] = []
        numbers = []
        line = first
        for row in joined.splitlines():
            if row.startswith("$ "):
                begun.append([row[2:].replace("\0", " ")])
                numbers.append(line)
            else:
                assert begun, f"{page.name}:{line}: a console block begins with a command"
                begun[-1].append(row)
            line += 1 + row.count("\0")
        for (command, *rows), number in zip(begun, numbers, strict=True):
            found.append(Example(" ".join(command.split()), "\n".join(rows), number))
    return found


def run(
    example: Example, folder: Path, environ: Mapping[str, str] | None = None, timeout: float = 30.0
) -> str:
    """Run an example by bash in a folder, `vtep` being ours, and return what it printed."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("VTEP_")}
    kept["PATH"] = f"{Path(sys.executable).parent}:{kept['PATH']}"
    kept["PYTHONPATH"] = str(ROOT)
    done = subprocess.run(
        ["bash", "-c", example.command],
        env=kept | dict(environ or {}),
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout,
        check=False,
    )
    return done.stdout


def says(example: Example, printed: str) -> bool:
    """Tell whether what was printed is what the example shows; blanks at line ends do not count."""
    pattern = ".*?".join(re.escape(part) for part in _tidy(example.output).split("..."))
    return re.fullmatch(pattern, _tidy(printed), re.DOTALL) is not None


def _tidy(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip("\n").splitlines())
