"""From Options to a Result: the lab in memory is set up, frames go through it, and all is told.

Nothing is read but the options, no clock and no file: the same options have the same result.
"""

import dataclasses
from collections.abc import Iterator
from typing import Any

from vtep.dataplane import report
from vtep.walk import frames
from vtep.walk import summary as lessons
from vtep.walk.follow import Fault, Step, follow
from vtep.walk.frames import C1, C2
from vtep.walk.model import Result, Walk
from vtep.walk.options import Options
from vtep.walk.virtual_lab import Lan
from vtep.wire import ip, vxlan

LATER = 3.0
"""Seconds between the question for the MAC and the first IP packet, so that an age can be seen."""

CONTAINER_MTU = 1500
"""Docker's default."""

_NAMES = {
    "icmp": ("echo request (ping)", "echo reply"),
    "tcp": ("TCP SYN", "TCP SYN/ACK"),
    "udp": ("UDP datagram", "UDP answer"),
}


def run(options: Options) -> Result:
    """Let the frames walk, and return all of it; never raises for what is in a frame."""
    lan = Lan(options)
    fault = _FAULTS.get(options.what_if or "", Fault())
    walks: list[Walk] = []
    for step in _steps(options):
        walk = follow(lan, len(walks) + 1, step, fault)
        walks.append(walk)
        if not walk.arrived:
            break
    now = walks[-1].time
    return Result(
        title=lessons.title(options),
        summary=lessons.summary(options),
        picture=lessons.picture(options, lan),
        containers=lessons.containers(options),
        options=_plain(options),
        walks=tuple(walks),
        counters={host.name: report.counters(host.vtep) for host in lan.hosts},
        fdb={host.name: report.fdb(host.vtep, now) for host in lan.hosts},
        looks=lessons.looks(options, lan),
        recap=lessons.recap(options, lan, walks),
    )


def _steps(options: Options) -> Iterator[Step]:
    if options.frame is not None:
        title = f"A frame of your own, {len(options.frame)} octets"
        yield Step("frame", title, 0.0, 0, options.frame, "c1 sends it as it is.")
        return
    yield from _resolution(options)
    if options.what_if == "mtu":
        yield _too_long(options)
    elif options.inner != "arp":
        yield from _conversation(options)


def _resolution(options: Options) -> Iterator[Step]:
    """Yield the question for the MAC of c2, and its answer."""
    is_ipv6, is_short = options.inner_ipv6, options.what_if == "mtu"
    address = C2.address(is_ipv6)
    if is_ipv6:
        names = "neighbor_solicitation", "neighbor_advertisement"
        question, answer = frames.solicitation(C1, C2), frames.advertisement(C2, C1)
        titles = "Neighbor solicitation", "Neighbor advertisement"
        whom = "a multicast group that few listen to"
    else:
        names = "arp_request", "arp_reply"
        question, answer = frames.arp(1, C1, C2), frames.arp(2, C2, C1)
        titles = "ARP request", "ARP reply"
        whom = "everybody"
    yield Step(
        names[0],
        f"{titles[0]}: c1 asks who has {address}",
        0.0,
        0,
        question,
        f"c1 knows the IP address of c2, but Ethernet needs a MAC address: it asks {whom}."
        " To c1, c2 is on the same Ethernet; it knows nothing of any tunnel.",
        is_short,
        "c2 is asked for, and answers.",
    )
    yield Step(
        names[1],
        f"{titles[1]}: c2 answers c1",
        0.0,
        1,
        answer,
        "c2 tells its MAC address, to the one who asked alone.",
        is_short,
        "Now c1 knows the MAC address of c2.",
    )


def _conversation(options: Options) -> Iterator[Step]:
    """Yield the first IP packet, and its answer."""
    is_ipv6 = options.inner_ipv6
    kind = "icmpv6" if options.inner == "icmp" and is_ipv6 else options.inner
    request, reply = _NAMES[options.inner]
    for is_reply in (False, True):
        sender, target = (C2, C1) if is_reply else (C1, C2)
        if options.inner == "tcp":
            frame = frames.syn(sender, target, CONTAINER_MTU, is_ipv6=is_ipv6, is_reply=is_reply)
        elif options.inner == "udp":
            frame = frames.datagram(sender, target, is_ipv6=is_ipv6, is_reply=is_reply)
        else:
            frame = frames.echo(sender, target, is_ipv6=is_ipv6, is_reply=is_reply)
        if is_reply:
            title, says = f"The answer: {reply}, c2 to c1", "c2 answers."
            after = "c1 has its answer; neither saw anything of the tunnel."
        else:
            title = f"The first IP packet, {LATER:.0f} seconds later: {request}, c1 to c2"
            says = "c1 knows both addresses now: an IP packet, in an Ethernet frame to c2's MAC."
            after = "c2 answers."
        key = f"{kind}_{'reply' if is_reply else 'request'}"
        yield Step(key, title, LATER, int(is_reply), frame, says, is_reply, after)


def _too_long(options: Options) -> Step:
    """Return a ping as long as the MTU that containers have where nobody said otherwise."""
    octets = max(options.underlay_mtu, ip.IPV6_LEN)
    frame = frames.echo_of(octets, C1, C2, is_ipv6=options.inner_ipv6)
    return Step(
        "icmpv6_request" if options.inner_ipv6 else "icmp_request",
        f"A ping that fills the underlay's MTU: an IP packet of {octets} octets, c1 to c2",
        LATER,
        0,
        frame,
        f"c1 thinks its network takes IP packets of {octets} octets, as the hosts' own does.",
    )


def _clear_i_flag(datagram: bytearray) -> None:
    datagram[0] ^= vxlan.pack(0)[0]


def _flip_last_bit(packet: bytearray) -> None:
    packet[-1] ^= 1


_FAULTS = {"flag": Fault(datagram=_clear_i_flag), "checksum": Fault(packet=_flip_last_bit)}


def _plain(options: Options) -> dict[str, Any]:
    """Return the options ready for JSON, with what follows from them."""
    plain = dataclasses.asdict(options)
    plain["frame"] = None if options.frame is None else options.frame.hex()
    return plain | {"mtu": options.tap_mtu}
