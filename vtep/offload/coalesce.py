"""Many to one, by the dozen: find TCP segments that are one super-frame, with a few numpy calls.

The kernel merges datagrams of one sender on receipt (UDP_GRO): a message in a slot is then a row of
datagrams of one size, the last maybe shorter.  Where all of them carry segments of one TCP flow,
one after the other, they are given to the TAP as one super-frame.  Messages of one layout in
neighbouring slots are looked at together, each numpy call works on all rows of all of them:

    headers equal but for length, ID, checksums and sequence number   one xor with the first row
    sequence numbers one payload apart, lengths those of the rows     one subtraction, one compare
    IP header and TCP checksums right                                 one sum each

What does not qualify takes the plain path, datagram by datagram.  The conditions are those of the
kernel's own receive offload (net/ipv4/tcp_offload.c tcp_gro_receive), but that IPv4 must have DF
set, so that the IDs say nothing (RFC 6864).
"""

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from vtep.offload.sums import pseudo_words
from vtep.wire import ip, virtio, vxlan
from vtep.wire.checksum import complement, ones_sum
from vtep.wire.slot import FRAME_AT, UDP_AT, Slots

MAX_LAYOUTS = 256
"""Most layouts whose views are kept; a bulk flow has a few."""

_MAX_PACKET = 65535
_MAX_ROWS = 512
"""Well under what one writev takes (IOV_MAX is 1024)."""
_ACK, _PSH = 0x10, 0x08
_DF = 0x40


class Layout:
    """How the segments of one message lie in their slot, in octets; see Coalescer for their making.

    Attributes:
        rows: datagrams in the message.
        size: of each datagram but the last.
        last: of the last one.
        version, l3, l4, payload_at: of the headers, from the start of the frame.
        headers: the same four as one value.
        segment: octets of payload in a full segment.
        payload: octets of payload in all.
    """

    __slots__ = (
        *("headers", "l3", "l4", "last", "payload", "payload_at"),
        *("rows", "segment", "size", "version", "views"),
    )

    def __init__(self, rows: int, size: int, last: int, headers: tuple[int, int, int, int]) -> None:
        self.rows = rows
        self.size = size
        self.last = last
        self.headers = headers
        self.version, self.l3, self.l4, self.payload_at = headers
        overhead = vxlan.HEADER_LEN + self.payload_at
        self.segment = size - overhead
        self.payload = (rows - 1) * self.segment + last - overhead
        self.views: _Views | None = None

    def may_follow(self, chain: "Chain") -> bool:
        """Tell whether these rows have the shape to end, or go on with, a super-frame of *chain*.

        All segments of one are equal but the last, which may be shorter.
        """
        first, before = chain[0][1], chain[-1][1]
        same_headers = self.headers == first.headers
        is_tail = self.rows == 1 and self.size < first.size
        return same_headers and before.last == first.size and (self.size == first.size or is_tail)


Chain: TypeAlias = list[tuple[int, Layout]]
"""Slots, each of which continues the one before, with their layouts."""


class Coalescer:
    """Looks at messages in one set of slots; keeps the layouts met so far."""

    def __init__(self, slots: Slots) -> None:
        self._slots = slots
        self._layouts: dict[tuple[int, int, int, tuple[int, int, int, int]], Layout] = {}

    # HOT PATH
    def layout_of(self, slot: memoryview, size: int) -> Layout | None:
        """Return the Layout of the message that ends with *slot*, if its first row qualifies.

        Args:
            slot: the message at slot[8:], VXLAN headers and frames.
            size: octets of each datagram but the last; 0 for a single one.
        """
        octets = len(slot) - UDP_AT
        size = size or octets
        frame = slot[FRAME_AT : UDP_AT + size]
        headers = ip.locate(frame)
        if headers is None or headers.protocol != ip.TCP or headers.fragment:
            return None
        version, l3, l4, end, _, _ = headers
        if l4 + ip.TCP_LEN > end or end != len(frame):
            return None
        rows = -(-octets // size)
        last = octets - (rows - 1) * size
        payload_at = l4 + (frame[l4 + 12] >> 4) * 4
        flags = frame[l4 + 13]
        if flags != _ACK and (flags != _ACK | _PSH or rows > 1):
            return None
        if version == 4 and not frame[l3 + 6] & _DF:
            return None
        if payload_at < l4 + ip.TCP_LEN or last <= vxlan.HEADER_LEN + payload_at:
            return None
        key = (rows, size, last, (version, l3, l4, payload_at))
        layout = self._layouts.get(key)
        if layout is None:
            if len(self._layouts) >= MAX_LAYOUTS:
                self._layouts.clear()
            layout = self._layouts[key] = Layout(*key)
        return layout

    # HOT PATH
    def check(self, first: int, last: int, layout: Layout) -> list[bool]:
        """Tell for each of the slots first..last, all of *layout*, whether its rows are one."""
        return self._views_of(layout).check(slice(first, last + 1))

    # HOT PATH
    def continues(self, slot: int, layout: Layout, chain: Chain) -> bool:
        """Tell whether the rows of *slot* go on where those of *chain* end; all were checked."""
        before, other = chain[-1]
        if not layout.may_follow(chain) or not _fits(chain, layout):
            return False
        octets, earlier = self._slots.views[slot], self._slots.views[before]
        end = FRAME_AT + layout.payload_at
        head = int.from_bytes(octets[UDP_AT:end], "big")
        if (head ^ int.from_bytes(earlier[UDP_AT:end], "big")) & self._views_of(layout).mask:
            return False
        at = FRAME_AT + layout.l4
        if earlier[at + 13 + (other.rows - 1) * other.size] & _PSH:
            return False
        distance = _long(octets, at + 4) - _long(earlier, at + 4)
        return distance & 0xFFFFFFFF == other.payload

    # HOT PATH
    def join(self, chain: Chain) -> tuple[virtio.VirtioHeader, list[memoryview]]:
        """Return the virtio header of a super-frame and its parts after the first row's.

        The headers of the first slot's first row become those of the super-frame, in place.
        """
        first, layout = chain[0]
        payload = sum(one.payload for _, one in chain)
        if payload <= layout.segment:
            return virtio.PLAIN, []
        final, final_layout = chain[-1]
        frame = self._slots.views[first][FRAME_AT : UDP_AT + layout.size]
        last_row = FRAME_AT + layout.l4 + 13 + (final_layout.rows - 1) * layout.size
        frame[layout.l4 + 13] |= self._slots.views[final][last_row] & _PSH
        header = _unite(frame, layout, payload)
        parts: list[memoryview] = []
        for slot, one in chain:
            parts += self._views_of(one).payloads(slot)
        return header, parts[1:]

    def _views_of(self, layout: Layout) -> "_Views":
        if layout.views is None:
            layout.views = _Views(self._slots, layout)
        return layout.views


def _fits(chain: Chain, layout: Layout) -> bool:
    """Tell whether one more message of *layout* leaves the packet within its limits."""
    payload = sum(one.payload for _, one in chain) + layout.payload
    rows = sum(one.rows for _, one in chain) + layout.rows
    return layout.payload_at - layout.l3 + payload <= _MAX_PACKET and rows <= _MAX_ROWS


def _unite(frame: memoryview, layout: Layout, payload: int) -> virtio.VirtioHeader:
    """Make the headers in *frame* those of a super-frame with *payload* octets."""
    version, l3, l4, payload_at = layout.headers
    length = payload_at - l3 + payload
    if version == 4:
        frame[l3 + 2 : l3 + 4] = length.to_bytes(2, "big")
        frame[l3 + 10 : l3 + 12] = b"\0\0"
        frame[l3 + 10 : l3 + 12] = complement(ones_sum(frame[l3:l4])).to_bytes(2, "big")
    else:
        frame[l3 + 4 : l3 + 6] = (length - ip.IPV6_LEN).to_bytes(2, "big")
    headers = ip.Headers(version, l3, l4, l3 + length, ip.TCP, False)
    begun = ip.pseudo_header_sum(frame, headers, l3 + length - l4)
    frame[l4 + 16 : l4 + 18] = begun.to_bytes(2, "big")
    kind = virtio.GSO_TCPV4 if version == 4 else virtio.GSO_TCPV6
    return virtio.VirtioHeader(
        virtio.NEEDS_CSUM, kind, payload_at, layout.segment, l4, ip.CHECKSUM_AT[ip.TCP]
    )


def _long(octets: memoryview, at: int) -> int:
    return int.from_bytes(octets[at : at + 4], "big")


class _Views:
    """The fields of all slots for one Layout: arrays (slots, rows, ...)."""

    def __init__(self, slots: Slots, layout: Layout) -> None:
        rows, size, last = layout.rows, layout.size, layout.last
        version, l3, l4, payload_at = layout.headers
        head = vxlan.HEADER_LEN + payload_at

        def view(offset: int, kind: str, *extent: tuple[int, int]) -> Any:
            return np.ndarray(
                (len(slots), rows, *(length for length, _ in extent)),
                kind,
                slots.octets,
                UDP_AT + offset,
                (slots.octets.strides[0], size, *(step for _, step in extent)),
            )

        frame_at = vxlan.HEADER_LEN
        l3_at, l4_at = frame_at + l3, frame_at + l4
        masks = _mask(layout)
        self.mask = int.from_bytes(masks[0].tobytes(), "big")
        self._masks = masks
        self._heads = view(0, "u1", (head, 1))
        lengths = np.full(rows, size, np.int64)
        lengths[-1] = last
        self._is_ipv4 = version == 4
        self._ip_length = view(l3_at + (2 if self._is_ipv4 else 4), ">u2")
        fixed = 0 if self._is_ipv4 else ip.IPV6_LEN
        self._ip_lengths = (lengths - l3_at - fixed).astype(">u2")
        if self._is_ipv4:
            self._ip_words = view(l3_at, "<u2", ((l4 - l3) // 2, 2))
            self._addresses = view(l3_at + 12, "<u2", (4, 2))[:, :1]
        else:
            self._addresses = view(l3_at + 8, "<u2", (16, 2))[:, :1]
        self._sequence = view(l4_at + 4, ">u4")
        self._offsets = np.arange(rows, dtype=np.uint32) * np.uint32(layout.segment)
        self._words = view(l4_at, "<u2", ((size - l4_at) // 2, 2))
        self._odd = view(size - 1, "u1") if (size - l4_at) & 1 else None
        self._pseudo = pseudo_words(lengths - l4_at, ip.TCP)
        short = size - last
        self._pad = view(last, "u1", (short, 1))[:, -1] if short else None
        self._octets = slots.views
        self._slices = [
            slice(UDP_AT + row * size + head, UDP_AT + row * size + int(lengths[row]))
            for row in range(rows)
        ]
        self._payloads: list[list[memoryview] | None] = [None] * len(slots)

    # HOT PATH
    def payloads(self, slot: int) -> list[memoryview]:
        """Return the payload of each row of *slot*."""
        payloads = self._payloads[slot]
        if payloads is None:
            octets = self._octets[slot]
            payloads = self._payloads[slot] = [octets[one] for one in self._slices]
        return payloads

    # HOT PATH
    def check(self, run: slice) -> list[bool]:
        """Tell which slots of *run* hold one super-frame; zeros are put behind a short last row."""
        heads = self._heads[run]
        different = heads ^ heads[:, :1]
        different &= self._masks
        wrong = different.any(axis=(1, 2))
        wrong |= (self._ip_length[run] != self._ip_lengths).any(axis=1)
        sequence = self._sequence[run].astype(np.uint32)
        wrong |= (sequence - sequence[:, :1] != self._offsets).any(axis=1)
        if self._is_ipv4:
            sums = np.add.reduce(self._ip_words[run], axis=2, dtype=np.uint32)
            wrong |= (sums % np.uint32(0xFFFF)).any(axis=1)
        if self._pad is not None:
            self._pad[run] = 0
        sums = np.add.reduce(self._words[run], axis=2, dtype=np.uint32)
        sums += np.add.reduce(self._addresses[run], axis=2, dtype=np.uint32)
        sums += self._pseudo
        if self._odd is not None:
            sums += self._odd[run]
        wrong |= (sums % np.uint32(0xFFFF)).any(axis=1)
        return [not one for one in wrong.tolist()]


def _mask(layout: Layout) -> npt.NDArray[np.uint8]:
    """Return the bits of each row's headers that must be those of the first row."""
    frame_at = vxlan.HEADER_LEN
    l3, l4 = frame_at + layout.l3, frame_at + layout.l4
    mask = np.full((layout.rows, frame_at + layout.payload_at), 0xFF, np.uint8)
    if layout.version == 4:
        mask[:, l3 + 2 : l3 + 6] = 0  # length, ID
        mask[:, l3 + 10 : l3 + 12] = 0  # header checksum
    else:
        mask[:, l3 + 4 : l3 + 6] = 0  # payload length
    mask[:, l4 + 4 : l4 + 8] = 0  # sequence number
    mask[:, l4 + 16 : l4 + 18] = 0  # checksum
    mask[-1, l4 + 13] = 0xFF & ~_PSH
    return mask
