"""Select the uplink, change the host only on request, and revert all changes."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pyroute2.nftables.main import NFTables

from tests.memory import Transport
from tests.unit import one_host
from tests.unit.namespaces import in_private_namespaces, sh
from vtep.config.model import UnderlayConfig
from vtep.daemon.inject import InjectUplink
from vtep.daemon.resolve import ResolvedConfig
from vtep.daemon.setup import bring_up
from vtep.dataplane.overlay import AccessPort, Overlay
from vtep.dataplane.vtep import Vtep
from vtep.host import netfilter, procfs
from vtep.host.underlay import Underlay

INJECT = UnderlayConfig(uplink="inject")
SET_UP = UnderlayConfig(uplink="inject", uplink_setup=True)
AUTO = UnderlayConfig(uplink="auto")
RP_FILTER = Path("/proc/sys/net/ipv4/conf/all/rp_filter")
IPV4, INET, IPV6 = 2, 1, 10


def parameters() -> dict[str, str]:
    """Return every readable parameter of the network stack by its path."""
    found = {}
    for family in ("ipv4", "ipv6"):
        for path in sorted(Path(f"/proc/sys/net/{family}").rglob("*")):
            if path.is_file() and os.access(path, os.R_OK):
                try:
                    found[str(path)] = path.read_text()
                except OSError:
                    continue
    return found


def rules() -> list[tuple[str, str, list[str]]]:
    """Return (table, chain, expressions) of every rule, in order."""
    found = []
    for family in (IPV4, INET, IPV6):
        nft = NFTables(nfgen_family=family)
        for rule in nft.get_rules():
            names = [e.get_attr("NFTA_EXPR_NAME") for e in rule.get_attr("NFTA_RULE_EXPRESSIONS")]
            found.append(
                (rule.get_attr("NFTA_RULE_TABLE"), rule.get_attr("NFTA_RULE_CHAIN"), names)
            )
        nft.close()
    return found


def firewall(family: int = IPV4, policy: int = 0, name: str = "FORWARD") -> None:
    """Make a table with a chain on the forward hook; a policy of 0 drops, of 1 accepts."""
    nft = NFTables(nfgen_family=family)
    nft.table("add", name="filter")
    nft.chain("add", table="filter", name=name, hook="forward", type="filter", policy=policy)
    nft.close()


def count_in(name: str, *expressions: object) -> None:
    """Add a rule without a verdict to a chain of the IPv4 table."""
    nft = NFTables(nfgen_family=IPV4)
    nft.rule("add", table="filter", chain=name, expressions=[expressions])
    nft.close()


def divert() -> None:
    """Route forwarded packets to the peer by another device than sent ones."""
    sh("ip rule add iif vx0-up to 10.0.1.41 lookup 77")
    sh("ip route add 10.0.1.41 via 10.0.2.41 dev u2 table 77")


@contextmanager
def up(underlay: UnderlayConfig, *peers: str) -> Iterator[InjectUplink | None]:
    """Yield the uplink of a running setup; check afterwards that all changes are reverted."""
    before = one_host.state(), parameters(), rules()
    with bring_up(one_host.config(*peers, underlay=underlay)) as runtime:
        yield runtime.uplink
    assert (one_host.state(), parameters(), rules()) == before


@pytest.mark.parametrize("peer", ["10.0.1.41", "fd00:1::41"])
@in_private_namespaces
def test_injecting_changes_only_its_own_device_on_a_default_host(peer: str) -> None:
    one_host.host()
    before = parameters()
    with up(INJECT, peer) as uplink:
        assert uplink is not None
        assert uplink.injector.name == "vx0-up"
        now = parameters()
        assert {key: value for key, value in now.items() if key in before} == before
        own = {key for key in now.keys() - before.keys() if "/neigh/" not in key}
        assert {path.split("/")[6] for path in own} == {"vx0", "vx0-up"}


@in_private_namespaces
def test_the_socket_is_the_default_and_creates_no_device() -> None:
    one_host.host()
    with up(UnderlayConfig()) as uplink:
        assert uplink is None
        assert one_host.link("vx0-up") is None


@pytest.mark.parametrize("rp_filter", ["0", "2"])
@in_private_namespaces
def test_a_loose_rp_filter_of_the_host_is_not_changed(rp_filter: str) -> None:
    one_host.host()
    RP_FILTER.write_text(rp_filter)
    with up(INJECT) as uplink:
        assert uplink is not None
        assert RP_FILTER.read_text().strip() == rp_filter


@in_private_namespaces
def test_a_strict_rp_filter_is_changed_only_on_request() -> None:
    one_host.host()
    RP_FILTER.write_text("1")
    with up(INJECT) as uplink:
        assert uplink is None
    with up(SET_UP) as uplink:
        assert uplink is not None
        assert RP_FILTER.read_text().strip() == "2"


@pytest.mark.parametrize(
    ("family", "peer"), [(IPV4, "10.0.1.41"), (INET, "10.0.1.41"), (IPV6, "fd00:1::41")]
)
@in_private_namespaces
def test_a_policy_of_drop_gets_a_rule_only_on_request(family: int, peer: str) -> None:
    one_host.host()
    firewall(family)
    with up(INJECT, peer) as uplink:
        assert uplink is None
        assert rules() == []
    with up(SET_UP, peer) as uplink:
        assert uplink is not None
        assert rules() == [("filter", "FORWARD", ["meta", "cmp", "counter", "immediate"])]


@in_private_namespaces
def test_a_policy_for_the_other_family_is_ignored() -> None:
    one_host.host()
    firewall(IPV6)
    with up(SET_UP) as uplink:
        assert uplink is not None
        assert rules() == []


@in_private_namespaces
def test_an_existing_rule_for_the_device_is_sufficient() -> None:
    one_host.host()
    firewall()
    chain = netfilter.ForwardChain(IPV4, "filter", "FORWARD", refuses=True)
    netfilter.accept(chain, "vx0-up")
    with up(INJECT) as uplink:
        assert uplink is not None
    netfilter.unaccept(chain, "vx0-up")
    netfilter.accept(chain, "vx0-up2")
    with up(INJECT) as uplink:
        assert uplink is None


@in_private_namespaces
def test_rules_under_an_accepting_policy_may_refuse() -> None:
    from pyroute2.nftables.expressions import genex

    one_host.host()
    firewall(policy=1)
    with up(SET_UP) as uplink:
        assert uplink is not None
        assert rules() == []
    count_in("FORWARD", genex("counter", {"bytes": 0, "packets": 0}))
    with up(INJECT) as uplink:
        assert uplink is not None
        assert len(rules()) == 1
    with up(SET_UP) as uplink:
        assert uplink is not None
        assert [names[0] for _, _, names in rules()] == ["meta", "counter"]


@in_private_namespaces
def test_a_failure_after_changes_reverts_them_immediately() -> None:
    one_host.host()
    firewall()
    RP_FILTER.write_text("1")
    divert()
    before = one_host.state(), parameters(), rules()
    with bring_up(one_host.config(underlay=SET_UP)) as runtime:
        assert runtime.uplink is None
        assert one_host.link("vx0-up") is None
        assert (RP_FILTER.read_text().strip(), rules()) == ("1", [])
    assert (one_host.state(), parameters(), rules()) == before


@in_private_namespaces
def test_a_parameter_that_another_program_changed_is_not_reverted() -> None:
    one_host.host()
    RP_FILTER.write_text("1")
    with bring_up(one_host.config(underlay=SET_UP)) as runtime:
        assert runtime.uplink is not None
        RP_FILTER.write_text("0")
    assert RP_FILTER.read_text().strip() == "0"


@in_private_namespaces
def test_an_existing_device_of_that_name_is_not_changed() -> None:
    one_host.host()
    sh("ip tuntap add vx0-up mode tap")
    with up(INJECT) as uplink:
        assert uplink is None


@in_private_namespaces
def test_auto_injects_if_the_device_segments_tunnelled_packets() -> None:
    one_host.host()
    with up(AUTO) as uplink:
        assert uplink is not None
    sh("ethtool -K u1 tx off")
    with up(AUTO) as uplink:
        assert uplink is None
    with up(INJECT) as uplink:
        assert uplink is not None


class _Injector:
    name = "vx0-up"


@pytest.mark.parametrize(
    ("injected", "sent", "too_large", "expected", "fails"),
    [
        (0, 0, 0, (0, 0), False),
        (5, 5, 0, (0, 0), False),
        (5, 0, 0, (0, 5), True),
        (5, -3, 0, (0, 5), True),  # a firewall dropped the host's own packets too
        (5, 4, 1, (1, 0), False),
        (5, 0, 5, (5, 0), False),
        (5, 0, 9, (5, 0), False),  # packets that the host forwards for others are too large
        (5, 9, 9, (0, 0), False),  # and others are forwarded
        (0, 0, 9, (0, 0), False),
    ],
)
def test_drops_are_computed_from_the_counters_of_the_kernel(
    monkeypatch: pytest.MonkeyPatch,
    injected: int,
    sent: int,
    too_large: int,
    expected: tuple[int, int],
    fails: bool,
) -> None:
    counted = procfs.Forwarding(1000, 10)
    monkeypatch.setattr(procfs, "forwarding", lambda is_ipv6: counted)
    plan = ResolvedConfig(socket.AF_INET, "127.0.0.1", frozenset(), 1400, ())
    injector: Any = _Injector()
    sockets = Underlay(socket.AF_INET, "127.0.0.1", 0, None)
    uplink = InjectUplink(injector, b"\x02" * 6, INJECT, plan, sockets)
    peers = [("127.0.0.1", ("127.0.0.1", 4789))]
    overlay = Overlay(vni=100, port=AccessPort("vx0", bytes(6)), peers=peers, mtu=1450)
    vtep, fallback = Vtep([overlay], frozenset(), 4789), Transport()
    [peer] = overlay.flood
    uplink.serve(vtep, fallback)
    assert peer.transport.takes_gso
    for _ in range(2):  # each drop is reported once
        assert uplink.poll_drops() == (0, 0)
    uplink.injected += injected
    counted = procfs.Forwarding(1000 + sent, 10 + too_large)
    generation = vtep.generation.number
    assert uplink.poll_drops() == expected
    assert (uplink.failed is not None, peer.transport is fallback) == (fails, fails)
    assert (vtep.generation.number > generation) == fails
    assert uplink.poll_drops() == (0, 0)
    sockets.close()


@in_private_namespaces
def test_another_route_for_forwarded_packets_selects_the_socket() -> None:
    one_host.host()
    divert()
    with up(INJECT) as uplink:
        assert uplink is None
