"""The Internet checksum (RFC 1071) and its incremental update (RFC 1624).

A *sum* is the ones' complement sum of big-endian 16-bit words, folded to 16 bits. The *checksum*
on the wire is the complement of such a sum.
"""

from vtep.wire.buffer import Readable


def ones_sum(buf: Readable) -> int:
    """Return the sum of a buffer; a buffer of odd length is padded with a zero octet.

    0x10000 is 1 modulo 0xffff, so the folded sum is the buffer read as one number modulo 0xffff.
    Ones' complement has two zeros: the sum is 0 if all octets are 0, and otherwise 0xffff.
    """
    number = int.from_bytes(buf, "big")
    folded = number % 0xFFFF
    if len(buf) & 1:
        folded = (folded << 8) % 0xFFFF
    return folded or (0xFFFF if number else 0)


def complement(total: int) -> int:
    """Return the checksum for a folded sum, 0..0xffff."""
    return ~total & 0xFFFF


def update(checksum: int, old: int, new: int) -> int:
    """Return the checksum after one covered 16-bit word changed from `old` to `new`.

    RFC 1624 equation 3: HC' = ~(~HC + ~m + m'). Pass a value at an odd offset, which is part of two
    words, with its octets swapped.
    """
    total = (checksum ^ 0xFFFF) + (old ^ 0xFFFF) + new
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF
