"""/v1/capture: both sides of each frame, within bounds, and nothing while nobody looks."""

import asyncio
import io
import json
import resource
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.frames import IP, MAC_A, MAC_B, TCP, frame
from tests.memory import PEER_1, PEER_2
from tests.unit.asked import Asked, Stream, until
from vtep.cli.commands.blocks import Blocks
from vtep.cli.commands.capture import _copy
from vtep.cli.commands.streaming import Interrupts
from vtep.control.api import capture as captures
from vtep.control.api import frames as sample
from vtep.control.api import walk as walks
from vtep.control.api.frames import record
from vtep.pcap import ETHERNET, RAW_IP, Record, read
from vtep.wire import virtio, vxlan

SUPER = virtio.VirtioHeader(virtio.NEEDS_CSUM, virtio.GSO_TCPV4, 54, 1000, 34, 16)


def captured(
    tmp_path: Path,
    query: str,
    traffic: Callable[[Asked], Any],
    **options: Any,
) -> tuple[bytes, list[Record]]:
    """Return what a capture gets of some traffic, after which it is hung up unless it ended."""

    async def talk() -> bytes:
        asked = Asked(tmp_path / "sock", **options)
        async with asked.answering():
            stream = await asked.stream(f"/v1/capture?{query}")
            assert stream.status == 200
            assert asked.is_watched
            traffic(asked)
            octets = await asyncio.wait_for(stream.rest(), 5)
            await stream.close()
            await until(lambda: not asked.is_watched)
        return octets

    octets = asyncio.run(talk())
    return octets, list(read(io.BytesIO(octets)))


def run(tmp_path: Path, talk: Callable[[Asked], Awaitable[None]], **options: Any) -> None:
    async def whole() -> None:
        asked = Asked(tmp_path / "sock", **options)
        async with asked.answering():
            await talk(asked)
            await until(lambda: not asked.is_watched)

    asyncio.run(whole())


def test_a_flooded_frame_is_there_inside_and_for_each_peer_outside(tmp_path: Path) -> None:
    _, records = captured(tmp_path, "count=1", lambda asked: asked.out(frame()))
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


def test_what_came_in_is_there_outside_first(tmp_path: Path) -> None:
    datagram = vxlan.pack(100) + frame(src=MAC_B, dst=MAC_A)
    _, records = captured(tmp_path, "count=1", lambda asked: asked.into(datagram, PEER_2))
    outer, inner = records
    assert outer.octets[12:20] == bytes([10, 0, 1, 42, 10, 0, 1, 4])
    assert outer.octets[20:24] == (60001).to_bytes(2, "big") + (4789).to_bytes(2, "big")
    assert (outer.direction, inner.direction) == ("in", "in")
    assert inner.octets == datagram[8:]
    assert inner.comments[0].endswith(
        "delivered to vx0; source 02:00:00:00:00:0b learned behind 10.0.1.42"
    )


def test_what_is_dropped_is_there_with_its_reason(tmp_path: Path) -> None:
    _, records = captured(
        tmp_path, "count=1", lambda asked: asked.into(vxlan.pack(100) + frame(), "10.9.9.9")
    )
    [outer] = records
    assert outer.comments == (
        "dropped: unknown_peer: the sender is no peer of this overlay (see --accept-any)",
    )


def test_a_super_frame_is_one_inside_and_many_outside(tmp_path: Path) -> None:
    bulk = frame(
        inner=IP(src="10.1.0.1", dst="10.1.0.2", flags="DF") / TCP(flags="A") / bytes(3000)
    )
    _, records = captured(
        tmp_path, "count=1", lambda asked: asked.out(bulk, SUPER), peers=[(PEER_1, (PEER_1, 4789))]
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
def test_only_what_is_wanted_is_taken(tmp_path: Path, query: str, frames: int) -> None:
    def traffic(asked: Asked) -> None:
        asked.into(vxlan.pack(100) + frame(src=MAC_B, dst=MAC_A), PEER_1)
        asked.into(vxlan.pack(100) + frame(src="02:00:00:00:00:01", dst=MAC_A), "10.9.9.9")
        asked.into(vxlan.pack(7) + frame(src="02:00:00:00:00:01", dst=MAC_A), PEER_1)

    _, records = captured(tmp_path, f"{query}&seconds=0.05", traffic)
    assert sum(one.interface.link == RAW_IP for one in records) == frames


def test_it_ends_by_count_by_time_and_by_size(tmp_path: Path) -> None:
    def traffic(asked: Asked) -> None:
        for _ in range(10):
            asked.out(frame())

    _, records = captured(tmp_path, "count=3", traffic)
    assert len(records) == 9
    (tmp_path / "sock").unlink()
    octets, records = captured(tmp_path, "size=2000", traffic)
    assert 1500 < len(octets) <= 2000
    assert len(records) % 3 == 0
    (tmp_path / "sock").unlink()
    _, records = captured(tmp_path, "seconds=0.05&snaplen=20", traffic)
    assert len(records) == 30
    assert {len(one.octets) for one in records} == {20}
    assert {one.size for one in records} == {60, 96}


@pytest.mark.parametrize("more", ["", "&size=30000"])
def test_what_is_not_read_in_time_is_lost_counted_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: str
) -> None:
    monkeypatch.setattr(captures, "MOST_WAITING", 20_000)

    def traffic(asked: Asked) -> None:
        for _ in range(1000):
            asked.out(frame())

    octets, records = captured(tmp_path, f"seconds=0.05{more}", traffic)
    blocks = Blocks()
    assert blocks.whole(octets) == octets
    assert blocks.inner + blocks.lost == 1000
    assert len(octets) < 25_000
    assert len(records) == 3 * blocks.inner

    async def go_on(asked: Asked) -> None:
        stream = await asked.stream("/v1/capture?count=40")
        traffic(asked)
        while asked.is_watched:
            await asyncio.sleep(0)
            asked.out(frame())
        records = list(read(io.BytesIO(await stream.rest())))
        [(note, _)] = [one.comments for one in records if len(one.comments) > 1]
        assert note.endswith("frames before this one are missing: they were not read fast enough")
        await stream.close()

    (tmp_path / "sock").unlink()
    run(tmp_path, go_on)


def test_who_hangs_up_is_told_no_more(tmp_path: Path) -> None:
    async def talk(asked: Asked) -> None:
        first = await asked.stream("/v1/capture")
        second = await asked.stream("/v1/capture?count=1")
        await first.close()
        asked.out(frame())
        assert list(read(io.BytesIO(await second.rest())))
        await second.close()

    run(tmp_path, talk)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("vni=16777216", "vni 16777216 is out of range: give 0..16777215"),
        ("vni=x", "vni 'x' is not a whole number: give 0..16777215"),
        ("count=0", "count 0 is out of range: give 1 or more"),
        ("mac=02", "mac '02' is not a MAC address: write it as 02:00:00:00:00:01"),
        ("peer=h", "peer 'h' is no IP address: give that of the VTEP"),
        ("reason=bad_flag", "reason 'bad_flag' is none: did you mean bad_flags?"),
        ("seconds=-1", "seconds '-1' is no time: give seconds, more than 0"),
        ("speed=1", "unknown key 'speed'"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, query: str, said: str) -> None:
    async def talk(asked: Asked) -> None:
        stream = await asked.stream(f"/v1/capture?{query}")
        assert stream.status == 400
        assert said in (await stream.rest()).decode().replace('\\"', '"')
        await stream.close()

    run(tmp_path, talk)


def test_a_stream_cut_anywhere_is_a_file_of_whole_blocks(tmp_path: Path) -> None:
    def traffic(asked: Asked) -> None:
        for _ in range(3):
            asked.out(frame())

    octets, records = captured(tmp_path, "count=3", traffic)
    for end in range(len(octets)):
        blocks = Blocks()
        whole = blocks.whole(octets[: end // 2]) + blocks.whole(octets[end // 2 : end])
        assert octets.startswith(whole)
        if whole:
            assert len(list(read(io.BytesIO(whole)))) == blocks.inner + blocks.outer <= len(records)


def test_a_size_that_holds_nothing_is_refused(tmp_path: Path) -> None:
    async def talk(asked: Asked) -> None:
        stream = await asked.stream("/v1/capture?size=10")
        assert stream.status == 400
        assert b"size 10 does not hold an empty file: give " in await stream.rest()
        await stream.close()

    run(tmp_path, talk)


def test_a_full_disk_keeps_whole_blocks(tmp_path: Path) -> None:
    octets, _ = captured(tmp_path, "count=1", lambda asked: asked.out(frame()))
    path = tmp_path / "full"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(octets) - 10, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            _copy(iter([octets[:500], octets[500:]]), Blocks(), str(path), Interrupts())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert 0 < path.stat().st_size <= 500
    list(read(io.BytesIO(path.read_bytes())))


def test_a_line_of_the_sample_is_made_once_for_all_readers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []

    def counted(*arguments: Any) -> dict[str, Any]:
        made.append(arguments)
        return record(*arguments)

    monkeypatch.setattr(sample, "record", counted)

    async def talk(asked: Asked) -> None:
        streams = [await asked.stream("/v1/frames") for _ in range(3)]
        asked.out(frame())
        lines = [await stream.reader.readline() for stream in streams]
        assert len(set(lines)) == len(made) == 1
        assert json.loads(lines[0])["headers"]
        for stream in streams:
            await stream.close()

    run(tmp_path, talk)


def test_a_walk_whose_asker_hung_up_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, may_end = threading.Event(), threading.Event()
    at_once: list[int] = []

    def slow(query: dict[str, str]) -> str:
        at_once.append(1)
        began.set()
        assert may_end.wait(5)
        at_once.append(-1)
        return "{}"

    monkeypatch.setattr(walks, "_walk", slow)

    async def talk(asked: Asked) -> None:
        def ask() -> asyncio.Task[Stream]:
            return asyncio.create_task(asked.stream("/v1/walk"))

        _, asker = await asyncio.open_unix_connection(str(asked.path))
        asker.write(b"GET /v1/walk HTTP/1.0\r\n\r\n")
        await until(began.is_set)
        asker.close()
        await asker.wait_closed()
        others = [ask() for _ in range(walks.MOST_WAITING)]
        await until(lambda: any(one.done() for one in others))
        may_end.set()
        statuses = [(await one).status for one in others]
        assert sorted(statuses) == [200, 200, 200, 503]
        for one in others:
            await (await one).close()
        assert at_once == [1, -1] * walks.MOST_WAITING

    run(tmp_path, talk)
