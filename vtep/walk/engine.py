"""Turn Options into a Result: set up the lab in memory and send frames through it.

The options are the only input, so the same options have the same result.
"""

import dataclasses
from collections.abc import Iterator
from typing import Any

from vtep.dataplane import report
from vtep.walk import frames, summary
from vtep.walk.follow import Fault, PlannedFrame, follow
from vtep.walk.frames import C1, C2
from vtep.walk.model import Result, Walk
from vtep.walk.options import Options
from vtep.walk.virtual_lab import VirtualLab
from vtep.wire import ip, vxlan

LATER = 3.0
"""Seconds between the ARP request and the first IP packet, so that the FDB shows an age."""

DOCKER_MTU = 1500
"""Default MTU of Docker's containers."""

_NAMES = {
    "icmp": ("echo request (ping)", "echo reply"),
    "tcp": ("TCP SYN", "TCP SYN/ACK"),
    "udp": ("UDP datagram", "UDP reply"),
}


def run(options: Options) -> Result:
    """Run the walks that the options ask for; never raises for the content of a frame."""
    lab = VirtualLab(options)
    fault = _FAULTS.get(options.what_if or "", Fault())
    walks: list[Walk] = []
    for planned in _plan(options):
        walk = follow(lab, len(walks) + 1, planned, fault)
        walks.append(walk)
        if not walk.arrived:
            break
    now = walks[-1].time
    return Result(
        title=summary.headline(options),
        summary=summary.introduction(),
        picture=summary.picture(options, lab),
        containers=summary.containers(options),
        options=_plain(options),
        walks=tuple(walks),
        counters={host.name: report.counters(host.vtep) for host in lab.hosts},
        fdb={host.name: report.fdb(host.vtep, now) for host in lab.hosts},
        hints=summary.hints(options, lab),
        recap=summary.recap(options, lab, walks),
    )


def _plan(options: Options) -> Iterator[PlannedFrame]:
    if options.frame is not None:
        title = f"Your frame, {len(options.frame)} bytes"
        yield PlannedFrame("frame", title, 0.0, 0, options.frame, "c1 sends it unchanged.")
        return
    yield from _resolution(options)
    if options.what_if == "mtu":
        yield _too_long(options)
    elif options.inner != "arp":
        yield from _conversation(options)


def _resolution(options: Options) -> Iterator[PlannedFrame]:
    """Yield the request for the MAC of c2, and the reply."""
    is_ipv6, is_short = options.inner_ipv6, options.what_if == "mtu"
    address = C2.address(is_ipv6)
    if is_ipv6:
        names = "neighbor_solicitation", "neighbor_advertisement"
        request, reply = frames.solicitation(C1, C2), frames.advertisement(C2, C1)
        titles = "Neighbor solicitation", "Neighbor advertisement"
        whom = "the multicast group of hosts whose address ends like that of c2"
    else:
        names = "arp_request", "arp_reply"
        request, reply = frames.arp(1, C1, C2), frames.arp(2, C2, C1)
        titles = "ARP request", "ARP reply"
        whom = "all hosts"
    yield PlannedFrame(
        names[0],
        f"{titles[0]}: c1 asks who has {address}",
        0.0,
        0,
        request,
        f"c1 knows the IP address of c2, but a frame needs its MAC address. So c1 asks {whom}."
        " To c1, c2 is on the same Ethernet; it knows nothing about a tunnel.",
        is_short,
        "c2 recognises its IP address and answers.",
    )
    yield PlannedFrame(
        names[1],
        f"{titles[1]}: c2 answers c1",
        0.0,
        1,
        reply,
        "c2 sends its MAC address to c1 only.",
        is_short,
        "Now c1 knows the MAC address of c2.",
    )


def _conversation(options: Options) -> Iterator[PlannedFrame]:
    """Yield the first IP packet, and the reply."""
    is_ipv6 = options.inner_ipv6
    kind = "icmpv6" if options.inner == "icmp" and is_ipv6 else options.inner
    request, reply = _NAMES[options.inner]
    for is_reply in (False, True):
        sender, target = (C2, C1) if is_reply else (C1, C2)
        if options.inner == "tcp":
            frame = frames.syn(sender, target, DOCKER_MTU, is_ipv6=is_ipv6, is_reply=is_reply)
        elif options.inner == "udp":
            frame = frames.datagram(sender, target, is_ipv6=is_ipv6, is_reply=is_reply)
        else:
            frame = frames.echo(sender, target, is_ipv6=is_ipv6, is_reply=is_reply)
        if is_reply:
            title, says = f"The answer: {reply}, c2 to c1", "c2 answers."
            after = "c1 has its answer. Neither container noticed the tunnel."
        else:
            title = f"The first IP packet, {LATER:.0f} seconds later: {request}, c1 to c2"
            says = "c1 knows both addresses now: it sends an IP packet in a frame to the MAC of c2."
            after = "c2 answers."
        key = f"{kind}_{'reply' if is_reply else 'request'}"
        yield PlannedFrame(key, title, LATER, int(is_reply), frame, says, is_reply, after)


def _too_long(options: Options) -> PlannedFrame:
    """Return a ping in an IP packet as long as the MTU of the underlay."""
    octets = max(options.underlay_mtu, ip.IPV6_LEN)
    frame = frames.echo_of(octets, C1, C2, is_ipv6=options.inner_ipv6)
    return PlannedFrame(
        "icmpv6_request" if options.inner_ipv6 else "icmp_request",
        f"A ping as long as the underlay's MTU: an IP packet of {octets} bytes, c1 to c2",
        LATER,
        0,
        frame,
        f"c1 assumes that its network carries IP packets of {octets} bytes, as the underlay does.",
    )


def _clear_i_flag(datagram: bytearray) -> None:
    datagram[0] ^= vxlan.pack(0)[0]


def _flip_last_bit(packet: bytearray) -> None:
    packet[-1] ^= 1


_FAULTS = {"flag": Fault(datagram=_clear_i_flag), "checksum": Fault(packet=_flip_last_bit)}


def _plain(options: Options) -> dict[str, Any]:
    """Return the options ready for JSON, with the resulting MTU."""
    plain = dataclasses.asdict(options)
    plain["frame"] = None if options.frame is None else options.frame.hex()
    return plain | {"mtu": options.tap_mtu}
