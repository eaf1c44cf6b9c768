"""The pcapng blocks of GSO frames, notes and losses."""

import io
from dataclasses import replace

import pytest

from tests.frames import IP, TCP, frame
from tests.memory import PEER_1, make, pseudo_sum, put, slots_of, trunk
from vtep.dataplane.overlay import AccessPort
from vtep.dataplane.worker import Worker
from vtep.pcap import read
from vtep.trace import outcome as observe
from vtep.trace.outer_headers import OuterRebuilder, Source
from vtep.trace.pcapng import PcapngWriter
from vtep.wire import virtio, vxlan
from vtep.wire.slot import TAP_AT

BULK = (
    IP(src="10.1.0.1", dst="10.1.0.2", flags="DF")
    / TCP(flags="PA", seq=7)
    / bytes(range(250))
    / bytes(3000)
)


def writer(worker: Worker, *taps: str, snaplen: int = 65535) -> PcapngWriter:
    rebuilder = OuterRebuilder(4789, lambda _: Source(bytes([10, 0, 1, 4]), 64))
    overlays = worker.vtep.overlays
    return PcapngWriter(taps, overlays, rebuilder, snaplen, lambda: 1_795_544_693_123_456_789)


def outcome(
    worker: Worker, port: AccessPort, data: bytes, header: virtio.VirtioHeader
) -> observe.Outcome:
    raw = virtio.pack(header) + data
    slots, number = put(slots_of(worker), TAP_AT, raw, is_small=False)
    return observe.outbound(worker, port, (slots, number, TAP_AT + len(raw)), 0.0, ports=range(64))


@pytest.mark.parametrize("tag", [0, 4])
def test_an_injected_gso_frame_is_written_as_the_kernel_segments_it(tag: int) -> None:
    if tag:
        vtep, port, overlay, _ = trunk()
    else:
        vtep, port, overlay = make(peers=[(PEER_1, (PEER_1, 4789))])
    l4 = 34 + tag
    partial = pseudo_sum(frame(inner=BULK), 6).to_bytes(2, "big")  # as the kernel leaves it
    bulk = frame(inner=BULK, vlan=10 if tag else None)
    bulk = bulk[: l4 + 16] + partial + bulk[l4 + 18 :]
    header = virtio.VirtioHeader(virtio.NEEDS_CSUM, virtio.GSO_TCPV4, l4 + 20, 1000, l4, 16)
    cut = outcome(vtep, port, bulk, header)
    assert len(cut.datagrams) == 4 * len(overlay.flood)
    untagged = bulk[:12] + bulk[12 + tag :]
    whole = [
        one._replace(payload=vxlan.pack(overlay.vni) + untagged, segments=4)
        for one in cut.datagrams[::4]
    ]
    written = writer(vtep, port.name)
    assert written.blocks(replace(cut, datagrams=tuple(whole))) == written.blocks(cut)


def test_the_times_are_of_the_clock_and_the_interfaces_those_of_the_tap() -> None:
    vtep, port, _ = make()
    written = writer(vtep, "other0", "vx0", snaplen=100)
    plain = outcome(vtep, port, frame(), virtio.PLAIN)
    octets = written.header() + written.blocks(plain, "a note") + written.losses(7)
    found = list(read(io.BytesIO(octets)))
    assert [one.interface.name for one in found] == ["vx0", "vx0-underlay", "vx0-underlay"]
    assert {one.time for one in found} == {1_795_544_693_123_456_789}
    assert found[0].comments[0] == "a note"
    assert [len(one.comments) for one in found] == [2, 1, 1]
