"""walk.html: a walk as a self-contained page."""

import re
from collections import Counter
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from vtep.walk.engine import run
from vtep.walk.html import page
from vtep.walk.options import WHAT_IFS, Options


class Page(HTMLParser):
    """The tags, attributes and headings of a page."""

    VOID = frozenset({"meta", "rect", "path", "br"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str]] = []
        self.headings: list[int] = []
        self._open: list[str] = []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def values(self, name: str) -> list[str]:
        return [value for _, key, value in self.attributes if key == name]


@pytest.mark.parametrize(
    "options",
    [
        Options(inner="tcp", vlan=10, ipv6=True),
        Options(frame=b"\x02>&\"'<" + b"<b>&\"'" * 9),
        *(Options(what_if=name) for name in WHAT_IFS),  # type: ignore[arg-type]
    ],
    ids=str,
)
def test_a_page_is_self_contained_and_well_formed(options: Options) -> None:
    text = page(run(options))
    made = Page(text)
    assert not {"script", "link", "img", "iframe", "object", "base"} & made.tags.keys()
    assert not re.search(r"https?:|url\(|@import|\bon\w+=", text)
    ids = made.values("id")
    assert len(ids) == len(set(ids)) > 10
    for name in ("aria-labelledby", "aria-describedby"):
        assert set(made.values(name)) <= set(ids)
    assert {link.removeprefix("#") for link in made.values("href")} <= set(ids)
    assert made.headings[0] == 1
    assert made.headings.count(1) == 1
    assert all(below - above <= 1 for above, below in pairwise(made.headings))
    assert ("html", "lang", "en") in made.attributes
    assert "prefers-color-scheme: dark" in text


def test_a_byte_has_a_tooltip_with_field_bits_value_and_meaning() -> None:
    text = page(run(Options(vni=5000)))
    described = re.search(r'aria-describedby="(tip-\d+)">00 13 88<', text)
    assert described
    tip = text.partition(f'id="{described[1]}">')[2].partition("</span></span>")[0]
    assert "<b>VNI</b> = 5000" in tip
    assert "24 bits" in tip
    assert "RFC 7348 section 5" in tip
    made = Page(text)
    assert made.values("tabindex").count("0") == made.values("role").count("tooltip") > 100
