"""Capture files: read pcap and pcapng, write pcapng. Standard library only."""

from vtep.pcap.reading import read
from vtep.pcap.record import (
    ETHERNET,
    LINUX_SLL,
    LINUX_SLL2,
    MAX_FRAME,
    RAW_IP,
    CaptureDirection,
    CaptureError,
    Interface,
    Record,
    is_capture,
)
from vtep.pcap.writing import frame_block, interface_block, section_block

__all__ = [
    "ETHERNET",
    "LINUX_SLL",
    "LINUX_SLL2",
    "MAX_FRAME",
    "RAW_IP",
    "CaptureDirection",
    "CaptureError",
    "Interface",
    "Record",
    "frame_block",
    "interface_block",
    "is_capture",
    "read",
    "section_block",
]
