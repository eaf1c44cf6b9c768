"""/v1/events and `vtep monitor`: reported events and counts add up to what happened."""

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.frames import MAC_A, MAC_B, frame
from tests.memory import PEER_1, PEER_2, make, receive, send
from tests.unit.api_daemon import ApiDaemon, until
from vtep.cli.commands import monitor
from vtep.control.api.events import EventHub, Subscriber
from vtep.dataplane.counters import Flood
from vtep.trace.filters import EventFilter
from vtep.wire import vxlan

FLOOD = 20_000


FRAME = frame()


def heard(number: int) -> bytes:
    """Return a frame from the MAC of this number."""
    return FRAME[:6] + mac_of(number) + FRAME[12:]


def mac_of(number: int) -> bytes:
    return (0x020000000000 + number).to_bytes(6, "big")


def totals(found: list[dict[str, Any]]) -> Counter[str]:
    """Add up the events of each type."""
    counted: Counter[str] = Counter()
    for event in found:
        counted[event["event"]] += event.get("count", 1)
    return counted


def test_a_flood_of_macs_is_reported_in_few_lines_that_add_up() -> None:
    worker, port, overlay = make(ageing=10.0, max_address=FLOOD)
    subscriber = Subscriber(worker.vtep, EventFilter())
    found = []
    with EventHub(worker.vtep).subscribe(subscriber):
        for number in range(FLOOD):
            receive(worker, heard(number))
        subscriber.tick()
        found += subscriber.take()
        assert len(found) < 200
        for number in range(500):
            receive(worker, heard(number), PEER_2)
            send(worker, port, mac_of(FLOOD + number) + heard(0)[6:])
            receive(worker, heard(FLOOD + number))
            receive(worker, heard(number), "10.9.9.9")
        for _ in range(2):
            worker.vtep.expire(11.0)
        subscriber.tick()
        found += subscriber.take()
    assert len(found) < 400
    assert totals(found) == {
        "learned": FLOOD,
        "moved": 501,
        "expired": FLOOD,
        "refused": 500,
        "flooded": overlay.flooded[Flood.UNKNOWN_UNICAST],
        "dropped": 500,
    }
    assert overlay.flooded[Flood.UNKNOWN_UNICAST] == 500
    [dropped] = [event for event in found if event["event"] == "dropped"]
    assert (dropped["place"], dropped["reason"], dropped["vni"]) == ("vni 100", "unknown_peer", 100)
    [more] = [e for e in found if e["event"] == "learned" and "mac" not in e]
    assert monitor.text(more) == f"dev vx0 vni 100 ... and {more['count']} more learned"
    assert overlay.fdb.on_change is None
    assert overlay.on_flood is None


def test_a_subscriber_that_does_not_read_gets_the_count_later() -> None:
    worker, _, _ = make()
    subscriber = Subscriber(worker.vtep, EventFilter(frozenset({"moved"})), max_queued=100)
    with EventHub(worker.vtep).subscribe(subscriber):
        receive(worker, frame())
        for number in range(5000):
            receive(worker, frame(), (PEER_1, PEER_2)[number % 2])
            subscriber.tick()
        waiting = subscriber.take()
        assert len(waiting) <= 101
        subscriber.tick()
        assert totals(waiting + subscriber.take()) == {"moved": 4999}


def test_each_subscriber_gets_the_events_of_its_filter() -> None:
    worker, port, _ = make()
    moves, other, drops = (
        Subscriber(worker.vtep, wanted)
        for wanted in (
            EventFilter(frozenset({"moved"})),
            EventFilter(vni=7),
            EventFilter(frozenset({"dropped"}), harmless=True),
        )
    )
    hub = EventHub(worker.vtep)
    with hub.subscribe(moves), hub.subscribe(other), hub.subscribe(drops):
        receive(worker, frame())
        receive(worker, frame(), PEER_2)
        send(worker, port, frame(src=MAC_B, dst=MAC_A))
        send(worker, port, frame(dst=MAC_B))
        for subscriber in (moves, other, drops):
            subscriber.tick()
    assert totals(moves.take()) == {"moved": 2}
    assert other.take() == []
    assert totals(drops.take()) == {"dropped": 1}


def test_events_come_as_lines_and_the_callbacks_go_with_the_client(tmp_path: Path) -> None:
    async def talk() -> None:
        daemon = ApiDaemon(tmp_path / "sock")
        async with daemon.serving():
            assert not daemon.is_watched
            stream = await daemon.stream("/v1/events?event=learned,moved&vni=100")
            assert daemon.is_watched
            daemon.into(vxlan.pack(100) + frame(), PEER_1)
            daemon.into(vxlan.pack(100) + frame(), PEER_2)
            lines = [json.loads(await stream.reader.readline()) for _ in range(2)]
            assert [monitor.text(line) for line in lines] == [
                f"{MAC_A} dev vx0 vni 100 dst {PEER_1} learned",
                f"{MAC_A} dev vx0 vni 100 dst {PEER_2} was {PEER_1} moved",
            ]
            await stream.close()
            await until(lambda: not daemon.is_watched)
            refused = await daemon.stream("/v1/events?event=lerned")
            assert refused.status == 400
            await refused.close()

    asyncio.run(asyncio.wait_for(talk(), 10))


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (
            {
                "event": "dropped",
                "place": "underlay",
                "reason": "short",
                "meaning": "it is",
                "count": 3,
            },
            "underlay dropped 3 short (it is)",
        ),
        (
            {"event": "flooded", "ifname": "vx0", "vni": 1, "mac": MAC_A},
            f"{MAC_A} dev vx0 vni 1 flooded",
        ),
        (
            {"event": "expired", "ifname": "vx0", "vni": 1, "mac": MAC_A, "was": "local"},
            f"{MAC_A} dev vx0 vni 1 was local expired",
        ),
    ],
)
def test_an_event_is_one_line(event: dict[str, Any], line: str) -> None:
    assert monitor.text(event) == line
    stamped = monitor.text(event | {"time": 1795544693.29}, stamp=True)
    assert stamped.startswith("[2026-11-24T")
    assert stamped.endswith(f".290000] {line}")
