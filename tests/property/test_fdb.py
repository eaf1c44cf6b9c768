"""Compare the FDB with the simplest model: a dict of destination and time by MAC."""

from itertools import islice

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from vtep.dataplane.fdb import LOCAL, ROOM_LIMIT, Destination, Fdb
from vtep.dataplane.peer import Peer

AGEING = 10.0
MACS = st.integers(0, 20).map(lambda n: n.to_bytes(6, "big"))
PEERS = st.sampled_from([LOCAL, Peer("10.0.1.1", ()), Peer("10.0.1.2", ())])


class FdbAgainstModel(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.entries: dict[bytes, tuple[Destination, float]] = {}
        self.now = 0.0
        self.learned = self.moved = self.expired = self.refused = 0

    @initialize(max_address=st.sampled_from([0, 1, ROOM_LIMIT]))
    def begin(self, max_address: int) -> None:
        self.fdb = Fdb(AGEING, max_address)

    def is_expired(self, mac: bytes) -> bool:
        return self.now - self.entries[mac][1] >= AGEING

    def remove_expired(self) -> None:
        for mac in [mac for mac in self.entries if self.is_expired(mac)]:
            del self.entries[mac]
            self.expired += 1

    @rule(mac=MACS, peer=PEERS)
    def learn(self, mac: bytes, peer: Destination) -> None:
        self.fdb.learn(mac, peer, self.now)
        if mac not in self.entries:
            if self.fdb.max_address and len(self.entries) == self.fdb.max_address:
                self.remove_expired()
            if self.fdb.max_address and len(self.entries) == self.fdb.max_address:
                self.refused += 1
                return
            self.learned += 1
        elif self.is_expired(mac):
            self.expired += 1
            self.learned += 1
        elif self.entries[mac][0] is not peer:
            self.moved += 1
        self.entries[mac] = peer, self.now

    @rule(seconds=st.floats(0, 15))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def expire(self) -> None:
        self.fdb.expire(self.now)
        self.remove_expired()

    @rule(mac=MACS)
    def lookup_does_not_refresh(self, mac: bytes) -> None:
        self.fdb.lookup(mac, self.now)

    @invariant()
    def entries_equal_the_model(self) -> None:
        live = {
            mac: (peer, self.now - at)
            for mac, (peer, at) in self.entries.items()
            if not self.is_expired(mac)
        }
        assert {mac: (peer, age) for mac, peer, age in self.fdb.entries(self.now)} == live
        for number in range(21):
            mac = number.to_bytes(6, "big")
            expected = live[mac][0] if mac in live else None
            entry = self.fdb.lookup(mac, self.now)
            assert (entry.destination if entry is not None else None) is expected

    @invariant()
    def counters_equal_the_model(self) -> None:
        assert len(self.fdb) == len(self.entries)
        fdb = self.fdb
        counted = (fdb.learned, fdb.moved, fdb.expired, fdb.refused)
        assert counted == (self.learned, self.moved, self.expired, self.refused)


TestFdb = FdbAgainstModel.TestCase


@given(st.lists(st.tuples(st.sets(MACS), st.integers(0, 5)), min_size=1, max_size=12))
def test_an_iteration_yields_every_mac_exactly_once(
    rounds: list[tuple[set[bytes], int]],
) -> None:
    fdb = Fdb(AGEING, 0)
    now = 0.0
    for number in range(10):
        fdb.learn(number.to_bytes(6, "big"), LOCAL, now)
    all_along = {mac for mac, _, _ in fdb.entries(now)}
    iteration = fdb.iterate()
    found: list[bytes] = []
    for heard, steps in rounds:
        now += AGEING * 0.6
        for mac in heard:
            fdb.learn(mac, LOCAL, now)
        fdb.expire(now)
        all_along &= {mac for mac, _, _ in fdb.entries(now)}
        found += [step[0] for step in islice(iteration, steps) if step is not None]
    found += [step[0] for step in iteration if step is not None]
    assert len(found) == len(set(found))
    assert set(found) >= all_along
