"""The FDB: learning, moving, ageing, the limit, what an entry costs."""

import gc
import tracemalloc

import pytest

from vtep.dataplane.fdb import LOCAL, SWEEP_LIMIT, Destination, Fdb
from vtep.dataplane.peer import Peer

A = bytes.fromhex("02000000000a")
PEER_1 = Peer("10.0.1.1", ("10.0.1.1", 4789))
PEER_2 = Peer("10.0.1.2", ("10.0.1.2", 4789))


def where(fdb: Fdb, mac: bytes, now: float) -> Destination | None:
    entry = fdb.lookup(mac, now)
    return entry.destination if entry is not None else None


def test_nothing_is_known_at_first() -> None:
    assert Fdb(300, 0).lookup(A, 0.0) is None


def test_a_learned_mac_is_found_until_it_is_ageing_seconds_old() -> None:
    fdb = Fdb(300, 0)
    fdb.learn(A, PEER_1, 10.0)
    assert where(fdb, A, 309.9) is PEER_1
    assert fdb.lookup(A, 310.0) is None


def test_only_hearing_a_mac_keeps_it_alive() -> None:
    fdb = Fdb(300, 0)
    fdb.learn(A, PEER_1, 0.0)
    for now in range(300):
        fdb.lookup(A, float(now))
    assert fdb.lookup(A, 300.0) is None
    fdb.learn(A, PEER_1, 299.0)
    assert where(fdb, A, 598.0) is PEER_1


def test_a_mac_heard_elsewhere_moves_at_once() -> None:
    fdb = Fdb(300, 0)
    fdb.learn(A, PEER_1, 0.0)
    fdb.learn(A, PEER_2, 0.1)
    assert where(fdb, A, 0.1) is PEER_2
    fdb.learn(A, LOCAL, 0.2)
    assert where(fdb, A, 0.2) is LOCAL
    assert (fdb.learned, fdb.moved) == (1, 2)


def test_expire_gives_the_memory_back() -> None:
    fdb = Fdb(300, 0)
    fdb.learn(A, PEER_1, 0.0)
    fdb.expire(299.9)
    assert (len(fdb), fdb.expired) == (1, 0)
    fdb.expire(300.0)
    assert (len(fdb), fdb.expired) == (0, 1)


def test_one_call_of_expire_looks_at_a_bounded_number_of_entries() -> None:
    fdb = Fdb(300, 0)
    for number in range(SWEEP_LIMIT + 5):
        fdb.learn(number.to_bytes(6, "big"), PEER_1, 0.0)
    fdb.expire(300.0)
    assert len(fdb) == 5
    fdb.expire(300.0)
    assert len(fdb) == 0


def test_an_entry_refreshed_while_the_sweep_is_under_way_stays() -> None:
    fdb = Fdb(300, 0)
    for number in range(SWEEP_LIMIT + 1):
        fdb.learn(number.to_bytes(6, "big"), PEER_1, 0.0)
    first = bytes(6)
    fdb.expire(300.0)
    fdb.learn(first, PEER_1, 301.0)
    fdb.expire(301.0)
    assert where(fdb, first, 301.0) is PEER_1
    assert len(fdb) == 1


def test_a_full_table_learns_nothing_new_but_still_refreshes_and_moves() -> None:
    fdb = Fdb(300, 2)
    for number in range(3):
        fdb.learn(number.to_bytes(6, "big"), PEER_1, 0.0)
    assert (len(fdb), fdb.refused) == (2, 1)
    assert fdb.lookup((2).to_bytes(6, "big"), 0.0) is None
    fdb.learn(bytes(6), PEER_2, 1.0)
    assert where(fdb, bytes(6), 1.0) is PEER_2


def test_a_full_table_makes_room_for_the_living() -> None:
    fdb = Fdb(300, 2)
    fdb.learn(A, PEER_1, 0.0)
    fdb.learn(bytes(6), PEER_1, 200.0)
    new = (1).to_bytes(6, "big")
    fdb.learn(new, PEER_2, 299.0)
    assert fdb.lookup(new, 299.0) is None
    fdb.learn(new, PEER_2, 300.0)
    assert where(fdb, new, 300.0) is PEER_2
    assert (len(fdb), fdb.expired, fdb.refused) == (2, 1, 1)


def test_a_dead_mac_heard_elsewhere_is_learned_and_did_not_move() -> None:
    fdb = Fdb(300, 0)
    fdb.learn(A, PEER_1, 0.0)
    fdb.learn(A, PEER_2, 300.0)
    assert where(fdb, A, 300.0) is PEER_2
    assert (fdb.learned, fdb.moved, fdb.expired) == (2, 0, 1)


def test_entries_lists_the_live_ones_with_their_age() -> None:
    fdb = Fdb(300, 0)
    fdb.learn(A, PEER_1, 0.0)
    fdb.learn(bytes(6), LOCAL, 200.0)
    assert list(fdb.entries(300.0)) == [(bytes(6), LOCAL, 100.0)]


def test_a_round_of_sweeps_forgets_all_the_dead_while_macs_come_and_go() -> None:
    count = 2 * SWEEP_LIMIT + 6
    fdb = Fdb(300, 0)
    for number in range(count):
        fdb.learn(number.to_bytes(6, "big"), PEER_1, 0.0)
    for number in range(0, count, 2):
        fdb.learn(number.to_bytes(6, "big"), PEER_1, 1.0)
    for new in range(count, count + 3):
        fdb.expire(300.0)
        fdb.learn(new.to_bytes(6, "big"), PEER_2, 300.0)
    alive = {number.to_bytes(6, "big") for number in (*range(0, count, 2), *range(count, new + 1))}
    assert (len(fdb), fdb.expired) == (len(alive), count // 2)
    assert {mac for mac, _, _ in fdb.entries(300.0)} == alive


def test_a_full_table_finds_the_dead_entry_wherever_it_is() -> None:
    fdb = Fdb(300, 100)
    macs = [number.to_bytes(6, "big") for number in range(100)]
    for dead in (0, 37, 99):
        for mac in macs:
            fdb.learn(mac, PEER_1, 1000.0 * dead)
        now = 1000.0 * dead + 300
        for mac in macs[:dead] + macs[dead + 1 :]:
            fdb.learn(mac, PEER_1, now - 1)
        new = (dead + 1000).to_bytes(6, "big")
        for _ in range(100):
            fdb.learn(new, PEER_2, now)
        assert where(fdb, new, now) is PEER_2
        macs[dead] = new


@pytest.mark.parametrize(("batch", "most"), [(1, 150), (32, 100)])
def test_octets_of_an_entry_in_a_million(batch: int, most: int) -> None:
    """At worst each MAC is heard at a moment of its own; usually a batch is.

    An eighth of a million fills an eighth of the dict's table just as far, and is soon measured.
    """
    count = 125_000
    fdb = Fdb(300, 0)
    gc.collect()
    tracemalloc.start()
    try:
        for number in range(count):
            fdb.learn(number.to_bytes(6, "big"), PEER_1, 0.1 * (number // batch))
        octets, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(fdb) == count
    assert 0 < octets / count < most


def test_every_change_that_moves_frames_starts_a_new_generation() -> None:
    fdb = Fdb(300, 1)
    seen = [fdb.generation.number]

    def step() -> bool:
        seen.append(fdb.generation.number)
        return seen[-1] > seen[-2]

    fdb.learn(A, PEER_1, 0.0)
    assert step()
    fdb.learn(A, PEER_1, 1.0)
    assert not step()
    fdb.learn(A, PEER_2, 2.0)
    assert step()
    fdb.learn(bytes(6), PEER_2, 2.0)  # refused: the table is full
    assert not step()
    fdb.expire(302.0)
    assert step()
