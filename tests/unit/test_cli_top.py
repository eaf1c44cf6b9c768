"""The rates of `vtep top`, and a screen that fits however many rows there are."""

import io
from typing import Any

import pytest

from vtep.cli.commands import top_rates
from vtep.cli.commands.top_rates import PLAIN_SPARKS, DropRate, History, fit, scaled
from vtep.cli.commands.top_screen import Screen, terminal
from vtep.dataplane.counters import Drop


def answer(uptime: float, scale: int, *, overlays: int = 1, peers: int = 1) -> dict[str, Any]:
    """Return what /v1/stats answers after so many seconds; all counters grow with *scale*."""
    return {
        "uptime": uptime,
        "counters": {
            "underlay": {"drops": {"bad_flags": 3 * scale, "short": 100}},
            "taps": {"vx0": {"drops": {}}},
            "overlays": {
                str(100 + number): {
                    "tap": "vx0",
                    "tx_frames": 10 * scale,
                    "tx_bytes": 1000 * scale,
                    "rx_frames": scale,
                    "rx_bytes": 100 * scale,
                    "flooded": {"broadcast": scale},
                    "fdb": {"entries": 5, "learned": 5 * scale, "moved": 0},
                    "drops": {str(drop): 1 for drop in Drop},
                }
                for number in range(overlays)
            },
        },
        "batches": {
            name: {"frames": 6 * scale, "batches": 3 * scale, "busy": 0.1 * scale}
            for name in ("encap", "decap")
        },
        "peers": [
            {
                "vni": 100,
                "ip": f"10.0.1.{number}",
                "state": "up",
                "heard": None if number else 3.2,
                "tx_bytes": 1000 * scale,
                "rx_bytes": 0,
            }
            for number in range(peers)
        ],
    }


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.4, "0"),
        (999.4, "999"),
        (999.6, "1 k"),
        (1234, "1.23 k"),
        (99_949, "99.9 k"),
        (99_950, "100 k"),
        (1.69e9, "1.69 G"),
        (5e15, "5000 T"),
    ],
)
def test_figures_have_few_digits(value: float, text: str) -> None:
    assert scaled(value) == text
    assert scaled(value, "bit/s") == f"{text}{'' if ' ' in text else ' '}bit/s"


def test_rates_are_what_was_counted_in_the_time_between() -> None:
    rates = top_rates.direction(answer(12.0, 3), answer(10.0, 1), "tx")
    assert (rates.bits, rates.frames, rates.reads, rates.batch) == (8000.0, 10.0, 6.0, 2.0)
    assert rates.busy == pytest.approx(0.1)
    idle = top_rates.direction(answer(12.0, 1), answer(10.0, 1), "rx")
    assert (idle.bits, idle.batch, idle.busy) == (0.0, 0.0, 0.0)


def test_the_fastest_growing_drop_comes_first() -> None:
    first, second, *_ = top_rates.drops(answer(12.0, 3), answer(10.0, 1))
    assert first == DropRate("underlay", "bad_flags", 9, 3.0)
    assert second == DropRate("underlay", "short", 100, 0.0)


def test_a_sparkline_is_as_high_as_the_most() -> None:
    history = History()
    assert history.line(5) == ""
    for value in (0, 0, 50, 100):
        history.add(value)
    assert history.line(3, PLAIN_SPARKS) == "_+@"
    assert history.line(3) == "▁▅█"
    flat = History()
    flat.add(0)
    assert flat.line(3) == "▁"


def test_rows_without_room_are_counted() -> None:
    assert fit([1, 2], 2) == ([1, 2], 0)
    assert fit([1, 2, 3], 2) == ([1], 2)
    assert fit([1, 2, 3], 0) == ([], 3)


@pytest.mark.parametrize(("overlays", "peers"), [(1, 1), (1, 40), (300, 600)])
@pytest.mark.parametrize("height", [24, 50])
def test_the_screen_fits_the_terminal(overlays: int, peers: int, height: int) -> None:
    out = io.StringIO()
    console = terminal(file=out, width=80, height=height, color_system=None)
    screen = Screen(
        console,
        "vx0, vx1, vx2, a-long-name-0, a-long-name-1, a-long-name-2, a-long-name-3",
        "q quits",
    )
    now, before = (
        answer(uptime, scale, overlays=overlays, peers=peers) for uptime, scale in ((9, 9), (8, 1))
    )
    console.print(screen.draw(now, before))
    lines = out.getvalue().splitlines()
    assert len(lines) <= height
    assert max(map(len, lines)) <= 80
    assert lines[0].endswith("q quits")
    assert any("bad_flags: the I flag is 0" in line for line in lines)
    assert any(line.startswith("10.0.1.0 ") for line in lines)
    assert any("more reasons" in line for line in lines)


def test_a_terminal_without_utf_8_gets_plain_characters() -> None:
    octets = io.BytesIO()
    out = io.TextIOWrapper(octets, encoding="ascii", write_through=True)
    console = terminal(file=out, width=80, height=24, color_system=None)
    console.print(Screen(console, "vx0").draw(answer(9, 9), answer(8, 1)))
    assert b"@" in octets.getvalue()


def test_names_and_addresses_are_shown_as_they_are() -> None:
    out = io.StringIO()
    console = terminal(file=out, width=80, height=24, color_system=None)
    now, before = answer(9, 9), answer(8, 1)
    now["peers"][0]["ip"] = "2001:db8:cd:1:ab::2"  # :cd: and :ab: are emoji to rich
    now["counters"]["overlays"]["100"]["tap"] = "[red]"
    console.print(Screen(console, "vx0").draw(now, before))
    assert "2001:db8:cd:1:ab::2 " in out.getvalue()
    assert "[red]" in out.getvalue()
