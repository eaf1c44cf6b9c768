"""/v1/capture: both sides of each frame, within limits; no tracer without a client."""

import asyncio
import io
import json
import resource
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.frames import IP, MAC_A, MAC_B, TCP, frame
from tests.memory import PEER_1, PEER_2
from tests.unit.api_daemon import ApiDaemon, until
from vtep.cli.commands.capture import copy_blocks
from vtep.cli.commands.streaming import BlockSplitter, Interrupts
from vtep.control.http.limits import Limits
from vtep.pcap import ETHERNET, RAW_IP, Record, read
from vtep.wire import virtio, vxlan

GSO = virtio.VirtioHeader(virtio.NEEDS_CSUM, virtio.GSO_TCPV4, 54, 1000, 34, 16)


def captured(
    tmp_path: Path,
    query: str,
    traffic: Callable[[ApiDaemon], Any],
    limits: Limits | None = None,
    **options: Any,
) -> tuple[bytes, list[Record]]:
    """Return what a capture records of some traffic until it ends."""

    async def talk() -> bytes:
        daemon = ApiDaemon(tmp_path / "sock", limits, **options)
        async with daemon.serving():
            stream = await daemon.stream(f"/v1/capture?{query}")
            assert stream.status == 200
            assert daemon.is_watched
            traffic(daemon)
            octets = await asyncio.wait_for(stream.rest(), 5)
            await stream.close()
            await until(lambda: not daemon.is_watched)
        return octets

    octets = asyncio.run(talk())
    return octets, list(read(io.BytesIO(octets)))


def run(
    tmp_path: Path,
    talk: Callable[[ApiDaemon], Awaitable[None]],
    limits: Limits | None = None,
    **options: Any,
) -> None:
    async def whole() -> None:
        daemon = ApiDaemon(tmp_path / "sock", limits, **options)
        async with daemon.serving():
            await talk(daemon)
            await until(lambda: not daemon.is_watched)

    asyncio.run(whole())


def test_a_flooded_frame_is_recorded_once_inside_and_for_each_peer_outside(tmp_path: Path) -> None:
    _, records = captured(tmp_path, "count=1", lambda daemon: daemon.out(frame()))
    inner, *outer = records
    assert (inner.interface.name, inner.interface.link) == ("vx0", ETHERNET)
    assert (inner.octets, inner.direction) == (frame(), "out")
    assert [one.interface.link for one in outer] == [RAW_IP, RAW_IP]
    assert [one.octets[16:20] for one in outer] == [bytes([10, 0, 1, 41]), bytes([10, 0, 1, 42])]
    assert [one.octets[12:16] for one in outer] == [bytes([10, 0, 1, 4])] * 2
    assert [one.octets[28:] for one in outer] == [vxlan.pack(100) + frame()] * 2
    comment = (
        "unknown unicast: flooded to 10.0.1.41, 10.0.1.42; source 02:00:00:00:00:0a learned on vx0"
    )
    assert {one.comments for one in records} == {(comment,)}
    assert len({one.time for one in records}) == 1
    assert "not known" in outer[0].interface.description


def test_a_received_frame_is_recorded_outside_first(tmp_path: Path) -> None:
    datagram = vxlan.pack(100) + frame(src=MAC_B, dst=MAC_A)
    _, records = captured(tmp_path, "count=1", lambda daemon: daemon.into(datagram, PEER_2))
    outer, inner = records
    assert outer.octets[12:20] == bytes([10, 0, 1, 42, 10, 0, 1, 4])
    assert outer.octets[20:24] == (60001).to_bytes(2, "big") + (4789).to_bytes(2, "big")
    assert (outer.direction, inner.direction) == ("in", "in")
    assert inner.octets == datagram[8:]
    assert inner.comments[0].endswith(
        "delivered to vx0; source 02:00:00:00:00:0b learned behind 10.0.1.42"
    )


def test_a_dropped_frame_is_recorded_with_its_reason(tmp_path: Path) -> None:
    _, records = captured(
        tmp_path, "count=1", lambda daemon: daemon.into(vxlan.pack(100) + frame(), "10.9.9.9")
    )
    [outer] = records
    assert outer.comments == (
        "dropped: unknown_peer: the sender is not a peer of this overlay (see --accept-any)",
    )


def test_a_gso_frame_is_one_inside_and_many_outside(tmp_path: Path) -> None:
    bulk = frame(
        inner=IP(src="10.1.0.1", dst="10.1.0.2", flags="DF") / TCP(flags="A") / bytes(3000)
    )
    _, records = captured(
        tmp_path, "count=1", lambda daemon: daemon.out(bulk, GSO), peers=[(PEER_1, (PEER_1, 4789))]
    )
    inner, *outer = records
    assert inner.octets == bulk
    assert [len(one.octets) for one in outer] == [28 + 8 + 54 + 1000] * 3
    assert inner.comments[0].endswith("GSO frame of 3 segments, partial checksum")


@pytest.mark.parametrize(
    ("query", "frames"),
    [
        ("vni=100", 2),
        ("vni=7", 1),
        (f"mac={MAC_B}", 1),
        ("peer=10.9.9.9", 1),
        ("reason=unknown_vni", 1),
        ("reason=any", 2),
        ("reason=any&vni=100", 1),
        ("dev=vx0", 2),
        ("dev=vx1", 0),
    ],
)
def test_only_matching_frames_are_recorded(tmp_path: Path, query: str, frames: int) -> None:
    def traffic(daemon: ApiDaemon) -> None:
        daemon.into(vxlan.pack(100) + frame(src=MAC_B, dst=MAC_A), PEER_1)
        daemon.into(vxlan.pack(100) + frame(src="02:00:00:00:00:01", dst=MAC_A), "10.9.9.9")
        daemon.into(vxlan.pack(7) + frame(src="02:00:00:00:00:01", dst=MAC_A), PEER_1)

    _, records = captured(tmp_path, f"{query}&seconds=0.05", traffic)
    assert sum(one.interface.link == RAW_IP for one in records) == frames


def test_it_ends_by_count_by_time_and_by_size(tmp_path: Path) -> None:
    def traffic(daemon: ApiDaemon) -> None:
        for _ in range(10):
            daemon.out(frame())

    _, records = captured(tmp_path, "count=3", traffic)
    assert len(records) == 9
    octets, records = captured(tmp_path, "size=2000", traffic)
    assert 1500 < len(octets) <= 2000
    assert len(records) % 3 == 0
    _, records = captured(tmp_path, "seconds=0.05&snaplen=20", traffic)
    assert len(records) == 30
    assert {len(one.octets) for one in records} == {20}
    assert {one.size for one in records} == {60, 96}


@pytest.mark.parametrize("more", ["", "&size=30000"])
def test_frames_not_read_in_time_are_lost_and_counted_in_the_file(
    tmp_path: Path, more: str
) -> None:
    limits = Limits(capture_queue_octets=20_000)

    def traffic(daemon: ApiDaemon) -> None:
        for _ in range(1000):
            daemon.out(frame())

    octets, records = captured(tmp_path, f"seconds=0.05{more}", traffic, limits)
    blocks = BlockSplitter()
    assert blocks.feed(octets) == octets
    assert blocks.inner + blocks.lost == 1000
    assert len(octets) < 25_000
    assert len(records) == 3 * blocks.inner

    async def go_on(daemon: ApiDaemon) -> None:
        stream = await daemon.stream("/v1/capture?count=40")
        traffic(daemon)
        while daemon.is_watched:
            await asyncio.sleep(0)
            daemon.out(frame())
        records = list(read(io.BytesIO(await stream.rest())))
        [(note, _)] = [one.comments for one in records if len(one.comments) > 1]
        assert note.endswith("frames before this one are missing: they were not read fast enough")
        await stream.close()

    run(tmp_path, go_on, limits)


def test_a_client_that_disconnects_is_unsubscribed(tmp_path: Path) -> None:
    async def talk(daemon: ApiDaemon) -> None:
        first = await daemon.stream("/v1/capture")
        second = await daemon.stream("/v1/capture?count=1")
        await first.close()
        daemon.out(frame())
        assert list(read(io.BytesIO(await second.rest())))
        await second.close()

    run(tmp_path, talk)


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("vni=16777216", ["vni 16777216", "0..16777215"]),
        ("vni=x", ["vni 'x'", "whole number", "0..16777215"]),
        ("count=0", ["count 0", "1 or more"]),
        ("mac=02", ["mac '02'", "02:00:00:00:00:01"]),
        ("peer=h", ["peer 'h'", "IP address"]),
        ("reason=bad_flag", ["reason", "'bad_flag'", "'bad_flags'"]),
        ("seconds=-1", ["seconds '-1'", "above 0"]),
        ("speed=1", ["key 'speed'", "snaplen"]),
    ],
)
def test_a_wrong_value_is_refused_and_named(tmp_path: Path, query: str, named: list[str]) -> None:
    async def talk(daemon: ApiDaemon) -> None:
        stream = await daemon.stream(f"/v1/capture?{query}")
        assert stream.status == 400
        error = json.loads(await stream.rest())["error"]
        assert [part for part in named if part not in error] == [], error
        await stream.close()

    run(tmp_path, talk)


def test_a_stream_cut_anywhere_is_a_file_of_whole_blocks(tmp_path: Path) -> None:
    def traffic(daemon: ApiDaemon) -> None:
        for _ in range(3):
            daemon.out(frame())

    octets, records = captured(tmp_path, "count=3", traffic)
    for end in range(len(octets)):
        blocks = BlockSplitter()
        whole = blocks.feed(octets[: end // 2]) + blocks.feed(octets[end // 2 : end])
        assert octets.startswith(whole)
        if whole:
            assert len(list(read(io.BytesIO(whole)))) == blocks.inner + blocks.outer <= len(records)


def test_a_size_too_small_for_any_file_is_refused(tmp_path: Path) -> None:
    async def talk(daemon: ApiDaemon) -> None:
        stream = await daemon.stream("/v1/capture?size=10")
        assert stream.status == 400
        assert b"size 10: " in await stream.rest()
        await stream.close()

    run(tmp_path, talk)


def test_a_full_disk_keeps_whole_blocks(tmp_path: Path) -> None:
    octets, _ = captured(tmp_path, "count=1", lambda daemon: daemon.out(frame()))
    path = tmp_path / "full"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(octets) - 10, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            copy_blocks(
                iter([octets[:500], octets[500:]]), BlockSplitter(), str(path), Interrupts()
            )
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert 0 < path.stat().st_size <= 500
    list(read(io.BytesIO(path.read_bytes())))
