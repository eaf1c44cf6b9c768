"""The pages of the course: pictures that GitHub can draw, valid links, the right questions."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.consoles import COURSE, Example, blocks, examples, run, says
from vtep.dissect import dissect
from vtep.walk.course.exercises import EXERCISES, LESSONS
from vtep.wire import vxlan

PAGES = sorted(COURSE.glob("*.md"))
LESSON_PAGES = [page for page in PAGES if page.name != "README.md"]
KINDS = {"block-beta", "flowchart", "packet-beta", "sequenceDiagram"}
_FIELD = re.compile(r'(\d+)(?:-(\d+))?: "([^"]+)"')


def name(page: Path) -> str:
    return page.stem


def packets(page: Path) -> Iterator[tuple[str, list[tuple[int, int, str]]]]:
    """Yield the title of each packet picture and its fields: first bit, last bit, name."""
    for number, lines in blocks(page.read_text(), "mermaid"):
        if lines[0] != "packet-beta":
            continue
        title = lines[1].removeprefix("title ") if lines[1].startswith("title ") else ""
        fields = []
        for line in lines[1 + bool(title) :]:
            found = _FIELD.fullmatch(line)
            assert found, f"{page.name}:{number}: no field of a packet: {line}"
            first, last, label = found.groups()
            fields.append((int(first), int(last or first), label))
        yield title, fields


@pytest.mark.parametrize("page", LESSON_PAGES, ids=name)
def test_a_lesson_has_a_valid_picture(page: Path) -> None:
    pictures = list(blocks(page.read_text(), "mermaid"))
    assert pictures
    for number, lines in pictures:
        text = "\n".join(lines)
        assert lines[0].split()[0] in KINDS, number
        assert text.count('"') % 2 == 0, number
        ends = sum(line.strip() == "end" for line in lines)
        assert sum(line.strip().startswith("subgraph ") for line in lines) == ends, number
        bare = re.sub(r'"[^"]*"', "", text)
        for opening, closing in ("[]", "()", "{}"):
            assert bare.count(opening) == bare.count(closing), number
    for title, fields in packets(page):
        ends = -1
        for first, last, label in fields:
            assert first == ends + 1, (
                f"{title}: {label} does not begin at the end of the field before"
            )
            assert last >= first, label
            ends = last


def test_the_drawn_header_is_that_of_the_decoder() -> None:
    [drawn] = [
        fields
        for page in LESSON_PAGES
        for title, fields in packets(page)
        if title == "VXLAN header"
    ]
    assert drawn[-1][1] + 1 == 8 * vxlan.HEADER_LEN == 64
    [header] = dissect(vxlan.pack(100), "vxlan")[:1]
    seen = {field.name: (field.at, field.at + field.bits - 1) for field in header.fields}
    places = {label.partition(" (")[0]: (first, last) for first, last, label in drawn}
    assert places["I"] == seen["I"]
    assert places["VNI"] == seen["VNI"]
    covered = [(first, last) for first, last, _ in drawn]
    for place in seen.values():
        assert any(first <= place[0] and place[1] <= last for first, last in covered), place


@pytest.mark.parametrize("page", LESSON_PAGES, ids=name)
def test_a_lesson_has_the_questions_of_the_exercises(page: Path) -> None:
    number = page.name[0]
    asked = dict(re.findall(r"^- \*\*(\d\.\d)\*\* (.*)$", page.read_text(), re.MULTILINE))
    checked = {
        key: exercise.question
        for key, exercise in EXERCISES.items()
        if key.startswith(f"{number}.")
    }
    assert asked == checked
    assert f"--check {number}.1=" in page.read_text()
    heading = page.read_text().splitlines()[0]
    assert heading.replace(",", "") == f"# {number}. {LESSONS[int(number)]}".replace(",", "")
    index = (COURSE / "README.md").read_text()
    assert f"[{heading.partition('. ')[2]}]({page.name})" in index


def test_the_examples_of_the_index_are_up_to_date(tmp_path: Path) -> None:
    found = examples(COURSE / "README.md")
    assert found
    for example in found:
        assert says(example, run(example, tmp_path)), example


def test_every_lesson_has_a_page() -> None:
    assert [int(page.name[0]) for page in LESSON_PAGES] == list(LESSONS)


@pytest.mark.parametrize(
    ("promised", "actual", "expected"),
    [
        ("a\nb", "a\nb\n", True),
        ("a ... c", "a b c\n", True),
        ("a ... c", "a\nc\n", False),
        ("a\n...\nc", "a\nb\nb\nc\n", True),
        ("...\nc", "c\n", True),
        ("a", "a\nb\n", False),
        ("", "\n", True),
        ("", "a\n", False),
        ("10.0.1.4.... > x", "10.0.1.4.57344 > x\n", True),
    ],
)
def test_dots_match_any_text_or_lines(promised: str, actual: str, expected: bool) -> None:
    assert says(Example("x", promised, 1), actual) == expected


def test_a_command_continues_after_its_prompt(tmp_path: Path) -> None:
    text = "```console\nlab$ cat <<END\n> one\n>\n> END\none\n\n$ vtep walk\n...\n```\n"
    page = tmp_path / "page.md"
    page.write_text(text)
    first, second = examples(page)
    assert (first.command, first.output) == ("cat <<END\none\n\nEND", "one\n")
    assert (second.line, second.command, second.output) == (8, "vtep walk", "...")
