"""The FDB: learning, moving, ageing, the limit."""

from vtep.fdb import LOCAL, SWEEP_LIMIT, Fdb, Peer

A = bytes.fromhex("02000000000a")
PEER_1 = Peer("10.0.1.1", ("10.0.1.1", 4789))
PEER_2 = Peer("10.0.1.2", ("10.0.1.2", 4789))


def test_nothing_is_known_at_first() -> None:
    assert Fdb(300, 0).lookup(A, 0.0) is None


def test_a_learned_mac_is_found_until_it_is_ageing_seconds_old() -> None:
    fdb = Fdb(300, 0)
    fdb.learn(A, PEER_1, 10.0)
    assert fdb.lookup(A, 309.9) is PEER_1
    assert fdb.lookup(A, 310.0) is None


def test_only_hearing_a_mac_keeps_it_alive() -> None:
    fdb = Fdb(300, 0)
    fdb.learn(A, PEER_1, 0.0)
    for now in range(300):
        fdb.lookup(A, float(now))
    assert fdb.lookup(A, 300.0) is None
    fdb.learn(A, PEER_1, 299.0)
    assert fdb.lookup(A, 598.0) is PEER_1


def test_a_mac_heard_elsewhere_moves_at_once() -> None:
    fdb = Fdb(300, 0)
    fdb.learn(A, PEER_1, 0.0)
    fdb.learn(A, PEER_2, 0.1)
    assert fdb.lookup(A, 0.1) is PEER_2
    fdb.learn(A, LOCAL, 0.2)
    assert fdb.lookup(A, 0.2) is LOCAL
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
    assert fdb.lookup(first, 301.0) is PEER_1
    assert len(fdb) == 1


def test_a_full_table_learns_nothing_new_but_still_refreshes_and_moves() -> None:
    fdb = Fdb(300, 2)
    for number in range(3):
        fdb.learn(number.to_bytes(6, "big"), PEER_1, 0.0)
    assert (len(fdb), fdb.refused) == (2, 1)
    assert fdb.lookup((2).to_bytes(6, "big"), 0.0) is None
    fdb.learn(bytes(6), PEER_2, 1.0)
    assert fdb.lookup(bytes(6), 1.0) is PEER_2


def test_a_full_table_makes_room_for_the_living() -> None:
    fdb = Fdb(300, 2)
    fdb.learn(A, PEER_1, 0.0)
    fdb.learn(bytes(6), PEER_1, 200.0)
    new = (1).to_bytes(6, "big")
    fdb.learn(new, PEER_2, 299.0)
    assert fdb.lookup(new, 299.0) is None
    fdb.learn(new, PEER_2, 300.0)
    assert fdb.lookup(new, 300.0) is PEER_2
    assert (len(fdb), fdb.expired, fdb.refused) == (2, 1, 1)


def test_a_dead_mac_heard_elsewhere_is_learned_and_did_not_move() -> None:
    fdb = Fdb(300, 0)
    fdb.learn(A, PEER_1, 0.0)
    fdb.learn(A, PEER_2, 300.0)
    assert fdb.lookup(A, 300.0) is PEER_2
    assert (fdb.learned, fdb.moved, fdb.expired) == (2, 0, 1)


def test_entries_lists_the_live_ones_with_their_age() -> None:
    fdb = Fdb(300, 0)
    fdb.learn(A, PEER_1, 0.0)
    fdb.learn(bytes(6), LOCAL, 200.0)
    assert list(fdb.entries(300.0)) == [(bytes(6), LOCAL, 100.0)]
