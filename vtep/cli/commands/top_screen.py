"""The screen of `vtep top`, drawn with rich: fits 80 columns and 24 lines, also without colour.

Only `vtep top` imports it.
"""

from collections.abc import Mapping
from typing import Any

from rich.console import Console, Group, JustifyMethod, OverflowMethod, RenderableType
from rich.table import Table
from rich.text import Text

from vtep.cli.commands import top_rates as rates
from vtep.cli.commands.top_rates import PLAIN_SPARKS, SPARKS, DropRate, History, Stats, fit, scaled
from vtep.dataplane.counters import HARMLESS, Drop

_FIXED = 10
"""Lines of the title, the directions, and the headings of the tables."""
_SPARK = 30
_NARROWEST = 7
"""Columns are as wide as their longest numbers, so that they do not move."""
_WORDS = {"", "vni", "tap", "peer", "state", "last 30 s"}
"""Columns of text; all others have numbers."""
_STATES = {"up": "green", "silent": "yellow", "unheard": "red"}
_HARMLESS = {str(drop) for drop in HARMLESS}
_MEANINGS = {str(drop): drop.meaning for drop in Drop}


def terminal(**options: Any) -> Console:
    """Return a console without markup: ":cd:" is part of an IPv6 address."""
    return Console(highlight=False, markup=False, emoji=False, **options)


class Screen:
    """Draws responses of /v1/stats, each with the one before it.

    Args:
        console: to draw on; its size limits the rows.
        title: name of the daemon.
        hint: how to quit.
    """

    def __init__(self, console: Console, title: str, hint: str = "") -> None:
        self._console = console
        self._title = title
        self._hint = hint
        self._is_plain = console.options.ascii_only
        self._history = {"tx": History(), "rx": History()}

    def draw(self, now: Stats, before: Stats) -> RenderableType:
        """Return the screen for the time between two responses."""
        lost = rates.drops(now, before)
        room = max(self._console.height - _FIXED, 6)
        drops = min(len(lost), max(room // 3, 2))
        overlays = min(len(now["counters"]["overlays"]), max((room - drops) // 3, 1))
        peers = max(room - drops - overlays, 1)
        return Group(
            self._head(now),
            self._directions(now, before),
            self._overlays(now, before, overlays),
            self._peers(now, before, peers),
            self._drops(lost, drops),
        )

    def _head(self, now: Stats) -> Text:
        minutes, seconds = divmod(int(now["uptime"]), 60)
        hours, minutes = divmod(minutes, 60)
        width = max(self._console.width - len(self._hint), 2)
        left = f"vtep {self._title}  up {hours}:{minutes:02}:{seconds:02}"
        return Text(f"{left:{width - 1}.{width - 1}} {self._hint}".rstrip(), "bold")

    def _directions(self, now: Stats, before: Stats) -> Table:
        table = self._table("", "bit/s", "frames/s", "reads/s", "reads/batch", "busy", "last 30 s")
        sparks = PLAIN_SPARKS if self._is_plain else SPARKS
        for name, way, colour in (("out", "tx", "cyan"), ("in", "rx", "magenta")):
            values = rates.direction(now, before, way)
            self._history[way].add(values.bits)
            table.add_row(
                Text(name, colour),
                *[scaled(values.bits), scaled(values.frames)],
                *[scaled(values.reads), f"{values.batch:.1f}", f"{values.busy:.0%}"],
                Text(self._history[way].line(_SPARK, sparks), colour),
            )
        return table

    def _overlays(self, now: Stats, before: Stats, room: int) -> Table:
        table = self._table(
            "vni", "tap", "out bit/s", "in bit/s", "flooded/s", "fdb", "learned/s", "moved"
        )
        seconds = rates.seconds_between(now, before)
        then = before["counters"]["overlays"]
        shown, more = fit(list(now["counters"]["overlays"].items()), room)
        for vni, overlay in shown:
            old = then.get(vni, overlay)
            flooded = sum(overlay["flooded"].values()) - sum(old["flooded"].values())
            fdb, old_fdb = overlay["fdb"], old["fdb"]
            table.add_row(
                *[vni, overlay["tap"]],
                *_both_ways(overlay, old, seconds),
                *[scaled(flooded / seconds), f"{fdb['entries']:,}"],
                *[scaled(rates.rate(fdb, old_fdb, "learned", seconds)), f"{fdb['moved']:,}"],
            )
        return _with_rest(table, more)

    def _peers(self, now: Stats, before: Stats, room: int) -> Table:
        table = self._table("peer", "vni", "state", "heard", "out bit/s", "in bit/s")
        seconds = rates.seconds_between(now, before)
        then = rates.peers_before(before)
        shown, more = fit(now["peers"], room)
        for peer in shown:
            heard = peer["heard"]
            table.add_row(
                *[peer["ip"], str(peer["vni"])],
                Text(peer["state"], _STATES.get(peer["state"], "")),
                "never" if heard is None else f"{heard:.0f} s ago",
                *_both_ways(peer, then.get((peer["vni"], peer["ip"]), peer), seconds),
            )
        return _with_rest(table, more)

    def _drops(self, lost: list[DropRate], room: int) -> RenderableType:
        if not lost:
            return Text("no drops", "dim")
        table = Table(box=None, pad_edge=False, header_style="dim", expand=True)
        for name in ("dropped", "a second"):
            table.add_column(name, justify="right", no_wrap=True)
        table.add_column("where", no_wrap=True)
        table.add_column("why", no_wrap=True, overflow=self._overflow, ratio=1)
        shown, more = fit(lost, room)
        for one in shown:
            style = "red" if one.rate and one.reason not in _HARMLESS else ""
            why = f"{one.reason}: {_meaning(one.reason)}"
            table.add_row(f"{one.count:,}", scaled(one.rate), one.place, why, style=style)
        if more:
            table.add_row("", "", "", f"and {more} more reasons")
        return table

    def _table(self, *names: str) -> Table:
        table = Table(box=None, pad_edge=False, header_style="dim")
        for name in names:
            justify: JustifyMethod = "left" if name in _WORDS else "right"
            table.add_column(
                name, justify=justify, no_wrap=True, overflow=self._overflow, min_width=_NARROWEST
            )
        return table

    @property
    def _overflow(self) -> OverflowMethod:
        """Crop long text, or end it with an ellipsis, which is not ASCII."""
        return "crop" if self._is_plain else "ellipsis"


def _meaning(reason: str) -> str:
    """Return the meaning of a reason; a newer daemon may have others."""
    return _MEANINGS.get(reason, "see its documentation")


def _both_ways(now: Mapping[str, Any], before: Mapping[str, Any], seconds: float) -> list[str]:
    return [scaled(8 * rates.rate(now, before, name, seconds)) for name in ("tx_bytes", "rx_bytes")]


def _with_rest(table: Table, more: int) -> Table:
    if more:
        table.add_row(f"and {more} more")
    return table
