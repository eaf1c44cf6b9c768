"""trace.filters: the query of a capture."""

from tests.frames import MAC_B, frame
from vtep.trace.filters import Bounds, Selection, read
from vtep.trace.outcome import Outcome, Sent
from vtep.wire import virtio, vxlan

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


def test_the_options_of_a_capture_are_read() -> None:
    assert read({}) == (Selection(), Bounds())
    selection, bounds = read(
        {"mac": "02-00-00-00-00-0B", "peer": "fe80:0::1%u1", "count": "3", "seconds": "1.5"}
    )
    assert selection == Selection(mac=bytes.fromhex("02000000000b"), peer="fe80::1%u1")
    assert (bounds.count, bounds.seconds, bounds.snaplen) == (3, 1.5, 262_144)
    assert Selection(mac=bytes.fromhex("02000000000b")).takes(UNICAST)
    assert MAC_B == "02:00:00:00:00:0b"
    assert not Selection(mac=bytes(6)).takes(UNICAST)
