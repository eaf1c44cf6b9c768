"""trace.sentence: the outcome of a frame in one line."""

import pytest

from tests.frames import MAC_A, frame
from vtep.dataplane.counters import Drop
from vtep.trace.outcome import Decision, Outcome, Sent
from vtep.trace.sentence import sentence
from vtep.wire import virtio, vxlan

PEERS = tuple(f"10.0.1.{number}" for number in range(41, 51))
SUPER = virtio.VirtioHeader(virtio.NEEDS_CSUM, virtio.GSO_TCPV4, 54, 1000, 34, 16)
DATAGRAM = vxlan.pack(100) + frame()


def outcome(decision: Decision, **changes: object) -> Outcome:
    """Return what became of a frame that was sent to one peer, with changes."""
    usual: dict[str, object] = {
        "way": "out",
        "tap": "vx0",
        "vni": 100,
        "frames": ((virtio.PLAIN, frame()),),
        "datagrams": (Sent("10.0.1.41", 50000, DATAGRAM),),
        "source": "refreshed",
        "source_before": "local",
        "decision": decision,
        "peers": ("10.0.1.41",),
        "age": None,
        "drops": (),
    }
    return Outcome(**(usual | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("told", "line"),
    [
        (outcome("unicast", age=3.04), "unicast: FDB hit, age 3.0 s, to 10.0.1.41"),
        (
            outcome("broadcast", peers=PEERS[:2], source="learned", source_before=None),
            f"broadcast: flooded to 10.0.1.41, 10.0.1.42; source {MAC_A} learned on vx0",
        ),
        (
            outcome("multicast", peers=PEERS),
            f"multicast: flooded to {', '.join(PEERS[:8])} and 2 more",
        ),
        (
            outcome("unknown_unicast", source="moved", source_before="10.0.1.42"),
            f"unknown unicast: flooded to 10.0.1.41; source {MAC_A} moved from 10.0.1.42 to vx0",
        ),
        (
            outcome("delivered", way="in", source="moved"),
            f"from 10.0.1.41: delivered to vx0; source {MAC_A} moved from vx0 to 10.0.1.41",
        ),
        (
            outcome(
                "dropped",
                frames=((SUPER, frame()),),
                datagrams=(),
                drops=((Drop.SOCKET_FULL, 3),),
            ),
            f"dropped: socket_full: {Drop.SOCKET_FULL.meaning} (3 times); "
            "super-frame, checksum left to the tunnel",
        ),
        (
            outcome("delivered", way="in", source="refused", source_before=None),
            f"from 10.0.1.41: delivered to vx0; source {MAC_A} not learned: the FDB is full",
        ),
        (
            outcome("dropped", drops=((Drop.NO_PEER, 1),), datagrams=(), peers=()),
            "dropped: no_peer: the frame is to be flooded, and no peer is configured",
        ),
        (
            outcome("local", drops=((Drop.LOCAL_DESTINATION, 1),), datagrams=(), peers=()),
            "not sent: local_destination: the destination is on our own side of the tunnel",
        ),
        (
            outcome("unicast", drops=((Drop.SOCKET_FULL, 2),)),
            "unicast: FDB hit, to 10.0.1.41; "
            "lost 2: socket_full: the UDP socket's send buffer is full",
        ),
        (
            outcome("dropped", way="in", datagrams=(Sent("10.9.9.9", 1, b""),), frames=()),
            "dropped: it went nowhere",
        ),
    ],
)
def test_a_decision_is_told_in_one_line(told: Outcome, line: str) -> None:
    assert sentence(told) == line
