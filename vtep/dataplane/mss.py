"""Make TCP connections through the tunnel fit its MTU by lowering the MSS both ends announce."""

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
    """Lower the MSS option of a TCP SYN or SYN/ACK in place to what an IP packet of `mtu` holds.

    Args:
        frame: the Ethernet frame; rewritten in place.
        headers: what `ip.locate` said of this frame.
        mtu: the largest IP packet in octets, at least 576; the MSS becomes at most mtu - 40 (IPv4)
            or mtu - 60 (IPv6), as RFC 6691 counts it: without TCP and IP options.
        partial: the checksum field holds the pseudo-header sum only (NEEDS_CSUM), and so does not
            cover the option. Otherwise it is updated (RFC 1624): valid stays valid, wrong stays
            wrong.

    Returns:
        True when the frame was changed. Options that contradict themselves end the search.
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
    """Bring the word at `at` down to `limit`; True when it was larger."""
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
