"""Time limits of the tests."""

GENEROUS_S = 60.0
"""Seconds in which a state must be reached: many, because the machine may be busy.

For states that a test waits for. A limit that is itself under test has its own number.
"""
