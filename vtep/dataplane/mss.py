"""Lower the MSS that both ends of a TCP connection announce, so segments fit the tunnel's MTU."""

import struct

from vtep.wire import checksum
from vtep.wire.buffer import Writable
from vtep.wire.ip import TCP, Headers

_TCP_LEN = 20
_OFFSET_AT = 12
_FLAGS_AT = 13
_CHECKSUM_AT = 16
_SYN = 0x02
_END_OF_OPTIONS = 0
_NO_OPERATION = 1
_MSS = 2
_MSS_LEN = 4

_WORD = struct.Struct(">H")
_word_at = _WORD.unpack_from
_put_word = _WORD.pack_into


def clamp_mss(frame: Writable, headers: Headers, mtu: int, partial: bool) -> bool:
    """Lower the MSS option of a TCP SYN or SYN/ACK in place, so that segments fit `mtu`.

    Args:
        frame: the Ethernet frame; rewritten in place.
        headers: its headers, as `ip.locate` returns them.
        mtu: the largest IP packet in octets, at least 576; the MSS becomes at most mtu - 40 (IPv4)
            or mtu - 60 (IPv6), without TCP and IP options (RFC 6691).
        partial: whether the frame has a partial checksum (NEEDS_CSUM), which does not cover the
            option. Otherwise the checksum is updated (RFC 1624): a wrong checksum stays wrong.

    Returns:
        True if the frame was changed. The search stops at an option with an invalid length.
    """
    version, _, l4, end, protocol, fragment = headers
    if protocol != TCP or fragment or l4 + _TCP_LEN > end or not frame[l4 + _FLAGS_AT] & _SYN:
        return False
    limit = mtu - (40 if version == 4 else 60)
    stop = min(l4 + (frame[l4 + _OFFSET_AT] >> 4) * 4, end)
    changed = False
    at = l4 + _TCP_LEN
    while at < stop:
        kind = frame[at]
        if kind == _END_OF_OPTIONS:
            break
        if kind == _NO_OPERATION:
            at += 1
            continue
        length = frame[at + 1] if at + 1 < stop else 0
        if length < 2 or at + length > stop:
            break
        if kind == _MSS and length == _MSS_LEN:
            changed |= _lower(frame, l4, at + 2, limit, partial)
        at += length
    return changed


def _lower(frame: Writable, l4: int, at: int, limit: int, partial: bool) -> bool:
    """Lower the word at `at` to `limit`; return True if it was larger."""
    old: int = _word_at(frame, at)[0]
    if old <= limit:
        return False
    _put_word(frame, at, limit)
    if not partial:
        new = limit
        if (at - l4) & 1:
            old, new = _swap(old), _swap(new)
        (field,) = _word_at(frame, l4 + _CHECKSUM_AT)
        _put_word(frame, l4 + _CHECKSUM_AT, checksum.update(field, old, new))
    return True


def _swap(word: int) -> int:
    return (word & 0xFF) << 8 | word >> 8
