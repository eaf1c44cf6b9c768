"""Parse and run the console blocks of the docs: commands and their expected output.

    ```console
    $ vtep walk --brief
    A ping from c1 to c2, and what VXLAN does to it
    ...
    lab$ c1 ping -c 1 172.18.0.12
    ```

A command follows "$ ", or "lab$ " in the lab's shell. It continues after a backslash, or in a line
that begins with ">". Its output, on stdout and stderr, extends to the next command. "..." in a line
matches any text, and alone in a line any number of lines. README shows values of one run instead
of "..."; see `with_placeholders`.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
COURSE = ROOT / "docs" / "learn"

_PROMPTS = ("lab$ ", "$ ")


class Example(NamedTuple):
    """A command, its expected output, and its line number in the page."""

    command: str
    output: str
    line: int

    def __str__(self) -> str:
        return f"{self.line}: {self.command}"


def examples(page: Path) -> list[Example]:
    """Return the commands of all console blocks of a page, in order."""
    return [
        example
        for number, lines in blocks(page.read_text(), "console")
        for example in _of_block(page, number, lines)
    ]


def _of_block(page: Path, number: int, lines: list[str]) -> Iterator[Example]:
    prompted = bool(lines) and lines[0].startswith(_PROMPTS)
    assert prompted, f"{page.name}:{number}: a console block begins with a command"
    begins = [at for at, line in enumerate(lines) if line.startswith(_PROMPTS)]
    for at, end in zip(begins, [*begins[1:], len(lines)], strict=True):
        words, output = [lines[at].partition("$ ")[2]], lines[at + 1 : end]
        while output and (words[-1].endswith("\\") or output[0].startswith(">")):
            words.append(re.sub("^> ?", "", output.pop(0)))
        yield Example("\n".join(words), "\n".join(output), number + at)


def blocks(text: str, language: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the first line number and the lines of each fenced block of a language."""
    inside: list[str] | None = None
    for number, line in enumerate(text.splitlines(), 1):
        if inside is None:
            if line.strip() == f"```{language}":
                inside, began, indent = [], number + 1, len(line) - len(line.lstrip())
        elif line.strip() == "```":
            yield began, inside
            inside = None
        else:
            inside.append(line[indent:])
    assert inside is None, f"the block at line {began} has no end"


def run(
    example: Example, folder: Path, environ: Mapping[str, str] | None = None, timeout: float = 30.0
) -> str:
    """Run an example with bash in a folder, with `vtep` as our code, and return its output."""
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


_VARIES = (
    (r"(?!00:00:00:00:00:00)(?:[0-9a-f]{2}:){5}[0-9a-f]{2}", "MAC"),
    (r"^\d+: ", "INDEX: "),
    (r"(?<=heard )[\d.]+(?=s ago)", "SECONDS"),
    (r"(?<=broadcast )\d+|(?<=multicast )\d+", "COUNT"),
    (r"^( +\d+)+$", "    COUNTS"),
    (r"(?<=pid )\d+", "PID"),
)
"""Values that differ from run to run, with the placeholder for each."""


def with_placeholders(text: str) -> str:
    """Replace values that differ from run to run, such as MAC addresses; see `_VARIES`."""
    for pattern, placeholder in _VARIES:
        text = re.sub(pattern, placeholder, text, flags=re.MULTILINE)
    return text


def says(example: Example, printed: str) -> bool:
    """Tell whether the output matches the example; blanks at line ends are ignored."""
    pattern = ""
    for line in example.output.rstrip().splitlines():
        if line.strip() == "...":
            pattern += r"(?:.*\n)*?"
        else:
            pattern += ".*?".join(map(re.escape, re.split(r"\.\.\.(?!\.)", line.rstrip()))) + r"\n"
    tidy = "".join(line.rstrip() + "\n" for line in printed.rstrip().splitlines())
    return re.fullmatch(pattern, tidy) is not None
