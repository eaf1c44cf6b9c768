"""Cost of a frame against the size of the tables: in process, on the pure modules, without root."""

from bench.scaling.run import run

__all__ = ["run"]
