"""Frames taken apart for people: headers, and every field of them with what it is for.

vtep/wire, which this stands on, is for the forwarding; here every bit has a name, a value and a
meaning, and what is wrong is told. Nothing here decides what becomes of a frame.
"""

from vtep.dissect.chain import First, dissect
from vtep.dissect.checks import Status, status
from vtep.dissect.diagram import diagram
from vtep.dissect.model import Field, Header
from vtep.dissect.text import as_json

__all__ = ["Field", "First", "Header", "Status", "as_json", "diagram", "dissect", "status"]
