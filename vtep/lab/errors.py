"""The error of the lab."""


class LabError(Exception):
    """An operation of the lab failed; the text names it and includes the program's output."""
