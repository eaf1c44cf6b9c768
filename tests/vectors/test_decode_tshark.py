"""tshark and `vtep decode` find the same fields in a corpus of valid and invalid frames.

Each program runs once for all frames. Every field of `vtep decode` that tshark knows is compared
with tshark's field at the same octet, and vice versa.
"""

import json
import struct
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.vectors.corpus import corpus
from tests.vectors.tshark_names import (
    CHECKSUMS,
    NAMES,
    UNCHECKED,
    At,
    Shown,
    of_decode,
    of_tshark,
)


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("corpus") / "corpus.pcap"
    octets = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    for number, (_, frame) in enumerate(corpus()):
        octets += struct.pack("<IIII", 1_795_000_000 + number, 0, len(frame), len(frame)) + frame
    path.write_bytes(octets)
    return path


def tshark(path: Path) -> list[dict[At, Shown]]:
    options = [f"-o{layer}.check_checksum:TRUE" for layer in ("ip", "tcp", "udp")]
    command = ["tshark", "-r", str(path), "-T", "pdml", *options, "-d", "udp.port==8472,vxlan"]
    shown = subprocess.run(command, capture_output=True, check=True, timeout=60)
    packets = ElementTree.fromstring(shown.stdout).findall("packet")
    return [dict(of_tshark(packet)) for packet in packets]


def decode(path: Path) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "vtep", "decode", "--json", str(path)]
    shown = subprocess.run(command, capture_output=True, timeout=60)
    assert shown.stderr == b""
    return [json.loads(line) for line in shown.stdout.splitlines()]


BY_DESIGN = {
    "no VXLAN port: ARP": "tshark takes the source port as a VXLAN port, too; no VTEP does",
    "outer IP length 0": "tshark takes 0 as a GSO frame of the sender; no receiver does",
    "inner IP length 0": "the same",
}
"""Frames that tshark reads differently from a VTEP."""


def read_alike(decoded: dict[str, Any]) -> int:
    """Return the octet up to which both programs read a frame in the same way."""
    for header in decoded["headers"]:
        # The EtherType says IPv4, the header 6: tshark believes the header, Linux the EtherType.
        if any(problem.startswith("the version is") for problem in header["problems"]):
            return int(header["at"])
        # tshark does not dissect the payload of a first fragment unless it is cut short.
        values = {field["key"]: field["value"] for field in header["fields"]}
        if values.get("ip.more_fragments") and header["problems"]:
            return int(header["at"] + header["length"])
    return int(decoded["kept"])


def difference(at: At, ours: Shown | None, theirs: Shown | None) -> bool:
    """Return whether two values differ, except where one program stopped reading earlier."""
    if ours is None:
        return True
    if theirs is None:
        return not ours.broken
    if ours.value != theirs.value and at[0] in CHECKSUMS:
        # tshark sums the present part of a cut packet; vtep reports that it was not checked.
        return ours.value != UNCHECKED
    return ours.value != theirs.value


def test_every_field_that_tshark_knows_has_the_same_value(capture: Path) -> None:
    assert len(corpus()) >= 200
    started = time.monotonic()
    decoded = decode(capture)
    assert time.monotonic() - started < 2
    shown = tshark(capture)
    assert len(decoded) == len(shown) == len(corpus())
    differences: list[str] = []
    compared: Counter[str] = Counter()
    for (name, _), ours, theirs in zip(corpus(), decoded, shown, strict=True):
        if name in BY_DESIGN:
            continue
        mine, until = dict(of_decode(ours)), read_alike(ours)
        for at in sorted(mine.keys() | theirs.keys()):
            if at[1] >= until:
                continue
            compared[at[0]] += 1
            if difference(at, mine.get(at), theirs.get(at)):
                differences.append(f"{name}: {at}: {mine.get(at)}, tshark {theirs.get(at)}")
    assert differences == []
    assert compared.keys() == NAMES
    assert compared.total() > 10_000
