"""The outcome of a frame in one line for people: capture comments, live page, walk, decode."""

from collections.abc import Iterator, Sequence

from vtep.trace.outcome import Outcome
from vtep.wire import virtio, vxlan
from vtep.wire.ethernet import format_mac

MAX_NAMED = 8
"""Maximum number of peers that are named; the rest is counted."""

_MAC = slice(6, 12)


def sentence(outcome: Outcome) -> str:
    """Return the decision, the change of the FDB, the segmentation and the losses."""
    parts = [decision(outcome)]
    if outcome.source not in (None, "refreshed"):
        parts.append(source(outcome))
    parts += _segmentation(outcome)
    if outcome.decision not in ("dropped", "local"):
        parts += [f"lost {count}: {drop}: {drop.meaning}" for drop, count in outcome.drops]
    return "; ".join(part for part in parts if part)


def decision(outcome: Outcome) -> str:
    """Return the decision: to which peers or TAP the frame went, or why it was dropped."""
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


def source(outcome: Outcome) -> str:
    """Return what the FDB did with the source MAC; empty if it was not consulted."""
    mac = _source_mac(outcome)
    if mac is None or outcome.source is None:
        return ""
    is_out = outcome.way == "out"
    name, where = format_mac(mac), outcome.tap if is_out else outcome.peers[0]
    match outcome.source:
        case "refused":
            return f"source {name} not learned: the FDB is full"
        case "moved":
            before = outcome.tap if outcome.source_before == "local" else outcome.source_before
            return f"source {name} moved from {before} to {where}"
        case _:
            how = "learned" if outcome.source == "learned" else "still"
            return f"source {name} {how} {'on' if is_out else 'behind'} {where}"


def _dropped(outcome: Outcome) -> str:
    """Name every reason that was counted: frames of one message may be dropped for several."""
    first = "dropped" if outcome.decision == "dropped" else "not sent"
    reasons = [
        f"{drop}: {drop.meaning}" + (f" ({count} times)" if count > 1 else "")
        for drop, count in outcome.drops
    ]
    return f"{first}: {'; '.join(reasons) or 'no reason was counted'}"


def _source_mac(outcome: Outcome) -> bytes | None:
    """Return the source MAC of the frame, or of the first frame that was received."""
    if outcome.way == "out":
        frame = outcome.frames[0][1]
    else:
        frame = outcome.datagrams[0].payload[vxlan.HEADER_LEN :]
    return frame[_MAC] if len(frame) >= _MAC.stop else None


def _segmentation(outcome: Outcome) -> Iterator[str]:
    """Yield how a GSO frame was segmented or datagrams were merged, and a partial checksum."""
    if outcome.way == "in":
        received, delivered = len(outcome.datagrams), len(outcome.frames)
        if received > 1 and delivered > 0:
            yield f"{received} datagrams merged by the kernel, {delivered} frames delivered"
        return
    header = outcome.frames[0][0]
    if header.gso_type != virtio.GSO_NONE:
        count = sum(
            one.segments for one in outcome.datagrams if one.peer == outcome.datagrams[0].peer
        )
        yield (
            f"GSO frame of {count} segments, partial checksum"
            if count
            else ("GSO frame, partial checksum")
        )
    elif header.flags & virtio.NEEDS_CSUM:
        yield "partial checksum"


def _listed(peers: Sequence[str]) -> str:
    more = len(peers) - MAX_NAMED
    named = ", ".join(peers[:MAX_NAMED])
    return f"{named} and {more} more" if more > 0 else named
