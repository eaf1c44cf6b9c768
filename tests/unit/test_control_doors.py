"""A listening socket that was handed down: what is taken, and what is refused."""

import os
import socket
from collections.abc import Iterator

import pytest

from vtep.config.model import Config, OverlayConfig, UnderlayConfig
from vtep.control.service import open_doors
from vtep.errors import HostError, UsageError


def config(web: str, *, web_remote: bool = False) -> Config:
    overlay = OverlayConfig(tap="vx0", vni=100, peers=("192.0.2.1",))
    return Config(UnderlayConfig(), (overlay,), control="none", web=web, web_remote=web_remote)


def refusal(fd: int, *, web_remote: bool = False) -> str:
    with (
        pytest.raises(HostError) as error,
        open_doors(config(f"fd:{fd}", web_remote=web_remote)),
    ):
        pass
    return str(error.value)


@pytest.fixture
def spare() -> Iterator[int]:
    """Yield a descriptor that is no socket."""
    reading, writing = os.pipe()
    yield reading
    os.close(reading)
    os.close(writing)


def inherited_fd(listener: socket.socket) -> int:
    """Return a descriptor as a child would have it: its taker closes it."""
    return os.dup(listener.fileno())


def test_one_that_listens_is_taken_with_its_own_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        fd = inherited_fd(listener)
        with open_doors(config(f"fd:{fd}")) as doors:
            [door] = doors._doors
            assert door.name == f"127.0.0.1:{listener.getsockname()[1]}"
            assert door.is_loopback
            assert door.socket.fileno() == fd
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(fd)


def test_one_that_others_can_reach_needs_web_remote() -> None:
    with socket.create_server(("0.0.0.0", 0)) as listener:
        assert "can be reached from other hosts" in refusal(inherited_fd(listener))
        with open_doors(config(f"fd:{inherited_fd(listener)}", web_remote=True)) as doors:
            assert not doors._doors[0].is_loopback


def test_what_does_not_listen_is_refused(spare: int) -> None:
    assert (
        refusal(spare)
        == f"--web fd:{spare}: Socket operation on non-socket: hand down a listening socket"
    )
    assert "Bad file descriptor" in refusal(999)
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as idle:
            assert "is no TCP socket that listens" in refusal(inherited_fd(idle))
    local, other = socket.socketpair()
    with local, other:
        assert "is no TCP socket that listens" in refusal(inherited_fd(local))


@pytest.mark.parametrize("place", ["fd:", "fd:-1", "fd:x", "fd:1234567890", "FD:3"])
def test_what_is_no_number_is_no_descriptor(place: str) -> None:
    with pytest.raises(UsageError, match="no IP address and port"):
        config(place)
