"""The Mann-Whitney rank test: whether two series differ more than by chance."""

from collections import Counter
from collections.abc import Sequence


def chance(one: Sequence[float], other: Sequence[float]) -> float:
    """Return how often an order like this one occurs if nothing differs, from 0 to 1.

    All figures are put in order, and the ranks of *one* are added. The result is the share of all
    ways to divide the figures among the two series whose sum is as far from its middle, or
    further (two-sided, exact, equal figures share their rank). It is 1 without figures.
    """
    together = sorted([*one, *other])
    ranks = [_doubled_rank(together, value) for value in together]
    middle = len(one) * (len(together) + 1)
    found = abs(sum(_doubled_rank(together, value) for value in one) - middle)
    sums = _sums(ranks, len(one))
    extreme = sum(count for total, count in sums.items() if abs(total - middle) >= found)
    return extreme / sum(sums.values())


def least_chance(one: int, other: int) -> float:
    """Return the lowest possible result of chance() for series of these lengths."""
    return chance(range(one), range(one, one + other))


def _doubled_rank(together: Sequence[float], value: float) -> int:
    """Return twice the rank from 1; equal figures get the middle of their ranks."""
    below = sum(one < value for one in together)
    return 2 * below + together.count(value) + 1


def _sums(ranks: Sequence[int], amount: int) -> Counter[int]:
    """Count the ways to choose *amount* of the ranks, by their sum."""
    ways = [Counter({0: 1}), *(Counter[int]() for _ in range(amount))]
    for rank in ranks:
        for chosen in range(amount, 0, -1):
            for total, count in ways[chosen - 1].items():
                ways[chosen][total + rank] += count
    return ways[amount]
