"""The commands of README and docs/install.md are those that tests/install/fresh_system runs."""

import re

from tests.consoles import ROOT, blocks

README = (ROOT / "README.md").read_text()
PAGE = (ROOT / "docs/install.md").read_text()
FOLLOWED = re.findall(
    r'^follow "?(.+?)"?$', (ROOT / "tests/install/fresh_system").read_text(), re.MULTILINE
)
"""The sections of the page whose commands it runs."""


def commands(page: str, heading: str) -> list[str]:
    section = page.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return [line for _, lines in blocks(section, "sh") for line in lines]


def test_every_section_with_commands_is_tried() -> None:
    headings = re.findall(r"^## (.+)$", PAGE, re.MULTILINE)
    assert [one for one in headings if commands(PAGE, one)] == FOLLOWED


def test_readme_has_the_commands_that_are_tried() -> None:
    install = commands(README.partition("Try it on one machine")[0], "Install")
    assert len(install) >= 5
    assert set(install) <= {line for one in FOLLOWED for line in commands(PAGE, one)}
