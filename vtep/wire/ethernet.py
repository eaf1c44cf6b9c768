"""Ethernet: MAC addresses and the 802.1Q tag (IEEE 802.3 clause 3, 802.1Q clause 9).

A tag directly follows the two MACs, so removing it moves only those 12 octets. The rest of the
frame keeps its place.
"""

import re
import struct

from vtep.wire.buffer import Readable, Writable

HEADER_LEN = 14
TAG_LEN = 4

IPV4 = 0x0800
ARP = 0x0806
VLAN = 0x8100
IPV6 = 0x86DD
QINQ = 0x88A8

BROADCAST = b"\xff\xff\xff\xff\xff\xff"

MACS_LEN = 12
_MAC_TEXT = re.compile("[0-9a-fA-F]{2}([:-][0-9a-fA-F]{2}){5}")
_TAG = struct.Struct(">HH")
_tag_at = _TAG.unpack_from


def is_group(mac: Readable) -> bool:
    """Tell whether a MAC is a multicast or the broadcast address (lowest bit of octet 0)."""
    return bool(mac[0] & 1)


def format_mac(mac: bytes) -> str:
    """Return six octets as lower-case "02:00:00:00:00:01"."""
    return mac.hex(":")


def parse_mac(text: str) -> bytes:
    """Return the six octets of a MAC written with colons or dashes.

    Raises:
        ValueError: *text* is not six pairs of hexadecimal digits.
    """
    if not _MAC_TEXT.fullmatch(text):
        raise ValueError(f"{text!r}: not a MAC address; write it as 02:00:00:00:00:01")
    return bytes.fromhex(text.replace(":", "").replace("-", ""))


def vlan_id(frame: Readable, at: int) -> int | None:
    """Return the VLAN ID of the outermost tag of the frame at `at`; None without a tag.

    0 is a priority tag, which belongs to no VLAN. `frame` ends where the frame ends. A frame too
    short for MACs, tag and the next ethertype counts as untagged.
    """
    if len(frame) - at < HEADER_LEN + TAG_LEN:
        return None
    ethertype, control = _tag_at(frame, at + MACS_LEN)
    if ethertype in (VLAN, QINQ):
        return int(control & 0x0FFF)
    return None


def pop_tag(slot: Writable, at: int) -> int:
    """Remove the outermost tag of the frame at `at` in place; return the new start of the frame.

    The frame must have a tag (`vlan_id` is not None).
    """
    start = at + TAG_LEN
    slot[start : start + MACS_LEN] = slot[at : at + MACS_LEN]
    return start


def pack_tag(vid: int) -> bytes:
    """Return an 802.1Q tag of priority 0; its place is directly after the two MACs.

    Raises:
        ValueError: *vid* is not a VLAN ID.
    """
    if not 1 <= vid <= 4094:
        raise ValueError(f"VLAN {vid}: out of range; use 1..4094")
    return _TAG.pack(VLAN, vid)
