"""Compare datagrams of one size in neighbouring slots: the rows that continue one another.

The kernel merges datagrams of one sender on receipt (UDP_GRO): a message in a slot is then a
sequence of datagrams of one size. Messages with equally many rows in neighbouring slots are
compared together, and so are single datagrams of one size. A row is not compared with an expected
value but with the row before it. Each numpy call below works on all rows of all slots:

    headers are equal except ID, checksums, sequence number        one xor
    sequence numbers are one payload apart (TCP)                   one subtraction
    ID and IPv4 checksum have the same sum                         one sum
    transport header and payload have the same sum                 one sum

So all rows of a span are valid if its first row is; the caller checks that one.
"""

from typing import Any, NamedTuple, TypeAlias

import numpy as np

from vtep.bounded_cache import BoundedCache
from vtep.offload.sums import swapped
from vtep.wire import ip, virtio, vxlan
from vtep.wire.slot import UDP_AT, SlotArray

MAX_ROWS = 128
"""Most datagrams that one message can hold (UDP_MAX_SEGMENTS, linux/udp.h)."""

_MAX_PACKET = 65535
_MAX_TCP_ROWS = 512
"""Well under what one writev takes (IOV_MAX is 1024)."""
_MAX_UDP_ROWS = 64
"""Most datagrams of one UDP GSO frame that every kernel takes."""

_GSO = {
    (ip.TCP, 4): virtio.GSO_TCPV4,
    (ip.TCP, 6): virtio.GSO_TCPV6,
    (ip.UDP, 4): virtio.GSO_UDP_L4,
    (ip.UDP, 6): virtio.GSO_UDP_L4,
}
_MAX_LAYOUTS = 256
"""Most layouts whose views are kept: 3 KB each."""
_MAX_PAYLOADS = 256
"""Most slots, of any layout, whose payload views are kept: 9 KB each for bulk segments."""
_PSH = 0x08
_WORD = 8


class RowLayout(NamedTuple):
    """Where the headers of rows of one size are, in octets from the start of the frame.

    Attributes:
        size: octets of one datagram, VXLAN header and frame.
        version: of IP, 4 or 6.
        protocol: TCP or UDP.
        l3, l4: where IP and transport header begin.
        payload_at: where the payload begins.
    """

    size: int
    version: int
    protocol: int
    l3: int
    l4: int
    payload_at: int

    @property
    def segment(self) -> int:
        """Octets of payload in one row."""
        return self.size - vxlan.HEADER_LEN - self.payload_at

    def mask(self) -> bytearray:
        """Return the bits of VXLAN header and frame headers that are equal in all full rows."""
        at = vxlan.HEADER_LEN
        mask = bytearray(b"\xff" * (at + self.payload_at))
        if self.version == 4:
            mask[at + self.l3 + 4 : at + self.l3 + 6] = bytes(2)  # ID
            mask[at + self.l3 + 10 : at + self.l3 + 12] = bytes(2)  # header checksum
        l4 = at + self.l4
        checksum_at = l4 + ip.CHECKSUM_AT[self.protocol]
        mask[checksum_at : checksum_at + 2] = bytes(2)
        if self.protocol == ip.TCP:
            mask[l4 + 4 : l4 + 8] = bytes(4)  # sequence number
            mask[l4 + 13] = 0xFF & ~_PSH
        return mask

    def like_mask(self) -> int:
        """Return the bits that decide whether a row has this layout, as one number.

        These are lengths, fragment, protocol, TCP offset and flags, addresses and ports.
        """
        mask = self.mask()
        l4 = vxlan.HEADER_LEN + self.l4
        if self.protocol == ip.TCP:
            mask[l4 + 8 : l4 + 12] = bytes(4)  # acknowledgement number
            mask[l4 + 14 :] = bytes(len(mask) - l4 - 14)  # window and options
        return int.from_bytes(mask, "big")

    def head_mask(self) -> int:
        """Return the bits that are equal in full rows and a shorter last row, as one number."""
        mask = self.mask()
        at = vxlan.HEADER_LEN
        length_at = at + self.l3 + (2 if self.version == 4 else 4)
        mask[length_at : length_at + 2] = bytes(2)
        if self.protocol == ip.UDP:
            mask[at + self.l4 + 4 : at + self.l4 + 6] = bytes(2)
        return int.from_bytes(mask, "big")


class RowViews:
    """Views of one array of slots for one RowLayout: arrays (slots, rows, ...).

    Attributes:
        slots, layout: as given.
        max_rows: how many rows of a slot the views cover.
        segment: octets of payload in one row.
        max_segments: how many full segments fit into one GSO frame.
        is_tcp: or UDP.
        head_len: octets of VXLAN header and frame headers.
        head_mask, like_mask: those of the layout.
        pseudo: the sum of protocol and length in the pseudo header.
        virtio_header: of a GSO frame of such segments.
    """

    def __init__(self, slots: SlotArray, layout: RowLayout, payloads: "PayloadCache") -> None:
        count, length = slots.octets.shape
        size = layout.size
        mask = layout.mask()
        words = -(-len(mask) // _WORD)
        room = length - UDP_AT - max(size, words * _WORD)
        rows = min(MAX_ROWS, 1 + room // size)
        frame_at = vxlan.HEADER_LEN
        l3, l4 = frame_at + layout.l3, frame_at + layout.l4

        def view(offset: int, kind: str, *extent: tuple[int, int]) -> Any:
            return np.ndarray(
                (count, rows, *(number for number, _ in extent)),
                kind,
                slots.octets,
                UDP_AT + offset,
                (slots.octets.strides[0], size, *(step for _, step in extent)),
            )

        self.layout = layout
        self.slots = slots
        self.max_rows = rows
        self.segment = layout.segment
        self.head_mask = layout.head_mask()
        self.like_mask = layout.like_mask()
        self.head_len = frame_at + layout.payload_at
        self.pseudo = layout.protocol + size - l4
        self.is_tcp = layout.protocol == ip.TCP
        max_segments = (_MAX_PACKET - (layout.payload_at - layout.l3)) // layout.segment
        self.max_segments = min(max_segments, _MAX_TCP_ROWS if self.is_tcp else _MAX_UDP_ROWS)
        self._ip_shift = 8 * (self.head_len - l4)
        self._ip_bits = (1 << 8 * (l4 - l3)) - 1
        self.virtio_header = virtio.VirtioHeader(
            flags=virtio.NEEDS_CSUM,
            gso_type=_GSO[layout.protocol, layout.version],
            hdr_len=layout.payload_at,
            gso_size=layout.segment,
            csum_start=layout.l4,
            csum_offset=ip.CHECKSUM_AT[layout.protocol],
        )
        self._heads = view(0, "u8", (words, _WORD)).transpose(2, 0, 1)
        padded = bytes(mask).ljust(words * _WORD, b"\0")
        self._mask = np.frombuffer(padded, np.uint64).reshape(words, 1)
        if self.is_tcp:
            self._sequence = view(l4 + 4, ">u4")
            self._flags = view(l4 + 13, "u1")
        self._is_ipv4 = layout.version == 4
        if self._is_ipv4:
            self._id = view(l3 + 4, "<u2")
            self._ip_checksum = view(l3 + 10, "<u2")
        self._step = np.uint32(layout.segment)
        self._words = view(l4, "<u2", ((size - l4) // 2, 2))
        self._odd = view(size - 1, "u1") if (size - l4) & 1 else None
        self._payload_at = UDP_AT + frame_at + layout.payload_at
        self._payloads = payloads

    def is_right(self, head: int, addresses: int, total: int) -> bool:
        """Tell whether a row of this layout has valid checksums.

        Args:
            head: its VXLAN header and frame headers as one number.
            addresses: the ones' complement sum of its IP addresses.
            total: that of its transport header and payload.
        """
        if self._is_ipv4 and (head >> self._ip_shift & self._ip_bits) % 0xFFFF:
            return False
        if not self.is_tcp and not head & 0xFFFF:  # no UDP checksum
            return False
        return (total + addresses + self.pseudo) % 0xFFFF == 0

    def payloads(self, slot: int) -> list[memoryview]:
        """Return the payload of each row of *slot*."""
        key = self, slot
        payloads = self._payloads.get(key)
        if payloads is None:
            octets, segment = self.slots.views[slot], self.segment
            starts = range(self._payload_at, len(octets) - segment, self.layout.size)
            payloads = [octets[at : at + segment] for at in starts[: self.max_rows]]
            self._payloads.put(key, payloads)
        return payloads

    # HOT PATH: bench tcp
    def compare(
        self, first: int, count: int, rows: int, *, verify: bool = True
    ) -> tuple[list[int], Any]:
        """Compare each row with the one before it, across slots too.

        Args:
            first: number of the first slot.
            count: slots.
            rows: rows in each slot, at most `max_rows`.
            verify: compare checksums too.

        Returns:
            The rows, counted from 0 over all slots, that do not continue the one before; and the
            ones' complement sum of transport header and payload of every row, or None.
        """
        slots = slice(first, first + count)
        heads = self._heads[:, slots, :rows].reshape(len(self._mask), -1)
        different = heads[:, 1:] ^ heads[:, :-1]
        different &= self._mask
        broken = np.bitwise_or.reduce(different, axis=0) != 0
        if self.is_tcp:
            sequence = self._sequence[slots, :rows].astype(np.uint32).ravel()
            broken |= sequence[1:] - sequence[:-1] != self._step
            flags = self._flags[slots, :rows].ravel()
            broken |= (flags[:-1] & _PSH) != 0
        sums = self._check(slots, rows, broken) if verify else None
        return (np.flatnonzero(broken) + 1).tolist(), sums

    def _check(self, slots: slice, rows: int, broken: Any) -> Any:
        """Mark in *broken* the rows whose checksums differ from the row before; return the sums."""
        if self._is_ipv4:
            sums = np.add(self._id[slots, :rows], self._ip_checksum[slots, :rows], dtype=np.uint32)
            sums = sums.ravel() % np.uint32(0xFFFF)
            broken |= sums[1:] != sums[:-1]
        sums = np.add.reduce(self._words[slots, :rows], axis=2, dtype=np.uint32)
        if self._odd is not None:
            sums += self._odd[slots, :rows]
        sums = sums.ravel() % np.uint32(0xFFFF)
        broken |= sums[1:] != sums[:-1]
        return swapped(sums)


PayloadCache: TypeAlias = BoundedCache[tuple[RowViews, int], list[memoryview]]
"""The payload of each row of a slot, by views and number of the slot."""


class RowsCache:
    """The views of one array of slots, by layout; keeps those made last."""

    def __init__(self, slots: SlotArray) -> None:
        self._slots = slots
        self._views: BoundedCache[RowLayout, RowViews] = BoundedCache(_MAX_LAYOUTS)
        self._payloads: PayloadCache = BoundedCache(_MAX_PAYLOADS)

    def __getitem__(self, layout: RowLayout) -> RowViews:
        """Return the views for *layout*."""
        views = self._views.get(layout)
        if views is None:
            views = self._views.put(layout, RowViews(self._slots, layout, self._payloads))
        return views
