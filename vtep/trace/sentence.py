"""What became of a frame, in one line for people: the comment beside it in a capture."""

from collections.abc import Sequence

from vtep.trace.outcome import Outcome
from vtep.wire import virtio, vxlan
from vtep.wire.ethernet import format_mac

MAX_NAMED = 8
"""Most peers that are named; more are counted."""

_MAC = slice(6, 12)


def sentence(outcome: Outcome) -> str:
    """Return what was decided, what the FDB learned of it, and what was lost."""
    parts = [_decision(outcome), *_source(outcome), *_shape(outcome)]
    if outcome.decision not in ("dropped", "local"):
        parts += [f"lost {count}: {drop}: {drop.meaning}" for drop, count in outcome.drops]
    return "; ".join(parts)


def _decision(outcome: Outcome) -> str:
    peers = _listed(outcome.peers)
    match outcome.decision:
        case "dropped" | "local":
            return _dropped(outcome)
        case "delivered":
            return f"from {peers}: delivered to {outcome.tap}"
        case "unicast":
            age = "" if outcome.age is None else f" age {outcome.age:.1f} s,"
            return f"unicast: FDB hit,{age} to {peers}"
        case _:
            return f"{outcome.decision.replace('_', ' ')}: flooded to {peers}"


def _dropped(outcome: Outcome) -> str:
    """Say why; whatever was counted, for one frame of several may have met another reason."""
    first = "dropped" if outcome.decision == "dropped" else "not sent"
    reasons = [
        f"{drop}: {drop.meaning}" + (f" ({count} times)" if count > 1 else "")
        for drop, count in outcome.drops
    ]
    return f"{first}: " + ("; ".join(reasons) or "it went nowhere")


def _source(outcome: Outcome) -> list[str]:
    """Say what the FDB did with the source MAC, unless it only heard of it again."""
    mac = _source_mac(outcome)
    if mac is None or outcome.source in (None, "refreshed"):
        return []
    where = outcome.tap if outcome.way == "out" else outcome.peers[0]
    name = format_mac(mac)
    if outcome.source == "refused":
        return [f"source {name} not learned: the FDB is full"]
    if outcome.source == "learned":
        return [f"source {name} learned {'on' if outcome.way == 'out' else 'behind'} {where}"]
    before = outcome.tap if outcome.source_before == "local" else outcome.source_before
    return [f"source {name} moved from {before} to {where}"]


def _source_mac(outcome: Outcome) -> bytes | None:
    """Return the source of the frame, or of the first in what came."""
    if outcome.way == "out":
        frame = outcome.frames[0][1]
    else:
        frame = outcome.datagrams[0].payload[vxlan.HEADER_LEN :]
    return frame[_MAC] if len(frame) >= _MAC.stop else None


def _shape(outcome: Outcome) -> list[str]:
    """Say what was one and became many, or was many and became one; and what is left to do."""
    if outcome.way == "in":
        came, left = len(outcome.datagrams), len(outcome.frames)
        joined = came > 1 and left > 0
        return [f"{came} datagrams came together, {left} frames out of them"] if joined else []
    header = outcome.frames[0][0]
    if header.gso_type != virtio.GSO_NONE:
        many = sum(one.rows for one in outcome.datagrams if one.peer == outcome.datagrams[0].peer)
        of = f" of {many} segments" if many else ""
        return [f"super-frame{of}, checksum left to the tunnel"]
    if header.flags & virtio.NEEDS_CSUM:
        return ["checksum left to the tunnel"]
    return []


def _listed(peers: Sequence[str]) -> str:
    more = len(peers) - MAX_NAMED
    named = ", ".join(peers[:MAX_NAMED])
    return f"{named} and {more} more" if more > 0 else named
