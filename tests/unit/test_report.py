"""Counters and FDB as trees for programs and as text for users."""

import json

from tests.frames import MAC_A, MAC_B, frame
from tests.memory import PEER_1, PEER_2, make, receive, send, trunk
from vtep.dataplane import report
from vtep.dataplane.counters import Drop


def test_the_counters_of_a_few_frames() -> None:
    worker, port, _ = make()
    receive(worker, frame(src=MAC_B), PEER_1)
    send(worker, port, frame(dst=MAC_B))
    receive(worker, frame(), vni=7)
    receive(worker, frame(), "192.0.2.1")
    send(worker, port, b"")
    tree = json.loads(json.dumps(report.counters(worker.vtep)))
    one = {"tx_frames": 1, "tx_bytes": 60, "rx_frames": 1, "rx_bytes": 60}
    none = dict.fromkeys(one, 0)
    assert tree == {
        "underlay": {"drops": {"unknown_vni": 1}},
        "taps": {"vx0": {"drops": {"runt": 1}}},
        "overlays": {
            "100": one
            | {
                "tap": "vx0",
                "flooded": {"broadcast": 0, "multicast": 0, "unknown_unicast": 0},
                "reserved_bits": 0,
                "clamped": 0,
                "last_refused": "192.0.2.1",
                "fdb": {"entries": 2, "learned": 2, "moved": 0, "expired": 0, "refused": 0},
                "drops": {"unknown_peer": 1},
                "peers": {PEER_1: one, PEER_2: none},
            }
        },
    }
    assert list(report.counters_text(tree)) == [
        "vni 100: tx 1 frames 60 bytes, rx 1 frames 60 bytes, flooded 0, fdb 2,"
        " drops unknown_peer 1, last refused 192.0.2.1",
        "tap vx0: drops runt 1",
        "underlay: drops unknown_vni 1",
    ]


def test_the_fdb_of_both_sides_with_ages() -> None:
    worker, port, _ = make()
    receive(worker, frame(src=MAC_B), PEER_1, now=1.0)
    send(worker, port, frame(src=MAC_A, dst=MAC_B), now=3.0)
    entries = report.fdb(worker.vtep, 4.5)
    assert entries == [
        {"mac": MAC_B, "vni": 100, "dst": PEER_1, "age": 3.5},
        {"mac": MAC_A, "vni": 100, "dst": "local", "age": 1.5},
    ]
    assert next(report.fdb_text(entries)) == f"{MAC_B} dst {PEER_1} vni 100 age 4"


def test_drops_except_harmless_ones_are_listed_by_place() -> None:
    worker, port, overlay = make()
    receive(worker, frame(), vni=7)
    send(worker, port, b"")
    send(worker, port, frame(dst=MAC_A))
    assert overlay.drops == {Drop.LOCAL_DESTINATION: 1}
    receive(worker, frame(), "192.0.2.1")
    assert report.drops(worker.vtep) == {
        ("underlay", Drop.UNKNOWN_VNI): 1,
        ("tap vx0", Drop.RUNT): 1,
        ("vni 100", Drop.UNKNOWN_PEER): 1,
    }


def test_a_trunk_tap_is_listed_once() -> None:
    worker, port, _, _ = trunk()
    assert report.ports(worker.vtep) == [port]
