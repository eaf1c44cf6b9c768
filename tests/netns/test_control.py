"""Looking into a daemon that runs: what it counts, to the frame, and how the commands show it."""

import http.client
import json
import socket
import sys
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.frames import BROADCAST, MAC_A, MAC_B, MAC_C, frame
from tests.netns.site import METRICS_PORT, OTHER_PEER, STRANGER, Site
from vtep.lab import GENEROUS_S, wait_until
from vtep.wire import vxlan

pytestmark = pytest.mark.netns

MULTICAST, UNKNOWN = "01:00:5e:00:00:05", "02:00:00:00:00:77"
OPAQUE = len(frame())
# How many of each are sent.
OUT = {"broadcast": 3, "multicast": 4, "unknown_unicast": 5}
KNOWN, DELIVERED = 6, 7
OF_OVERLAY = {
    "inner_vlan": 3,
    "invalid_source": 4,
    "runt": 6,
    "self_source": 5,
    "unknown_peer": 2,
}
OF_UNDERLAY = {"short": 2, "bad_flags": 3, "unknown_vni": 4}


@pytest.fixture(scope="module")
def counted(site: Site) -> Site:
    """Send the known numbers of frames, and wait for them all to be counted."""
    target = (site.lab.h1.address, vxlan.PORT)
    tap = site.daemon.ask("/v1/show")[0]["address"]
    good = vxlan.pack(100)

    def send(sender: socket.socket, datagram: bytes, times: int) -> None:
        for _ in range(times):
            sender.sendto(datagram, target)

    send(site.peer, good + frame(MAC_B, BROADCAST), DELIVERED)
    wait_until(lambda: overlay(site)["rx_frames"] == DELIVERED, what="what was delivered")
    for destination, times in (
        (BROADCAST, OUT["broadcast"]),
        (MULTICAST, OUT["multicast"]),
        (UNKNOWN, OUT["unknown_unicast"]),
        (MAC_B, KNOWN),
    ):
        for _ in range(times):
            site.inside.send(frame(MAC_A, destination))
    send(site.stranger, good + frame(MAC_C), OF_OVERLAY["unknown_peer"])
    send(site.peer, good + frame(MAC_C, vlan=7), OF_OVERLAY["inner_vlan"])
    send(site.peer, good + frame(MULTICAST), OF_OVERLAY["invalid_source"])
    send(site.peer, good + frame(tap), OF_OVERLAY["self_source"])
    send(site.peer, good + bytes(13), OF_OVERLAY["runt"])
    send(site.peer, good[:7], OF_UNDERLAY["short"])
    send(site.peer, bytes(8) + frame(MAC_C), OF_UNDERLAY["bad_flags"])
    send(site.peer, vxlan.pack(101) + frame(MAC_C), OF_UNDERLAY["unknown_vni"])
    sent = 2 * sum(OUT.values()) + KNOWN
    dropped = sum(OF_OVERLAY.values()) + sum(OF_UNDERLAY.values())

    def all_came() -> bool:
        tree = site.daemon.ask("/v1/stats")["counters"]
        places = [tree["underlay"], tree["overlays"]["100"]]
        came = sum(sum(place["drops"].values()) for place in places)
        return bool(tree["overlays"]["100"]["tx_frames"] == sent and came == dropped)

    wait_until(all_came, what="all frames to be counted", seen=lambda: site.daemon.ask("/v1/stats"))
    return site


def overlay(site: Site) -> Any:
    return site.daemon.ask("/v1/stats")["counters"]["overlays"]["100"]


def test_every_frame_is_counted_by_overlay_peer_cause_and_reason(counted: Site) -> None:
    floods = sum(OUT.values())
    stats = counted.daemon.ask("/v1/stats")
    tree = stats["counters"]["overlays"]["100"]
    assert (tree["tx_frames"], tree["tx_bytes"]) == (
        2 * floods + KNOWN,
        (2 * floods + KNOWN) * OPAQUE,
    )
    assert (tree["rx_frames"], tree["rx_bytes"]) == (DELIVERED, DELIVERED * OPAQUE)
    assert tree["flooded"] == OUT
    assert tree["drops"] == OF_OVERLAY
    assert tree["last_refused"] == STRANGER
    assert stats["counters"]["underlay"]["drops"] == OF_UNDERLAY
    assert stats["counters"]["taps"]["vx0"]["drops"] == {}
    first, second = stats["peers"]
    assert (first["ip"], first["tx_frames"], first["rx_frames"]) == (
        counted.lab.h2.address,
        floods + KNOWN,
        DELIVERED,
    )
    assert (second["ip"], second["tx_frames"], second["rx_frames"]) == (OTHER_PEER, floods, 0)
    assert (first["state"], second["state"], second["heard"]) == ("up", "unheard", None)
    assert stats["fdb"]["100"] == tree["fdb"]["entries"] == tree["fdb"]["learned"] == 2
    batches = stats["batches"]
    assert batches["encap"]["frames"] == floods + KNOWN
    assert batches["decap"]["batches"] == sum(batches["decap"]["sizes"])


def test_prometheus_gets_the_same_numbers_over_tcp(counted: Site) -> None:
    client = counted.lab.h2.call(
        lambda: socket.create_connection((counted.lab.h1.address, METRICS_PORT), timeout=GENEROUS_S)
    )
    status, headers, body = ask(client, "/metrics", f"h1.example:{METRICS_PORT}")
    assert (status, headers["Content-Type"]) == (
        200,
        "text/plain; version=0.0.4; charset=utf-8",
    )
    samples = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(body)
        for sample in family.samples
    }

    def value(name: str, **labels: str) -> float:
        return samples[(f"vtep_{name}", *sorted(labels.items()))]

    floods = sum(OUT.values())
    assert value("frames_total", vni="100", direction="encap") == 2 * floods + KNOWN
    assert value("bytes_total", vni="100", direction="decap") == DELIVERED * OPAQUE
    for cause, count in OUT.items():
        assert value("flooded_frames_total", vni="100", cause=cause) == count
    for reason, count in OF_OVERLAY.items():
        assert value("drops_total", vni="100", tap="vx0", reason=reason) == count
    for reason, count in OF_UNDERLAY.items():
        assert value("drops_total", vni="", tap="", reason=reason) == count
    drops = sum(count for (name, *_), count in samples.items() if name == "vtep_drops_total")
    assert drops == sum(OF_OVERLAY.values()) + sum(OF_UNDERLAY.values())
    of_peers = [c for (name, *_), c in samples.items() if name == "vtep_peer_frames_total"]
    assert sum(of_peers) == 2 * floods + KNOWN + DELIVERED
    assert value("fdb_entries", vni="100", kind="dynamic") == 2
    assert value("fdb_entries", vni="100", kind="static") == value("peers", vni="100") == 2
    assert value("batch_frames_sum", direction="encap") == floods + KNOWN
    assert ask_status(counted, "/v1/show") == 404


def ask(client: socket.socket, path: str, host: str) -> tuple[int, Any, str]:
    connection = http.client.HTTPConnection("unused")
    connection.sock = client
    connection.request("GET", path, headers={"Host": host})
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer.status, answer.headers, body


def ask_status(site: Site, path: str) -> int:
    address = (site.lab.h1.address, METRICS_PORT)
    client = site.lab.h2.call(lambda: socket.create_connection(address, timeout=GENEROUS_S))
    return ask(client, path, "x")[0]


def test_show_has_the_keys_of_ip_link_with_the_values_of_the_kernel(counted: Site) -> None:
    site = counted
    site.lab.h2.ip(
        *["link", "add", "vx9", "type", "vxlan", "id", "100", "dstport", "4790", "dev", "u2"],
        *["local", site.lab.h2.address, "remote", site.lab.h1.address, "df", "set"],
        *["srcport", "49152", "65535", "maxaddress", "1048576"],
    )
    kernels = site.lab.h2.link("vx9")
    (ours,) = site.json("show", "-s", "-d")
    theirs = site.lab.h1.link("vx0")
    for key in ("ifindex", "ifname", "flags", "mtu", "master", "operstate", "link_type", "address"):
        assert ours[key] == theirs[key], key
    assert ours["linkinfo"]["info_kind"] == kernels["linkinfo"]["info_kind"] == "vxlan"
    data, kernel_data = ours["linkinfo"]["info_data"], kernels["linkinfo"]["info_data"]
    for key in ("id", "port_range", "learning", "df", "ageing", "limit", "udp_csum"):
        assert data[key] == kernel_data[key], key
    assert (data["local"], kernel_data["local"]) == (site.lab.h1.address, site.lab.h2.address)
    assert (data["remote"], kernel_data["remote"]) == (site.lab.h2.address, site.lab.h1.address)
    assert data["remotes"] == [site.lab.h2.address, OTHER_PEER]
    for way in ("rx", "tx"):
        assert ours["stats64"][way].keys() <= kernels["stats64"][way].keys()
    assert ours["stats64"] == {
        "rx": {
            "bytes": DELIVERED * OPAQUE,
            "packets": DELIVERED,
            "errors": 0,
            "dropped": sum(OF_OVERLAY.values()),
        },
        "tx": {
            "bytes": (2 * sum(OUT.values()) + KNOWN) * OPAQUE,
            "packets": 2 * sum(OUT.values()) + KNOWN,
            "errors": 0,
            "dropped": 0,
        },
    }
    assert isinstance(data["ageing"], int)
    assert ours["drops"] == OF_OVERLAY
    assert ours["underlay_drops"] == OF_UNDERLAY
    (plain,) = site.json("show")
    assert "stats64" not in plain
    kernel_line = site.lab.h2.ip("-d", "link", "show", "vx9").splitlines()[2].split()
    line = site.vtep("show", "-d").splitlines()[2].split()
    assert line[:3] == kernel_line[:3] == ["vxlan", "id", "100"]
    for word in ("local", "remote", "srcport", "dstport", "ageing", "maxaddr", "udpcsum"):
        assert word in line, line
        assert word in kernel_line, kernel_line


def test_show_follows_changes_of_the_device(site: Site) -> None:
    keys = ("ifindex", "ifname", "flags", "mtu", "master", "operstate", "address")

    def both() -> list[dict[str, Any]]:
        (ours,), theirs = site.json("show"), site.lab.h1.link("vx0")
        return [{key: link.get(key) for key in keys} for link in (ours, theirs)]

    before = site.vtep("show")
    for change in ("mtu 1380", "nomaster", "promisc on", "down"):
        site.lab.h1.ip("link", "set", "vx0", *change.split())
        ours, theirs = both()
        assert ours == theirs, change
    assert (ours["mtu"], ours["master"]) == (1380, None)
    assert "UP" not in ours["flags"]
    assert " mtu 1380 state DOWN\n" in site.vtep("show")
    for change in ("promisc off", "master br0", "mtu 1450", "up"):
        site.lab.h1.ip("link", "set", "vx0", *change.split())
    wait_until(lambda: site.vtep("show") == before, what="the first state", seen=both)


def test_show_says_what_each_drop_means(counted: Site) -> None:
    shown = counted.vtep("show", "-s", "vx0")
    head, numbers = (line.split() for line in shown.splitlines()[3:5])
    assert head == ["RX:", "bytes", "packets", "errors", "dropped"]
    assert [int(number) for number in numbers[1:]] == [DELIVERED, 0, sum(OF_OVERLAY.values())]
    assert "    dropped 2 unknown_peer: the sender is not a peer of this overlay" in shown
    assert f"    last refused {STRANGER}\nunderlay:\n    dropped 3 bad_flags: the I flag" in shown
    assert "    flooded broadcast 3 multicast 4 unknown_unicast 5\n" in shown
    assert "flooded" not in counted.vtep("show")


def test_fdb_show_is_as_bridge_fdb_shows_it(counted: Site) -> None:
    site = counted
    site.lab.h2.bridge_command(
        *["fdb", "replace", MAC_B, "dev", "vx9", "dst", site.lab.h1.address, "self", "dynamic"]
    )
    kernels = json.loads(site.lab.h2.bridge_command("-j", "-s", "fdb", "show"))
    kernels = [entry for entry in kernels if entry["ifname"] == "vx9"]
    ours = site.json("fdb", "show")
    here = {(entry["mac"], entry["dst"]): entry for entry in ours}
    flood, dynamic = (
        here[("00:00:00:00:00:00", site.lab.h2.address)],
        here[MAC_B, site.lab.h2.address],
    )
    there = {entry["mac"]: entry for entry in kernels}
    for mine, kernels_ in ((flood, there["00:00:00:00:00:00"]), (dynamic, there[MAC_B])):
        assert mine.keys() - kernels_.keys() <= {"vni"}
        assert (mine["flags"], mine["state"]) == (kernels_["flags"], kernels_["state"])
    assert here[MAC_A, "local"]["vni"] == 100
    assert len(ours) == 4
    assert site.vtep("fdb", "show", "mac", MAC_B) == (
        f"{MAC_B} dev vx0 dst {site.lab.h2.address} vni 100 self\n"
    )
    kernel_line = site.lab.h2.bridge_command("fdb", "show").splitlines()
    (line,) = [line for line in kernel_line if MAC_B in line]
    assert line.split() == [*f"{MAC_B} dev vx9 dst {site.lab.h1.address} self".split()]
    assert site.vtep("fdb", "show", "vni", "101") == ""
    assert site.json("fdb", "show", "dst", OTHER_PEER, "vni", "100") == [
        entry for entry in ours if entry["dst"] == OTHER_PEER
    ]
    assert "used" in site.vtep("fdb", "show", "-s", "dst", "local", "dev", "vx0")


def test_peer_show_tells_who_was_heard(counted: Site) -> None:
    first, second = counted.vtep("peer", "show", "dev", "vx0").splitlines()
    assert first.startswith(f"{counted.lab.h2.address} dev vx0 vni 100 configured up heard ")
    assert second == f"{OTHER_PEER} dev vx0 vni 100 configured unheard"
    assert len(counted.vtep("peer", "show", "-s", "dst", OTHER_PEER).splitlines()) == 5


@pytest.mark.parametrize(
    ("words", "count"),
    [
        *[(words, 3) for words in ("show", "list", "lst", "ls", "s", "l", "link", "link show")],
        *[(f"{words} vx0", 3) for words in ("show", "link show", "link ls", "ls", "show dev")],
        ("show master br0", 3),
        ("show br br0 vni 100", 3),
        ("show vx0 vni 101", 0),
        ("show master br9", 0),
        ("-o show", 1),
        ("fdb show br br0", 4),
        ("fdb show br br0 dynamic", 2),
        ("fdb br br0 permanent vni 100", 2),
        ("fdb show br br0 vni 101", 0),
        ("fdb show vlan 7", 0),
        (f"fdb get {MAC_A} br br0", 1),
    ],
)
def test_guessed_words_about_devices(counted: Site, words: str, count: int) -> None:
    assert len(counted.vtep(*words.split()).splitlines()) == count


@pytest.mark.parametrize("words", ["-d show", "-details show", "show -det"])
def test_details_before_and_after_the_command(counted: Site, words: str) -> None:
    assert "dstport 4789" in counted.vtep(*words.split())


def test_statistics_as_json_before_the_command(counted: Site) -> None:
    (ours,) = json.loads(counted.vtep("-s", "-j", "show"))
    assert ours["drops"] == OF_OVERLAY
    (pretty,) = json.loads(counted.vtep("-p", "-j", "link"))
    assert "drops" not in pretty


def test_an_unknown_bridge_is_an_error_with_the_bridges_there_are(counted: Site) -> None:
    assert counted.vtep("fdb", "show", "br", "br9", code=2) == (
        "vtep: error: br br9: no TAP is attached to it; use br0\n"
    )


def test_show_has_the_port_if_it_is_not_that_of_vxlan(counted: Site) -> None:
    host = counted.lab.h2
    words = ["--tap", "vx8", "--vni", "8", "--peer", counted.lab.h1.address, "--port", "8472"]
    with host.vtep(*words, control=True):
        shown = host.run([sys.executable, "-m", "vtep", "show", "vx8"]).stdout
    assert shown.splitlines()[2].endswith(f" local {host.address} dstport 8472")
    assert "dstport" not in counted.vtep("show")
