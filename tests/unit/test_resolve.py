"""Address families and MTUs, without devices and root."""

import socket

import pytest

from vtep.config.model import OverlayConfig, UnderlayConfig
from vtep.daemon.resolve import overlay_mtu, resolve
from vtep.errors import HostError

IPV4, IPV6 = socket.AF_INET, socket.AF_INET6


def overlay(mtu: int | None = None, tags: str = "strip") -> OverlayConfig:
    return OverlayConfig(
        vni=100,
        tap="vx0",
        peers=("10.0.1.41",),
        mtu=mtu,
        tags="pass" if tags == "pass" else "strip",
    )


def no_dev(dev: str) -> None:
    raise AssertionError("dev was queried")


@pytest.mark.parametrize(
    ("family", "tags", "path", "expected"),
    [
        (IPV4, "strip", 1500, 1450),
        (IPV6, "strip", 1500, 1430),
        (IPV4, "strip", 9001, 8951),
        (IPV6, "strip", 9001, 8931),
        (IPV4, "pass", 1500, 1446),
        (IPV6, "pass", 1500, 1426),
        (IPV4, "strip", 65536, 65485),
        (IPV4, "strip", 626, 576),
    ],
)
def test_the_mtu_is_the_path_mtu_minus_the_headers(
    family: socket.AddressFamily, tags: str, path: int, expected: int
) -> None:
    assert overlay_mtu(overlay(tags=tags), family, path)[0] == expected


def test_a_configured_mtu_up_to_the_largest_possible_is_used() -> None:
    assert overlay_mtu(overlay(1400), IPV4, 1500) == (1400, 1500)
    assert overlay_mtu(overlay(1450), IPV4, 1500) == (1450, 1500)


def test_a_larger_mtu_is_refused_and_the_error_gives_the_largest() -> None:
    with pytest.raises(HostError, match=r"mtu 1500 .*at most 1450"):
        overlay_mtu(overlay(1500), IPV4, 1500)


def test_an_underlay_mtu_too_small_for_576_octets_is_refused() -> None:
    with pytest.raises(HostError, match=r"MTU 625 .*575.*576; .*at least 626"):
        overlay_mtu(overlay(), IPV4, 625)
    with pytest.raises(HostError, match=r"MTU 40 .*at least 646"):
        overlay_mtu(overlay(), IPV6, 40)


def test_with_an_unknown_path_mtu_the_mtu_must_be_configured() -> None:
    assert overlay_mtu(overlay(1400), IPV4, None) == (1400, 1450)
    with pytest.raises(HostError, match=r"give --mtu, --dev or --local"):
        overlay_mtu(overlay(), IPV4, None)


def test_address_literals_determine_the_family() -> None:
    assert resolve(["10.0.1.41"], UnderlayConfig(), no_dev) == (
        IPV4,
        {"10.0.1.41": ("10.0.1.41", 4789)},
    )
    assert resolve(["fd00::41"], UnderlayConfig(port=8472), no_dev) == (
        IPV6,
        {"fd00::41": ("fd00::41", 8472, 0, 0)},
    )


def test_peers_of_two_families_are_refused() -> None:
    with pytest.raises(HostError, match=r"^peer fd00::1: IPv6.*peer 10.0.1.41 is IPv4"):
        resolve(["10.0.1.41", "fd00::1"], UnderlayConfig(), no_dev)


def test_a_peer_of_another_family_than_local_is_refused() -> None:
    with pytest.raises(HostError, match=r"^peer fd00::1: IPv6.*local 10.0.1.4 is IPv4"):
        resolve(["fd00::1"], UnderlayConfig(local="10.0.1.4"), no_dev)


def test_without_a_peer_local_determines_the_family_then_dev_then_ipv4() -> None:
    assert resolve([], UnderlayConfig(local="fd00::1"), no_dev) == (IPV6, {})
    assert resolve([], UnderlayConfig(dev="v0"), lambda dev: IPV6) == (IPV6, {})
    assert resolve([], UnderlayConfig(dev="v0"), lambda dev: None) == (IPV4, {})
    assert resolve([], UnderlayConfig(), no_dev) == (IPV4, {})


@pytest.mark.parametrize("name", ["no-such-host.invalid", "a..b", "fe80::1%no-such-dev"])
def test_a_peer_that_does_not_resolve_is_refused(name: str) -> None:
    with pytest.raises(HostError) as caught:
        resolve([name], UnderlayConfig(), no_dev)
    assert str(caught.value).startswith(f"peer {name}: ")
    assert "\n" not in str(caught.value)
