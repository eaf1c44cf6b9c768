"""dissect: the fields of a frame, every problem, and the drawing."""

import time

import pytest

from tests.vectors.corpus import PLAIN, corpus, inverted
from vtep.dissect import Header, diagram, dissect, headers_as_json

FRAMES = dict(corpus())
ARP = FRAMES["IPv4: ARP request"]
TCP = FRAMES["IPv4: TCP data"]


def texts(headers: list[Header]) -> dict[str, str]:
    return {f"{h.key}/{f.key}": f.text for h in headers for f in h.fields}


def problems(headers: list[Header]) -> list[str]:
    return [f"{h.key}: {problem}" for h in headers for problem in h.problems]


def with_octets(octets: bytes, at: int, text: str) -> bytes:
    new = bytes.fromhex(text)
    return octets[:at] + new + octets[at + len(new) :]


def test_the_headers_of_a_frame() -> None:
    headers = dissect(ARP)
    assert [(h.key, h.name, h.at, h.length) for h in headers] == [
        ("outer_ethernet", "Ethernet", 0, 14),
        ("outer_ipv4", "IPv4", 14, 20),
        ("outer_udp", "UDP", 34, 8),
        ("vxlan", "VXLAN", 42, 8),
        ("inner_ethernet", "Ethernet", 50, 14),
        ("inner_arp", "ARP", 64, 28),
    ]
    assert problems(headers) == []
    shown = texts(headers)
    assert shown["outer_ipv4/ip.source"] == "10.0.1.41"
    assert shown["outer_udp/udp.destination_port"] == "4789 (VXLAN)"
    assert shown["vxlan/vxlan.vni"] == "100 (0x64)"
    assert shown["inner_ethernet/ethernet.destination"] == "ff:ff:ff:ff:ff:ff"
    assert shown["inner_arp/arp.operation"] == "1 (request)"
    assert shown["inner_arp/arp.target_ip"] == "10.9.0.2"
    vni = next(field for field in headers[3].fields if field.key == "vxlan.vni")
    assert (vni.at, vni.bits, vni.value, vni.source) == (46 * 8, 24, 100, "RFC 7348 section 5")
    assert all(field.meaning and field.source for h in headers for field in h.fields)


def test_a_field_names_the_document_that_defines_it() -> None:
    sources = {field.key: field.source for header in dissect(ARP) for field in header.fields}
    assert sources["ip.dscp"] == "RFC 2474 section 3"
    assert sources["ip.ecn"] == "RFC 3168 section 5"
    assert sources["ip.ttl"] == "RFC 791 section 3.1"


def test_options_are_counted_and_named() -> None:
    syn = texts(dissect(FRAMES["IPv4: TCP SYN"]))
    assert syn["inner_tcp/tcp.options"] == "1: MSS 1460"
    options = texts(dissect(FRAMES["IPv4 options: ARP"]))
    assert options["outer_ipv4/ip.options"] == "1: router alert"


def test_padding_is_a_trailer() -> None:
    padded = dissect(FRAMES["IPv4: ARP padded"])[-1]
    assert (padded.key, padded.length) == ("inner_trailer", 18)
    outer = dissect(ARP + bytes(4))[-1]
    assert (outer.key, outer.at, outer.length) == ("outer_trailer", len(ARP), 4)


def test_vxlan_is_recognised_by_port_and_only_outside_the_tunnel() -> None:
    assert "vxlan" not in {h.key for h in dissect(ARP, ports=(8472,))}
    assert {h.key.partition("_")[0] for h in dissect(ARP, inner=True)} == {"inner"}
    nested = PLAIN + ARP
    assert [h.key for h in dissect(nested, "vxlan")][-2:] == ["inner_udp", "inner_payload"]


@pytest.mark.parametrize(
    ("octets", "key", "words"),
    [
        (ARP[:10], "outer_ethernet", "cut short 14 10"),
        (ARP[:45], "vxlan", "cut short 8 3"),
        (ARP[:60], "inner_ethernet", "cut short 14 10"),
        (with_octets(ARP, 14, "65"), "outer_ipv4", "version 6 4"),
        (with_octets(ARP, 14, "44"), "outer_ipv4", "header length 16 20"),
        (ARP[:-1], "outer_ipv4", "length field 78 77"),
        (inverted(ARP, 24 * 8), "outer_ipv4", "checksum wrong 0xa473"),
        (with_octets(ARP, 20, "e000"), "outer_ipv4", "reserved flag"),
        (with_octets(ARP, 22, "00"), "outer_ipv4", "TTL 0"),
        (with_octets(ARP, 20, "2000"), "outer_ipv4", "fragment 4.3"),
        (inverted(ARP, 40 * 8), "outer_udp", "UDP checksum wrong"),
        (with_octets(ARP, 38, "0039"), "outer_udp", "length field 57 58"),
        (with_octets(ARP, 40, "1678"), "outer_udp", "UDP checksum pseudo"),
        (inverted(ARP, 42 * 8 + 4), "vxlan", "I flag"),
        (with_octets(ARP, 56, "01"), "inner_ethernet", "source group"),
        (with_octets(ARP, 56, "000000000000"), "inner_ethernet", "source zero"),
        (with_octets(ARP, 62, "0030"), "inner_ethernet", "length field 48 28"),
        (FRAMES["IPv4: 802.1Q"], "inner_vlan", "tag 6.1"),
        (with_octets(FRAMES["IPv4: 802.1Q"], 64, "afff"), "inner_vlan", "4095"),
        (with_octets(ARP, 64, "0007"), "inner_arp", "not ARP"),
        (inverted(TCP, 100 * 8), "inner_tcp", "TCP checksum wrong"),
        (with_octets(TCP, 96, "40"), "inner_tcp", "header length 16 20"),
        (with_octets(TCP, 97, "03"), "inner_tcp", "SYN FIN RST"),
        (inverted(FRAMES["IPv4: ICMP echo"], 86 * 8), "inner_icmp", "ICMP checksum wrong"),
        (inverted(FRAMES["IPv4: IPv6 echo"], 106 * 8), "inner_icmpv6", "ICMPv6 checksum wrong"),
        (with_octets(FRAMES["IPv4: IPv6 UDP"], 110, "0000"), "inner_udp", "UDP checksum 6935"),
        (with_octets(FRAMES["IPv6: ARP request"], 21, "00"), "outer_ipv6", "hop limit 0"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_problem_is_reported_at_its_header(octets: bytes, key: str, words: str) -> None:
    found = [text.lower() for one in dissect(octets) if one.key == key for text in one.problems]
    wanted = words.lower().split()
    assert any(all(word in text for word in wanted) for text in found), found


def test_a_computed_checksum_of_zero_is_expected_as_all_ones() -> None:
    # The checksum itself, added to what it covers, makes the sum all ones and the next one zero.
    octets = with_octets(ARP, 82, ARP[40:42].hex())
    (problem,) = problems(dissect(octets))
    assert f"0x{ARP[40:42].hex()}" in problem
    assert "0xffff" in problem
    assert problems(dissect(with_octets(octets, 40, "ffff"))) == []


def test_at_most_eight_extension_headers_are_dissected() -> None:
    chain = b"\x3c\0\1\4\0\0\0\0" * 9 + bytes(8)
    packet = bytes.fromhex("60000000 0050 3c40") + bytes(32) + chain
    headers = dissect(packet, "ip")
    assert [h.key for h in headers].count("outer_destination_options") == 8
    assert "8 extension headers" in headers[8].problems[-1]
    assert headers[-1].key == "outer_payload"


def test_a_checksum_after_an_active_routing_header_is_unchecked() -> None:
    octets = FRAMES["IPv4: IPv6 routing"]
    at = next(h.at for h in dissect(octets) if h.key == "inner_routing")
    headers = {h.key: h for h in dissect(with_octets(octets, at + 3, "01"))}
    checksum = next(f for f in headers["inner_tcp"].fields if f.key == "tcp.checksum")
    assert checksum.checksum == "unchecked"
    assert headers["inner_tcp"].problems == ()


@pytest.mark.parametrize(
    ("header", "names", "extensions"),
    [
        ("0800000000006400", "R R R R I R R R Reserved VNI Reserved", []),
        (
            "8848002a00006400",
            "G R R R I R R R R D Reserved A Reserved Group policy ID VNI Reserved",
            [["(GBP)", "group 42"]],
        ),
        (
            "0c00000300006400",
            "R R Ver I P B O Reserved Next protocol VNI Reserved",
            [["(GPE)", "3 (Ethernet)"]],
        ),
        (
            "1f00000100006400",
            "R R Ver I P B O Reserved Next protocol VNI Reserved",
            [["(GPE)", "version 1", "1 (IPv4)", "replicated", "maintenance"]],
        ),
        ("0a00000000006400", "R R R R I R B R Reserved VNI Reserved", [["(GPE)", "replicated"]]),
        (
            "08200000000064a2",
            "R R R R I R R R Reserved C Reserved VNI O Start",
            [["(RCO)", "UDP", "68", "74"]],
        ),
        (
            "8820000700006411",
            "G R R R I R R R R D C R A Reserved Group policy ID VNI O Start",
            [["(GBP)", "group 7"], ["(RCO)", "TCP", "34", "50"]],
        ),
        ("0800000000006401", "R R R R I R R R Reserved VNI Reserved", []),
    ],
)
def test_bits_of_extensions_are_named(header: str, names: str, extensions: list[list[str]]) -> None:
    (vxlan, *_) = dissect(bytes.fromhex(header), "vxlan")
    assert " ".join(field.name for field in vxlan.fields) == names
    reserved = [problem for problem in vxlan.problems if "reserved" in problem]
    assert len(reserved) == (header != "0800000000006400")
    others = [problem for problem in vxlan.problems if problem not in reserved]
    assert len(others) == len(extensions)
    for problem, words in zip(others, extensions, strict=True):
        assert [word for word in words if word not in problem] == []


def test_a_drawing() -> None:
    headers = {h.key: h for h in dissect(ARP)}
    assert diagram(headers["inner_ethernet"]) == [
        " 0                   1                   2                   3",
        " 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1",
        "+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+",
        "|                          Destination                          |",
        "|                       ff:ff:ff:ff:ff:ff                       |",
        "+                               +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+",
        "|                               |                               |",
        "+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+                               +",
        "|                             Source                            |",
        "|                       02:00:00:00:00:0a                       |",
        "+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+",
        "|           EtherType           |",
        "|          0x0806 (ARP)         |",
        "+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+",
    ]
    assert diagram(headers["vxlan"])[2:] == [
        "+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+",
        "|R|R|R|R|I|R|R|R|                    Reserved                   |",
        "|0|0|0|0|1|0|0|0|                       0                       |",
        "+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+",
        "|                      VNI                      |    Reserved   |",
        "|                   100 (0x64)                  |       0       |",
        "+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+",
    ]


def test_a_long_field_is_drawn_without_its_middle() -> None:
    (data,) = (h for h in dissect(bytes(2000)) if h.key == "outer_payload")
    assert len(diagram(data)) < 10


def test_a_frame_takes_less_than_a_millisecond() -> None:
    frames = [octets for _, octets in corpus()]
    started = time.process_time()
    for octets in frames:
        headers_as_json(dissect(octets))
    assert (time.process_time() - started) / len(frames) < 0.001
