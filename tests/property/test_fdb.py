"""The FDB held to the plainest model of it: a dict of who was heard when."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from vtep.fdb import LOCAL, Fdb, Peer

AGEING = 10.0
MACS = st.integers(0, 20).map(lambda n: n.to_bytes(6, "big"))
PEERS = st.sampled_from([LOCAL, Peer("10.0.1.1", ()), Peer("10.0.1.2", ())])


class FdbAgainstModel(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.fdb = Fdb(AGEING, 0)
        self.heard: dict[bytes, tuple[Peer, float]] = {}
        self.now = 0.0

    @rule(mac=MACS, peer=PEERS)
    def learn(self, mac: bytes, peer: Peer) -> None:
        self.fdb.learn(mac, peer, self.now)
        self.heard[mac] = peer, self.now

    @rule(seconds=st.floats(0, 15))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def expire(self) -> None:
        self.fdb.expire(self.now)
        live = {mac for mac, (_, at) in self.heard.items() if self.now - at < AGEING}
        assert len(self.fdb) == len(live)

    @rule(mac=MACS)
    def lookup_does_not_refresh(self, mac: bytes) -> None:
        self.fdb.lookup(mac, self.now)

    @invariant()
    def knows_what_the_model_knows(self) -> None:
        live = {
            mac: (peer, self.now - at)
            for mac, (peer, at) in self.heard.items()
            if self.now - at < AGEING
        }
        assert {mac: (peer, age) for mac, peer, age in self.fdb.entries(self.now)} == live
        for mac in self.heard:
            expected = live[mac][0] if mac in live else None
            assert self.fdb.lookup(mac, self.now) is expected


TestFdb = FdbAgainstModel.TestCase
