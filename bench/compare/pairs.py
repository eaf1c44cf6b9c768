"""A figure of one contender in two results, and a verdict on it."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from bench.compare.rank_test import chance, least_chance
from bench.contenders import REFERENCE
from bench.figures import Series, Summary, overlap, ratios, summarize
from bench.meaning import LOSS, LOWER_BOUND, is_lower_better
from bench.measures import COMPARED, METRICS, Metric
from bench.results import Cell, Results

BETTER, WORSE, SAME, FEW = "better", "worse", "no difference seen", "too few rounds"
LIMITED = "limited by sender"
LIMIT = 0.05
"""A difference is reported if it occurs by chance less often than this."""
_NOT_COMPARED = ("samples", "trials", "sender_limited")


@dataclass(frozen=True, slots=True)
class Pair:
    """One figure in both results.

    Attributes:
        test: kind, case and rig of the test.
        contender: the contender's name.
        metric: the figure.
        relative: whether it is a ratio to the reference in the same round.
        a, b: median, lowest and highest round of the first and of the second results.
        lost: median loss in a and in b that belongs to a rate, in percent.
        rounds: number of rounds with a figure in a and in b.
        chance: how often the rank test expects such an order if nothing differs, from 0 to 1.
        verdict: BETTER or WORSE (b than a), SAME, FEW, or LIMITED, if the rates are lower bounds
            that prove none of them.
    """

    test: str
    contender: str
    metric: Metric
    relative: bool
    a: Summary
    b: Summary
    lost: tuple[float | None, float | None]
    rounds: tuple[int, int]
    chance: float
    verdict: str

    @property
    def ratio(self) -> Summary | None:
        """Return b / a: that of the medians, the lowest and the highest of any two rounds."""
        if min(self.a) <= 0:
            return None
        return Summary(
            self.b.median / self.a.median, self.b.low / self.a.high, self.b.high / self.a.low
        )

    def falls_below(self, limit: float) -> bool:
        """Return whether b is worse, and its share of a's performance is lower than *limit*."""
        if self.verdict != WORSE or self.ratio is None:
            return self.verdict == WORSE
        ratio = self.ratio.median
        return (1 / ratio if is_lower_better(self.metric.key) else ratio) < limit


def pairs(
    a: Results, b: Results, names: Collection[str] | None, *, relative: bool, every: bool = False
) -> Iterator[Pair]:
    """Yield the figures of every test that both results have.

    Args:
        a: the first results.
        b: the second results.
        names: the contenders; None for all.
        relative: compare the ratios to the reference of the same round, instead of the figures.
        every: compare every figure, not only the main ones of a kind.
    """
    for cell in a.cells:
        other = b.find(cell.kind, cell.case, cell.rig)
        if other is None:
            continue
        for name in cell.figures:
            if name not in other.figures or (names is not None and name not in names):
                continue
            if relative and name == REFERENCE:
                continue
            for metric in (METRICS if every else COMPARED)[cell.kind]:
                if metric.key not in _NOT_COMPARED:
                    yield from _pair(cell, other, name, metric, relative)


def _pair(cell: Cell, other: Cell, name: str, metric: Metric, relative: bool) -> Iterator[Pair]:
    """Yield the pair, if both have a figure."""
    one, two = (_series(each, name, metric.key, relative) for each in (cell, other))
    first, second = summarize(one), summarize(two)
    if first and second:
        ours, theirs = ([value for value in each if value is not None] for each in (one, two))
        by_chance = chance(ours, theirs)
        enough = least_chance(len(ours), len(theirs)) <= LIMIT
        verdict = _verdict(metric.key, first, second, by_chance, enough)
        bounds = [_is_lower_bound(each, name, metric) for each in (cell, other)]
        is_proven = _is_proven(verdict, *bounds)
        if relative:  # a reference that may be faster makes the ratio an upper bound
            a_may_be_lower, b_may_be_lower = (
                _is_lower_bound(each, REFERENCE, metric) for each in (cell, other)
            )
            is_proven = is_proven and _is_proven(verdict, b_may_be_lower, a_may_be_lower)
        if not is_proven:
            verdict = LIMITED
        amounts = (len(ours), len(theirs))
        test = f"{cell.kind} {cell.case}, {cell.rig}"
        lost = (_lost(cell, name, metric), _lost(other, name, metric))
        yield Pair(test, name, metric, relative, first, second, lost, amounts, by_chance, verdict)


def _lost(cell: Cell, name: str, metric: Metric) -> float | None:
    found = summarize(cell.series(name, LOSS.get((cell.kind, metric.key), "")))
    return found.median if found else None


def _is_lower_bound(cell: Cell, name: str, metric: Metric) -> bool:
    """Return whether the sender was the limit of a rate, in the median of the rounds."""
    found = summarize(cell.series(name, LOWER_BOUND.get((cell.kind, metric.key), "")))
    return found is not None and found.median >= 0.5


def _is_proven(verdict: str, a_is_bound: bool, b_is_bound: bool) -> bool:
    """Return whether a verdict holds although the true rates of a or b may be higher."""
    return (verdict == WORSE or not a_is_bound) and (verdict == BETTER or not b_is_bound)


def _series(cell: Cell, name: str, key: str, relative: bool) -> Series:
    mine = cell.series(name, key)
    return ratios(mine, cell.series(REFERENCE, key)) if relative else mine


def _verdict(key: str, a: Summary, b: Summary, by_chance: float, enough: bool) -> str:
    if not enough:
        return SAME if overlap(a, b) else FEW
    if by_chance > LIMIT or a.median == b.median:
        return SAME
    return BETTER if (b.median < a.median) == is_lower_better(key) else WORSE
