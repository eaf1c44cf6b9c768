"""vtep.control.query: filters read from queries, and errors that name key and value."""

import pytest

from vtep.control.query import Query, read_capture, read_events
from vtep.errors import UsageError
from vtep.trace.filters import EVENT_TYPES, CaptureLimits, EventFilter, FrameFilter


def test_a_capture_is_read_from_a_query() -> None:
    assert read_capture({}) == (FrameFilter(), CaptureLimits())
    frames, limits = read_capture(
        {"mac": "02-00-00-00-00-0B", "peer": "fe80:0::1%u1", "count": "3", "seconds": "1.5"}
    )
    assert frames == FrameFilter(mac=bytes.fromhex("02000000000b"), peer="fe80::1%u1")
    assert (limits.count, limits.seconds, limits.snaplen) == (3, 1.5, 262_144)


def test_an_event_filter_is_read_from_a_query() -> None:
    assert read_events({}).types == set(EVENT_TYPES)
    assert read_events({"event": "moved", "vni": "7", "harmless": "1"}) == EventFilter(
        frozenset({"moved"}), vni=7, harmless=True
    )
    with pytest.raises(UsageError, match=r"event 'lost'.*learned, moved"):
        read_events({"event": "lost"})
    with pytest.raises(UsageError, match="key 'events'"):
        read_events({"events": "moved"})


@pytest.mark.parametrize(("text", "number"), [("7", 7), ("0x10", 16), ("007", 7), (" 7 ", 7)])
def test_a_number_is_decimal_or_hexadecimal(text: str, number: int) -> None:
    assert Query({"n": text}).integer("n", 0, 16) == number


@pytest.mark.parametrize("text", ["", "x", "1.5", "1 2", "\u00b2", "17", "-1", "9" * 5000])
def test_other_texts_are_refused_with_key_and_range(text: str) -> None:
    with pytest.raises(UsageError, match=r"^n .*0\.\.16$") as error:
        Query({"n": text}).integer("n", 0, 16)
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize(("text", "flag"), [("yes", True), ("no", False), (None, None)])
def test_a_flag_is_yes_or_no(text: str | None, flag: bool | None) -> None:
    assert Query({} if text is None else {"f": text}).flag("f") is flag


def test_an_unknown_word_is_named_with_a_similar_one() -> None:
    with pytest.raises(UsageError, match=r"f 'yess': .*'yes'"):
        Query({"f": "yess"}).flag("f")
