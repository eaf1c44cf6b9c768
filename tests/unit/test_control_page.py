"""The files of the live page: their contents, and the headers sent with them."""

import asyncio
import re
from importlib.resources import files
from pathlib import Path

import pytest

from tests.unit.api_daemon import ApiDaemon
from vtep.control.api.static import HEADERS, page_routes

PAGE = Path(str(files("vtep.control").joinpath("page")))
SCRIPTS = sorted(PAGE.glob("*.js"))
TEXTS = {path.name: path.read_text() for path in [*SCRIPTS, PAGE / "index.html", PAGE / "page.css"]}


def test_each_file_has_a_path_and_there_are_no_other_paths() -> None:
    paths = {route.path for route in page_routes()}
    assert paths == {"/", "/page.css", *(f"/{path.name}" for path in SCRIPTS)}
    assert len(SCRIPTS) > 10


@pytest.mark.parametrize("path", ["/", "/page.js", "/page.css"])
def test_a_file_comes_with_a_policy_that_allows_only_the_page_itself(
    tmp_path: Path, path: str
) -> None:
    async def look() -> None:
        daemon = ApiDaemon(tmp_path / "socket")
        async with daemon.serving():
            reader, writer = await asyncio.open_unix_connection(str(daemon.path))
            writer.write(f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
            head, _, body = (await reader.read()).decode().partition("\r\n\r\n")
            writer.close()
        headers = dict(line.split(": ", 1) for line in head.splitlines()[1:])
        assert HEADERS.items() <= headers.items()
        assert body == TEXTS["index.html" if path == "/" else path[1:]]

    asyncio.run(look())


def test_the_policy_is_strict() -> None:
    policy = dict(part.split(" ", 1) for part in HEADERS["Content-Security-Policy"].split("; "))
    assert policy.pop("img-src") == "'self' data:"
    assert {name for name, value in policy.items() if value == "'none'"} == {
        "default-src",
        "base-uri",
        "form-action",
        "frame-ancestors",
        "trusted-types",
    }
    assert policy["require-trusted-types-for"] == "'script'"
    assert {name for name, value in policy.items() if value == "'self'"} == {
        "script-src",
        "style-src",
        "connect-src",
    }


@pytest.mark.parametrize("name", TEXTS)
def test_no_file_evaluates_text_or_fetches_from_elsewhere(name: str) -> None:
    text = TEXTS[name]
    for word in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "@import",
    ):
        assert word not in text, word
    assert not re.search(
        r"new Function|setTimeout\(\s*[\"']|<script(?! type=\"module\" src=)", text
    )
    assert not re.search(r"\son[a-z]+=|\sstyle=", text)
    addresses = set(re.findall(r"https?://[\w./]+", text))
    assert addresses <= {"http://www.w3.org/2000/svg"}


@pytest.mark.parametrize("name", [path.name for path in SCRIPTS])
def test_a_module_is_short_and_imports_names_that_exist(name: str) -> None:
    text = TEXTS[name]
    assert len(text.splitlines()) <= 300
    for names, module in re.findall(r"import \{ ([^}]+) \} from \"\./([^\"]+)\"", text):
        for one in names.split(", "):
            one = one.strip()
            assert re.search(rf"export (async )?(const|function|class) {one}\b", TEXTS[module]), one
            assert len(re.findall(rf"\b{one}\b", text)) > 1, f"{one} is not used"


def test_every_id_that_a_script_uses_is_in_the_page() -> None:
    there = set(re.findall(r"\bid=\"([^\"]+)\"", TEXTS["index.html"]))
    asked = {one for text in TEXTS.values() for one in re.findall(r"byId\(\"([^\"]+)\"\)", text)}
    assert asked <= there
