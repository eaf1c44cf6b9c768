"""`vtep decode`: print frames field by field, with their problems and the verdict of a VTEP."""

import argparse
import ipaddress
import json
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

from vtep.config.numbers import parse_int
from vtep.decode.inputs import InputFrame, open_input
from vtep.decode.kernel import Datagram, received
from vtep.decode.terminal import wants_colour
from vtep.decode.text import Paint, full, short
from vtep.decode.verdict import DecodeConfig, DecodeVtep, Verdict
from vtep.dissect import Header, dissect, headers_as_json
from vtep.errors import UsageError
from vtep.pcap import CaptureError
from vtep.wire import vxlan


class Decoded(NamedTuple):
    """One decoded frame; `verdict` is None if it holds no VXLAN."""

    number: int
    frame: InputFrame
    headers: list[Header]
    verdict: Verdict | None


def run(arguments: argparse.Namespace) -> int:
    """Run `vtep decode` and return the exit code."""
    config = _config(arguments)
    frames, is_capture = open_input(arguments.input, arguments.first)
    decoded = decode(frames, config)
    try:
        if arguments.json:
            good = _print_json(decoded, is_capture=is_capture)
        else:
            good = _print_text(decoded, is_short=arguments.short)
    except CaptureError as error:
        print("", end="", flush=True)  # print the frames before the damage first
        print("vtep: error:", error, file=sys.stderr)
        return 1
    return 0 if good else 1


def decode(frames: Iterator[InputFrame], config: DecodeConfig) -> Iterator[Decoded]:
    """Yield each frame decoded; one VTEP receives all of them and learns from each."""
    vtep = DecodeVtep(config)
    for number, frame in enumerate(frames, 1):
        headers: list[Header] = []
        verdict = None
        if frame.first is not None:
            headers = dissect(frame.octets, frame.first, ports=config.ports)
            found = received(frame, headers, config.ports, config.local)
            if isinstance(found, Datagram):
                verdict = vtep.receive(found, _seconds(frame))
            elif found is not None:
                verdict = vtep.refused(found)
        yield Decoded(number, frame, headers, verdict)


def _seconds(frame: InputFrame) -> float | None:
    record = frame.record
    return None if record is None or record.time is None else record.time / 1e9


def _print_text(decoded: Iterator[Decoded], *, is_short: bool) -> bool:
    paint = Paint(on=wants_colour())
    good = True
    for one in decoded:
        verdict = one.verdict
        if verdict is None or is_short:
            lines = short(one.number, one.frame, one.headers, verdict, paint)
        else:
            lines = full(one.number, one.frame, one.headers, verdict, paint)
        print("\n".join(lines), flush=is_short)
        good = good and not _is_dropped(one)
    return good


def _is_dropped(one: Decoded) -> bool:
    return one.verdict is not None and one.verdict.what == "dropped"


def _print_json(decoded: Iterator[Decoded], *, is_capture: bool) -> bool:
    """Print one object per line for a capture, a list for hexadecimal."""
    good = True
    found = []
    for one in decoded:
        good = good and not _is_dropped(one)
        if is_capture:
            print(json.dumps(_as_json(one)), flush=True)
        else:
            found.append(_as_json(one))
    if not is_capture:
        print(json.dumps(found, indent=2))
    return good


def _as_json(one: Decoded) -> dict[str, Any]:
    frame, record = one.frame, one.frame.record
    seconds = _seconds(frame)
    return {
        "number": one.number,
        "time": seconds,
        "interface": record.interface.name or None if record is not None else None,
        "direction": record.direction if record is not None else None,
        "comments": [*record.comments] if record is not None else [],
        "size": frame.size,
        "kept": len(frame.octets),
        "first": frame.first,
        "headers": headers_as_json(one.headers),
        "verdict": _verdict(one.verdict),
    }


def _verdict(verdict: Verdict | None) -> dict[str, Any] | None:
    return None if verdict is None else verdict._asdict()


def _config(arguments: argparse.Namespace) -> DecodeConfig:
    ports = tuple(parse_int("--port", text, 1, 65535) for text in arguments.port or ())
    peers = [part for text in arguments.peer or () for part in text.split(",")]
    vlan: Any = arguments.vlan
    if vlan not in ("strip", "pass"):
        vlan = parse_int("--vlan", vlan, 1, 4094)
    return DecodeConfig(
        vnis=tuple(parse_int("--vni", text, 0, vxlan.MAX_VNI) for text in arguments.vni or ()),
        peers=tuple(_address("--peer", peer.strip()) for peer in peers),
        accept_any=arguments.accept_any,
        vlan=vlan,
        local=None if arguments.local is None else _address("--local", arguments.local),
        ports=ports or DecodeConfig().ports,
    )


def _address(option: str, text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise UsageError(f"{option} {text}: not an IP address; give one") from None
