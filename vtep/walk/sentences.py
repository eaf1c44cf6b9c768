"""The sentences of a walk: decisions at stations outside the VTEPs, and the reasons everywhere.

The decisions of a VTEP come from vtep.trace.sentence; here are their reasons.
"""

from vtep.dataplane.counters import Drop
from vtep.dataplane.fdb import Destination
from vtep.dataplane.overlay import Overlay
from vtep.trace.outcome import Outcome, Sent
from vtep.trace.sentence import decision
from vtep.walk.frames import VirtualContainer
from vtep.walk.header_diff import tags
from vtep.walk.options import Options
from vtep.walk.virtual_lab import SRCPORT, VirtualHost, VirtualLab, checksum_is_right
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
"""Documents that define the frames of the containers, by the key of the walk."""

TAG_ON = " vx0 is a trunk: frames of VLAN {vlan}, the VLAN of {port}, leave through it with a tag."

_LEARN = {
    "learned": "The VTEP learns first: {mac} was received from vx0, so it is on this host (local).",
    "moved": "The VTEP learns first: {mac} was received from vx0, so it moved here from {before}.",
    "refreshed": "{mac} was received from vx0 again: its ageing timer restarts.",
    "refused": "{mac} was received from vx0, but the table is full.",
}
_HEARD = {
    "learned": "The VTEP learns: {mac} was received from {peer}, so it is behind that VTEP. The"
    " frame itself carries this information; no protocol announces containers.",
    "moved": "The VTEP learns: {mac} was behind {before} and is now behind {peer}.",
    "refreshed": "{mac} was received from {peer} again: its ageing timer restarts.",
    "refused": "{mac} was received from {peer}, but the table is full.",
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
    frame: bytes, known: Destination | None, came_by: Destination, to: Destination, options: Options
) -> tuple[str, str]:
    """Return the decision of a bridge on a frame, and the reason.

    Args:
        frame: frame that entered by the port `came_by`.
        known: port of the destination MAC; None if the bridge has not learned it.
        came_by: port where the frame entered: vx0 or that of the container.
        to: the other of these two ports.
        options: options of the walk.
    """
    obstacle = _obstacle(frame, known, came_by, to, options)
    if obstacle is not None:
        return (
            f"to {to.name}, although a bridge would drop it",
            f"{obstacle} The walk continues, to show what the VTEP does with the frame.",
        )
    if frame[0] & 1:
        return (
            f"flooded to all ports except {came_by.name}, so to {to.name}",
            "vx0 is a TAP device and a normal port of the bridge. The program vtep reads the frames"
            " that the bridge sends out of vx0, and a frame that vtep writes enters the bridge"
            " there.",
        )
    if known is None:
        return f"destination unknown: flooded to all ports except {came_by.name}", ""
    return f"to {to.name}, where the destination was learned", ""


def _obstacle(
    frame: bytes, known: Destination | None, came_by: Destination, to: Destination, options: Options
) -> str | None:
    """Return why the kernel's bridge would drop a frame; None if it would forward it."""
    if len(frame) < ethernet.HEADER_LEN:
        return f"{len(frame)} bytes are too few for an Ethernet header."
    if frame[6] & 1 or not any(frame[6:12]):
        return "Its source MAC is a group address or all zeros, which no device can have."
    # 01:80:c2:00:00:00 is for spanning tree, which Docker's bridges leave off: then it passes.
    if frame[:5] == b"\x01\x80\xc2\x00\x00" and 0 < frame[5] < 16:
        return "A bridge never forwards frames to this reserved address (IEEE 802.1Q 8.6.3)."
    # The kernel allows one tag more than the MTU, and does not count the tag it keeps apart.
    room = options.tap_mtu + ethernet.HEADER_LEN + ethernet.TAG_LEN * (1 + min(tags(frame), 1))
    if to.name == "vx0" and len(frame) > room:
        return (
            f"It is longer than the MTU of vx0, {options.tap_mtu}, allows. A bridge drops such a"
            " frame silently: it counts nothing and informs no one. (It would forward the frame"
            " if someone raised that MTU by hand.)"
        )
    if known is came_by:
        return f"Its destination is behind {came_by.name}, the port where the frame entered."
    return None


def why_out(
    outcome: Outcome, overlay: Overlay, frame: bytes, inner: bytes, *, is_clamped: bool
) -> str:
    """Return the reasons for the decision of a VTEP on a frame from its TAP."""
    said = []
    if outcome.vni is not None:
        what = "all frames from vx0" if overlay.vlan is None else f"tag {overlay.vlan} on vx0"
        said.append(f"Which overlay? The configuration maps {what} to VNI {outcome.vni}.")
    if tags(frame) > tags(inner):
        said.append(
            "The tag is removed: the VNI identifies the overlay, and the other side may use"
            " another tag."
        )
    if outcome.source is not None:
        mac = ethernet.format_mac(frame[6:12])
        said.append(_LEARN[outcome.source].format(mac=mac, before=outcome.source_before))
    to = ethernet.format_mac(frame[:6])
    match outcome.decision:
        case "unicast":
            said.append(
                f"Then it looks up {to} in the FDB: learned from {outcome.peers[0]}, so the only"
                " copy goes there."
            )
        case "broadcast" | "multicast":
            whom = "all hosts" if outcome.decision == "broadcast" else "a group of hosts"
            said.append(
                f"The frame is for {whom}, so each peer of this VNI gets a copy, as of all BUM"
                " frames (broadcast, unknown unicast, multicast). This is ingress replication; if"
                " the underlay had multicast, one copy to a group would do."
            )
        case "unknown_unicast":
            said.append(
                f"Then it looks up {to} in the FDB: no entry. The MAC may be behind any peer, so"
                " each peer gets a copy, as of all BUM frames (broadcast, unknown unicast,"
                " multicast). The answer of its owner teaches the VTEP where it is."
            )
    if is_clamped:
        said.append(clamped(overlay.mtu))
    return " ".join(said)


def clamped(mtu: int) -> str:
    """Return the reason for a changed TCP SYN."""
    return (
        f"The MSS in this SYN allows segments that do not fit the MTU of the tunnel, {mtu}. The"
        " VTEP lowers it and corrects the TCP checksum, so that TCP never sends a packet that"
        " would be dropped."
    )


def out_source(outcome: Outcome) -> str:
    """Return the document with the rule of a decision on a frame from the TAP."""
    return _OUT_SOURCES.get(outcome.decision, "") or drop_source(outcome)


def drop_source(outcome: Outcome) -> str:
    """Return the document with the rule of a drop; empty if the rule is vtep's own."""
    return next((_DROP_SOURCES.get(reason, "") for reason, _ in outcome.drops), "")


def outer_headers(options: Options, host: VirtualHost, sent: Sent) -> list[tuple[str, str, str]]:
    """Return decision, reason and source for each outer header, VXLAN first."""
    vni = vxlan.parse(sent.payload)
    first, last = SRCPORT
    if vni is None:
        header = "VXLAN header with the I flag cleared"
        why = "This sender is broken: its header says that the VNI is not valid."
    else:
        header = f"VXLAN header: VNI {vni} (0x{vni:06x})"
        why = (
            "The I flag says that the VNI is valid. The VNI has 24 bits: room for 16 million"
            " overlays on one network. All other bits are reserved: zero."
        )
    why_udp = (
        f"{host.dstport} is VXLAN's port, on which every VTEP listens."
        if host.dstport == vxlan.PORT
        else f"{host.dstport} is the default of Linux's vxlan device. It is older than port"
        f" {vxlan.PORT}, which IANA assigned; the option dstport {vxlan.PORT} is missing."
    )
    why_udp += (
        f" The source port is a hash of the inner flow, in {first}..{last} (entropy). Routers with"
        " several equal paths choose one by it, and so keep each flow in order."
    )
    if options.ipv6:
        version, length = 6, ip.IPV6_LEN
        fragments = "A VTEP must not fragment this packet, and routers do not fragment IPv6."
    else:
        version, length = 4, ip.IPV4_LEN
        fragments = (
            "A VTEP must not fragment this packet, but routers may. vtep forbids that to them, too,"
            " by DF: its own choice, because a receiver may discard fragments (Linux leaves DF"
            " unset by default). So a router that cannot forward the packet reports its MTU."
        )
    why_ip = (
        f"{length} bytes. The underlay sees two hosts that exchange UDP: no router needs to know"
        f" the containers. {fragments}"
    )
    return [
        (header, why, "RFC 7348 section 5"),
        (f"UDP, from port {sent.port} to {host.dstport}", why_udp, "RFC 7348 section 5"),
        (f"IPv{version}, from {host.ip} to {sent.peer}", why_ip, "RFC 7348 section 4.3"),
        (
            f"Ethernet, to the next hop: here {sent.peer} itself",
            "Every hop replaces this header. The MTU does not count it: an MTU is the length of"
            " the largest IP packet that a network carries.",
            "RFC 7348 section 5",
        ),
    ]


def hop(lab: VirtualLab, host: VirtualHost, outcome: Outcome, octets: int) -> tuple[str, str]:
    """Return the decision and the reason for packets of `octets`, each to one peer."""
    copies = len(outcome.datagrams)
    if copies == 1:
        packets = f"1 packet from {host.device}: an IP packet of {octets} bytes"
    else:
        packets = f"{copies} packets from {host.device}: IP packets of {octets} bytes"
    why = f"The MTU of the underlay is {lab.options.underlay_mtu}: no IP packet may be longer."
    if copies > 1:
        receivers = ", ".join(lab.by_ip[one.peer].name for one in outcome.datagrams)
        why += f" {receivers} get one each; the packets differ in the outer headers only."
    return packets, why


def kernel_refuses(
    host: VirtualHost, source: VirtualHost, packet: bytes
) -> tuple[str, str, str] | None:
    """Return name, decision and reason if the receiving kernel drops a packet, else None."""
    if source.dstport != host.vtep.port:
        return (
            "kernel_no_socket",
            f"dropped: kernel_no_socket: no socket on UDP port {source.dstport}",
            f"{host.name} listens on port {host.vtep.port}. Its kernel answers with ICMP port"
            f" unreachable, which the VTEP of {source.name} ignores. The VTEP of {host.name} never"
            " sees the datagram, so it counts nothing.",
        )
    if not checksum_is_right(packet):
        return (
            "kernel_checksum",
            "dropped: kernel_checksum: wrong outer UDP checksum",
            "A bit that changes on a cable does not get this far: there the network card checks"
            " the frame check sequence of Ethernet (FCS), discards the frame and counts"
            " rx_crc_errors. But every router makes a new FCS, so it does not reveal damage in the"
            " memory of a router or network card. The UDP checksum does: it covers the whole"
            " datagram. (0 means that the sender computed none, and is accepted.) The VTEP never"
            " sees the datagram, so it counts nothing.",
        )
    return None


def kernel_takes(host: VirtualHost) -> tuple[str, str]:
    """Return the decision of the receiving kernel on a packet that it accepts, and the reason."""
    return (
        f"for {host.ip}, UDP port {host.vtep.port}: to the socket of vtep",
        "The kernel verifies the UDP checksum and removes the Ethernet, IP and UDP headers. The"
        " VTEP gets the datagram and the IP address of its sender.",
    )


def why_in(outcome: Outcome, host: VirtualHost, sent: Sent) -> str:
    """Return the reasons for the decision of a VTEP on a datagram."""
    vni, peer = vxlan.parse(sent.payload), outcome.peers[0]
    if outcome.frames:
        said = [f"The I flag is set, VNI {vni} is the overlay on vx0, and {peer} is its peer."]
        if outcome.source is not None:
            mac = ethernet.format_mac(sent.payload[vxlan.HEADER_LEN :][6:12])
            before = outcome.source_before
            said.append(_HEARD[outcome.source].format(mac=mac, peer=peer, before=before))
        if host.overlay.vlan is not None:
            said.append(f"vx0 is a trunk: the frame gets tag {host.overlay.vlan}.")
        said.append(
            "A VTEP never sends a frame from the underlay back to the underlay, so there are no"
            " loops (split horizon)."
        )
        return " ".join(said)
    match next((reason for reason, _ in outcome.drops), None):
        case Drop.UNKNOWN_VNI:
            return (
                f"{host.name} has VNI {host.overlay.vni}, not {vni}. Each VNI is a network of its"
                " own, with its own table: no frame of one ever reaches another."
            )
        case Drop.UNKNOWN_PEER:
            peers = ", ".join(host.overlay.peers)
            return (
                f"VXLAN has no protection: any host that can send a packet to {host.ip} could"
                f" reach the containers. So vtep accepts datagrams from peers only, and the peers"
                f" of {host.name} are: {peers}."
            )
        case Drop.BAD_FLAGS:
            return "The I flag must be 1. The other seven flags are reserved and ignored."
        case _:
            return ""


def elsewhere(host: VirtualHost, outcome: Outcome) -> str:
    """Return a sentence about a copy that is not followed."""
    if not outcome.frames:
        reason = decision(outcome).removeprefix("dropped: ")
        return f"{host.name} ({host.ip}) gets its copy and drops it: {reason}."
    learned = ""
    if outcome.source in ("learned", "moved"):
        learned = f" It also learns that the sender is behind {outcome.peers[0]}."
    return (
        f"{host.name} ({host.ip}) gets its copy and passes it to its bridge, where no container"
        f" answers.{learned}"
    )


def arrival(
    sent: bytes, received: bytes, container: VirtualContainer | None, after: str
) -> tuple[str, str]:
    """Return what a container receives, compared with the frame sent, and its reaction."""
    if sent == received:
        result = f"receives the same {len(received)} bytes that were sent"
    elif len(sent) == len(received):
        differ = sum(a != b for a, b in zip(sent, received, strict=True))
        result = f"receives {len(received)} bytes, of which {differ} changed on the way"
    else:
        result = f"receives {len(received)} bytes; {len(sent)} were sent"
    mac = received[:6]
    if container is not None and not mac[0] & 1 and mac != container.mac:
        after = f"The frame is not for {container.name}: its network card ignores it."
    return result, after
