"""What we would do with a datagram: a VTEP in memory does it, one datagram after the other."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from vtep.dataplane.counters import Drop
from vtep.dataplane.decap_spans import Message
from vtep.dataplane.overlay import AccessPort, Overlay
from vtep.dataplane.peer import Peer
from vtep.dataplane.vtep import Vtep
from vtep.decode.kernel import Datagram, Refusal
from vtep.trace.outcome import Outcome, inbound
from vtep.wire import ethernet, vxlan
from vtep.wire.slot import UDP_AT

_UNDECIDED = ("other_host", "not_captured", "fragment")
"""Names of refusals that say nothing of what becomes of the datagram."""

SOMEBODY = "192.0.2.1"
"""The sender, where the octets begin behind the header that names it (RFC 5737: nobody's)."""

_TAP_MAC = bytes.fromhex("027674657000")
_MTU = 1450
_MAX_OVERLAYS = 1024
_MAX_DATAGRAMS = 1 << 18
"""After so many the VTEP is a new one: a file must not fill the memory."""


@dataclass(frozen=True, slots=True)
class Setup:
    """How the VTEP is configured.

    Attributes:
        vnis: of its overlays; none for any that comes.
        peers: on the flood list; none for every sender.
        accept_any: take datagrams of others too.
        vlan: a number, or what becomes of tags: "strip" or "pass".
        local: its address; None for any.
        ports: the UDP ports it listens on.
    """

    vnis: tuple[int, ...] = ()
    peers: tuple[str, ...] = ()
    accept_any: bool = False
    vlan: int | Literal["strip", "pass"] = "strip"
    local: str | None = None
    ports: tuple[int, ...] = (4789, 8472)


class Verdict(NamedTuple):
    """What becomes of one datagram.

    Attributes:
        by: "vtep", or "kernel" where it comes no further.
        what: "delivered", "dropped", or "ignored": it is for another host, or too little of it
            is here.
        reason: why it is not delivered: a name of vtep.counters.Drop, or of the kernel's refusal.
        text: the same in words.
        vni: that of the header, if it is valid.
        source: what the FDB does: "learned", "moved", "refreshed", "refused"; None for nothing.
        assumed: what was not given and is taken to be so.
    """

    by: Literal["vtep", "kernel"]
    what: Literal["delivered", "dropped", "ignored"]
    reason: str | None
    text: str
    vni: int | None
    source: str | None
    assumed: tuple[str, ...]


class Judge:
    """A VTEP in memory that receives datagrams; it learns as it goes."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._now = 0.0
        self._begin()

    def _begin(self) -> None:
        local = self._setup.local
        addresses = frozenset() if local is None else frozenset({local})
        self._vtep = Vtep([], addresses, self._setup.ports[0])
        self._left = _MAX_DATAGRAMS
        for vni in self._setup.vnis:
            self._add(vni)

    def _add(self, vni: int) -> None:
        setup = self._setup
        overlays = self._vtep.overlays
        overlays[vni] = Overlay(
            vni=vni,
            port=AccessPort(f"vx{len(overlays)}", _TAP_MAC),
            peers=[(peer, (peer, setup.ports[0])) for peer in setup.peers],
            mtu=_MTU,
            vlan=setup.vlan if isinstance(setup.vlan, int) else None,
            tags="pass" if setup.vlan == "pass" else "strip",
            accept_any=setup.accept_any,
        )

    def refused(self, refusal: Refusal) -> Verdict:
        """Return the verdict on what the kernel does not hand on."""
        if refusal.reason in _UNDECIDED:
            return Verdict("kernel", "ignored", refusal.reason, refusal.text, None, None, ())
        text = f"dropped by the kernel: {refusal.reason}: {refusal.text}"
        return Verdict("kernel", "dropped", refusal.reason, text, None, None, ())

    def receive(self, datagram: Datagram, time: float | None) -> Verdict:
        """Return what the VTEP does with a datagram; `time` in seconds, if it is known."""
        self._now = max(self._now, time or 0.0)
        self._left -= 1
        overlays = len(self._vtep.overlays) - len(self._setup.vnis)
        if not self._left or overlays >= _MAX_OVERLAYS:
            self._begin()
        sender = datagram.sender or (*self._setup.peers, SOMEBODY)[0]
        vni = vxlan.parse(datagram.payload)
        assumed = list(self._assume(vni, sender))
        if datagram.sender is None:
            assumed.insert(0, f"{sender} sent it: no header says who")
        overlay = None if vni is None else self._vtep.overlays.get(vni)
        counts = (overlay.reserved_bits, overlay.clamped) if overlay else (0, 0)
        outcome = self._hand_over(datagram, sender)
        if outcome.decision == "dropped":
            drop = next((drop for drop, _ in outcome.drops), None)
            text = self._why(drop, vni, sender, datagram.payload[vxlan.HEADER_LEN :])
            return Verdict("vtep", "dropped", drop, text, vni, outcome.source, tuple(assumed))
        text = _delivered(outcome)
        if overlay is not None and overlay.reserved_bits > counts[0]:
            text += "; reserved bits ignored"
        if overlay is not None and overlay.clamped > counts[1]:
            text += f"; MSS lowered to fit MTU {_MTU}"
        return Verdict("vtep", "delivered", None, text, vni, outcome.source, tuple(assumed))

    def _assume(self, vni: int | None, sender: str) -> Iterator[str]:
        """Configure what was left open so that the datagram passes, and yield what that is."""
        setup, overlays = self._setup, self._vtep.overlays
        if vni is None:
            return
        if not setup.vnis:
            if vni not in overlays:
                self._add(vni)
            yield f"VNI {vni} is configured (--vni)"
        is_open = not setup.peers and not setup.accept_any
        if is_open and vni in overlays and sender != setup.local:
            peer = Peer(sender, (sender, setup.ports[0]))
            overlays[vni].peers.setdefault(sender, peer)
            yield f"{sender} is a peer (--peer)"

    def _hand_over(self, datagram: Datagram, sender: str) -> Outcome:
        """Put the datagram where the daemon receives one, and let the VTEP take it."""
        slots = self._vtep.pool.large
        payload = datagram.payload
        end = UDP_AT + len(payload)
        slots.views[0][UDP_AT:end] = payload
        message = Message(slots, 0, end, sender, len(payload))
        return inbound(self._vtep, message, self._now, port=datagram.port)

    def _why(self, drop: Drop | None, vni: int | None, sender: str, frame: bytes) -> str:
        if drop is None:
            return "dropped"
        text = f"dropped: {drop}: {drop.meaning}"
        if drop == Drop.UNKNOWN_VNI:
            known = ", ".join(str(known) for known in self._vtep.overlays)
            text += f"; it says {vni}, configured: {known}"
        elif drop == Drop.UNKNOWN_PEER:
            text += f"; it is from {sender}, peers: {', '.join(self._setup.peers)}"
        elif drop == Drop.INNER_VLAN:
            text += f"; its tag is {ethernet.vlan_id(frame, 0)}"
        elif drop == Drop.INVALID_SOURCE:
            text += f"; it is {ethernet.format_mac(frame[6:12])}"
        return text


def _delivered(outcome: Outcome) -> str:
    (_, frame), *_ = outcome.frames
    source, before, peer = (
        ethernet.format_mac(frame[6:12]),
        outcome.source_before,
        outcome.peers[0],
    )
    text = f"delivered to {outcome.tap} (VNI {outcome.vni})"
    if outcome.source == "learned":
        return f"{text}, source {source} learned behind {peer}"
    if outcome.source == "moved":
        return f"{text}, source {source} moved from {before} to {peer}"
    if outcome.source == "refreshed":
        return f"{text}, source {source} known behind {peer}"
    return f"{text}, source {source} not learned"
