"""Published and captured octets are parsed into the given fields, and packed from them again."""

import struct
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.l2 import ARP, Ether
from scapy.layers.vxlan import VXLAN

from tests.flows import by_flow
from tests.property.gso_frames import add_words
from tests.segmenting import segmented
from vtep.offload import segment
from vtep.wire import checksum, ethernet, ip, virtio, vxlan

HERE = Path(__file__).parent
HEADERS = tomllib.loads((HERE / "headers.toml").read_text())
KERNEL = tomllib.loads((HERE / "kernel.toml").read_text())

Vector = dict[str, Any]


def vectors(table: list[Vector]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("vector", table, ids=lambda vector: vector["name"])


IPV4 = b"\x08\x00"


def ipv4_header(frame: bytes | bytearray) -> bytes:
    """Return the IPv4 header of an untagged frame."""
    return bytes(frame[14 : 14 + (frame[14] & 0x0F) * 4])


@vectors(HEADERS["vxlan"])
def test_vxlan_header(vector: Vector) -> None:
    raw = bytes.fromhex(vector["hex"])
    assert vxlan.parse(raw) == vector.get("vni")
    assert vxlan.reserved_bits(raw) == vector["reserved"]
    if "vni" in vector and not vector["reserved"]:
        assert vxlan.pack(vector["vni"]) == raw
        assert bytes(VXLAN(flags=8, vni=vector["vni"])) == raw
    # With all flags set, scapy sees GBP and GPE at once, and miscounts the octets.
    if "vni" in vector and raw[0] != 0xFF:
        assert VXLAN(raw).vni == vector["vni"]


@vectors(HEADERS["virtio"])
def test_virtio_header(vector: Vector) -> None:
    raw = bytes.fromhex(vector["hex"])
    if sys.byteorder == "big":
        raw = struct.pack(">BBHHHH", *struct.unpack("<BBHHHH", raw))
    header = virtio.parse(raw)
    assert list(header) == vector["fields"]
    packed = virtio.pack(virtio.VirtioHeader(*vector["fields"]))
    assert packed == raw


@vectors(HEADERS["ethernet"])
def test_ethernet_header(vector: Vector) -> None:
    raw = bytes.fromhex(vector["hex"])
    room = 16
    slot = bytearray(room) + raw
    assert ethernet.vlan_id(slot, room) == vector.get("vlan")
    assert ethernet.is_group(raw) == vector["group"]
    if "vlan" in vector:
        start = ethernet.pop_tag(slot, room)
        assert slot[start:].hex() == vector["untagged"]
        tagged = bytearray(raw[:12] + ethernet.pack_tag(vector["vlan"]) + raw[16:])
        assert tagged[12:14] == b"\x81\x00"
        assert ethernet.vlan_id(tagged, 0) == vector["vlan"]


@vectors(HEADERS["checksum"])
def test_checksum_sum(vector: Vector) -> None:
    assert checksum.ones_sum(bytes.fromhex(vector["hex"])) == vector["sum"]


@vectors(HEADERS["update"])
def test_checksum_update(vector: Vector) -> None:
    args = vector["checksum"], vector["old"], vector["new"]
    assert checksum.update(*args) == vector["result"]


@vectors(KERNEL["offload"])
def test_offloads_give_the_frames_of_the_kernel(vector: Vector) -> None:
    frame = bytearray.fromhex(vector["hex"])
    header = virtio.VirtioHeader(*vector["virtio"])
    if header.gso_type == virtio.GSO_NONE:
        assert segment.complete_checksum(memoryview(frame), header)
        assert [frame.hex()] == vector["out"]
    else:
        rows = segmented(memoryview(frame), header, 1450, b"")
        assert rows is not None
        out = [bytes.fromhex(row) for row in vector["out"]]
        # The kernel increments the ID even with DF set, where it has no meaning; ours stays.
        assert by_flow(map(bytes, rows), without_id=True) == by_flow(out, without_id=True)
        assert all(add_words(ipv4_header(row)) == 0xFFFF for row in rows if row[12:14] == IPV4)
        assert frame.hex() == vector["hex"]


@vectors(KERNEL["offload"])
def test_a_partial_checksum_is_the_pseudo_header_sum(vector: Vector) -> None:
    frame = bytes.fromhex(vector["hex"])
    *_, start, offset = vector["virtio"]
    found = ip.locate(frame)
    assert found is not None
    assert (found.l4, found.end, found.fragment) == (start, len(frame), False)
    (carried,) = struct.unpack_from(">H", frame, start + offset)
    assert ip.pseudo_header_sum(frame, found, len(frame) - start) == carried


@vectors(KERNEL["datagram"])
def test_a_datagram_of_the_kernel_is_parsed_and_packed(vector: Vector) -> None:
    raw, inner = bytes.fromhex(vector["hex"]), bytes.fromhex(vector["inner"])
    assert vxlan.parse(raw) == vector["vni"]
    assert not vxlan.reserved_bits(raw)
    assert raw[vxlan.HEADER_LEN :] == inner
    assert vxlan.pack(vector["vni"]) + inner == raw


@vectors(KERNEL["datagram"])
def test_scapy_finds_the_same_headers_in_a_datagram(vector: Vector) -> None:
    outer = Ether(bytes.fromhex(vector["outer"]) + bytes.fromhex(vector["hex"]))
    assert outer[UDP].dport == vxlan.PORT
    assert outer[VXLAN].vni == vxlan.parse(bytes.fromhex(vector["hex"]))
    inner = outer[VXLAN].payload
    found = ip.locate(bytes.fromhex(vector["inner"]))
    if found is None:
        assert inner[ARP].pdst == "10.9.0.2"
    else:
        assert (found.protocol, inner[IP].proto) == (ip.TCP, ip.TCP)
        assert len(inner) - len(inner[TCP]) == found.l4
