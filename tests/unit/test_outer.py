import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether

from vtep.wire import outer
from vtep.wire.checksum import complement, ones_sum
from vtep.wire.outer import Outer

MAC = bytes.fromhex("0200000000aa")
V4 = Outer(MAC, bytes([10, 0, 1, 4]), bytes([10, 0, 1, 41]), 50000, 4789, 64)
V6 = Outer(MAC, bytes.fromhex("fd000001" + "00" * 11 + "04"), bytes(15) + b"\x29", 50000, 4789, 64)


@pytest.mark.parametrize("payload", [0, 1, 1458, 65507])
def test_scapy_parses_ipv4_headers_and_confirms_the_ip_checksum(payload: int) -> None:
    packed = outer.pack(V4, payload)
    frame = Ether(packed + bytes(payload))
    assert len(packed) == 42 == V4.udp_at + 8
    assert (frame.dst, frame.type) == ("02:00:00:00:00:aa", 0x0800)
    ip = frame[IP]
    assert (ip.src, ip.dst, ip.ttl, ip.flags, ip.id) == ("10.0.1.4", "10.0.1.41", 65, "DF", 0)
    assert ip.len == 28 + payload
    assert ones_sum(packed[14:34]) == 0xFFFF
    assert (ip[UDP].sport, ip[UDP].dport, ip[UDP].len) == (50000, 4789, 8 + payload)


@pytest.mark.parametrize("payload", [0, 1, 1438, 65527])
def test_scapy_parses_ipv6_headers(payload: int) -> None:
    packed = outer.pack(V6, payload)
    frame = Ether(packed + bytes(payload))
    assert len(packed) == 62 == V6.udp_at + 8
    ip = frame[IPv6]
    assert (ip.src, ip.dst, ip.hlim, ip.nh) == ("fd00:1::4", "::29", 65, 17)
    assert ip.plen == 8 + payload
    assert (ip[UDP].sport, ip[UDP].dport, ip[UDP].len) == (50000, 4789, 8 + payload)


@pytest.mark.parametrize("way", [V4, V6], ids=["IPv4", "IPv6"])
@pytest.mark.parametrize("payload", [b"", b"x", bytes(range(200))])
def test_summing_from_the_udp_header_on_completes_the_checksum(way: Outer, payload: bytes) -> None:
    packet = bytearray(outer.pack(way, len(payload)) + payload)
    checksum = complement(ones_sum(packet[way.udp_at :]))
    packet[way.udp_at + 6 : way.udp_at + 8] = checksum.to_bytes(2, "big")
    own = Ether(bytes(packet))
    del own[UDP].chksum
    assert Ether(bytes(own))[UDP].chksum == checksum


@pytest.mark.parametrize("way", [V4, V6], ids=["IPv4", "IPv6"])
@pytest.mark.parametrize("payload", [b"", b"x", bytes(range(200))])
def test_a_complete_packet_has_the_ttl_and_the_checksum_of_scapy(
    way: Outer, payload: bytes
) -> None:
    packet = outer.packet(way, payload)
    expected = Ether(packet)
    assert (expected[IP].ttl if way.is_ipv4 else expected[IPv6].hlim) == 64
    for layer in (IP, UDP):
        if layer in expected:
            del expected[layer].chksum
    assert bytes(expected) == packet


@pytest.mark.parametrize(("way", "most"), [(V4, 65507), (V6, 65527)])
def test_a_packet_has_at_most_65535_octets(way: Outer, most: int) -> None:
    assert way.max_payload == most
    with pytest.raises(ValueError, match=str(most)):
        outer.pack(way, most + 1)
