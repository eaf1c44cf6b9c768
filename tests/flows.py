"""Group frames by their inner flow, without the code under test (except ip.locate)."""

from collections import defaultdict
from collections.abc import Iterable

from vtep.wire import ip


def by_flow(
    frames: Iterable[bytes], *, without_id: bool = False
) -> dict[bytes | None, list[bytes]]:
    """Return frames in order by MACs, addresses and ports; those without ports under None.

    With `without_id`, IPv4 ID and header checksum are blanked.
    """
    flows: dict[bytes | None, list[bytes]] = defaultdict(list)
    for raw in frames:
        found = ip.locate(raw)
        key = None
        if found and found.protocol in (ip.TCP, ip.UDP) and not found.fragment:
            at = found.l3 + (12 if found.version == 4 else 8)
            addresses = raw[at : at + (8 if found.version == 4 else 32)]
            key = raw[:12] + addresses + bytes([found.protocol]) + raw[found.l4 : found.l4 + 4]
        flows[key].append(_blanked(raw) if without_id else raw)
    return flows


def _blanked(raw: bytes) -> bytes:
    if raw[12:14] != b"\x08\x00":
        return raw
    return raw[:18] + b"\0\0" + raw[20:24] + b"\0\0" + raw[26:]
