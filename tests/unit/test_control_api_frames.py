"""`/v1/frames`, `/v1/dissect` and `/v1/reasons`, which the live page uses."""

import asyncio
import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from tests.frames import BROADCAST, ICMP, IP, MAC_A, MAC_B, UDP, frame
from tests.memory import PEER_1
from tests.unit.api_daemon import PORTS, ApiDaemon, Response, until
from vtep.control.api import frames as sample
from vtep.control.api.frames import FrameCache, SampleQueue
from vtep.dataplane.counters import HARMLESS, Drop
from vtep.dissect import dissect
from vtep.trace.outcome import Outcome
from vtep.trace.outer_headers import OuterRebuilder, Source
from vtep.wire import vxlan

PING = frame(inner=IP(src="172.18.0.11", dst="172.18.0.12") / ICMP() / bytes(56))

REBUILDER = OuterRebuilder(4789, lambda _: Source(bytes([10, 0, 1, 4]), 64))


async def line(stream: Response) -> dict[str, Any]:
    """Return the next line; only lines begin with a brace in a chunked response."""
    while True:
        text = await stream.reader.readline()
        if text.startswith(b"{"):
            parsed: dict[str, Any] = json.loads(text)
            return parsed


async def get(daemon: ApiDaemon, path: str) -> tuple[int, Any]:
    stream = await daemon.stream(path)
    body = await stream.rest()
    await stream.close()
    return stream.status, json.loads(body)


def test_a_line_has_the_decision_and_the_packet_of_a_frame(tmp_path: Path) -> None:
    async def look() -> None:
        daemon = ApiDaemon(tmp_path / "socket", peers=[(PEER_1, (PEER_1, 4789))])
        async with daemon.serving():
            stream = await daemon.stream("/v1/frames?headers=yes")
            daemon.out(PING)
            found = await line(stream)
            assert found["says"].startswith("unknown unicast: flooded to")
            assert (found["way"], found["tap"], found["vni"]) == ("out", "vx0", 100)
            assert (found["decision"], found["peers"]) == ("unknown_unicast", [PEER_1])
            assert (found["what"], found["from"], found["to"]) == (
                "ICMP echo request",
                "172.18.0.11",
                "172.18.0.12",
            )
            assert (found["source_mac"], found["destination_mac"]) == (MAC_A, MAC_B)
            packet = bytes.fromhex(found["bytes"])
            assert (found["first"], found["size"]) == ("ip", len(packet))
            assert packet.endswith(vxlan.pack(100) + PING)
            headers = dissect(packet, "ip")
            assert [header["key"] for header in found["headers"]] == [one.key for one in headers]
            assert not [problem for header in headers for problem in header.problems]
            ports = [f.value for h in headers for f in h.fields if f.key == "udp.source_port"]
            assert ports[0] in PORTS
            daemon.into(vxlan.pack(101) + PING, PEER_1)
            found = await line(stream)
            assert (found["decision"], found["reason"]) == ("dropped", "unknown_vni")
            assert Drop.UNKNOWN_VNI.meaning in found["says"]
            daemon.into(b"\x08", PEER_1)
            assert (await line(stream))["reason"] == "short"
            await stream.close()
            await until(lambda: not daemon.is_watched)

    asyncio.run(look())


def test_the_line_of_a_frame_that_is_not_sent_has_the_frame_as_read(tmp_path: Path) -> None:
    async def look() -> None:
        daemon = ApiDaemon(tmp_path / "socket", peers=[])
        async with daemon.serving():
            stream = await daemon.stream("/v1/frames?headers=no")
            daemon.out(frame(dst=BROADCAST))
            found = await line(stream)
            assert (found["first"], found["bytes"]) == ("ethernet", frame(dst=BROADCAST).hex())
            assert found["reason"] == "no_peer"
            assert "headers" not in found
            await stream.close()

    asyncio.run(look())


def test_the_line_of_a_long_frame_has_its_beginning_and_its_length() -> None:
    shown = SampleQueue(FrameCache(REBUILDER, 4789), with_headers=True)
    daemon = ApiDaemon(Path("nowhere"))
    daemon.forwarder.tracer = shown.add
    daemon.out(frame(inner=IP(src="172.18.0.11", dst="172.18.0.12") / UDP() / bytes(1000)))
    found = json.loads(asyncio.run(shown.lines()))
    assert (len(found["bytes"]), found["size"]) == (
        2 * sample.MAX_SHOWN,
        20 + 8 + 8 + 14 + 20 + 8 + 1000,
    )
    assert [problem for header in found["headers"] for problem in header["problems"]] == []


def test_frames_that_a_slow_reader_misses_are_counted() -> None:
    shown = SampleQueue(FrameCache(REBUILDER, 4789), with_headers=False, max_queued=5)
    daemon = ApiDaemon(Path("nowhere"))
    daemon.forwarder.tracer = shown.add
    for _ in range(5 + 3):
        daemon.out(PING)
    lines = [json.loads(text) for text in asyncio.run(shown.lines()).splitlines()]
    assert len(lines) == 5 + 1
    assert lines[-1] == {"lost": 3}


@pytest.mark.parametrize(
    ("query", "status"),
    [
        (f"octets={PING.hex()}", 200),
        ("octets=", 200),
        ("octets=xy", 400),
        ("octets=abc", 400),
        (f"octets={'00' * (sample.MAX_DISSECTED + 1)}", 400),
        ("octets=00&first=tcp", 400),
        ("octets=00&inner=perhaps", 400),
        ("octets=00&size=-5", 200),
    ],
)
def test_octets_are_dissected_or_refused(tmp_path: Path, query: str, status: int) -> None:
    async def look() -> None:
        daemon = ApiDaemon(tmp_path / "socket")
        async with daemon.serving():
            got, found = await get(daemon, f"/v1/dissect?{query}")
            assert got == status
            assert found.keys() == ({"headers"} if status == 200 else {"error"})

    asyncio.run(look())


def test_headers_missing_from_a_cut_packet_are_not_problems() -> None:
    found = sample.headers(PING[:60], "ethernet", 4789, inner=True, is_cut=True)
    assert [header["problems"] for header in found] == [[]] * len(found)
    found = sample.headers(PING[:60], "ethernet", 4789, inner=True, is_cut=False)
    assert any(header["problems"] for header in found)


def test_every_reason_for_a_drop_is_listed(tmp_path: Path) -> None:
    async def look() -> None:
        daemon = ApiDaemon(tmp_path / "socket")
        async with daemon.serving():
            _, found = await get(daemon, "/v1/reasons")
        assert found == {
            drop: {"meaning": drop.meaning, "harmless": drop in HARMLESS} for drop in Drop
        }

    asyncio.run(look())


def test_a_line_is_made_once_for_all_readers() -> None:
    times = itertools.count()
    cache = FrameCache(REBUILDER, 4789, lambda: next(times))
    samples = [SampleQueue(cache, with_headers=True) for _ in range(3)]
    daemon = ApiDaemon(Path("nowhere"))

    def add_to_all(outcome: Outcome) -> None:
        for one in samples:
            one.add(outcome)

    daemon.forwarder.tracer = add_to_all
    daemon.out(PING)
    daemon.out(PING)
    first, *others = [asyncio.run(one.lines()) for one in samples]
    assert [json.loads(text)["time"] for text in first.splitlines()] == [0, 1]
    assert json.loads(first.splitlines()[0])["headers"]
    assert others == [first, first]
