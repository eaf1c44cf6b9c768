"""trace.filters: which frames a capture records."""

from tests.frames import MAC_A, MAC_B, frame
from vtep.trace.filters import ANY, FrameFilter
from vtep.trace.outcome import Outcome, Sent
from vtep.wire import virtio, vxlan
from vtep.wire.ethernet import parse_mac

UNICAST = Outcome(
    way="out",
    tap="vx0",
    vni=100,
    frames=((virtio.PLAIN, frame()),),
    datagrams=(Sent("10.0.1.41", 50000, vxlan.pack(100) + frame()),),
    source="refreshed",
    source_before="local",
    decision="unicast",
    peers=("10.0.1.41",),
    age=None,
    drops=(),
)


def test_a_filter_matches_the_source_and_the_destination_mac() -> None:
    for mac in (MAC_A, MAC_B):
        assert FrameFilter(mac=parse_mac(mac)).matches(UNICAST)
    assert not FrameFilter(mac=bytes(6)).matches(UNICAST)


def test_all_conditions_of_a_filter_must_hold() -> None:
    assert FrameFilter(dev="vx0", vni=100, peer="10.0.1.41").matches(UNICAST)
    assert not FrameFilter(dev="vx0", vni=101, peer="10.0.1.41").matches(UNICAST)
    assert not FrameFilter(reason=ANY).matches(UNICAST)
