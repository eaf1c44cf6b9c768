"""What there is to learn from a walk: its title, how one would see a fault, and the recap."""

from collections.abc import Sequence

from vtep.dataplane import report
from vtep.walk.frames import C1, C2
from vtep.walk.model import Lesson, Look, Station, Walk
from vtep.walk.options import Options
from vtep.walk.virtual_lab import LINUX_PORT, Host, Lan
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
    "vni": "the two hosts were given different VNIs",
    "flag": "the sender's VTEP is broken and clears the I flag",
    "port": f"h1 sends to UDP port {LINUX_PORT}, as Linux's vxlan does by itself",
    "checksum": "one bit of the packet flips on the underlay",
    "peer": "h2 was not told that h1 is a peer",
}
_SENT = {
    "icmp": "A ping from c1 to c2",
    "tcp": "A TCP connection from c1 to c2",
    "udp": "A UDP datagram from c1 to c2",
    "arp": "c1 asks for the MAC address of c2",
}


def title(options: Options) -> str:
    """Return the headline."""
    if options.frame is not None:
        sent = "A frame of your own from c1"
    else:
        sent = "A ping from c1 to c2" if options.what_if == "mtu" else _SENT[options.inner]
    if options.what_if is not None:
        return f"{sent}, and what if {_FAULTS[options.what_if]}?"
    return f"{sent}, and what VXLAN does to it"


def picture(options: Options, lan: Lan) -> str:
    """Draw the hosts; of the containers only the addresses that are used."""
    return _PICTURE.format(
        c1=C1.address(options.inner_ipv6),
        c2=C2.address(options.inner_ipv6),
        u1=f"{lan.h1.device} {lan.h1.ip}",
        u2=f"{lan.h2.ip} {lan.h2.device}",
    )


def containers(options: Options) -> tuple[str, str]:
    """Return name and address of each container."""
    c1, c2 = (f"{one.name} {one.address(options.inner_ipv6)}" for one in (C1, C2))
    return c1, c2


def summary(options: Options) -> str:
    """Say what is to be seen, in a paragraph."""
    return (
        "Two containers think that they are on one Ethernet, yet their hosts have only an IP"
        " network between them (the underlay). On each host a VTEP, VXLAN tunnel endpoint, puts"
        " whole Ethernet frames into UDP datagrams, and takes them out again (the overlay). It has"
        " been told of the others, its peers (h3 is a third), and a number, the VNI, says which"
        " overlay a frame is of. Behind which peer a MAC address lives nobody tells it: that it"
        " learns, into a table, the FDB (forwarding database). Below is what the code of vtep did,"
        " step by step."
    )


def looks(options: Options, lan: Lan) -> tuple[Look, ...]:
    """Say how one would see what went wrong."""
    if options.what_if is None:
        return ()
    h1, h2, vni = lan.h1, lan.h2, options.vni
    if options.what_if == "mtu":
        return _mtu_looks(options, h1)
    display = {
        "vni": f"vxlan.vni == {vni}",
        "flag": "vxlan.flag_i == 0",
        "port": f"udp.dstport == {h1.dstport}",
        "checksum": "udp.checksum.status == 0",
        "peer": f"ip{'v6' if options.ipv6 else ''}.src == {h1.ip} && vxlan",
    }[options.what_if]
    shown = "shows it: the packet does arrive"
    more = {
        "checksum": "-o udp.check_checksum:TRUE ",
        "port": f"-d udp.port=={h1.dstport},vxlan ",
    }.get(options.what_if, "")
    found = [Look("h2", f"tshark -i {h2.device} {more}-Y '{display}'", shown), _counters(h2)]
    kernel = {"port": "UdpNoPorts", "checksum": "UdpInCsumErrors"}.get(options.what_if)
    if kernel is not None:
        name = kernel.replace("Udp", "Udp6") if options.ipv6 else kernel
        found.append(Look("h2", f"nstat -az {name}", "counts it: the kernel dropped it"))
    found.append(_counters(h1))
    return tuple(found)


def _mtu_looks(options: Options, host: Host) -> tuple[Look, ...]:
    size = options.tap_mtu - _ip_len(options.inner_ipv6) - 8
    ping = f"ping -M do -c 1 -s {size + 1} {C2.address(options.inner_ipv6)}"
    on_tap = f"tshark -i vx0 -f 'greater {options.tap_mtu + ethernet.HEADER_LEN + 1}'"
    icmp = "icmpv6" if options.inner_ipv6 else "icmp"
    on_underlay = f"tshark -i {host.device} -Y 'vxlan && {icmp}'"
    return (
        Look("c1", ping, f"gets no answer; with -s {size} it does"),
        _counters(host),
        Look(
            host.name,
            on_tap,
            "shows it: a bridge lets 4 octets more than the MTU pass, room for a tag",
        ),
        Look(host.name, on_underlay, "shows nothing: it never left"),
        Look("", "TCP does not suffer", "vtep lowers the MSS of each SYN to what fits"),
    )


def _counters(host: Host) -> Look:
    """Return what `vtep show -s` counts on a host, from its real counters."""
    tree = report.counters(host.vtep)
    overlay = tree["overlays"][str(host.overlay.vni)]
    places = (tree["underlay"], tree["taps"][host.port.name], overlay)
    drops = [f"{name} {count}" for place in places for name, count in place["drops"].items()]
    said = f"counts {overlay['tx_frames']} frames sent, {overlay['rx_frames']} received; "
    said += f"drops: {', '.join(drops)}" if drops else "no drops"
    refused = overlay["last_refused"]
    return Look(host.name, "vtep show -s", f"{said}; last refused: {refused}" if refused else said)


def recap(options: Options, lan: Lan, walks: Sequence[Walk]) -> tuple[Lesson, ...]:
    """Return what is to be remembered, told from what happened."""
    crossed = next((walk for walk in walks if walk.headers), None)
    if options.what_if is not None or crossed is None:
        return ()
    return (_bytes(options, crossed), _vni(options), _where(options, lan, walks))


def _bytes(options: Options, walk: Walk) -> Lesson:
    outer_ethernet, *parts = _put_on(walk.stations)
    sizes = [size for _, size in parts] + [outer_ethernet[1]]
    total, overhead = sum(sizes), options.overhead
    named = " + ".join(f"{size} {name}" for name, size in (*parts, ("Ethernet", sizes[-1])))
    return Lesson(
        f"What are the {total} bytes?",
        f"{named} = {total}: that much longer is the frame on the underlay than in the container."
        f" An MTU counts IP packets, and has the same sum: the outer IP packet holds IP, UDP, VXLAN"
        f" and the inner frame's {ethernet.HEADER_LEN} octets of Ethernet. So where the underlay"
        f" takes {options.underlay_mtu}, the containers' packets may have"
        f" {options.underlay_mtu} - {overhead} = {options.underlay_mtu - overhead}.",
    )


def _put_on(stations: Sequence[Station]) -> list[tuple[str, int]]:
    """Return name and size of the outer headers, outermost first."""
    on = [
        (piece.name.removeprefix("outer "), piece.size)
        for station in stations
        for piece in station.pieces
        if piece.sign == "+" and (piece.key == "vxlan" or piece.key.startswith("outer_"))
    ]
    return on[::-1]


def _vni(options: Options) -> Lesson:
    return Lesson(
        "What is the VNI?",
        f"{options.vni} here: the number of the overlay, 24 bits in the VXLAN header. The sender"
        " takes it from its configuration (which TAP"
        + (", and which VLAN on it" if options.vlan is not None else "")
        + "), the receiver gives the frame to the TAP with that number and to no other. Each VNI"
        f" has a table of its own, so up to {vxlan.MAX_VNI + 1:,} networks share one underlay and"
        " never meet.",
    )


def _where(options: Options, lan: Lan, walks: Sequence[Walk]) -> Lesson:
    answers = [walk for walk in walks if walk.stations[0].host == C2.name]
    mac1, mac2 = (ethernet.format_mac(one.mac) for one in (C1, C2))
    sent = walks[0].stations[2].decision
    if not answers:
        text = (
            f"It did not: {sent}. Each VTEP that got a copy noted the frame's source MAC and the"
            f" outer source address, {lan.h1.ip}. So an answer would come straight back, and teach"
            f" {lan.h1.name} in the same way."
        )
    else:
        text = (
            f"At first it did not: {sent}. From that copy {lan.h2.name} learned that {mac1} is"
            f" behind {lan.h1.ip}, the outer source address; from the answer {lan.h1.name} learned"
            f" that {mac2} is behind {lan.h2.ip}. Since then each frame goes to that one VTEP. An"
            f" entry that is not heard again for {lan.h1.overlay.fdb.ageing:.0f} seconds is"
            " forgotten."
        )
    return Lesson("How did the sender know where the container lives?", text)


def _ip_len(is_ipv6: bool) -> int:
    return ip.IPV6_LEN if is_ipv6 else ip.IPV4_LEN
