"""The pages of the documentation: every link has a target, and the index leads to every page."""

import re
from pathlib import Path

import pytest

from tests.consoles import ROOT

DOCS = ROOT / "docs"
INDEX = DOCS / "README.md"
TOP = sorted(page for page in DOCS.glob("*.md") if page != INDEX)
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md"))]
_LINK = re.compile(r"\]\(([^)\s]+)\)")


def links(page: Path) -> list[str]:
    return _LINK.findall(page.read_text())


def slug(heading: str) -> str:
    """Return the anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_has_a_target(page: Path) -> None:
    for target in links(page):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        file = page.parent / path if path else page
        assert file.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", file.read_text(), re.MULTILINE)
            assert anchor in map(slug, headings), target


def test_the_index_leads_to_every_page_and_back() -> None:
    assert set(links(INDEX)) == {
        "../README.md",
        "examples",
        "learn/README.md",
        *(page.name for page in TOP),
    }
    for page in (*TOP, DOCS / "learn" / "README.md"):
        back = "README.md" if page.parent == DOCS else "../README.md"
        assert back in links(page), page.name


def test_further_reading_has_a_sentence_on_each_document() -> None:
    rows = [
        line.strip("| ").split(" | ")
        for line in (DOCS / "further-reading.md").read_text().splitlines()
        if line.startswith("| ") and "](https://" in line
    ]
    assert len(rows) > 10
    for document, gives in rows:
        assert document
        assert len(gives.split()) > 5, document
