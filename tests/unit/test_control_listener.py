"""Inherited sockets: which are adopted, and which are refused."""

import os
import socket
from collections.abc import Iterator

import pytest

from vtep.config.model import Config, OverlayConfig, UnderlayConfig
from vtep.control.service import open_listeners
from vtep.errors import HostError, UsageError


def config(web: str, *, web_remote: bool = False) -> Config:
    overlay = OverlayConfig(tap="vx0", vni=100, peers=("192.0.2.1",))
    return Config(UnderlayConfig(), (overlay,), control="none", web=web, web_remote=web_remote)


def refusal(fd: int, *, web_remote: bool = False) -> str:
    with (
        pytest.raises(HostError) as error,
        open_listeners(config(f"fd:{fd}", web_remote=web_remote)),
    ):
        pass
    return str(error.value)


@pytest.fixture
def pipe() -> Iterator[int]:
    """Yield a descriptor that is not a socket."""
    reading, writing = os.pipe()
    yield reading
    os.close(reading)
    os.close(writing)


def inherited(listening: socket.socket) -> int:
    """Return a descriptor as a child would have it: the service closes it."""
    return os.dup(listening.fileno())


def test_a_listening_socket_is_adopted_with_its_own_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        fd = inherited(listening)
        with open_listeners(config(f"fd:{fd}")) as service:
            [listener] = service.listeners
            assert listener.name == f"127.0.0.1:{listening.getsockname()[1]}"
            assert listener.is_loopback
            assert listener.socket.fileno() == fd
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(fd)


def test_a_socket_that_other_hosts_can_reach_needs_web_remote() -> None:
    with socket.create_server(("0.0.0.0", 0)) as listening:
        assert "--web-remote" in refusal(inherited(listening))
        with open_listeners(config(f"fd:{inherited(listening)}", web_remote=True)) as service:
            assert not service.listeners[0].is_loopback


def test_other_descriptors_are_refused(pipe: int) -> None:
    said = refusal(pipe)
    assert f"--web fd:{pipe}" in said
    assert "Socket operation on non-socket" in said
    assert "Bad file descriptor" in refusal(999)
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as idle:
            assert "not a listening TCP socket" in refusal(inherited(idle))
    local, other = socket.socketpair()
    with local, other:
        assert "not a listening TCP socket" in refusal(inherited(local))


@pytest.mark.parametrize("place", ["fd:", "fd:-1", "fd:x", "fd:1234567890", "FD:3"])
def test_a_malformed_descriptor_is_refused(place: str) -> None:
    with pytest.raises(UsageError, match=f"web '{place}'"):
        config(place)
