"""Comparison of two results: figures, their spread, and a verdict.

pairs.py        a figure of one contender in both
rank_test.py    whether two series differ more than by chance
differences.py  differences of machines, versions and options; tests in one file only
show.py         the comparison as tables, or as JSON
"""

from bench.compare.pairs import WORSE, Pair, pairs
from bench.compare.show import as_json, print_text

__all__ = ["WORSE", "Pair", "as_json", "pairs", "print_text"]
