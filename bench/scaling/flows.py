"""Resident memory while TCP flows and frame lengths change all the time.

Each measurement runs in a separate process, so its memory contains nothing else.

python -m bench.scaling.flows encapsulate|decapsulate FLOWS|new FRAMES ...
"""

import json
import os
import random
import struct
import sys
from collections.abc import Iterator

from bench.measures.usage import resident_octets
from bench.scaling import endpoint
from bench.scaling.endpoint import GSO_BATCH, OWN_MAC, Endpoint
from vtep.lab.command import execute
from vtep.wire import virtio
from vtep.wire.checksum import complement, ones_sum

MSS = 1398
"""TCP payload of a full segment: 1450 octets less IP and TCP headers with timestamps."""
_MAX_PAYLOAD = 12_000  # octets of payload in a GSO frame; the kernel's limit would take longer
_MAX_SEGMENTS = 6
_REMOTE_MAC = endpoint.mac(1)
_VNI = 1
_HEADERS = 14 + 20 + 20
_IP = struct.Struct("!BBHHHBBHI4s")
_TCP = struct.Struct("!HHIIBBHHH")
_SERVER = bytes([172, 18, 0, 12])
_CLIENTS = 10 << 24
_ZEROS = bytes(_MAX_PAYLOAD)

_LONG_S = 1800.0


def resident(direction: str, sizes: list[int], flows: int | None) -> list[float]:
    """Return the RSS of a process, in MB, after each of *sizes* GSO frames in one direction.

    Args:
        direction: "encapsulate" or "decapsulate".
        sizes: ascending numbers of frames.
        flows: number of flows, of which each frame uses a random one; None for a new flow with
            each frame.
    """
    words = [direction, "new" if flows is None else str(flows), *map(str, sizes)]
    done = execute([sys.executable, "-m", "bench.scaling.flows", *words], timeout=_LONG_S)
    found: list[float] = json.loads(done.stdout)
    return found


def run_frames(direction: str, amount: int, flows: int | None) -> Endpoint:
    """Pass *amount* GSO frames through a new endpoint and return it."""
    made = _endpoint()
    _pass(made, direction, amount, _numbers(flows), random.Random(1))
    return made


def _resident(direction: str, sizes: list[int], flows: int | None) -> list[float]:
    made, numbers, source = _endpoint(), _numbers(flows), random.Random(1)
    found, done = [], 0
    for size in sizes:
        _pass(made, direction, size - done, numbers, source)
        done = size
        found.append(resident_octets(os.getpid()) / 1e6)
    return found


def _endpoint() -> Endpoint:
    made = Endpoint(1, 1)
    endpoint.fill(made.overlays[0], [_REMOTE_MAC])
    return made


def _pass(
    made: Endpoint, direction: str, amount: int, numbers: Iterator[int], source: random.Random
) -> None:
    for start in range(0, amount, GSO_BATCH):
        batch = min(GSO_BATCH, amount - start)
        if direction == "encapsulate":
            made.encapsulate_gso(
                made.overlays[0],
                [
                    _gso_frame(next(numbers), source.randint(MSS + 1, _MAX_PAYLOAD))
                    for _ in range(batch)
                ],
            )
        else:
            made.decapsulate_merged(
                [
                    (_VNI, endpoint.address(0), _segments(next(numbers), source))
                    for _ in range(batch)
                ]
            )


def _numbers(flows: int | None) -> Iterator[int]:
    """Yield numbers of flows: ascending, or random below *flows*."""
    source, number = random.Random(2), 0
    while True:
        yield number if flows is None else source.randrange(flows)
        number += 1


def _gso_frame(flow: int, length: int) -> tuple[virtio.VirtioHeader, bytes]:
    """Return the virtio header and a TCP GSO frame with *length* octets of payload."""
    pseudo = _pseudo_sum(flow, length)
    header = virtio.VirtioHeader(
        virtio.NEEDS_CSUM, virtio.GSO_TCPV4, _HEADERS, MSS, csum_start=34, csum_offset=16
    )
    frame = _REMOTE_MAC + OWN_MAC + b"\x08\x00" + _ip(flow, length) + _tcp(flow, 1, pseudo)
    return header, frame + _ZEROS[:length]


def _segments(flow: int, source: random.Random) -> list[bytes]:
    """Return frames with consecutive segments; all but the last have the same random length."""
    full = source.randint(200, MSS)
    lengths = [full] * source.randint(2, _MAX_SEGMENTS) + [source.randint(1, full)]
    made, sequence = [], 1
    for length in lengths:
        total = _pseudo_sum(flow, length) + ones_sum(_tcp(flow, sequence, 0))
        tcp = _tcp(flow, sequence, complement(total % 0xFFFF))
        frame = OWN_MAC + _REMOTE_MAC + b"\x08\x00" + _ip(flow, length) + tcp
        made.append(frame + _ZEROS[:length])
        sequence += length
    return made


def _ip(flow: int, length: int) -> bytes:
    fields = [0x45, 0, 40 + length, 1, 0x4000, 64, 6, 0, _CLIENTS + flow, _SERVER]
    fields[7] = complement(ones_sum(_IP.pack(*fields)))
    return _IP.pack(*fields)


def _tcp(flow: int, sequence: int, checksum: int) -> bytes:
    return _TCP.pack(1024 + flow % 60_000, 5201, sequence, 1, 0x50, 0x10, 500, checksum, 0)


def _pseudo_sum(flow: int, length: int) -> int:
    return ones_sum(
        (_CLIENTS + flow).to_bytes(4, "big") + _SERVER + struct.pack("!HH", 6, 20 + length)
    )


def _main(direction: str, flows: str, *sizes: str) -> None:
    amount = None if flows == "new" else int(flows)
    print(json.dumps(_resident(direction, [int(size) for size in sizes], amount)))


if __name__ == "__main__":
    _main(*sys.argv[1:])
