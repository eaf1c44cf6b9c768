"""For any octets, dissect puts every bit into one field and never raises."""

import json

from hypothesis import given
from hypothesis import strategies as st

from tests.vectors.corpus import corpus
from vtep.dissect import FirstHeader, Header, diagram, dissect, headers_as_json
from vtep.wire import ip, vxlan


@st.composite
def framed(draw: st.DrawFn) -> bytes:
    """Draw a frame, from its outer, IP, VXLAN or inner header on, cut and slightly changed."""
    data = bytearray(draw(st.sampled_from(corpus()))[1])
    for at, value in draw(
        st.lists(st.tuples(st.integers(0, 300), st.integers(0, 255)), max_size=3)
    ):
        if at < len(data):
            data[at] = value
    start = draw(st.sampled_from([0, 14, 42, 50]))
    return bytes(data[start : draw(st.integers(min(start, len(data)), len(data)))])


octets = st.one_of(st.binary(max_size=200), framed())
first = st.sampled_from(["ethernet", "ip", "vxlan"])


def tiles(headers: list[Header], size: int) -> None:
    at = 0
    for header in headers:
        assert header.at == at
        bit = at * 8
        for field in header.fields:
            assert field.at == bit
            assert field.bits > 0
            bit += field.bits
        at += header.length
        assert bit == at * 8
    assert at == size


@given(octets, first, st.booleans())
def test_every_bit_is_in_one_field(data: bytes, begin: FirstHeader, inner: bool) -> None:
    headers = dissect(data, begin, inner=inner)
    tiles(headers, len(data))
    for header in headers:
        assert header.key.startswith(
            ("inner_", "vxlan") if inner else ("inner_", "outer_", "vxlan")
        )
        assert all(len(line) <= 65 for line in diagram(header))
    json.dumps(headers_as_json(headers))


@given(octets, first)
def test_the_values_are_the_octets(data: bytes, begin: FirstHeader) -> None:
    number = int.from_bytes(data, "big")
    for header in dissect(data, begin):
        for field in header.fields:
            shift = len(data) * 8 - field.at - field.bits
            value = number >> shift & (1 << field.bits) - 1
            if isinstance(field.value, bytes):
                assert field.bits == len(field.value) * 8
                assert int.from_bytes(field.value, "big") == value
            else:
                assert field.value == value


@given(framed())
def test_headers_are_where_the_data_path_finds_them(data: bytes) -> None:
    found = ip.locate(data)
    if found is None:
        return
    headers = {header.key: header for header in dissect(data, inner=True)}
    network = headers[f"inner_ipv{found.version}"]
    assert network.at == found.l3
    if found.end > found.l4 and not found.fragment:
        name = {1: "icmp", 6: "tcp", 17: "udp", 58: "icmpv6"}.get(found.protocol)
        is_other = (found.version, name) in ((4, "icmpv6"), (6, "icmp"))
        assert headers[f"inner_{'payload' if name is None or is_other else name}"].at == found.l4


@given(st.binary(min_size=8, max_size=40))
def test_the_vni_is_what_the_data_path_reads(data: bytes) -> None:
    header = dissect(data, "vxlan")[0]
    values = {field.key: field.value for field in header.fields}
    if values["vxlan.i"]:
        assert values["vxlan.vni"] == vxlan.parse(data)
    assert any("reserved" in problem for problem in header.problems) == vxlan.reserved_bits(data)
    assert ("I flag" in " ".join(header.problems)) == (vxlan.parse(data) is None)
