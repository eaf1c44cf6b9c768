"""The course's pages read as what they promise: commands with the output to expect, and pictures.

In a ```console block a line that begins with "lab$ " is typed in the lab's shell, one with "$ "
outside of it, and "> " goes on with it. What follows is the output; "..." in it stands for any
text, and alone in a line for any lines.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

COURSE = Path(__file__).parents[1] / "docs" / "learn"
PROMPTS = ("lab$ ", "$ ")


class Step(NamedTuple):
    """One command, where it stands in its file, and the output it promises."""

    line: int
    command: str
    output: str


def blocks(text: str, language: str) -> Iterator[tuple[int, list[str]]]:
    """Yield each fenced block of that language: the number of its first line, and its lines."""
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


def steps(text: str) -> Iterator[Step]:
    """Yield the commands of all console blocks, in order."""
    for number, lines in blocks(text, "console"):
        assert lines[0].startswith(PROMPTS), f"line {number}: a console block begins with a prompt"
        begins = [at for at, line in enumerate(lines) if line.startswith(PROMPTS)]
        for at, end in zip(begins, [*begins[1:], len(lines)], strict=True):
            words, output = [lines[at].partition("$ ")[2]], lines[at + 1 : end]
            while output and output[0].startswith(">"):
                words.append(output.pop(0)[2:])
            yield Step(number + at, "\n".join(words), "\n".join(output))


def matches(promised: str, actual: str) -> bool:
    """Tell whether the output is as promised; space at the ends of lines and all does not count."""
    pattern = ""
    for line in promised.rstrip().splitlines():
        if line.strip() == "...":
            pattern += r"(?:.*\n)*?"
        else:
            pattern += ".*?".join(map(re.escape, re.split(r"\.\.\.(?!\.)", line.rstrip()))) + r"\n"
    tidy = "".join(line.rstrip() + "\n" for line in actual.rstrip().splitlines())
    return re.fullmatch(pattern, tidy) is not None
