"""The verdict on datagrams: a VTEP in memory receives them one by one."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from vtep.dataplane.counters import Drop
from vtep.dataplane.decap_spans import Message
from vtep.dataplane.overlay import AccessPort, Overlay
from vtep.dataplane.peer import Peer
from vtep.dataplane.vtep import Vtep
from vtep.dataplane.worker import Worker
from vtep.decode.kernel import Datagram, Refusal
from vtep.trace.outcome import Outcome, inbound
from vtep.trace.sentence import decision, source
from vtep.wire import ethernet, vxlan
from vtep.wire.slot import UDP_AT

_UNDECIDED = ("other_host", "not_captured", "fragment")
"""Reasons of the kernel for which the fate of the datagram is unknown."""

UNKNOWN_SENDER = "192.0.2.1"
"""Sender of octets that begin after the outer IP header (TEST-NET-1 of RFC 5737)."""

_TAP_MAC = bytes.fromhex("027674657000")
_MTU = 1450
_MAX_OVERLAYS = 1024
_MAX_DATAGRAMS = 1 << 18
"""After so many datagrams a new VTEP begins, so that no file fills the memory."""


@dataclass(frozen=True, slots=True)
class DecodeConfig:
    """Configuration of the receiving VTEP.

    Attributes:
        vnis: VNIs of its overlays; empty for any VNI.
        peers: IP addresses of its peers; empty for any sender.
        accept_any: whether to accept datagrams from senders that are not peers.
        vlan: VLAN of the overlay, or the treatment of tags: "strip" or "pass".
        local: its underlay address; None for any.
        ports: UDP ports it listens on.
    """

    vnis: tuple[int, ...] = ()
    peers: tuple[str, ...] = ()
    accept_any: bool = False
    vlan: int | Literal["strip", "pass"] = "strip"
    local: str | None = None
    ports: tuple[int, ...] = (4789, 8472)


class Verdict(NamedTuple):
    """The fate of one datagram.

    Attributes:
        by: "vtep", or "kernel" if the kernel does not hand the datagram to the VTEP.
        what: "delivered", "dropped", or "ignored": the datagram is for another host, or the
            capture holds too little of it.
        reason: why it is not delivered: a name of Drop, or of a Refusal by the kernel.
        text: the same as a sentence.
        vni: VNI of the header, if valid.
        source: change of the FDB: "learned", "moved", "refreshed", "refused"; None if none.
        assumed: configuration that was not given and was assumed.
    """

    by: Literal["vtep", "kernel"]
    what: Literal["delivered", "dropped", "ignored"]
    reason: str | None
    text: str
    vni: int | None
    source: str | None
    assumed: tuple[str, ...]


class DecodeVtep:
    """A VTEP in memory that receives datagrams and learns from each."""

    def __init__(self, config: DecodeConfig) -> None:
        self._config = config
        self._now = 0.0
        self._begin()

    def _begin(self) -> None:
        local = self._config.local
        addresses = frozenset() if local is None else frozenset({local})
        self._worker = Worker(Vtep([], addresses, self._config.ports[0]))
        self._left = _MAX_DATAGRAMS
        for vni in self._config.vnis:
            self._add(vni)

    def _add(self, vni: int) -> None:
        config = self._config
        vtep = self._worker.vtep
        vtep.add_overlay(
            Overlay(
                vni=vni,
                port=AccessPort(f"vx{len(vtep.overlays)}", _TAP_MAC),
                peers=[(peer, (peer, config.ports[0])) for peer in config.peers],
                mtu=_MTU,
                vlan=config.vlan if isinstance(config.vlan, int) else None,
                tags="pass" if config.vlan == "pass" else "strip",
                accept_any=config.accept_any,
            )
        )

    def refused(self, refusal: Refusal) -> Verdict:
        """Return the verdict on a packet that the kernel does not hand on."""
        if refusal.reason in _UNDECIDED:
            return Verdict("kernel", "ignored", refusal.reason, refusal.text, None, None, ())
        text = f"dropped by the kernel: {refusal.reason}: {refusal.text}"
        return Verdict("kernel", "dropped", refusal.reason, text, None, None, ())

    def receive(self, datagram: Datagram, time: float | None) -> Verdict:
        """Receive a datagram and return the verdict; `time` in seconds, if the capture has it."""
        self._now = max(self._now, time or 0.0)
        self._left -= 1
        overlays = len(self._worker.vtep.overlays) - len(self._config.vnis)
        if not self._left or overlays >= _MAX_OVERLAYS:
            self._begin()
        sender = datagram.sender or (*self._config.peers, UNKNOWN_SENDER)[0]
        vni = vxlan.parse(datagram.payload)
        assumed = list(self._assume(vni, sender))
        if datagram.sender is None:
            assumed.insert(0, f"{sender} is the sender (no outer IP header)")
        overlay = None if vni is None else self._worker.vtep.overlays.get(vni)
        counts = (overlay.reserved_bits, overlay.clamped) if overlay else (0, 0)
        outcome = self._hand_over(datagram, sender)
        if outcome.decision == "dropped":
            drop = next((drop for drop, _ in outcome.drops), None)
            text = decision(outcome)
            text += self._detail(drop, vni, sender, datagram.payload[vxlan.HEADER_LEN :])
            return Verdict("vtep", "dropped", drop, text, vni, outcome.source, tuple(assumed))
        text = "; ".join(filter(None, (decision(outcome), source(outcome))))
        if overlay is not None and overlay.reserved_bits > counts[0]:
            text += "; reserved bits ignored"
        if overlay is not None and overlay.clamped > counts[1]:
            text += f"; MSS lowered to fit MTU {_MTU}"
        return Verdict("vtep", "delivered", None, text, vni, outcome.source, tuple(assumed))

    def _assume(self, vni: int | None, sender: str) -> Iterator[str]:
        """Configure VNI and peer if they were not given, and yield these assumptions."""
        config, overlays = self._config, self._worker.vtep.overlays
        if vni is None:
            return
        if not config.vnis:
            if vni not in overlays:
                self._add(vni)
            yield f"VNI {vni} is configured (--vni)"
        is_open = not config.peers and not config.accept_any
        if is_open and vni in overlays and sender != config.local:
            peer = Peer(sender, (sender, config.ports[0]))
            if sender not in overlays[vni].peers:
                overlays[vni].add_peer(peer, flood=False)
            yield f"{sender} is a peer (--peer)"

    def _hand_over(self, datagram: Datagram, sender: str) -> Outcome:
        """Put the datagram into a slot, as the daemon does, and let the VTEP receive it."""
        slots = self._worker.pool.large
        payload = datagram.payload
        end = UDP_AT + len(payload)
        slots.views[0][UDP_AT:end] = payload
        message = Message(slots, 0, end, sender, len(payload))
        return inbound(self._worker, message, self._now, port=datagram.port)

    def _detail(self, drop: Drop | None, vni: int | None, sender: str, frame: bytes) -> str:
        """Return the value that caused a drop, and the expected values."""
        match drop:
            case Drop.UNKNOWN_VNI:
                known = ", ".join(str(known) for known in self._worker.vtep.overlays)
                return f"; its VNI is {vni}, configured: {known}"
            case Drop.UNKNOWN_PEER:
                return f"; its sender is {sender}, peers: {', '.join(self._config.peers)}"
            case Drop.INNER_VLAN:
                return f"; its VLAN is {ethernet.vlan_id(frame, 0)}"
            case Drop.INVALID_SOURCE:
                return f"; its source MAC is {ethernet.format_mac(frame[6:12])}"
            case _:
                return ""
