"""Every console example of the pages about a running vtep, run on a host with one."""

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.consoles import ROOT, examples, says, with_placeholders
from tests.netns.tunnels import options
from vtep.lab import Host, ping, two_hosts
from vtep.wire import vxlan

pytestmark = pytest.mark.netns

EXAMPLES = {
    f"{page.name}:{example}": example
    for page in (ROOT / "README.md", ROOT / "docs" / "control.md", ROOT / "docs" / "docker.md")
    for example in examples(page)
}


@pytest.fixture(scope="module")
def host(private_namespace: None) -> Iterator[Host]:
    """One of two hosts with running vteps, after a ping and two bad datagrams."""
    with (
        two_hosts() as lab,
        lab.h1.vtep(*options(lab.h2), "--metrics", "127.0.0.1:9478", control=True),
        lab.h2.vtep(*options(lab.h1)),
    ):
        assert ping(lab.c1, lab.c2.address, count=2)
        with lab.h2.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for _ in range(2):
                sender.sendto(bytes(60), (lab.h1.address, vxlan.PORT))
        yield lab.h1


@pytest.mark.parametrize("name", EXAMPLES)
def test_each_example_prints_its_output(name: str, host: Host) -> None:
    example = EXAMPLES[name]
    path = f"PATH={Path(sys.executable).parent}:{os.environ['PATH']}"
    command = f"exec 2>&1; {example.command}"
    printed = host.run(["env", path, "bash", "-c", command], check=False).stdout
    if name.startswith("README"):
        example = example._replace(output=_comparable(example.output))
        printed = _comparable(printed)
    assert says(example, printed), printed


def _comparable(text: str) -> str:
    """Replace what differs from run to run; MAC addresses are learned in any order."""
    lines = with_placeholders(text).splitlines()
    if all(" dev " in line for line in lines):
        lines.sort()
    return "\n".join(lines)
