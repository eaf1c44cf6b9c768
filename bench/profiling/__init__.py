"""Where the running daemons spend their time, by py-spy, and by perf where there is one."""

from bench.profiling.run import PYTHONS, run

__all__ = ["PYTHONS", "run"]
