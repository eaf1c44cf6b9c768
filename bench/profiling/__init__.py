"""CPU time of the running daemons by function, with py-spy and, if installed, perf."""

from bench.profiling.run import PYTHONS, run

__all__ = ["PYTHONS", "run"]
