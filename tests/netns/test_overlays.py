"""Several overlays on one UDP port, isolated from each other, and a trunk TAP for VLANs."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from vtep.lab import Container, Daemon, Host, Lab, is_vxlan, ping, transfer, wait_until
from vtep.lab.vlan import vlan_device

pytestmark = pytest.mark.netns

Site = tuple[Container, str]
"""A container and its device on the overlay."""

SUBNET = "172.18.0.1{}/16"
MACS = ("02:00:00:00:00:0a", "02:00:00:00:00:0b")
RED, BLUE = 1010, 1020


@contextmanager
def running(host: Host, path: Path, text: str) -> Iterator[Daemon]:
    path.write_text(text)
    with host.vtep("--config", str(path)) as daemon:
        yield daemon


def two_overlays(peer: Host) -> str:
    return "".join(
        f'[[overlay]]\nvni = {vni}\ntap = "vx{vni}"\nbridge = "br{vni}"\n'
        f'peers = ["{peer.address}"]\n'
        for vni in (RED, BLUE)
    )


def trunk(peer: Host, red: int, blue: int) -> str:
    return "".join(
        f'[[overlay]]\nvni = {vni}\nvlan = {vlan}\ntap = "trunk0"\nbridge = "br0"\n'
        f'peers = ["{peer.address}"]\n'
        for vni, vlan in ((RED, red), (BLUE, blue))
    )


def check_isolated(first: list[Site], second: list[Site]) -> None:
    """Check under parallel traffic that red reaches only red, and blue only blue."""
    with ExitStack() as stack:
        seen = [
            (stack.enter_context(container.capture(device)), own, foreign)
            for side in (first, second)
            for (container, device), own, foreign in zip(
                side, (b"\xaa" * 8, b"\xbb" * 8), (b"\xbb" * 8, b"\xaa" * 8), strict=True
            )
        ]
        target = address(second[0])
        for (container, _), pattern in zip(first, ("aa", "bb"), strict=True):
            command = ["ping", "-c", "3", "-i", "0.05", "-W", "1", "-p", pattern]
            container.run([*command, target])
        for capture, own, foreign in seen:
            frames = capture.frames()
            assert sum(own in frame for frame in frames) == 6
            assert not any(foreign in frame for frame in frames)
    (red1, _), (blue1, _), (red2, _), (blue2, _) = *first, *second
    transfer(red1, red2, 10_000_000, address=target)
    transfer(blue2, blue1, 10_000_000, address=address(first[1]))


def address(site: Site) -> str:
    """Return the address of the site's device."""
    container, device = site
    [link] = json.loads(container.ip("-j", "address", "show", "dev", device))
    return str(next(a["local"] for a in link["addr_info"] if a["family"] == "inet"))


def test_equal_macs_and_addresses_in_two_overlays_are_isolated(tmp_path: Path) -> None:
    with Lab() as lab:
        h1, h2 = lab.hosts(2)
        sites: list[list[Site]] = [[], []]
        for number, host in enumerate((h1, h2), 1):
            for colour, vni in (("red", RED), ("blue", BLUE)):
                bridge = host.bridge(f"br{vni}")
                twin = host.container(
                    f"{colour}{number}", bridge, SUBNET.format(number), mac=MACS[number - 1]
                )
                sites[number - 1].append((twin, "eth0"))
        with (
            running(h1, tmp_path / "h1.toml", two_overlays(h2)) as first,
            running(h2, tmp_path / "h2.toml", two_overlays(h1)),
        ):
            check_isolated(*sites)
            places = {(entry["vni"], entry["mac"]): entry["dst"] for entry in first.fdb()}
            for vni in (RED, BLUE):
                assert places[vni, MACS[0]] == "local"
                assert places[vni, MACS[1]] == h2.address


def test_a_vlan_trunk_connects_two_container_networks_with_other_vlans(
    tmp_path: Path,
) -> None:
    """Trunk to trunk with other VLAN numbers, then trunk to an access TAP for each overlay."""
    with Lab() as lab:
        h1, h2, h3 = lab.hosts(3)
        here = trunked(h1, 1, red=10, blue=20)
        there = trunked(h2, 2, red=110, blue=120)
        with (
            running(h1, tmp_path / "h1.toml", trunk(h2, 10, 20)) as first,
            running(h2, tmp_path / "h2.toml", trunk(h1, 110, 120)),
            h1.capture(h1.device, is_vxlan) as underlay,
        ):
            check_isolated(here, there)
            assert underlay.frames()
            assert not any(frame[62:64] == b"\x81\x00" for frame in underlay.frames())
            assert first.counters()["taps"]["trunk0"]["drops"].keys() <= {"unknown_vlan"}
        bridges = [h3.bridge(f"br{vni}") for vni in (RED, BLUE)]
        far = [
            (h3.container(f"{colour}3", bridge, SUBNET.format(3)), "eth0")
            for colour, bridge in zip(("red", "blue"), bridges, strict=True)
        ]
        with (
            running(h1, tmp_path / "h1.toml", trunk(h3, 10, 20)),
            running(h3, tmp_path / "h3.toml", two_overlays(h1)),
        ):
            check_isolated(here, far)


def trunked(host: Host, number: int, *, red: int, blue: int) -> list[Site]:
    """Create a bridge with a container in VLAN *red* and one in VLAN *blue*."""
    host.bridge("br0")
    sites = []
    for colour, vlan in (("red", red), ("blue", blue)):
        container = host.container(f"{colour}{number}", "br0", "192.0.2.1/32", mtu=1454)
        container.ip("address", "flush", "dev", "eth0")
        sites.append((container, vlan_device(container, vlan, SUBNET.format(number))))
        container.ip("link", "set", sites[-1][1], "mtu", "1450")
    return sites


def test_a_vlan_without_an_overlay_is_dropped_and_logged(tmp_path: Path) -> None:
    with Lab() as lab:
        h1, h2 = lab.hosts(2)
        (red, _), (unlisted, _) = trunked(h1, 1, red=10, blue=30)
        with running(h1, tmp_path / "h1.toml", trunk(h2, 10, 20)) as daemon:
            ping(unlisted, "172.18.0.12", timeout=0.1)
            wait_until(lambda: "unknown_vlan" in daemon.counters()["taps"]["trunk0"]["drops"])
            assert daemon.counters()["overlays"][str(BLUE)]["tx_frames"] == 0
            ping(red, "172.18.0.12", timeout=0.1)
            wait_until(lambda: daemon.counters()["overlays"][str(RED)]["tx_frames"] >= 1)


def test_tags_pass_with_vlan_pass() -> None:
    with Lab() as lab:
        h1, h2 = lab.hosts(2)
        ends = []
        for number, host in enumerate((h1, h2), 1):
            host.bridge("br0")
            container = host.container(f"c{number}", "br0", SUBNET.format(number), mtu=1446)
            vlan_device(container, 5, f"172.19.0.1{number}/16")
            ends.append(container)
        common = ["--tap", "vx0", "--vni", "100", "--bridge", "br0"]
        with h1.vtep(*common, "--peer", h2.address, "--vlan", "pass"):
            with h2.vtep(*common, "--peer", h1.address, "--vlan", "pass"):
                assert h1.link("vx0")["mtu"] == 1446
                assert ping(ends[0], "172.19.0.12", size=1446 - 28, dont_fragment=True)
                transfer(ends[0], ends[1], 10_000_000, address="172.19.0.12")
            with h2.vtep(*common, "--peer", h1.address) as strict:
                assert not ping(ends[0], "172.19.0.12", timeout=0.2)
                wait_until(lambda: "inner_vlan" in strict.counters()["overlays"]["100"]["drops"])
                wait_until(
                    lambda: ping(ends[0], "172.18.0.12", timeout=1), what="untagged frames to pass"
                )
