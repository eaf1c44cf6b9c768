"""Faults of a walk: where the frame ends, the counters, and the tshark commands of the hints."""

import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
from scapy.utils import wrpcap

from tests.unit.test_walk import at, octets
from vtep.walk.engine import run
from vtep.walk.model import Hint, Result
from vtep.walk.options import Options


def broken(name: str, **options: Any) -> Result:
    return run(Options(what_if=name, **options))  # type: ignore[arg-type]


def counted(result: Result, host: str) -> dict[str, int]:
    counters = result.counters[host]
    places = [counters["underlay"], *counters["taps"].values(), *counters["overlays"].values()]
    return {name: count for place in places for name, count in place["drops"].items()}


@pytest.mark.parametrize("ipv6", [False, True])
@pytest.mark.parametrize(
    ("name", "host", "place", "drop"),
    [
        ("mtu", "h1", "vtep", "oversize"),
        ("vni", "h2", "vtep", "unknown_vni"),
        ("flag", "h2", "vtep", "bad_flags"),
        ("peer", "h2", "vtep", "unknown_peer"),
        ("port", "h2", "u2", "kernel_no_socket"),
        ("checksum", "h2", "u2", "kernel_checksum"),
    ],
)
def test_the_frame_ends_at_one_place_and_is_counted_there_only(
    name: str, host: str, place: str, drop: str, ipv6: bool
) -> None:
    result = broken(name, ipv6=ipv6, inner_ipv6=ipv6)
    last = result.walks[-1].stations[-1]
    assert (last.host, last.place, last.drop) == (host, place, drop)
    assert not result.walks[-1].arrived
    by_vtep = {} if drop.startswith("kernel_") else {drop: 1}
    assert counted(result, host) == by_vtep
    assert counted(result, "h1" if host == "h2" else "h2") == {}
    assert result.recap == ()
    assert any(drop in hint.says for hint in result.hints) == bool(by_vtep)


def test_a_fault_of_one_host_does_not_affect_the_third() -> None:
    assert broken("vni").counters["h3"]["overlays"]["100"]["rx_frames"] == 1
    assert broken("peer").counters["h3"]["overlays"]["100"]["rx_frames"] == 1
    assert counted(broken("flag"), "h3") == {"bad_flags": 1}
    assert broken("vni", vni=0xFFFFFF).walks[-1].stations[-1].drop == "unknown_vni"


def test_a_long_ping_follows_a_successful_exchange() -> None:
    result = broken("mtu")
    assert [walk.arrived for walk in result.walks] == [True, True, False]
    station = at(result.walks[-1], "h1", "br0")
    assert station.size == 1514
    assert "1450" in station.why
    assert "silently" in station.why
    ping = next(hint for hint in result.hints if hint.host == "c1")
    assert ping.command == "ping -M do -c 1 -s 1423 172.18.0.12"


def test_a_custom_frame_meets_the_same_fault() -> None:
    frame = bytes.fromhex("0242ac12000c0242ac12000b88b5") + bytes(46)
    for name in ("vni", "flag", "port", "checksum", "peer"):
        ours, theirs = broken(name, frame=frame).walks[-1], broken(name).walks[-1]
        assert ours.stations[-1].drop == theirs.stations[-1].drop


@pytest.mark.parametrize("name", ["vni", "flag", "port", "checksum", "peer"])
def test_tshark_shows_the_packet_with_the_filter_of_the_hint(name: str, tmp_path: Path) -> None:
    result = broken(name)
    packet = octets(at(result.walks[0], "underlay", "wire"))
    good = octets(at(run(Options()).walks[1], "underlay", "wire"))
    wrpcap(str(tmp_path / "seen.pcap"), [packet, good])
    hint = next(hint for hint in result.hints if hint.command.startswith("tshark"))
    shown = {"vni": ["1", "2"]}.get(name, ["1"])  # both are of h1's VNI
    assert seen(hint, tmp_path / "seen.pcap") == shown


def seen(hint: Hint, capture: Path) -> list[str]:
    """Return the numbers of the frames that a tshark command shows of a file."""
    words = shlex.split(hint.command)
    at_device = words.index("-i")
    words[at_device : at_device + 2] = ["-r", str(capture)]
    words += ["-T", "fields", "-e", "frame.number"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.split()
