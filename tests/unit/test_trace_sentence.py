"""trace.sentence: the outcome of a frame in one line."""

import pytest

from tests.frames import MAC_A, frame
from vtep.dataplane.counters import Drop
from vtep.trace.outcome import Decision, Outcome, Sent
from vtep.trace.sentence import sentence, source
from vtep.wire import virtio, vxlan

PEERS = tuple(f"10.0.1.{number}" for number in range(41, 51))
GSO_FRAME = virtio.VirtioHeader(virtio.NEEDS_CSUM, virtio.GSO_TCPV4, 54, 1000, 34, 16)
DATAGRAM = vxlan.pack(100) + frame()


def outcome(decision: Decision, **changes: object) -> Outcome:
    """Return the outcome of a frame that was sent to one peer, with changes."""
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
    ("traced", "line"),
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
                frames=((GSO_FRAME, frame()),),
                datagrams=(),
                drops=((Drop.SOCKET_FULL, 3),),
            ),
            f"dropped: socket_full: {Drop.SOCKET_FULL.meaning} (3 times); "
            "GSO frame, partial checksum",
        ),
        (
            outcome("delivered", way="in", source="refused", source_before=None),
            f"from 10.0.1.41: delivered to vx0; source {MAC_A} not learned: the FDB is full",
        ),
        (
            outcome("dropped", drops=((Drop.NO_PEER, 1),), datagrams=(), peers=()),
            f"dropped: no_peer: {Drop.NO_PEER.meaning}",
        ),
        (
            outcome("local", drops=((Drop.LOCAL_DESTINATION, 1),), datagrams=(), peers=()),
            f"not sent: local_destination: {Drop.LOCAL_DESTINATION.meaning}",
        ),
        (
            outcome("unicast", drops=((Drop.SOCKET_FULL, 2),)),
            f"unicast: FDB hit, to 10.0.1.41; lost 2: socket_full: {Drop.SOCKET_FULL.meaning}",
        ),
        (
            outcome("dropped", way="in", datagrams=(Sent("10.9.9.9", 1, b""),), frames=()),
            "dropped: no reason was counted",
        ),
    ],
)
def test_an_outcome_becomes_one_line(traced: Outcome, line: str) -> None:
    assert sentence(traced) == line


def test_an_entry_that_was_heard_again_is_reported_on_request() -> None:
    assert source(outcome("unicast")) == f"source {MAC_A} still on vx0"
    assert source(outcome("delivered", way="in")) == f"source {MAC_A} still behind 10.0.1.41"
    assert source(outcome("unicast", source=None)) == ""
