"""What the lab raises."""


class LabError(Exception):
    """The lab could not do what was asked; the text says what failed and what the program said."""
