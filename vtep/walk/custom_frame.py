"""A frame of your own: written in hexadecimal, in a capture file, or as an expression of scapy."""

import ast
import os
import re
from itertools import islice
from pathlib import Path
from typing import Any

from vtep import pcap as capfile
from vtep.decode.hexdump import octets_of
from vtep.errors import UsageError
from vtep.walk.frames import C1, C2
from vtep.walk.options import MAX_FRAME, whole_number
from vtep.wire import ethernet

_MAX_LAYERS = 32

_NUMBERED = re.compile(r"(.+):([0-9]+)")
_NODES = (
    *(ast.Expression, ast.Call, ast.Name, ast.Load, ast.Constant, ast.keyword, ast.BinOp),
    *(ast.Div, ast.Mult, ast.Add, ast.UnaryOp, ast.USub, ast.List, ast.Tuple),
)
"""What an expression is made of: layers, their fields, and / between them."""


def read_frame(text: str) -> bytes:
    """Return the frame that `text` is, names or builds.

    Raises:
        ConfigError: it does none of that, or the frame is too long.
    """
    numbered = _NUMBERED.fullmatch(text)
    if "(" in text:
        frame = _built(text)
    elif os.path.exists(text):  # unlike Path, it raises for no text at all
        frame = _captured(Path(text), 1)
    elif numbered and os.path.exists(numbered[1]):
        frame = _captured(Path(numbered[1]), whole_number("the number of the frame", numbered[2]))
    elif "/" in text or "." in text:
        raise UsageError(
            f"{text}: no such file: give --frame hexadecimal, a capture file, or an"
            " expression of scapy"
        )
    else:
        frame = octets_of(text)
    if len(frame) > MAX_FRAME:
        raise UsageError(f"the frame has {len(frame)} octets: use at most {MAX_FRAME}")
    return frame


def _captured(path: Path, number: int) -> bytes:
    """Return a frame of a capture file, pcap or pcapng; the first one has number 1."""
    try:
        with path.open("rb") as stream:
            record = next(islice(capfile.read(stream), max(number, 1) - 1, None), None)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    except capfile.CaptureError as error:
        raise UsageError(f"{path}: {error}: give --frame another file") from error
    if record is None or number < 1:
        raise UsageError(f"{path} has no frame {number}: the first one is {path}:1")
    if record.interface.link != capfile.ETHERNET:
        raise UsageError(f"{path}: frame {number} is not Ethernet: capture on the container's end")
    return record.octets


def _built(expression: str) -> bytes:
    """Return the octets of a packet written as an expression, with the names of scapy alone."""
    try:
        tree = ast.parse(expression.strip(), mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise UsageError(f"the frame is no expression: {error}") from error
    for node in ast.walk(tree):
        if not isinstance(node, _NODES):
            raise UsageError(
                f"the frame has a {type(node).__name__} in it: write layers and their fields only,"
                " as Ether()/IP(dst='172.18.0.12')"
            )
    names = _layers()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and not isinstance(node.func, ast.Name):
            raise UsageError("the frame calls what is no layer: write layers as Ether() or IP()")
        if isinstance(node, ast.Name) and node.id not in names:
            raise UsageError(f"the frame: scapy has no layer {node.id!r}: write one of its names")
    try:
        packet = eval(compile(tree, "<frame>", "eval"), {"__builtins__": {}}, names)
        if isinstance(packet, names["Packet"]):
            _fill_in(packet)
            return bytes(packet)
    except Exception as error:  # scapy raises whatever it likes for what it cannot build
        raise UsageError(f"the frame cannot be built: {error}") from error
    raise UsageError("the frame is no layer: write one, as Ether()/IP(dst='172.18.0.12')")


def _fill_in(packet: Any) -> None:
    """Put in the addresses that were left out, for scapy would take this machine's own."""
    usual = {
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
    layer, left = packet, _MAX_LAYERS
    while layer and left:
        for name, address in usual.get(layer.name, {}).items():
            if name not in layer.fields:
                layer.setfieldval(name, address)
        layer, left = layer.payload, left - 1


def _layers() -> dict[str, Any]:
    """Return scapy's usual layers by name."""
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
