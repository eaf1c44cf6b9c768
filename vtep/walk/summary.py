"""Headline and introduction of a walk, how to see its fault on real hosts, and the recap."""

from collections.abc import Sequence

from vtep.dataplane import report
from vtep.walk.frames import C1, C2
from vtep.walk.model import Hint, Lesson, Station, Walk
from vtep.walk.options import Options
from vtep.walk.virtual_lab import LINUX_PORT, VirtualHost, VirtualLab
from vtep.wire import ethernet, ip, vxlan

_PICTURE = """\
   c1 {c1:<48}c2 {c2}
   eth0 |                                             eth0 |
   +----+-------------- h1 --------------+   +-------------+--- h2 --------------+
   |  br0 --- vx0 (TAP) === vtep === UDP |---| UDP === vtep === (TAP) vx0 --- br0|
   |{u1:>35}  |   |  {u2:<35}|
   +-------------------------------------+   +-----------------------------------+"""

_FAULTS = {
    "mtu": "its packet is as long as the underlay's MTU",
    "vni": "the two hosts have different VNIs",
    "flag": "the sender's VTEP is broken and clears the I flag",
    "port": f"h1 sends to UDP port {LINUX_PORT}, the default of Linux's vxlan device",
    "checksum": "one bit of the packet to h2 changes inside a router",
    "peer": "h1 is not a peer of h2",
}
_SENT = {
    "icmp": "A ping from c1 to c2",
    "tcp": "A TCP connection from c1 to c2",
    "udp": "A UDP datagram from c1 to c2",
    "arp": "c1 asks for the MAC address of c2",
}


def headline(options: Options) -> str:
    """Return the headline."""
    if options.frame is not None:
        sent = "Your frame from c1"
    else:
        sent = "A ping from c1 to c2" if options.what_if == "mtu" else _SENT[options.inner]
    if options.what_if is not None:
        return f"{sent}: what if {_FAULTS[options.what_if]}?"
    return f"{sent}, and what VXLAN does to it"


def picture(options: Options, lab: VirtualLab) -> str:
    """Draw the hosts, with the addresses that the walk uses."""
    return _PICTURE.format(
        c1=C1.address(options.inner_ipv6),
        c2=C2.address(options.inner_ipv6),
        u1=f"{lab.h1.device} {lab.h1.ip}",
        u2=f"{lab.h2.ip} {lab.h2.device}",
    )


def containers(options: Options) -> tuple[str, str]:
    """Return name and address of each container."""
    c1, c2 = (f"{one.name} {one.address(options.inner_ipv6)}" for one in (C1, C2))
    return c1, c2


def introduction() -> str:
    """Return a paragraph with the terms that the stations use."""
    return (
        "To the two containers, everything is one Ethernet (the overlay). In fact their hosts have"
        " only an IP network between them (the underlay). On each host a VTEP, VXLAN tunnel"
        " endpoint, puts whole Ethernet frames into UDP datagrams, and takes them out again. Its"
        " configuration holds the addresses of the other VTEPs, its peers (h3 is a third host),"
        " and a number that identifies the overlay, the VNI. The configuration does not say behind"
        " which peer a MAC address is. The VTEP learns that from frames and keeps it in a table,"
        " the FDB (forwarding database). The code that forwards in vtep took the steps below."
    )


def hints(options: Options, lab: VirtualLab) -> tuple[Hint, ...]:
    """Return how to see the fault on real hosts."""
    if options.what_if is None:
        return ()
    h1, h2, vni = lab.h1, lab.h2, options.vni
    if options.what_if == "mtu":
        return _mtu_hints(options, h1)
    display = {
        "vni": f"vxlan.vni == {vni}",
        "flag": "vxlan.flag_i == 0",
        "port": f"udp.dstport == {h1.dstport}",
        "checksum": "udp.checksum.status == 0",
        "peer": f"ip{'v6' if options.ipv6 else ''}.src == {h1.ip} && vxlan",
    }[options.what_if]
    more = {
        "checksum": "-o udp.check_checksum:TRUE ",
        "port": f"-d udp.port=={h1.dstport},vxlan ",
    }.get(options.what_if, "")
    tshark = f"tshark -i {h2.device} {more}-Y '{display}'"
    found = [Hint("h2", tshark, "shows the packet: it does arrive"), _counters(h2)]
    kernel = {"port": "UdpNoPorts", "checksum": "UdpInCsumErrors"}.get(options.what_if)
    if kernel is not None:
        name = kernel.replace("Udp", "Udp6") if options.ipv6 else kernel
        found.append(Hint("h2", f"nstat -az {name}", "counts the packet: the kernel dropped it"))
    if options.what_if == "checksum":
        errors = f"ip -s -s link show {h2.device}"
        found.append(Hint("h2", errors, "counts no crc error: on the cable the frame was intact"))
    found.append(_counters(h1))
    return tuple(found)


def _mtu_hints(options: Options, host: VirtualHost) -> tuple[Hint, ...]:
    size = options.tap_mtu - _ip_len(options.inner_ipv6) - 8
    ping = f"ping -M do -c 1 -s {size + 1} {C2.address(options.inner_ipv6)}"
    on_tap = f"tshark -i vx0 -f 'greater {options.tap_mtu + ethernet.HEADER_LEN + 1}'"
    icmp = "icmpv6" if options.inner_ipv6 else "icmp"
    on_underlay = f"tshark -i {host.device} -Y 'vxlan && {icmp}'"
    return (
        Hint("c1", ping, f"gets no reply; with -s {size} it does"),
        _counters(host),
        Hint(
            host.name,
            on_tap,
            "shows the frame: a bridge allows 4 bytes more than the MTU, for a VLAN tag",
        ),
        Hint(host.name, on_underlay, "shows nothing: the frame never left the host"),
        Hint("", "TCP is not affected", "vtep lowers the MSS of every SYN, so segments fit"),
    )


def _counters(host: VirtualHost) -> Hint:
    """Return the output of `vtep show -s` on a host, from its counters."""
    tree = report.counters(host.vtep)
    overlay = tree["overlays"][str(host.overlay.vni)]
    places = (tree["underlay"], tree["taps"][host.port.name], overlay)
    drops = [f"{name} {count}" for place in places for name, count in place["drops"].items()]
    says = f"counts {overlay['tx_frames']} frames sent, {overlay['rx_frames']} received; "
    says += f"drops: {', '.join(drops)}" if drops else "no drops"
    refused = overlay["last_refused"]
    return Hint(host.name, "vtep show -s", f"{says}; last refused: {refused}" if refused else says)


def recap(options: Options, lab: VirtualLab, walks: Sequence[Walk]) -> tuple[Lesson, ...]:
    """Return questions and answers to remember, taken from the walks."""
    crossed = next((walk for walk in walks if walk.headers), None)
    if options.what_if is not None or crossed is None:
        return ()
    return (_bytes(options, crossed), _vni(options), _where(lab, walks))


def _bytes(options: Options, walk: Walk) -> Lesson:
    outer_ethernet, *parts = _put_on(walk.stations)
    sizes = [size for _, size in parts] + [outer_ethernet[1]]
    total, overhead = sum(sizes), options.overhead
    named = " + ".join(f"{size} {name}" for name, size in (*parts, ("Ethernet", sizes[-1])))
    return Lesson(
        f"What are the {total} bytes?",
        f"{named} = {total}: the frame is {total} bytes longer on the underlay than in the"
        " container. The MTU has the same sum, although it counts IP packets only: the outer IP"
        f" packet holds IP, UDP, VXLAN, and the {ethernet.HEADER_LEN} bytes of the inner Ethernet"
        f" header. So if the MTU of the underlay is {options.underlay_mtu}, that of the containers"
        f" can be {options.underlay_mtu} - {overhead} = {options.underlay_mtu - overhead}.",
    )


def _put_on(stations: Sequence[Station]) -> list[tuple[str, int]]:
    """Return name and size of the outer headers, outermost first."""
    added = [
        (piece.name.removeprefix("outer "), piece.size)
        for station in stations
        for piece in station.pieces
        if piece.sign == "+" and (piece.key == "vxlan" or piece.key.startswith("outer_"))
    ]
    return added[::-1]


def _vni(options: Options) -> Lesson:
    return Lesson(
        "What is the VNI?",
        f"The number of the overlay, here {options.vni}: 24 bits in the VXLAN header. The sender"
        " takes it from its configuration, which maps a TAP"
        + (" and a VLAN on it" if options.vlan is not None else "")
        + " to a VNI. The receiver passes the frame to the TAP with that VNI and to no other. Each"
        f" VNI has a table of its own, so up to {vxlan.MAX_VNI + 1:,} separate networks can share"
        " one underlay.",
    )


def _where(lab: VirtualLab, walks: Sequence[Walk]) -> Lesson:
    answers = [walk for walk in walks if walk.stations[0].host == C2.name]
    mac1, mac2 = (ethernet.format_mac(one.mac) for one in (C1, C2))
    sent = walks[0].stations[2].decision
    if not answers:
        text = (
            f"It did not know ({sent}). Each VTEP that received a copy learned the source MAC of"
            f" the frame and the outer source address, {lab.h1.ip}. So an answer would go straight"
            f" back, and would teach {lab.h1.name} in the same way."
        )
    else:
        text = (
            f"At first it did not ({sent}). From that copy {lab.h2.name} learned that {mac1} is"
            f" behind {lab.h1.ip}, the outer source address. From the answer {lab.h1.name} learned"
            f" that {mac2} is behind {lab.h2.ip}. Since then each frame goes to that VTEP only. An"
            " entry expires if no frame from its MAC is received for"
            f" {lab.h1.overlay.fdb.ageing:.0f} seconds."
        )
    return Lesson("How did the sender know where the container is?", text)


def _ip_len(is_ipv6: bool) -> int:
    return ip.IPV6_LEN if is_ipv6 else ip.IPV4_LEN
