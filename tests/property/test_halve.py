"""Halves of a super-frame that is too long to leave whole: they have the segments of the whole."""

from hypothesis import assume, given

from tests.property.superframes import SuperFrame, super_frames
from vtep.offload.segment import halve, plan, segment


@given(super_frames())
def test_the_halves_become_the_segments_of_the_whole(drawn: SuperFrame) -> None:
    whole = plan(memoryview(drawn.raw), drawn.header, 65535)
    assume(whole is not None and whole.rows > 1)
    assert whole is not None
    rows = []
    for half in halve(memoryview(drawn.raw), whole):
        cut = plan(half, drawn.header._replace(gso_size=whole.size), 65535)
        assert cut is not None
        rows += segment(memoryview(half), cut, b"")
    assert rows == segment(memoryview(drawn.raw), whole, b"")


@given(super_frames())
def test_neither_half_is_longer_by_more_than_a_segment(drawn: SuperFrame) -> None:
    whole = plan(memoryview(drawn.raw), drawn.header, 65535)
    assume(whole is not None and whole.rows > 1)
    assert whole is not None
    first, second = halve(memoryview(drawn.raw), whole)
    assert len(second) <= len(first) < len(second) + 2 * whole.size
