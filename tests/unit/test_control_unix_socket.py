"""The control socket: its path, its mode, stale sockets, and how a command finds a daemon."""

import os
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from vtep.control.client.client import Client, Forbidden, Gone
from vtep.control.client.discover import find
from vtep.control.unix_socket import (
    RUNTIME_DIRECTORY,
    UnixListener,
    listen_at,
    listen_in_directories,
    socket_directories,
)
from vtep.errors import HostError, UsageError


class Places:
    """The two directories of this test: one like /run/vtep, and one of a user."""

    def __init__(self, root: Path) -> None:
        self.system, self.own = root / "run" / "vtep", root / "user" / "vtep"
        self.system.parent.mkdir()
        self.own.parent.mkdir()

    @property
    def all(self) -> list[str]:
        return [str(self.system), str(self.own)]

    def listen(self, name: str) -> UnixListener:
        listener = listen_in_directories(name, self.all)
        assert listener is not None
        return listener


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path)


@pytest.fixture
def umask() -> Iterator[Callable[[int], int]]:
    before = os.umask(0o22)
    yield os.umask
    os.umask(before)


def test_sockets_are_in_run_and_in_the_users_runtime_directory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/1000")
    assert socket_directories() == [RUNTIME_DIRECTORY, "/run/user/1000/vtep"]
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    assert socket_directories() == [RUNTIME_DIRECTORY]


@pytest.mark.parametrize("mask", [0, 0o77])
def test_only_its_user_may_use_it_whatever_the_umask(
    mask: int, places: Places, umask: Callable[[int], int]
) -> None:
    umask(mask)
    listener = places.listen("vx0")
    assert listener.path == str(places.system / "vx0.sock")
    assert stat.S_IMODE(os.stat(listener.path).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(places.system).st_mode) == 0o755
    listener.close()
    assert list(places.system.iterdir()) == []


def test_the_socket_of_a_running_daemon_is_kept_and_a_stale_one_replaced(places: Places) -> None:
    first = places.listen("vx0")
    second = places.listen("vx0")
    assert second.path == str(places.system / f"vx0-{os.getpid()}.sock")
    with pytest.raises(HostError, match=r"vx0\.sock: the socket of a running process"):
        listen_at(first.path)
    first.socket.close()  # as a crash would: the path stays
    third = places.listen("vx0")
    assert third.path == first.path
    first.close()
    assert os.path.exists(third.path)  # it is the socket of `third` now
    second.close()
    third.close()
    assert list(places.system.iterdir()) == []


def test_other_files_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("mine")
    for name in ("file", "link"):
        (tmp_path / "link").unlink(missing_ok=True)
        (tmp_path / "link").symlink_to(tmp_path / "nowhere")
        with pytest.raises(HostError, match="exists, but is not a socket"):
            listen_at(str(tmp_path / name))
    assert path.read_text() == "mine"


def test_a_user_who_cannot_write_to_run_has_it_in_the_own_directory_or_not_at_all(
    places: Places,
) -> None:
    places.system.parent.rmdir()
    listener = places.listen("vx0")
    assert listener.path == str(places.own / "vx0.sock")
    listener.close()
    places.own.rmdir()
    places.own.parent.rmdir()
    assert listen_in_directories("vx0", places.all) is None


def test_without_a_daemon_the_error_says_how_to_start_one(places: Places) -> None:
    with pytest.raises(UsageError, match=r"running vteps: none here; .*vtep --tap vx0"):
        find(directories=places.all)
    places.listen("vx0").socket.close()  # a stale socket
    with pytest.raises(UsageError, match="running vteps: none here"):
        find(directories=places.all)


def test_a_user_without_permission_gets_an_error(places: Places) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root, to become another user")
    places.system.parent.chmod(0o700)
    said = []
    with TemporaryDirectory() as public:
        os.chmod(public, 0o755)
        listener = UnixListener(os.path.join(public, "vx0.sock"))
        for directory in (public, str(places.system)):
            script = (
                "import os, sys; from vtep.control.client.discover import find;"
                "os.setuid(65534); find(directories=[sys.argv[1]])"
            )
            done = subprocess.run(
                [sys.executable, "-c", script, directory], capture_output=True, text=True
            )
            said.append(done.stderr.splitlines()[-1])
        listener.close()
    for what, place in zip(said, (f"{public}/vx0.sock", places.system), strict=True):
        assert f"{place}: permission denied" in what
        assert "root" in what


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n[1,2",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n[1,2\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n[1,2",
        b"no HTTP\r\n\r\n",
    ],
)
def test_a_daemon_that_ends_during_its_response_is_noticed(answer: bytes, tmp_path: Path) -> None:
    listener = UnixListener(str(tmp_path / "vtep.sock"))

    def answer_one() -> None:
        accepted, _ = listener.socket.accept()
        with accepted:
            accepted.recv(1000)
            accepted.sendall(answer)

    daemon = threading.Thread(target=answer_one)
    daemon.start()
    with pytest.raises(Gone, match=r"vtep\.sock: went away"):
        Client(listener.path).get("/v1/show")
    daemon.join()
    listener.close()
    with pytest.raises(UsageError, match="no vtep listens there"):
        Client(listener.path).get("/v1")
    assert issubclass(Forbidden, UsageError)


def test_a_daemon_that_does_not_respond_is_given_up(tmp_path: Path) -> None:
    listener = UnixListener(str(tmp_path / "vtep.sock"))
    with pytest.raises(Gone, match="does not respond"):
        Client(listener.path).get("/v1", timeout=0.05)
    listener.close()
    with socket.socket(socket.AF_UNIX) as free:
        assert free.connect_ex(listener.path) != 0


def test_containers_may_share_a_directory_and_a_process_number(
    places: Places,
) -> None:
    listeners = [places.listen("vx0") for _ in range(4)]
    alike = f"vx0-{os.getpid()}"
    names = ["vx0.sock", f"{alike}.sock", f"{alike}-2.sock", f"{alike}-3.sock"]
    assert [one.path for one in listeners] == [str(places.system / name) for name in names]
    for listener in listeners:
        listener.close()


def test_a_directory_with_too_long_a_name_is_not_used(tmp_path: Path) -> None:
    long = tmp_path / ("x" * 200)
    long.mkdir()
    assert listen_in_directories("vx0", [str(long / "vtep")]) is None


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"", "went away"),
        (b"HTTP/1.1 503 No\r\nContent-Length: 17\r\n\r\n" + b'{"error":"later"}', "later"),
    ],
)
def test_a_daemon_that_fails_to_answer_is_not_passed_over(
    answer: bytes, said: str, places: Places
) -> None:
    asked = [places.listen("vx0"), places.listen("vx1")]
    other = b'HTTP/1.0 200 OK\r\n\r\n{"pid": 1, "taps": ["vx1"], "netns": 1}'

    def answer_all() -> None:
        for listener, octets in zip(asked, (answer, other), strict=True):
            accepted, _ = listener.socket.accept()
            with accepted:
                accepted.recv(1000)
                accepted.sendall(octets)

    daemon = threading.Thread(target=answer_all)
    daemon.start()
    with pytest.raises(UsageError, match=rf"vx0\.sock: .*{said}.*--socket"):
        find(directories=places.all)  # the other one is in another namespace
    daemon.join()
    for listener in asked:
        listener.close()
