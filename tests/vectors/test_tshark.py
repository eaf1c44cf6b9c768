"""Wireshark accepts our VXLAN header, and every checksum we complete or change."""

import json
import shutil
import struct
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.segmenting import segmented
from vtep.dataplane.mss import clamp_mss
from vtep.offload import segment
from vtep.wire import ethernet, ip, virtio, vxlan
from vtep.wire.checksum import complement, ones_sum

HERE = Path(__file__).parent
OFFLOADS = tomllib.loads((HERE / "kernel.toml").read_text())["offload"]
GOOD, BAD = "1", "0"

OUTER_MACS = bytes.fromhex("020000000102020000000101")
ADDRESSES = bytes.fromhex("0a0001040a000129")

Fields = dict[str, list[str]]


def outer(datagram: bytes) -> bytes:
    """Return the underlay frame that the kernel of a socket would send for a datagram."""
    length = 8 + len(datagram)
    udp = struct.pack(">HHHH", 50000, vxlan.PORT, length, 0)
    pseudo = ADDRESSES + struct.pack(">HH", ip.UDP, length)
    udp = udp[:6] + struct.pack(">H", complement(ones_sum(pseudo + udp + datagram)))
    packet = struct.pack(">BBHHHBBH", 0x45, 0, 20 + length, 0, 0x4000, 64, ip.UDP, 0) + ADDRESSES
    packet = packet[:10] + struct.pack(">H", complement(ones_sum(packet))) + packet[12:]
    return OUTER_MACS + struct.pack(">H", ethernet.IPV4) + packet + udp + datagram


def dissect(path: Path, datagrams: list[bytes]) -> list[Fields]:
    """Return all fields that tshark finds in each datagram, outer layers first."""
    capture = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    for frame in map(outer, datagrams):
        capture += struct.pack("<IIII", 0, 0, len(frame), len(frame)) + frame
    path.write_bytes(capture)
    checks = [f"-o{layer}.check_checksum:TRUE" for layer in ("ip", "tcp", "udp")]
    command = ["tshark", "-r", str(path), "-T", "json", "-x", "--no-duplicate-keys", *checks]
    shown = subprocess.run(command, capture_output=True, check=True, timeout=60)
    found: list[Fields] = []
    for one in json.loads(shown.stdout):
        fields: Fields = {}
        collect(one["_source"]["layers"], fields)
        found.append(fields)
    assert len(found) == len(datagrams)
    return found


def collect(node: Any, fields: Fields, name: str = "") -> None:
    if isinstance(node, dict):
        for key, value in node.items():
            collect(value, fields, key)
    elif isinstance(node, list):
        for value in node:
            collect(value, fields, name)
    else:
        fields.setdefault(name, []).append(str(node))


def statuses(fields: Fields) -> list[str]:
    """Return tshark's result for every checksum of a datagram, inner headers included."""
    names = [name for name in fields if name.endswith(".checksum.status")]
    return [status for name in names for status in fields[name]]


@pytest.fixture(autouse=True)
def _tshark() -> None:
    assert shutil.which("tshark"), "install tshark: these tests compare with it"


def all_rows() -> list[tuple[str, bytes]]:
    """Return the segments of all kernel vectors, as datagrams of VNI 100."""
    rows = []
    for vector in OFFLOADS:
        frame = bytearray.fromhex(vector["hex"])
        header = virtio.VirtioHeader(*vector["virtio"])
        if header.gso_type == virtio.GSO_NONE:
            assert segment.complete_checksum(memoryview(frame), header)
            rows.append((vector["name"], vxlan.pack(100) + frame))
            continue
        cut = segmented(memoryview(frame), header, 1450, vxlan.pack(100))
        assert cut is not None
        rows += [(vector["name"], bytes(row)) for row in cut]
    return rows


def test_tshark_reads_the_vni_and_the_flags_we_pack(tmp_path: Path) -> None:
    inner = bytes.fromhex("ffffffffffff02000000000a") + b"\x08\x06" + bytes(28)
    vnis = [0, 100, 0x123456, vxlan.MAX_VNI]
    seen = dissect(tmp_path / "vni.pcap", [vxlan.pack(vni) + inner for vni in vnis])
    assert [fields["vxlan.vni"] for fields in seen] == [[str(vni)] for vni in vnis]
    assert [fields["vxlan.flags"] for fields in seen] == [["0x0800"]] * len(vnis)
    assert [fields["vxlan.reserved8"] for fields in seen] == [["0"]] * len(vnis)


def test_tshark_finds_every_checksum_correct_and_every_octet_in_place(tmp_path: Path) -> None:
    rows = all_rows()
    seen = dissect(tmp_path / "rows.pcap", [datagram for _, datagram in rows])
    for (name, datagram), fields in zip(rows, seen, strict=True):
        # Outer IP and UDP, inner IP (version 4 only) and TCP or UDP.
        assert len(statuses(fields)) == (4 if "IPv6" not in name else 3), name
        assert set(statuses(fields)) == {GOOD}, name
        assert outer(datagram).hex() in fields["frame_raw"], name


def test_tshark_reports_a_wrong_checksum(tmp_path: Path) -> None:
    (name, datagram), *_ = all_rows()
    broken = datagram[:-1] + bytes([datagram[-1] ^ 1])
    (fields,) = dissect(tmp_path / "broken.pcap", [broken])
    assert statuses(fields).count(BAD) == 1, name


@pytest.mark.parametrize("padding", [b"", b"\x01"], ids=["aligned option", "odd option"])
def test_tshark_finds_the_checksums_of_a_clamped_syn_correct(
    tmp_path: Path, padding: bytes
) -> None:
    options = (padding + bytes.fromhex("020405b40402")).ljust(8, b"\x00")
    tcp = struct.pack(">HHIIBBHHH", 40000, 80, 1, 0, 7 << 4, 2, 64240, 0, 0) + options
    packet = struct.pack(">BBHHHBBH", 0x45, 0, 48, 1, 0x4000, 64, ip.TCP, 0) + ADDRESSES
    packet = packet[:10] + struct.pack(">H", complement(ones_sum(packet))) + packet[12:]
    frame = bytearray(OUTER_MACS + b"\x08\x00" + packet + tcp)
    found = ip.locate(frame)
    assert found is not None
    struct.pack_into(">H", frame, 50, ip.pseudo_header_sum(frame, found, len(tcp)))
    header = virtio.VirtioHeader(virtio.NEEDS_CSUM, 0, 0, 0, 34, 16)
    assert segment.complete_checksum(memoryview(frame), header)
    assert clamp_mss(frame, found, 1450, partial=False)
    (fields,) = dissect(tmp_path / "syn.pcap", [vxlan.pack(100) + frame])
    assert fields["tcp.options.mss_val"] == ["1410"]
    assert statuses(fields) == [GOOD] * 4
