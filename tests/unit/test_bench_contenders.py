"""Options of the contenders, and the check of the uplink of vtep-inject."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from bench.contenders import taps
from bench.contenders.ours import vtep
from vtep.lab import Host, LabError, TwoHosts


class Ours:
    """A host whose `vtep` starts nothing and has a given log."""

    def __init__(self, address: str, *log: str) -> None:
        self.address = address
        self.log = [{"message": message} for message in log]
        self.started: tuple[str, ...] = ()

    @contextmanager
    def vtep(self, *arguments: str) -> Iterator[Any]:
        self.started = arguments
        yield SimpleNamespace(pid=len(self.address), log=self.log)


def lab(*log: str) -> tuple[TwoHosts, Ours]:
    first, second = Ours("10.0.1.4"), Ours("10.0.1.41", *log)
    return cast(TwoHosts, SimpleNamespace(h1=first, h2=second)), second


def test_each_end_of_vtep_has_the_other_as_peer() -> None:
    hosts, second = lab()
    with vtep("--offload", "none")(hosts) as pids:
        assert pids == (8, 9)
    assert second.started[-2:] == ("--peer", "10.0.1.4")
    assert second.started[-4:-2] == ("--offload", "none")


@pytest.mark.parametrize("message", ["uplink socket, not inject: why", "uplink socket from now on"])
def test_an_uplink_that_fell_back_is_not_measured_as_inject(message: str) -> None:
    with pytest.raises(LabError, match=message), vtep("--uplink", "inject")(lab(message)[0]):
        raise AssertionError("it was measured")
    with vtep()(lab(message)[0]):  # inject was not requested
        pass
    hosts, second = lab("uplink inject, by device vx0-up")
    with pytest.raises(LabError, match=message), vtep("--uplink", "inject")(hosts):
        second.log.append({"message": message})


def test_tunnels_do_not_encrypt_and_each_end_has_the_address_of_the_other(tmp_path: Path) -> None:
    one = cast(Host, SimpleNamespace(name="h1", address="10.0.1.4"))
    other = cast(Host, SimpleNamespace(name="h2", address="10.0.1.41"))
    first, second = taps.openvpn(one, other, tmp_path)
    words = " ".join(first.argv)
    assert "--cipher none --auth none" in words
    assert "--local 10.0.1.4 --remote 10.0.1.41 --port 4789" in words
    assert "--local 10.0.1.41 --remote 10.0.1.4 " in " ".join(second.argv)
    _, socat = taps.socat(one, other, tmp_path)
    assert "UDP4-DATAGRAM:10.0.1.4:4789,bind=10.0.1.41:4789" in socat.argv[-1]
    quicktun, _ = taps.quicktun(one, other, tmp_path)
    assert quicktun.variables["IF_QT_PROTOCOL"] == "raw"
    assert quicktun.variables["IF_QT_REMOTE_ADDRESS"] == "10.0.1.41"
