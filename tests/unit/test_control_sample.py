"""The sample of frames that the live page shows, and what else it asks for."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.frames import BROADCAST, ICMP, IP, MAC_A, MAC_B, UDP, frame
from tests.memory import PEER_1
from tests.unit.asked import PORTS, Asked, Stream, until
from vtep.control.api import frames as sample
from vtep.control.api import walk as walks
from vtep.control.api.frames import Lines, Sample
from vtep.dataplane.counters import HARMLESS, Drop
from vtep.dissect import dissect
from vtep.trace.outer_headers import Outside, Way
from vtep.wire import vxlan

PING = frame(inner=IP(src="172.18.0.11", dst="172.18.0.12") / ICMP() / bytes(56))

OUTSIDE = Outside(4789, lambda peer: Way("10.0.1.4", 64))


async def line(stream: Stream) -> dict[str, Any]:
    """Return the next line; of a chunked answer only those begin with a brace."""
    while True:
        text = await stream.reader.readline()
        if text.startswith(b"{"):
            told: dict[str, Any] = json.loads(text)
            return told


async def get(asked: Asked, path: str) -> tuple[int, Any]:
    stream = await asked.stream(path)
    body = await stream.rest()
    await stream.close()
    return stream.status, json.loads(body)


def test_a_frame_is_told_with_what_became_of_it_and_as_the_packet_it_was(tmp_path: Path) -> None:
    async def look() -> None:
        asked = Asked(tmp_path / "socket", peers=[(PEER_1, (PEER_1, 4789))])
        async with asked.answering():
            stream = await asked.stream("/v1/frames?headers=yes")
            asked.out(PING)
            told = await line(stream)
            assert told["says"].startswith("unknown unicast: flooded to")
            assert (told["way"], told["tap"], told["vni"]) == ("out", "vx0", 100)
            assert (told["decision"], told["peers"]) == ("unknown_unicast", [PEER_1])
            assert (told["what"], told["from"], told["to"]) == (
                "ICMP echo request",
                "172.18.0.11",
                "172.18.0.12",
            )
            assert (told["source_mac"], told["destination_mac"]) == (MAC_A, MAC_B)
            packet = bytes.fromhex(told["bytes"])
            assert (told["first"], told["size"]) == ("ip", len(packet))
            assert packet.endswith(vxlan.pack(100) + PING)
            headers = dissect(packet, "ip")
            assert [header["key"] for header in told["headers"]] == [one.key for one in headers]
            assert not [problem for header in headers for problem in header.problems]
            ports = [f.value for h in headers for f in h.fields if f.key == "udp.source_port"]
            assert ports[0] in PORTS
            asked.into(vxlan.pack(101) + PING, PEER_1)
            told = await line(stream)
            assert (told["decision"], told["reason"]) == ("dropped", "unknown_vni")
            assert Drop.UNKNOWN_VNI.meaning in told["says"]
            asked.into(b"\x08", PEER_1)
            assert (await line(stream))["reason"] == "short"
            await stream.close()
            await until(lambda: not asked.is_watched)

    asyncio.run(look())


def test_a_frame_that_is_not_sent_is_told_as_it_was_read(tmp_path: Path) -> None:
    async def look() -> None:
        asked = Asked(tmp_path / "socket", peers=[])
        async with asked.answering():
            stream = await asked.stream("/v1/frames?headers=no")
            asked.out(frame(dst=BROADCAST))
            told = await line(stream)
            assert (told["first"], told["bytes"]) == ("ethernet", frame(dst=BROADCAST).hex())
            assert told["reason"] == "no_peer"
            assert "headers" not in told
            await stream.close()

    asyncio.run(look())


def test_of_a_long_frame_the_beginning_is_told_and_its_length() -> None:
    shown = Sample(Lines(OUTSIDE, 4789), with_headers=True)
    asked = Asked(Path("nowhere"))
    asked.forwarder.tracer = shown.take
    asked.out(frame(inner=IP(src="172.18.0.11", dst="172.18.0.12") / UDP() / bytes(1000)))
    told = json.loads(asyncio.run(shown.lines()))
    assert (len(told["bytes"]), told["size"]) == (2 * sample.SHOWN, 20 + 8 + 8 + 14 + 20 + 8 + 1000)
    assert [problem for header in told["headers"] for problem in header["problems"]] == []


def test_what_a_slow_reader_does_not_take_is_counted() -> None:
    shown = Sample(Lines(OUTSIDE, 4789), with_headers=False)
    asked = Asked(Path("nowhere"))
    asked.forwarder.tracer = shown.take
    for _ in range(sample.MOST_WAITING + 3):
        asked.out(PING)
    lines = [json.loads(text) for text in asyncio.run(shown.lines()).splitlines()]
    assert len(lines) == sample.MOST_WAITING + 1
    assert lines[-1] == {"lost": 3}


@pytest.mark.parametrize(
    ("query", "status"),
    [
        (f"octets={PING.hex()}", 200),
        ("octets=", 200),
        ("octets=xy", 400),
        ("octets=abc", 400),
        (f"octets={'00' * (sample.MOST_DISSECTED + 1)}", 400),
        ("octets=00&first=tcp", 400),
        ("octets=00&inner=perhaps", 400),
        ("octets=00&size=-5", 200),
    ],
)
def test_octets_are_dissected_or_refused(tmp_path: Path, query: str, status: int) -> None:
    async def look() -> None:
        asked = Asked(tmp_path / "socket")
        async with asked.answering():
            got, told = await get(asked, f"/v1/dissect?{query}")
            assert got == status
            assert told.keys() == ({"headers"} if status == 200 else {"error"})

    asyncio.run(look())


def test_what_is_cut_off_is_no_problem_of_the_frame() -> None:
    found = sample.headers(PING[:60], "ethernet", 4789, inner=True, is_cut=True)
    assert [header["problems"] for header in found] == [[]] * len(found)
    found = sample.headers(PING[:60], "ethernet", 4789, inner=True, is_cut=False)
    assert any(header["problems"] for header in found)


def test_every_reason_for_a_drop_is_told(tmp_path: Path) -> None:
    async def look() -> None:
        asked = Asked(tmp_path / "socket")
        async with asked.answering():
            _, told = await get(asked, "/v1/reasons")
        assert told == {
            drop: {"meaning": drop.meaning, "harmless": drop in HARMLESS} for drop in Drop
        }

    asyncio.run(look())


def test_walks_are_made_one_at_a_time_and_few_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def look() -> None:
        asked = Asked(tmp_path / "socket")
        async with asked.answering():
            status, told = await get(asked, "/v1/walk?inner=arp&vni=7")
            assert (status, told["options"]["vni"]) == (200, 7)
            assert all(walk["arrived"] for walk in told["walks"])
            status, told = await get(asked, "/v1/walk?vni=no")
            assert status == 400
            assert "vni" in told["error"]
            monkeypatch.setattr(walks, "MOST_WAITING", 0)
            status, told = await get(asked, "/v1/walk")
            assert status == 503
            assert "too many" in told["error"]

    asyncio.run(look())
