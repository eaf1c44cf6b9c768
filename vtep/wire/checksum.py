"""The Internet checksum: RFC 1071, and its incremental update, RFC 1624.

A *sum* here is the ones' complement sum of big-endian 16-bit words, folded to 16 bits. The
*checksum* that goes on the wire is the complement of such a sum.
"""

from vtep.wire.buffer import Readable


def ones_sum(buf: Readable) -> int:
    """Return the sum of a buffer; an odd one is padded with a zero octet.

    Since 0x10000 is 1 modulo 0xffff, the folded sum is the buffer read as one number modulo 0xffff.
    Only the two zeros of ones' complement need care: the sum is 0 for nothing but zero octets.
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

    RFC 1624 equation 3: HC' = ~(~HC + ~m + m'). A value that lies across two words (at an odd
    offset) is given with its octets swapped, which is what it adds to the sum.
    """
    total = (checksum ^ 0xFFFF) + (old ^ 0xFFFF) + new
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF
