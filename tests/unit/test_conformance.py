"""Every test that docs/conformance.md names exists."""

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
PAGE = TESTS.parent / "docs" / "conformance.md"


def named_tests() -> list[tuple[str, list[str]]]:
    """Return each file named in the page, with the beginnings of the functions behind it."""
    found = re.findall(r"`(\w+/test_\w+\.py)`((?:,? [a-z0-9_]+…)*)", PAGE.read_text())
    return [(file, re.findall(r"[a-z0-9_]+(?=…)", functions)) for file, functions in found]


def test_every_named_test_exists() -> None:
    named = named_tests()
    assert len(named) > 20
    missing = [file for file, _ in named if not (TESTS / file).is_file()]
    assert missing == []
    missing = [
        f"{file} {function}"
        for file, functions in named
        for function in functions
        if f"def test_{function}" not in (TESTS / file).read_text()
    ]
    assert missing == []
