"""Options of IPv4 and TCP headers, in a few words."""

from vtep.wire.buffer import Readable

_END, _NO_OPERATION = 0, 1

IPV4_NAMES = {
    7: "record route",
    68: "timestamp",
    131: "loose source route",
    137: "strict source route",
    148: "router alert",
}
TCP_NAMES = {2: "MSS", 3: "window scale", 4: "SACK permitted", 5: "SACK", 8: "timestamps"}
_TCP_NUMBERS = {2: 4, 3: 3}
"""TCP options whose value is one number, and their length."""


def options_text(octets: Readable, names: dict[int, str], *, is_tcp: bool) -> str:
    """Return the number of options and their names; padding is not counted."""
    shown = []
    at = 0
    while at < len(octets) and octets[at] != _END:
        kind = octets[at]
        if kind == _NO_OPERATION:
            at += 1
            continue
        length = octets[at + 1] if at + 1 < len(octets) else 0
        if length < 2 or at + length > len(octets):
            shown.append(f"option {kind} that does not fit")
            break
        text = names.get(kind, f"option {kind}")
        if is_tcp and _TCP_NUMBERS.get(kind) == length:
            text += f" {int.from_bytes(octets[at + 2 : at + length], 'big')}"
        shown.append(text)
        at += length
    return f"{len(shown)}: {', '.join(shown)}" if shown else "0: padding only"
