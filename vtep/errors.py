"""Errors with a message for the user: one line, `what: why; remedy`."""


class UsageError(ValueError):
    """An option, a configuration file or a query is wrong; the program exits with code 2."""


class HostError(Exception):
    """The host refuses an operation; the program exits with code 2 at start, 1 while it runs."""
