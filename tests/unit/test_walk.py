"""walk.engine: sizes, decisions and bytes, compared with scapy and with the tables."""

import dataclasses
import json
import os
import subprocess
import sys
from typing import Any, get_args

import pytest
from scapy.layers.inet import IP, TCP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.layers.vxlan import VXLAN

from tests.consoles import ROOT
from vtep.errors import UsageError
from vtep.walk.engine import run
from vtep.walk.frames import C1, C2
from vtep.walk.model import Result, Station, TableEntry, Walk, result_as_json
from vtep.walk.options import Options, WhatIf, from_texts
from vtep.wire.ethernet import format_mac
from vtep.wire.flow import source_ports

MAC_1, MAC_2 = format_mac(C1.mac), format_mac(C2.mac)
CASES = [
    Options(inner=inner, inner_ipv6=inner_ipv6, ipv6=ipv6, vlan=vlan)
    for inner in ("icmp", "tcp", "udp", "arp")
    for inner_ipv6, ipv6, vlan in ((False, False, None), (True, False, 10), (True, True, None))
]


BROKEN = [Options(what_if=name) for name in get_args(WhatIf)]


def walk(key: str, **options: Any) -> Walk:
    return next(one for one in run(Options(**options)).walks if one.key == key)


def at(way: Walk, host: str, place: str) -> Station:
    return next(one for one in way.stations if (one.host, one.place) == (host, place))


def octets(station: Station) -> bytes:
    """Return the frame as it leaves a station, if no piece is shortened."""
    whole = b"".join(one.octets for one in station.pieces if one.sign != "-")
    assert len(whole) == station.size
    return whole


def test_the_frame_grows_by_8_8_20_and_14_and_shrinks_again() -> None:
    sizes = [station.size for station in walk("arp_request").stations]
    assert sizes == [42, 42, 42, 50, 58, 78, 92, 92, 50, 42, 42, 42]


@pytest.mark.parametrize(("ipv6", "overhead"), [(False, 50), (True, 70)])
@pytest.mark.parametrize("vlan", [None, 10])
def test_every_frame_is_longer_by_the_overhead_on_the_underlay(
    ipv6: bool, overhead: int, vlan: int | None
) -> None:
    for way in run(Options(ipv6=ipv6, vlan=vlan)).walks:
        assert at(way, "underlay", "wire").size - way.stations[0].size == overhead
        assert way.arrived


def test_the_first_request_is_flooded_and_the_rest_is_unicast() -> None:
    result = run(Options())
    h1, h2 = (at(way, host, "vtep") for way, host in zip(result.walks, ("h1", "h2"), strict=False))
    assert h1.decision.startswith("broadcast")
    assert h1.decision.endswith("10.0.1.41, 10.0.1.42")
    assert h2.decision.endswith("to 10.0.1.4")
    third = at(result.walks[2], "h1", "vtep").decision
    assert "age 3" in third
    assert third.endswith("to 10.0.1.41")
    assert [len(way.others) for way in result.walks] == [1, 0, 0, 0]
    assert result.counters["h1"]["overlays"]["100"]["flooded"]["broadcast"] == 1
    assert result.counters["h3"]["overlays"]["100"]["rx_frames"] == 1


def test_the_tables_fill_as_frames_pass() -> None:
    result = run(Options())
    (table,) = at(result.walks[0], "h2", "vtep").tables
    assert (table.name, table.before) == ("FDB of VNI 100 on h2", ())
    assert table.after == (TableEntry(MAC_1, "10.0.1.4"),)
    (table,) = at(result.walks[1], "h1", "vtep").tables
    assert table.after == (TableEntry(MAC_1, "local"), TableEntry(MAC_2, "10.0.1.41"))
    assert at(result.walks[2], "h1", "vtep").tables == ()
    behind = {host: {(one["mac"], one["dst"]) for one in fdb} for host, fdb in result.fdb.items()}
    assert behind == {
        "h1": {(MAC_1, "local"), (MAC_2, "10.0.1.41")},
        "h2": {(MAC_1, "10.0.1.4"), (MAC_2, "local")},
        "h3": {(MAC_1, "10.0.1.4")},
    }


@pytest.mark.parametrize("options", CASES, ids=str)
def test_scapy_builds_the_same_packet_with_the_same_checksums(options: Options) -> None:
    for way in run(options).walks:
        packet = octets(at(way, "underlay", "wire"))
        outer = Ether(packet)
        assert outer[VXLAN].vni == 100
        assert outer[VXLAN].flags == 8
        layer = outer
        while layer:
            for checksum in ("chksum", "cksum"):
                if checksum in layer.fields:
                    delattr(layer, checksum)
            layer = layer.payload
        assert bytes(outer) == packet
        assert len(packet) == sum(header.length for header in way.headers)
        assert {C1.mac, C2.mac} & {packet[-way.stations[0].size :][6:12]}


def test_a_container_receives_the_frame_of_the_other() -> None:
    for options in CASES:
        for way in run(options).walks:
            if not way.key.startswith("tcp"):
                assert octets(way.stations[0]) == octets(way.stations[-1])


@pytest.mark.parametrize(("ipv6", "mss"), [(False, 1410), (True, 1390)])
def test_the_mss_of_a_syn_is_lowered_in_both_directions(ipv6: bool, mss: int) -> None:
    result = run(Options(inner="tcp", inner_ipv6=ipv6))
    for way, host in zip(result.walks[2:], ("h1", "h2"), strict=True):
        station = at(way, host, "vtep")
        assert [one.key for one in station.pieces if one.sign] == ["inner_tcp"]
        assert "MSS" in station.why
        arrived = Ether(octets(way.stations[-1]))
        assert dict(arrived[TCP].options)["MSS"] == mss
        assert result.counters[host]["overlays"]["100"]["clamped"] == 1
    assert "MSS" not in at(walk("icmp_request"), "h1", "vtep").why


def test_a_flow_keeps_its_port_and_another_flow_has_another() -> None:
    def source_of(way: Walk) -> bytes:
        return octets(at(way, "underlay", "wire"))[34:36]

    ports = [part[0] for part in source_ports(49152, 65535)]
    result = run(Options(inner="tcp"))
    used = [source_of(way) for way in result.walks]
    assert all(int.from_bytes(one, "big") in ports for one in used)
    assert len(set(used)) > 1
    assert used == [source_of(way) for way in run(Options(inner="tcp")).walks]


def test_a_tag_is_on_the_trunk_only() -> None:
    way = walk("arp_request", vlan=10)
    tag = bytes.fromhex("8100000a")
    assert octets(at(way, "h1", "br0"))[12:16] == tag
    assert [one.octets for one in at(way, "h1", "vtep").pieces if one.sign == "-"] == [tag]
    assert tag not in octets(at(way, "underlay", "wire"))
    put_back = [one.octets for one in at(way, "h2", "vtep").pieces if one.sign == "+"]
    assert put_back == [tag]
    assert octets(at(way, "h2", "br0")) == octets(way.stations[0])


def test_the_packet_has_the_vni_and_the_underlay_of_the_options() -> None:
    way = walk("neighbor_solicitation", vni=0xABCDEF, ipv6=True, inner_ipv6=True)
    packet = Ether(octets(at(way, "underlay", "wire")))
    assert packet[VXLAN].vni == 0xABCDEF
    assert (packet[IPv6].src, packet[IPv6].dst) == ("fd00:1::4", "fd00:1::41")
    assert packet[IPv6].hlim == 64
    decision = at(way, "h1", "vtep").decision
    assert decision.startswith("multicast")
    assert "fd00:1::41, fd00:1::42" in decision
    packet = Ether(octets(at(walk("arp_request"), "underlay", "wire")))
    assert (packet[IP].ttl, packet[IP].flags, packet[IP].id) == (64, "DF", 0)


def test_the_recap_follows_the_options() -> None:
    answers = [lesson.answer for lesson in run(Options(ipv6=True, underlay_mtu=9000)).recap]
    assert answers[0].startswith("40 IPv6 + 8 UDP + 8 VXLAN + 14 Ethernet = 70")
    assert "9000 - 70 = 8930" in answers[0]
    assert "5000" in run(Options(vni=5000)).recap[1].answer
    assert "fd00:1::41" in answers[2]


@pytest.mark.parametrize("options", [*CASES, *BROKEN], ids=str)
def test_stations_add_up_and_are_numbered(options: Options) -> None:
    result = run(options)
    for number, way in enumerate(result.walks, 1):
        size = 0
        for place, station in enumerate(way.stations, 1):
            assert station.number == f"{number}.{place}"
            assert station.size == size + station.change
            size = station.size
            assert size == sum(one.size for one in station.pieces if one.sign != "-")
        assert way.arrived == (way.stations[-1].drop is None)


def test_json_is_complete_and_the_same_in_every_process() -> None:
    text = json.dumps(result_as_json(run(Options(inner="udp"))))
    code = (
        "import json, sys; from vtep.walk.engine import run;"
        " from vtep.walk.model import result_as_json;"
        " from vtep.walk.options import Options;"
        " print(json.dumps(result_as_json(run(Options(inner='udp')))));"
        " heavy = {'scapy', 'rich', 'aiohttp', 'asyncio', 'pyroute2', 'docker'};"
        " print(*heavy & {name.partition('.')[0] for name in sys.modules}, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONHASHSEED": "7", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert done.stdout.strip() == text
    assert done.stderr.strip() == ""
    assert set(json.loads(text)) == {field.name for field in dataclasses.fields(Result)} - {
        "picture",
        "containers",
        "hints",
    } | {"looks"}


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        ({"vni": "16777216"}, "vni 16777216 0..16777215"),
        ({"vni": "x"}, "vni 'x'"),
        ({"vni": "1" * 10}, "vni '1111111111'"),
        ({"vlan": "4095"}, "vlan 4095 1..4094"),
        ({"inner": "sctp"}, "inner 'sctp' icmp tcp udp arp"),
        ({"what-if": "x"}, "what-if 'x' mtu vni flag port checksum peer"),
        ({"ipv6": "maybe"}, "ipv6 'maybe'"),
        ({"underlay-mtu": "10000"}, "underlay-mtu 10000 626..9216"),
        ({"mtu": "1451"}, "mtu 1451 576..1450 1500 50"),
        ({"frame": "0"}, "1 hexadecimal"),
        ({"frame": "Ether()"}, "'t' 'Ether()'"),
        ({"frame": " "}, "hexadecimal"),
        ({"frame": "00" * 9217}, "frame 9217 9216"),
        ({"frame": "00", "what-if": "mtu"}, "what-if mtu frame"),
        ({"vin": "1"}, "'vin' inner_ipv6 underlay_mtu what_if"),
    ],
)
def test_a_wrong_option_is_refused_with_its_name_and_value(
    texts: dict[str, str], words: str
) -> None:
    with pytest.raises(UsageError) as caught:
        from_texts(texts)
    message = str(caught.value)
    assert [word for word in words.split() if word not in message] == []
    assert len(message.splitlines()) == 1


def test_options_are_read_from_texts() -> None:
    texts = {"inner": "tcp", "vni": "7", "ipv6": "true", "inner-ipv6": "", "what_if": "vni"}
    made = Options(inner="tcp", vni=7, ipv6=True, inner_ipv6=True, what_if="vni")
    assert from_texts(texts) == made
    assert from_texts({"frame": "0242 ac:12 00-0c"}).frame == bytes.fromhex("0242ac12000c")
