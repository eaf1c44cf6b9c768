"""The exercises of docs/learn: questions, and the functions that compute the answers.

No answer is written here: each comes from a walk, a table or a packer.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from vtep.errors import UsageError
from vtep.walk import frames
from vtep.walk.course.answers import read_address, read_name, read_number, read_octets
from vtep.walk.engine import run
from vtep.walk.frames import C1, C2
from vtep.walk.model import Result, Station, Walk
from vtep.walk.options import Options
from vtep.walk.virtual_lab import LINUX_PORT
from vtep.wire import ethernet, vxlan

LESSONS = {
    1: "Underlay and overlay",
    2: "The header bit by bit",
    3: "Learning and flooding",
    4: "Isolation by VNI",
    5: "VLAN and VNI",
    6: "MTU, and why 50",
    7: "Ingress replication, and what multicast would do",
    8: "From the tutorial's Docker hosts to the kernel and back",
}
_PUZZLE = bytes.fromhex("0800000000303900")
_MAX_ANSWER = 100


class Exercise(NamedTuple):
    """One question.

    Attributes:
        question: the question, as in the lesson.
        hint: hint after a wrong answer.
        read: returns the value of an answer, or None if it has none.
        right: returns the value of the right answer.
    """

    question: str
    hint: str
    read: Callable[[str], object]
    right: Callable[[], object]


def check_answers(answers: Sequence[str]) -> int:
    """Check answers such as 1.1=50 and return the exit code; without answers list the questions.

    Raises:
        UsageError: an exercise is unknown, or an answer is missing.
    """
    if not answers:
        print("\n".join(_listed()))
        return 0
    parsed: list[tuple[str, Exercise, str]] = []
    for word in answers:
        number, equals, answer = word.partition("=")
        exercise = EXERCISES.get(number.strip())
        if exercise is None:
            raise UsageError(f"exercise {number!r}: unknown; list all with vtep walk --check")
        if not equals or not answer.strip():
            raise UsageError(f"exercise {number}: no answer; write {number}=ANSWER")
        parsed.append((number.strip(), exercise, answer))
    wrong = 0
    for number, exercise, answer in parsed:
        if is_right(number, answer):
            print(f"{number} right")
        else:
            wrong += 1
            print(f"{number} wrong: {exercise.hint}")
    return 1 if wrong else 0


def is_right(number: str, answer: str) -> bool:
    """Return whether the answer to an exercise is right, in any spelling."""
    exercise = EXERCISES[number]
    value = exercise.read(answer) if len(answer) <= _MAX_ANSWER else None
    return value is not None and value == exercise.right()


def _listed() -> Iterator[str]:
    for lesson, title in LESSONS.items():
        yield f"{lesson}. {title}"
        for number, exercise in EXERCISES.items():
            if number.startswith(f"{lesson}."):
                yield f"   {number} {exercise.question}"


# -- answers, from the engine


def _walk(key: str, **options: Any) -> Walk:
    return next(walk for walk in run(Options(**options)).walks if walk.key == key)


def _at(walk: Walk, host: str, place: str) -> Station:
    return next(one for one in walk.stations if (one.host, one.place) == (host, place))


def _field(walk: Walk, header: str, key: str) -> str:
    """Return a field of the packet on the underlay as text."""
    found = next(one for one in walk.headers if one.key == header)
    return next(field.text for field in found.fields if field.key == key)


def _overhead(**options: Any) -> int:
    walk = _walk("arp_request", inner="arp", **options)
    return _at(walk, "underlay", "wire").size - walk.stations[0].size


def _copies(key: str) -> int:
    walk = _walk(key)
    return 1 + len(walk.others)


def _drop(**options: Any) -> str | None:
    return run(Options(**options)).walks[-1].stations[-1].drop


def _drops(result: Result, host: str) -> int:
    counters = result.counters[host]
    places = [counters["underlay"], *counters["taps"].values(), *counters["overlays"].values()]
    return sum(sum(place["drops"].values()) for place in places)


def _header(vni: int) -> bytes:
    pieces = _at(_walk("arp_request", inner="arp", vni=vni), "h1", "vxlan").pieces
    return next(piece.octets for piece in pieces if piece.key == "vxlan")


def _other_tag() -> bytes:
    frame = frames.arp(1, C1, C2)
    at = ethernet.MACS_LEN
    return frame[:at] + ethernet.pack_tag(20) + frame[at:]


def _mss() -> int:
    arrived = _walk("tcp_request", inner="tcp").stations[-1]
    segment = next(piece.octets for piece in arrived.pieces if piece.key == "inner_tcp")
    return int.from_bytes(segment[-2:], "big")


def _learned() -> str:
    mac = ethernet.format_mac(C1.mac)
    entries = run(Options(inner="arp")).fdb["h2"]
    return next(str(entry["dst"]) for entry in entries if entry["mac"] == mac)


def _wire_size(**options: Any) -> int:
    return _at(_walk("arp_request", inner="arp", **options), "underlay", "wire").size


EXERCISES = {
    "1.1": Exercise(
        "c1 pings c2 (vtep walk). To which IP address does the underlay carry that packet?",
        "Look at the outer IP header of the third walk; routers read no other address.",
        read_address,
        lambda: _field(_walk("icmp_request"), "outer_ipv4", "ip.destination"),
    ),
    "1.2": Exercise(
        "How many bytes longer is a frame on the underlay than in its container?",
        "Subtract the length at c1 eth0 from that on the underlay, or add up the headers.",
        read_number,
        _overhead,
    ),
    "1.3": Exercise(
        "How many over an IPv6 underlay?",
        "Run vtep walk --ipv6: one of the four headers is longer.",
        read_number,
        lambda: _overhead(ipv6=True),
    ),
    "2.1": Exercise(
        "Write the eight bytes of the VXLAN header for VNI 5000, in hexadecimal.",
        "Flags 08, three bytes of zero, three bytes of VNI, one of zero: vtep walk --vni 5000.",
        read_octets,
        lambda: _header(5000),
    ),
    "2.2": Exercise(
        f"Which VNI is in {_PUZZLE.hex(' ')}?",
        "The VNI is in bytes 4 to 6, counted from 0, most significant byte first.",
        read_number,
        lambda: vxlan.parse(_PUZZLE),
    ),
    "2.3": Exercise(
        "The first byte is 00 instead of 08. What is the name of the drop?",
        "Run vtep walk --what-if flag: the name follows the word dropped.",
        read_name,
        lambda: _drop(what_if="flag"),
    ),
    "3.1": Exercise(
        "How many copies of c1's ARP request leave h1?",
        "A broadcast goes to every peer: see the decision of the VTEP of h1.",
        read_number,
        lambda: _copies("arp_request"),
    ),
    "3.2": Exercise(
        "Behind which IP address is c1's MAC in the FDB of h2 afterwards?",
        "It is the outer source address of the packet that brought the request.",
        read_address,
        _learned,
    ),
    "3.3": Exercise(
        "How many copies of the ping that follows leave h1?",
        "Its destination MAC is in the FDB of h1 by now.",
        read_number,
        lambda: _copies("icmp_request"),
    ),
    "4.1": Exercise(
        "h2 has another VNI than h1. What is the name of the drop on h2?",
        "Run vtep walk --what-if vni: the name follows the word dropped.",
        read_name,
        lambda: _drop(what_if="vni"),
    ),
    "4.2": Exercise(
        "How many MACs has h2 learned from those datagrams?",
        "A VTEP learns nothing from a datagram that it drops.",
        read_number,
        lambda: len(run(Options(what_if="vni")).fdb["h2"]),
    ),
    "4.3": Exercise(
        "How many different VNIs are there, 0 included?",
        "The field has 24 bits.",
        read_number,
        lambda: vxlan.MAX_VNI + 1,
    ),
    "5.1": Exercise(
        "With --vlan 10, how many bytes longer is a frame between bridge and VTEP?",
        "Look at the change at h1 br0: the bridge adds an 802.1Q tag.",
        read_number,
        lambda: _at(_walk("arp_request", vlan=10), "h1", "br0").change,
    ),
    "5.2": Exercise(
        "With --vlan 10, how many bytes has the ARP request on the underlay?",
        "The VTEP removes the tag before it adds the VXLAN header.",
        read_number,
        lambda: _wire_size(vlan=10),
    ),
    "5.3": Exercise(
        "The trunk carries VLAN 10 only, and a frame has tag 20. What is the name of the drop?",
        "No overlay has this VLAN, and removing the tag would join two VLANs.",
        read_name,
        lambda: _drop(vlan=10, frame=_other_tag()),
    ),
    "6.1": Exercise(
        "The underlay's MTU is 9000. How many bytes may an IP packet of a container have?",
        "Run vtep walk --underlay-mtu 9000, and subtract the headers.",
        read_number,
        lambda: run(Options(underlay_mtu=9000)).options["mtu"],
    ),
    "6.2": Exercise(
        "c1 sends a TCP SYN with MSS 1460. Which MSS does c2 receive?",
        "Run vtep walk --inner tcp: the last two bytes of the SYN at c2; or 1450 - 20 - 20.",
        read_number,
        _mss,
    ),
    "6.3": Exercise(
        "An IP packet of 1500 bytes passes h1's bridge. What is the name of the VTEP's drop?",
        "Run vtep walk --what-if mtu: the name follows the word dropped.",
        read_name,
        lambda: _drop(what_if="mtu"),
    ),
    "7.1": Exercise(
        "h1 has two peers (vtep walk). How many bytes leave it for one ARP request, with Ethernet?",
        "One copy to each peer, each as long as at the station underlay.",
        read_number,
        lambda: _copies("arp_request") * _wire_size(),
    ),
    "7.2": Exercise(
        "How many would leave it if it could send to a multicast group?",
        "One copy, for any number of receivers: the routers make the others.",
        read_number,
        _wire_size,
    ),
    "8.1": Exercise(
        "To which UDP port does Linux's vxlan send without the option dstport?",
        "Run vtep walk --what-if port: see the UDP header.",
        read_number,
        lambda: LINUX_PORT,
    ),
    "8.2": Exercise(
        "How many drops does the vtep of h2 count for datagrams to that port?",
        "They never reach its socket, because the kernel drops them.",
        read_number,
        lambda: _drops(run(Options(what_if="port")), "h2"),
    ),
    "8.3": Exercise(
        "h1 is not a peer of h2. What is the name of the drop on h2?",
        "Run vtep walk --what-if peer: the name follows the word dropped.",
        read_name,
        lambda: _drop(what_if="peer"),
    ),
}
"""By number: lesson, dot, exercise."""
