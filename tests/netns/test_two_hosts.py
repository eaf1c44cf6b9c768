"""Two vteps: what the command changes on a host, and reverts at exit."""

import json
import signal
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.netns.tunnels import join, tunnel
from vtep.lab import GENEROUS_S, TwoHosts, ping, two_hosts, wait_until
from vtep.lab.ready import start_ready
from vtep.lab.topology import Family

pytestmark = pytest.mark.netns


@pytest.mark.parametrize("family", [4, 6])
def test_containers_reach_each_other_while_both_vteps_run(family: Family) -> None:
    with two_hosts(family) as lab:
        assert not ping(lab.c1, lab.c2.address, timeout=0.2)
        with tunnel(lab.h1, lab.h2), tunnel(lab.h2, lab.h1):
            assert ping(lab.c1, lab.c2.address, count=5).received == 5
            assert ping(lab.c2, lab.c1.address, count=5).received == 5
        assert not ping(lab.c1, lab.c2.address, timeout=0.2)


def test_the_fdb_of_each_host_has_both_containers(lab: TwoHosts) -> None:
    with tunnel(lab.h1, lab.h2) as first, tunnel(lab.h2, lab.h1) as second:
        assert ping(lab.c1, lab.c2.address)
        c1, c2 = (c.link("eth0")["address"] for c in (lab.c1, lab.c2))
        known = {entry["mac"]: (entry["vni"], entry["dst"]) for entry in first.fdb()}
        assert (known[c1], known[c2]) == ((100, "local"), (100, lab.h2.address))
        known = {entry["mac"]: (entry["vni"], entry["dst"]) for entry in second.fdb()}
        assert (known[c1], known[c2]) == ((100, lab.h1.address), (100, "local"))


def test_the_shortest_command_creates_one_tap_and_changes_nothing_else(lab: TwoHosts) -> None:
    def state() -> tuple[list[dict[str, Any]], str, str]:
        links = json.loads(lab.h1.ip("-j", "link", "show"))
        shown = [link for link in links if link["ifname"] != "vx0"]
        for link in shown:
            del link["operstate"]  # the kernel changes it with a delay
        return shown, lab.h1.ip("route", "show", "table", "all"), lab.h1.ip("rule", "show")

    before = state()
    with lab.h1.vtep("--tap", "vx0", "--vni", "100", "--peer", lab.h2.address):
        tap = lab.h1.link("vx0")
        assert tap["linkinfo"]["info_kind"] == "tun"
        assert "master" not in tap
        assert tap["mtu"] == 1450
        assert "UP" in tap["flags"]
        links, routes, rules = state()
        assert (links, rules) == (before[0], before[2])
        assert [line for line in routes.splitlines() if "vx0" not in line] == before[1].splitlines()
    assert state() == before
    assert not lab.h1.has_link("vx0")


@pytest.mark.parametrize(
    ("family", "underlay_mtu", "mtu"), [(4, 9001, 8951), (6, 9001, 8931), (6, 1500, 1430)]
)
def test_the_mtu_is_the_underlay_mtu_minus_the_headers(
    family: Family, underlay_mtu: int, mtu: int
) -> None:
    with (
        two_hosts(family, underlay_mtu=underlay_mtu, container_mtu=mtu) as lab,
        tunnel(lab.h1, lab.h2),
        tunnel(lab.h2, lab.h1),
    ):
        assert lab.h1.link("vx0")["mtu"] == mtu
        assert ping(lab.c1, lab.c2.address, size=mtu - 28, dont_fragment=True)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_stops_it_cleanly_and_it_logs_its_counters(
    lab: TwoHosts, number: signal.Signals
) -> None:
    with tunnel(lab.h1, lab.h2) as first, tunnel(lab.h2, lab.h1):
        assert ping(lab.c1, lab.c2.address)
        first.process.signal(number)
        assert first.process.wait() == 0
        assert not lab.h1.has_link("vx0")
        messages = [record["message"] for record in first.log]
        assert messages[0] == (
            "tap vx0 vni 100 local 10.0.1.4 dstport 4789 peers 10.0.1.41 mtu 1450 bridge br0"
        )
        assert messages[1].startswith("offloads: ")
        assert messages[2] == "ready"
        last = first.log[-1]
        assert last["message"] == "stopped"
        assert last["counters"]["overlays"]["100"]["tx_frames"] >= 2


def test_a_persistent_tap_is_attached_and_restored(lab: TwoHosts) -> None:
    lab.h1.ip("tuntap", "add", "vx0", "mode", "tap")
    before = lab.h1.link("vx0")
    with tunnel(lab.h1, lab.h2), tunnel(lab.h2, lab.h1):
        during = lab.h1.link("vx0")
        assert (during["mtu"], during["master"]) == (1450, "br0")
        assert ping(lab.c1, lab.c2.address)
    after = lab.h1.link("vx0")
    for key in ("mtu", "flags", "address", "ifindex"):
        assert after[key] == before[key]
    assert "master" not in after


def test_a_deleted_tap_ends_it_with_one_line(lab: TwoHosts) -> None:
    with lab.h1.start(join(lab.h2)) as process:
        wait_until(lambda: "ready" in process.stderr(), what="vtep to be ready")
        lab.h1.ip("link", "del", "vx0")
        assert process.wait() == 1
        assert "ERROR TAP vx0: deleted while in use" in process.stderr()
        assert "Traceback" not in process.stderr()


@pytest.mark.parametrize("device", ["u1", "br0"])
def test_a_removed_bridge_or_underlay_device_ends_it_with_one_line(
    lab: TwoHosts, device: str
) -> None:
    with lab.h1.start([*join(lab.h2), "--dev", "u1"]) as process:
        wait_until(lambda: "ready" in process.stderr(), what="vtep to be ready")
        lab.h1.ip("link", "del", device)
        assert process.wait() == 1
        assert f"ERROR device {device}: deleted while in use" in process.stderr()
        assert not lab.h1.has_link("vx0")


@pytest.mark.parametrize("closed", ["0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"])
def test_it_stops_cleanly_without_standard_descriptors(lab: TwoHosts, closed: str) -> None:
    lab.h1.ip("tuntap", "add", "vx0", "mode", "tap")
    process, _ = start_ready(
        lambda fd: lab.h1.start(
            ["sh", "-c", f'exec "$@" {closed}', "sh", *join(lab.h2), "--ready-fd", str(fd)],
            pass_fds=[fd],
        ),
        timeout=GENEROUS_S,
    )
    with process:
        assert lab.h1.link("vx0")["master"] == "br0"
        process.signal(signal.SIGTERM)
        assert process.wait() == 0
        assert "master" not in lab.h1.link("vx0")


def test_systemd_is_notified_of_start_and_stop(lab: TwoHosts, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified:
        notified.settimeout(GENEROUS_S)
        notified.bind(str(tmp_path / "notify"))
        process = lab.h1.start(join(lab.h2), variables={"NOTIFY_SOCKET": str(tmp_path / "notify")})
        with process:
            assert notified.recv(100) == b"READY=1"
            process.signal(signal.SIGTERM)
            assert notified.recv(100) == b"STOPPING=1"
            assert process.wait() == 0


def test_counters_are_exact(lab: TwoHosts) -> None:
    with tunnel(lab.h1, lab.h2) as first, tunnel(lab.h2, lab.h1) as second:
        assert ping(lab.c1, lab.c2.address)
        before, there = first.counters(), second.counters()
        assert ping(lab.c1, lab.c2.address, count=20, interval=0.01).received == 20

        def increase(now: dict[str, int], then: dict[str, int], name: str) -> int:
            return now[name] - then[name]

        for daemon, then, peer in ((first, before, lab.h2), (second, there, lab.h1)):
            now = daemon.counters()
            overlay, old = (tree["overlays"]["100"] for tree in (now, then))
            to_peer, of_peer = (tree["peers"][peer.address] for tree in (overlay, old))
            for tree, old_tree in ((overlay, old), (to_peer, of_peer)):
                for name in ("tx_frames", "rx_frames"):
                    # an ARP refresh may add one frame in each direction
                    assert 20 <= increase(tree, old_tree, name) <= 22
                for name in ("tx_bytes", "rx_bytes"):
                    assert 20 * 98 <= increase(tree, old_tree, name) <= 20 * 98 + 2 * 60
            assert overlay["drops"] == old["drops"]


def test_the_first_drop_of_a_reason_is_logged(lab: TwoHosts) -> None:
    options = ["--tap", "vx0", "--peer", lab.h1.address, "--bridge", "br0"]
    with tunnel(lab.h1, lab.h2) as first, lab.h2.vtep("--vni", "101", *options):
        ping(lab.c2, lab.c1.address, timeout=0.1)
        wait_until(
            lambda: any(record.get("reason") == "unknown_vni" for record in first.log),
            what="a warning about unknown_vni",
            seen=lambda: first.log,
        )
