"""The flow cache: exact match on a flow key returns everything that forwarding needs.

A frame is classified once. Later frames with the same key need one lookup, as long as the entry is
valid: the tables have not changed since it was made (their generation number is not higher), and it
is less than a second old. An older entry is refreshed, so that the FDB learns of every active
source. A frame whose entry is stale takes the full path again, and its new entry replaces it.

One bound holds for both directions and all TAPs. The cache has two halves: new and reused entries
are in the recent half; when that is full, it becomes the older half, and the entries of the older
half, none of which was used meanwhile, are dropped.
"""

from typing import TypeAlias

from vtep.dataplane.decap_flow import DecapFlow
from vtep.dataplane.encap_flow import EncapFlow
from vtep.dataplane.overlay import AccessPort
from vtep.dataplane.vtep import Vtep
from vtep.wire.flow import FlowKey

MAX_FLOWS = 8192
"""Most entries; more flows than that are classified again and again, which costs 10 us a frame."""

ROTATE_S = 60.0
"""Longest time until a half is dropped: unused entries free removed peers and overlays."""

EncapKey: TypeAlias = tuple[AccessPort, FlowKey]
DecapKey: TypeAlias = tuple[str, FlowKey]
"""The sender's IP address as text, and the key of the datagram."""


class FlowCache:
    """The flows of both directions, and the clock of the current batch.

    Args:
        vtep: the tables.
        max_flows: most entries between two batches.

    Attributes:
        encap_flows, decap_flows: the recent entries of each direction.
        now: monotonic seconds of the current batch.
        generation: of the tables when the batch began; changes count from the next batch on.
    """

    def __init__(self, vtep: Vtep, max_flows: int = MAX_FLOWS) -> None:
        self.encap_flows: dict[EncapKey, EncapFlow] = {}
        self.decap_flows: dict[DecapKey, DecapFlow] = {}
        self.now = 0.0
        self.generation = 0
        self._generation = vtep.generation
        self._half = max(max_flows // 2, 1)
        self._rotate_at = ROTATE_S
        self._older_encap: dict[EncapKey, EncapFlow] = {}
        self._older_decap: dict[DecapKey, DecapFlow] = {}

    def __len__(self) -> int:
        """Count the entries."""
        older = len(self._older_encap) + len(self._older_decap)
        return len(self.encap_flows) + len(self.decap_flows) + older

    def begin_batch(self, now: float) -> None:
        """Begin a batch: the only place where time passes and entries are evicted."""
        self.now = now
        self.generation = self._generation.number
        if len(self.encap_flows) + len(self.decap_flows) >= self._half or now >= self._rotate_at:
            self._rotate_at = now + ROTATE_S
            self._older_encap, self.encap_flows = self.encap_flows, {}
            self._older_decap, self.decap_flows = self.decap_flows, {}

    def find_encap(self, key: EncapKey) -> EncapFlow | None:
        """Return the valid entry of a frame from a TAP, or None; it becomes recent again."""
        flow = self.encap_flows.get(key)
        if flow is None:
            flow = self._older_encap.pop(key, None)
            if flow is None:
                return None
            self.encap_flows[key] = flow
        if flow.generation < self.generation:
            return None
        return flow if self.now < flow.valid_until or flow.refresh(self.now) else None

    def find_decap(self, key: DecapKey) -> DecapFlow | None:
        """Return the valid entry of a datagram, or None; it becomes recent again."""
        flow = self.decap_flows.get(key)
        if flow is None:
            flow = self._older_decap.pop(key, None)
            if flow is None:
                return None
            self.decap_flows[key] = flow
        if flow.generation < self.generation:
            return None
        return flow if self.now < flow.valid_until or flow.refresh(self.now) else None
