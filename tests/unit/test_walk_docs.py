"""docs/walk.md: every example prints the shown output."""

from pathlib import Path

import pytest
from scapy.utils import wrpcap

from tests.consoles import ROOT, Example, examples, run, says
from tests.frames import ICMP, IP, Ether

PAGE = ROOT / "docs" / "walk.md"
EXAMPLES = examples(PAGE)


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_an_example_prints_the_output_of_the_page(example: Example, tmp_path: Path) -> None:
    ping = Ether(src="02:42:ac:12:00:0b", dst="02:42:ac:12:00:0c") / IP(src="172.18.0.11") / ICMP()
    wrpcap(str(tmp_path / "ping.pcap"), [ping, ping / bytes(16)])
    printed = run(example, tmp_path)
    assert says(example, printed), printed


def test_every_option_has_an_example() -> None:
    commands = " ".join(example.command for example in EXAMPLES)
    options = ("--brief --verbose --json --html --check --inner --inner-ipv6 --frame --vni --vlan"
               " --ipv6 --underlay-mtu --mtu --what-if")  # fmt: skip
    assert [option for option in options.split() if option not in commands] == []


def test_the_examples_of_a_page_are_found_and_compared(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A\n```console\n$ echo \\\n    a\na\n$ true\n```\n```sh\n$ no\n```\n")
    first, second = examples(page)
    assert first == ("echo \\\n    a", "a", 3)
    assert second == ("true", "", 6)
    assert says(first, run(first, tmp_path))
    assert not says(first, "b\n")
    assert says(Example("x", "a ... d\n...\nz", 1), "a b c d\nmany\nlines\nz\n")
    assert not says(Example("x", "a\n...", 1), "b\na\n")
