"""Split frames into headers and fields, with names, values and meanings for people.

vtep.wire, on which this package is built, serves the forwarding. Here every bit has a name, a
value and a meaning, and errors are reported. Nothing here decides about a frame.
"""

from vtep.dissect.chain import FirstHeader, dissect
from vtep.dissect.diagram import diagram
from vtep.dissect.model import ChecksumState, Field, Header
from vtep.dissect.summary import Summary, summarize, summarize_frame
from vtep.dissect.text import headers_as_json

__all__ = [
    "ChecksumState",
    "Field",
    "FirstHeader",
    "Header",
    "Summary",
    "diagram",
    "dissect",
    "headers_as_json",
    "summarize",
    "summarize_frame",
]
