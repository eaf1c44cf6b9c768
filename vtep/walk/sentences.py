"""The sentences of a walk: each says what an Outcome, a table or a header holds."""

from vtep.dataplane.counters import Drop
from vtep.dataplane.overlay import Overlay
from vtep.dataplane.peer import Peer
from vtep.trace.outcome import Outcome, Sent
from vtep.walk.frames import Container
from vtep.walk.header_diff import tags
from vtep.walk.options import Options
from vtep.walk.virtual_lab import SRCPORT, Host, Lan, checksum_is_right
from vtep.wire import ethernet, ip, vxlan

SOURCES = {
    "arp_request": "RFC 826",
    "arp_reply": "RFC 826",
    "neighbor_solicitation": "RFC 4861 section 7.2.2",
    "neighbor_advertisement": "RFC 4861 section 7.2.4",
    "icmp_request": "RFC 792",
    "icmp_reply": "RFC 792",
    "icmpv6_request": "RFC 4443 section 4.1",
    "icmpv6_reply": "RFC 4443 section 4.2",
    "tcp_request": "RFC 9293 section 3.5",
    "tcp_reply": "RFC 9293 section 3.5",
    "udp_request": "RFC 768",
    "udp_reply": "RFC 768",
}
"""Where the frames of the containers are defined, by the key of the walk."""

TAG_ON = (
    " vx0 is a trunk: frames of VLAN {vlan}, which {port} belongs to, leave by it with their tag."
)

_LEARN = {
    "learned": "First it learns: {mac} was heard on vx0, so it is on this host (local).",
    "moved": "First it learns: {mac} was heard on vx0, so it has moved here from {before}.",
    "refreshed": "{mac} was heard on vx0 again: its entry is new once more.",
    "refused": "{mac} was heard on vx0, but the table is full.",
}
_HEARD = {
    "learned": "It learns: {mac} was heard from {peer}, so it is behind that VTEP. The frame itself"
    " brought the news: nobody announces where containers live.",
    "moved": "It learns: {mac} was behind {before} so far, and is behind {peer} now.",
    "refreshed": "{mac} was heard from {peer} again: its entry is new once more.",
    "refused": "{mac} was heard from {peer}, but the table is full.",
}
_OUT_SOURCES = {
    "unicast": "RFC 7348 section 4.1",
    "unknown_unicast": "RFC 7348 section 4.2",
    "broadcast": "RFC 7348 section 4.2",
    "multicast": "RFC 7348 section 4.2",
}
_DROP_SOURCES = {
    Drop.BAD_FLAGS: "RFC 7348 section 5",
    Drop.UNKNOWN_VNI: "RFC 7348 section 4.1",
    Drop.UNKNOWN_PEER: "RFC 7348 section 7",
    Drop.OVERSIZE: "RFC 7348 section 4.3",
    Drop.INNER_VLAN: "RFC 7348 section 6.1",
    Drop.UNKNOWN_VLAN: "RFC 7348 section 6",
}


def bridge(
    frame: bytes, known: Peer | None, came_by: Peer, to: Peer, options: Options
) -> tuple[str, str]:
    """Say what a bridge does with a frame, and why; `known` is the port of the destination.

    Either `came_by` or `to` is vx0, the other one the container's.
    """
    against = _against(frame, known, came_by, to, options)
    if against is not None:
        return (
            f"handed on to {to.ip}, though a bridge would drop it",
            f"{against} It goes on here, to show what the VTEP makes of it.",
        )
    if frame[0] & 1:
        return (
            f"to every port but {came_by.ip}, {to.ip} among them",
            "vx0 is a TAP, a port of the bridge like any other: what the bridge sends out there is"
            " read by the program vtep, and what vtep writes comes in there.",
        )
    if known is None:
        return f"destination unknown: to every port but {came_by.ip}", ""
    return f"to {to.ip}, where the destination was heard", ""


def _against(
    frame: bytes, known: Peer | None, came_by: Peer, to: Peer, options: Options
) -> str | None:
    """Return why the kernel's bridge would not pass a frame; None if it would."""
    if len(frame) < ethernet.HEADER_LEN:
        return f"{len(frame)} octets are too few for an Ethernet header."
    if frame[6] & 1 or not any(frame[6:12]):
        return "Its source MAC is none that a device can have."
    # 01:80:c2:00:00:00 is for spanning tree, which Docker's bridges leave off: then it passes.
    if frame[:5] == b"\x01\x80\xc2\x00\x00" and 0 < frame[5] < 16:
        return "Its destination is for the bridge next to the sender alone (IEEE 802.1Q 8.6.3)."
    # The kernel lets a tag more than the MTU pass, and does not count the one it keeps apart.
    room = options.tap_mtu + ethernet.HEADER_LEN + ethernet.TAG_LEN * (1 + min(tags(frame), 1))
    if to.ip == "vx0" and len(frame) > room:
        return (
            f"It is longer than the MTU of vx0, {options.tap_mtu}, allows, and a bridge drops"
            " such a frame silently: nobody counts it, nobody is told (unless somebody raised that"
            " MTU by hand)."
        )
    if known is came_by:
        return f"Its destination is behind {came_by.ip}, where it came from."
    return None


def out(outcome: Outcome) -> str:
    """Say what a VTEP decided on a frame from its TAP."""
    peers = outcome.peers
    count = f"{len(peers)} peer{'s' if len(peers) > 1 else ''}: {', '.join(peers)}"
    match outcome.decision:
        case "unicast":
            return f"FDB hit, age {outcome.age or 0:.0f} s, to {peers[0]}"
        case "broadcast":
            return f"broadcast, flooded to {count}"
        case "multicast":
            return f"multicast, flooded to {count}"
        case "unknown_unicast":
            return f"unknown unicast, flooded to {count}"
        case _:
            return dropped(outcome)


def dropped(outcome: Outcome) -> str:
    """Say why a frame goes nowhere."""
    return f"dropped: {', '.join(reason.meaning for reason, _ in outcome.drops) or 'nothing left'}"


def why_out(
    outcome: Outcome, overlay: Overlay, frame: bytes, inner: bytes, *, is_clamped: bool
) -> str:
    """Say why a VTEP decided so on a frame from its TAP."""
    said = []
    if outcome.vni is not None:
        by = "everything on vx0" if overlay.vlan is None else f"tag {overlay.vlan} on vx0"
        said.append(f"Which overlay? By its configuration {by} is VNI {outcome.vni}.")
    if tags(frame) > tags(inner):
        said.append("The tag comes off: the VNI says as much, and the other side has its own.")
    if outcome.source is not None:
        mac = ethernet.format_mac(frame[6:12])
        said.append(_LEARN[outcome.source].format(mac=mac, before=outcome.source_before))
    to = ethernet.format_mac(frame[:6])
    match outcome.decision:
        case "unicast":
            said.append(f"Then it looks {to} up: heard from {outcome.peers[0]}, so only there.")
        case "broadcast" | "multicast":
            said.append(
                "It is for everybody, so each peer of this VNI gets a copy of its own (ingress"
                " replication; with multicast in the underlay one copy to a group would do)."
            )
        case "unknown_unicast":
            said.append(
                f"Then it looks {to} up: never heard. It may be anywhere, so every peer gets a copy"
                " and the one that has it will answer."
            )
    if is_clamped:
        said.append(clamped(overlay.mtu))
    return " ".join(said)


def clamped(mtu: int) -> str:
    """Say what was changed in a TCP SYN."""
    return (
        f"The MSS in this SYN promised larger segments than fit the tunnel's MTU {mtu}: it is"
        " lowered, and the TCP checksum corrected, so that TCP never sends what would be dropped."
    )


def out_source(outcome: Outcome) -> str:
    """Return where the rule of a decision stands."""
    return _OUT_SOURCES.get(outcome.decision, "") or in_source(outcome)


def in_source(outcome: Outcome) -> str:
    """Return where the rule of a drop stands."""
    return next((_DROP_SOURCES.get(reason, "") for reason, _ in outcome.drops), "")


def headers(
    options: Options, host: Host, outcome: Outcome, sent: Sent
) -> list[tuple[str, str, str]]:
    """Say of each outer header, VXLAN first, what it is for: decision, reason, source."""
    vni = vxlan.parse(sent.payload)
    first, last = SRCPORT
    version, length = (6, ip.IPV6_LEN) if options.ipv6 else (4, ip.IPV4_LEN)
    if vni is None:
        header = "the VXLAN header, its I flag not set"
        why = "This sender is broken: it says itself that the VNI is not valid."
    else:
        header = f"the VXLAN header: VNI {vni} (0x{vni:06x})"
        why = (
            "One flag, I, says that the VNI is valid; then 24 bits of VNI, room for 16 million"
            " overlays on one network. All other bits are reserved: zero."
        )
    port = f"UDP, from port {sent.port} to {host.dstport}"
    why_udp = (
        f"{host.dstport} is VXLAN's port: there a VTEP listens. The source port is"
        if host.dstport == vxlan.PORT
        else f"Linux's own default is {host.dstport}, older than the {vxlan.PORT} that IANA gave"
        " out: somebody forgot to say dstport 4789. The source port is"
    )
    why_udp += (
        f" a hash of the inner flow, in {first}..{last} (entropy): routers with several equal ways"
        " spread by it, and still keep each flow in order."
    )
    ethertype = f"to the next hop: here {sent.peer} itself"
    return [
        (header, why, "RFC 7348 section 5"),
        (port, why_udp, "RFC 7348 section 5"),
        (
            f"IPv{version}, from {host.ip} to {sent.peer}",
            f"{length} octets. The underlay sees two hosts that talk UDP: no router needs to know"
            " of containers. A tunnel never fragments" + ("." if options.ipv6 else ": DF is set."),
            "RFC 7348 section 4.3",
        ),
        (
            f"Ethernet, {ethertype}",
            "Made anew for each hop, and not counted by the MTU, the length of the largest IP"
            " packet that a network takes.",
            "RFC 7348 section 5",
        ),
    ]


def hop(lan: Lan, host: Host, outcome: Outcome, octets: int) -> tuple[str, str]:
    """Say what crosses the underlay: so many octets of IP packet, to so many peers."""
    copies = len(outcome.datagrams)
    decision = f"{copies} packets" if copies > 1 else "1 packet"
    decision += f" from {host.device}, the IP packet {octets} octets long"
    fits = lan.options.underlay_mtu
    why = f"The underlay's MTU is {fits}: so long may an IP packet be."
    if copies > 1:
        also = ", ".join(lan.by_ip[one.peer].name for one in outcome.datagrams)
        why += f" One each for {also}; they differ in the outer headers only."
    return decision, why


def kernel_refuses(host: Host, source: Host, packet: bytes) -> tuple[str, str, str] | None:
    """Say why the receiving kernel drops a packet: name, decision, reason; None if it does not."""
    if source.dstport != host.vtep.port:
        return (
            "kernel_no_socket",
            f"dropped by the kernel: nobody listens on UDP port {source.dstport}",
            f"{host.name} listens on {host.vtep.port}. The kernel answers with ICMP port"
            f" unreachable, which the VTEP of {source.name} does not look at; that of {host.name}"
            " never sees the datagram and counts nothing.",
        )
    if not checksum_is_right(packet):
        return (
            "kernel_checksum",
            "dropped by the kernel: the outer UDP checksum is wrong",
            "The checksum covers all that the datagram holds, so a bit that flipped on the way is"
            " noticed here. 0 would say that there is none, and be taken. The VTEP never sees the"
            " datagram and counts nothing.",
        )
    return None


def kernel_takes(host: Host, sent: Sent) -> tuple[str, str]:
    """Say what the receiving kernel does with a packet."""
    return (
        f"for {host.ip}, UDP port {host.vtep.port}: to the VTEP's socket",
        "The kernel takes off Ethernet, IP and UDP, whose checksum is right. The VTEP gets the"
        " datagram and the IP address of the sender.",
    )


def why_in(outcome: Outcome, host: Host, sent: Sent) -> str:
    """Say why a VTEP decided so on a datagram."""
    vni, peer = vxlan.parse(sent.payload), outcome.peers[0]
    if outcome.frames:
        said = [f"The I flag is set; VNI {vni} is on vx0; {peer} is a peer of it."]
        if outcome.source is not None:
            mac = ethernet.format_mac(sent.payload[vxlan.HEADER_LEN :][6:12])
            before = outcome.source_before
            said.append(_HEARD[outcome.source].format(mac=mac, peer=peer, before=before))
        if host.overlay.vlan is not None:
            said.append(f"vx0 is a trunk: the frame gets tag {host.overlay.vlan}.")
        said.append("What came from the underlay never goes back there: no loops.")
        return " ".join(said)
    match next((reason for reason, _ in outcome.drops), None):
        case Drop.UNKNOWN_VNI:
            return (
                f"{host.name} has VNI {host.overlay.vni}, not {vni}. Each VNI is a network of its"
                " own, with its own table: nothing of one is ever seen in another."
            )
        case Drop.UNKNOWN_PEER:
            peers = ", ".join(host.overlay.peers)
            return (
                f"Whoever can send a packet to {host.ip} could reach the containers, for VXLAN has"
                f" no protection of its own. So only peers are heard, and {host.name} knows"
                f" {peers} alone."
            )
        case Drop.BAD_FLAGS:
            return (
                "Of the eight flags this one must be 1; the other seven are reserved, and ignored."
            )
        case _:
            return ""


def taken(outcome: Outcome, host: Host) -> str:
    """Say what a VTEP decided on a datagram that it took."""
    return f"VNI {outcome.vni} from peer {outcome.peers[0]}: to {outcome.tap}"


def elsewhere(host: Host, outcome: Outcome) -> str:
    """Say what became of a copy that is not followed."""
    if not outcome.frames:
        why = dropped(outcome).replace("dropped:", "dropped it:")
        return f"{host.name} {host.ip} got its copy and {why}."
    learned = ""
    if outcome.source in ("learned", "moved"):
        learned = f" It learned that the sender is behind {outcome.peers[0]}, too."
    return (
        f"{host.name} {host.ip} got its copy and gave it to its bridge, where nobody answers."
        + learned
    )


def arrival(sent: bytes, came: bytes, container: Container | None, after: str) -> tuple[str, str]:
    """Say what comes out at a container, compared with what was sent, and what becomes of it."""
    if sent == came:
        decision = f"gets the same {len(came)} octets that were sent"
    elif len(sent) == len(came):
        differ = sum(a != b for a, b in zip(sent, came, strict=True))
        decision = f"gets {len(came)} octets, of which {differ} were changed on the way"
    else:
        decision = f"gets {len(came)} octets of the {len(sent)} that were sent"
    mac = came[:6]
    if container is not None and not mac[0] & 1 and mac != container.mac:
        after = f"It is not for {container.name}, whose network card passes over it."
    return decision, after
