"""Read a custom frame: hexadecimal, a frame of a capture file, or a scapy expression."""

import ast
import os
import re
from itertools import islice
from pathlib import Path
from typing import Any

from vtep import pcap
from vtep.decode.hexdump import octets_of
from vtep.errors import UsageError
from vtep.walk.frames import C1, C2
from vtep.walk.options import MAX_WALK_FRAME, whole_number
from vtep.wire import ethernet

_MAX_LAYERS = 32

_NUMBERED = re.compile(r"(.+):([0-9]+)")
_NODES = (
    *(ast.Expression, ast.Call, ast.Name, ast.Load, ast.Constant, ast.keyword, ast.BinOp),
    *(ast.Div, ast.Mult, ast.Add, ast.UnaryOp, ast.USub, ast.List, ast.Tuple),
)
"""Syntax that an expression may use: layers, their fields, and / between layers."""


def read_frame(text: str) -> bytes:
    """Return the frame that `text` spells, names or builds.

    Raises:
        UsageError: it does none of these, or the frame is too long.
    """
    numbered = _NUMBERED.fullmatch(text)
    if "(" in text:
        frame = _built(text)
    elif os.path.exists(text):  # unlike Path, it does not raise for long or strange text
        frame = _captured(Path(text), 1)
    elif numbered and os.path.exists(numbered[1]):
        frame = _captured(Path(numbered[1]), whole_number("frame number", numbered[2]))
    elif "/" in text or "." in text:
        raise UsageError(
            f"{text}: no such file; give --frame hexadecimal, a capture file, or a scapy expression"
        )
    else:
        frame = octets_of(text)
    if len(frame) > MAX_WALK_FRAME:
        raise UsageError(f"frame: {len(frame)} bytes are too long; use at most {MAX_WALK_FRAME}")
    return frame


def _captured(path: Path, number: int) -> bytes:
    """Return a frame of a pcap or pcapng file; the first frame has number 1."""
    try:
        with path.open("rb") as stream:
            record = next(islice(pcap.read(stream), max(number, 1) - 1, None), None)
    except OSError as error:
        raise UsageError(
            f"{path}: cannot read: {error.strerror}; give --frame another file"
        ) from error
    except pcap.CaptureError as error:
        raise UsageError(f"{path}: {error}; give --frame another file") from error
    if record is None or number < 1:
        raise UsageError(f"{path}: frame {number} does not exist; count from {path}:1")
    if record.interface.link != pcap.ETHERNET:
        raise UsageError(f"{path}: frame {number} is not Ethernet; capture on an Ethernet device")
    return record.octets


def _built(expression: str) -> bytes:
    """Return the octets of a packet given as an expression of scapy's layers only."""
    try:
        tree = ast.parse(expression.strip(), mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise UsageError(f"frame: not an expression: {error}; check brackets and quotes") from error
    for node in ast.walk(tree):
        if not isinstance(node, _NODES):
            raise UsageError(
                f"frame: {type(node).__name__} is not allowed; write layers and their fields only,"
                " such as Ether()/IP(dst='172.18.0.12')"
            )
    names = _layers()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and not isinstance(node.func, ast.Name):
            raise UsageError("frame: only a layer can be called; write layers as Ether() or IP()")
        if isinstance(node, ast.Name) and node.id not in names:
            raise UsageError(f"frame: unknown scapy layer {node.id!r}; check its name")
    try:
        packet = eval(compile(tree, "<frame>", "eval"), {"__builtins__": {}}, names)
        if isinstance(packet, names["Packet"]):
            _fill_in(packet)
            return bytes(packet)
    except Exception as error:  # scapy raises any exception for a packet it cannot build
        raise UsageError(f"frame: scapy cannot build it: {error}; check the fields") from error
    raise UsageError("frame: not a layer; write layers, such as Ether()/IP(dst='172.18.0.12')")


def _fill_in(packet: Any) -> None:
    """Set missing addresses to those of c1 and c2, as scapy would take this machine's."""
    defaults = {
        "Ethernet": {"src": ethernet.format_mac(C1.mac), "dst": ethernet.format_mac(C2.mac)},
        "ARP": {
            "hwsrc": ethernet.format_mac(C1.mac),
            "psrc": C1.ipv4,
            "hwdst": ethernet.format_mac(bytes(6)),
            "pdst": C2.ipv4,
        },
        "IP": {"src": C1.ipv4, "dst": C2.ipv4},
        "IPv6": {"src": C1.ipv6, "dst": C2.ipv6},
    }
    layer, remaining = packet, _MAX_LAYERS
    while layer and remaining:
        for name, address in defaults.get(layer.name, {}).items():
            if name not in layer.fields:
                layer.setfieldval(name, address)
        layer, remaining = layer.payload, remaining - 1


def _layers() -> dict[str, Any]:
    """Return scapy's common layers by name."""
    import logging

    logging.getLogger("scapy.runtime").setLevel(logging.ERROR)
    from scapy.layers import inet, inet6, l2, vxlan
    from scapy.packet import Packet, Raw

    return {"Packet": Packet, "Raw": Raw} | {
        name: value
        for module in (l2, inet, inet6, vxlan)
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, Packet)
    }
