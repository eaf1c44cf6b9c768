"""docs/decode.md: every example prints the shown output, and every key is documented."""

import json
import re
from pathlib import Path

import pytest

from tests.consoles import ROOT, Example, examples, run, says
from tests.unit.test_decode import BARE
from vtep.cli.dispatch import run as run_command

PAGE = ROOT / "docs" / "decode.md"


@pytest.mark.parametrize("example", examples(PAGE), ids=str)
def test_an_example_prints_the_output_of_the_page(example: Example) -> None:
    printed = run(example, ROOT)
    assert says(example, printed), printed


def keys_of_table(page: Path, before: str) -> set[str]:
    """Return the words in the first column of the table after a line."""
    table = page.read_text().split(before, 1)[1].split("\n\n", 2)[1]
    rows = table.splitlines()[2:]
    return {key for row in rows for key in re.findall("`([a-z_]+)`", row.split("|")[1])}


def test_every_json_key_is_documented(capsys: pytest.CaptureFixture[str]) -> None:
    run_command("decode", [BARE.hex(), "--json"])
    (one,) = json.loads(capsys.readouterr().out)
    assert one.keys() == keys_of_table(PAGE, "Each has these keys:")
    header = one["headers"][0]
    assert header.keys() == keys_of_table(PAGE, "A header:")
    assert header["fields"][0].keys() == keys_of_table(PAGE, "A field:")
    assert one["verdict"].keys() == keys_of_table(PAGE, "The verdict:")


def test_every_reason_of_the_kernel_is_documented() -> None:
    code = (ROOT / "vtep" / "decode" / "kernel.py").read_text()
    reasons = set(re.findall(r'"((?:ip|udp)_[a-z]+|fragment|other_host|not_captured)"', code))
    assert reasons == keys_of_table(PAGE, "that is the verdict:")
