"""The worker: buffers, flow cache and both directions of forwarding for one set of tables.

Theory of operation. Frames travel in slots (wire/slot.py). The caller reads a batch into them,
calls `begin_batch`, and one of the directions; each writes one header over the other, in place, and
hands on memoryviews of the slots. So the caller must have sent or written a batch before it reads
the next. There is no I/O and no clock here: the caller passes the time. Bytes from the network
never raise an exception: a bad frame is a Drop with a name.
"""

from vtep.dataplane.decap import Decapsulator
from vtep.dataplane.encap import Encapsulator
from vtep.dataplane.flow_cache import MAX_FLOWS, FlowCache
from vtep.dataplane.vtep import Vtep
from vtep.wire.slot import BufferPool

LARGE_SLOTS, SMALL_SLOTS = 16, 64
"""Most GSO frames, and most other frames, in one batch."""


class Worker:
    """Forwards frames for a Vtep.

    Args:
        vtep: the tables.
        source_ports: how many UDP source ports flows are spread over.
        trust: do not verify inner checksums before joining, where the outer one was verified.
        max_flows: most entries of the flow cache.

    Attributes:
        vtep: as given.
        pool: the slots of a batch, of one direction at a time.
        flows: the flow cache.
        encap: from a TAP to the underlay.
        decap: from the underlay to a TAP.
    """

    def __init__(
        self,
        vtep: Vtep,
        source_ports: int = 1,
        *,
        trust: bool = False,
        max_flows: int = MAX_FLOWS,
    ) -> None:
        self.vtep = vtep
        self.pool = BufferPool(LARGE_SLOTS, SMALL_SLOTS)
        self.flows = FlowCache(vtep, max_flows)
        self.encap = Encapsulator(self.pool, self.flows, source_ports)
        self.decap = Decapsulator(vtep, self.pool, self.flows, trust=trust)
        self.begin_batch = self.flows.begin_batch
