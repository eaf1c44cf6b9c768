"""The VXLAN header: 8 octets in network byte order between outer UDP and inner Ethernet.

RFC 7348 section 5: flags RRRRIRRR, 24 reserved bits, the 24-bit VNI, 8 reserved bits. Reserved bits
are sent as 0 and ignored on receipt.
"""

import struct

from vtep.wire.buffer import Readable

HEADER_LEN = 8
PORT = 4789
MAX_VNI = 0xFFFFFF

_I_FLAG = 0x08000000
_LAYOUT = struct.Struct(">II")
_unpack_from = _LAYOUT.unpack_from


def pack(vni: int) -> bytes:
    """Return the header for `vni`, with only the I flag set.

    Raises:
        ValueError: the VNI is out of range.
    """
    if not 0 <= vni <= MAX_VNI:
        raise ValueError(f"VNI {vni}: out of range; use 0..{MAX_VNI}")
    return _LAYOUT.pack(_I_FLAG, vni << 8)


def parse(buf: Readable, at: int = 0) -> int | None:
    """Return the VNI of the header at `at`; None if it is truncated or its I flag is 0.

    To distinguish the two, check the length first.
    """
    if len(buf) - at < HEADER_LEN:
        return None
    flags, tail = _unpack_from(buf, at)
    return tail >> 8 if flags & _I_FLAG else None


def reserved_bits(buf: Readable, at: int = 0) -> bool:
    """Tell whether any reserved bit is set in the header at `at`; False if it is truncated.

    GBP, GPE and remote checksum offload use such bits; an RFC 7348 receiver ignores them.
    """
    if len(buf) - at < HEADER_LEN:
        return False
    flags, tail = _unpack_from(buf, at)
    return bool(flags & ~_I_FLAG or tail & 0xFF)
