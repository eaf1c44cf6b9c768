"""Where the control socket lies, who may use it, and how a command finds it."""

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

from vtep.control import unix_socket as unix
from vtep.control.client.client import Client, Forbidden, Gone
from vtep.control.client.discover import find
from vtep.control.unix_socket import Listener, listen_at, listen_somewhere
from vtep.errors import HostError, UsageError


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Look for sockets below the folder of this test alone: /run's part, and a user's own."""
    monkeypatch.setattr(unix, "RUNTIME_DIRECTORY", str(tmp_path / "run" / "vtep"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "user"))
    (tmp_path / "run").mkdir()
    (tmp_path / "user").mkdir()
    return tmp_path / "run" / "vtep", tmp_path / "user" / "vtep"


def opened(name: str) -> Listener:
    listener = listen_somewhere(name)
    assert listener is not None
    return listener


@pytest.fixture
def umask() -> Iterator[Callable[[int], int]]:
    before = os.umask(0o22)
    yield os.umask
    os.umask(before)


@pytest.mark.parametrize("mask", [0, 0o77])
def test_it_is_for_its_user_alone_whatever_the_umask(
    mask: int, places: tuple[Path, Path], umask: Callable[[int], int]
) -> None:
    umask(mask)
    listener = opened("vx0")
    assert listener.path == str(places[0] / "vx0.sock")
    assert stat.S_IMODE(os.stat(listener.path).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(places[0]).st_mode) == 0o755
    listener.close()
    assert list(places[0].iterdir()) == []


def test_one_that_lives_is_left_alone_and_a_stale_one_replaced(places: tuple[Path, Path]) -> None:
    first = opened("vx0")
    second = opened("vx0")
    assert second.path == str(places[0] / f"vx0-{os.getpid()}.sock")
    with pytest.raises(HostError, match=r"vx0\.sock is the socket of a process that runs"):
        listen_at(first.path)
    first.socket.close()  # as a crash would: the path stays
    third = opened("vx0")
    assert third.path == first.path
    first.close()
    assert os.path.exists(third.path)  # it is not first's any more
    second.close()
    third.close()
    assert list(places[0].iterdir()) == []


def test_what_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("mine")
    for name in ("file", "link"):
        (tmp_path / "link").unlink(missing_ok=True)
        (tmp_path / "link").symlink_to(tmp_path / "nowhere")
        with pytest.raises(HostError, match="exists and is not a socket"):
            listen_at(str(tmp_path / name))
    assert path.read_text() == "mine"


def test_who_may_not_write_to_run_has_it_in_a_folder_of_his_own_or_not_at_all(
    places: tuple[Path, Path],
) -> None:
    places[0].parent.rmdir()
    listener = opened("vx0")
    assert listener.path == str(places[1] / "vx0.sock")
    listener.close()
    places[1].rmdir()
    places[1].parent.rmdir()
    assert listen_somewhere("vx0") is None


def test_without_a_daemon_it_says_how_to_start_one(places: tuple[Path, Path]) -> None:
    with pytest.raises(UsageError, match="no vtep runs here: start one, as with vtep --tap vx0"):
        find()
    opened("vx0").socket.close()  # a stale one is none
    with pytest.raises(UsageError, match="no vtep runs here"):
        find()


def test_who_may_not_ask_is_told_so(places: tuple[Path, Path]) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root, to be somebody else")
    places[0].parent.chmod(0o700)
    said = []
    with TemporaryDirectory() as public:
        os.chmod(public, 0o755)
        listener = Listener(os.path.join(public, "vx0.sock"))
        for directory in (public, str(places[0])):
            script = (
                "import os, sys; from vtep.control.client import discover as find;"
                "from vtep.control import unix_socket as unix; os.setuid(65534);"
                "unix.RUNTIME_DIRECTORY = sys.argv[1]; find.find()"
            )
            done = subprocess.run(
                [sys.executable, "-c", script, directory], capture_output=True, text=True
            )
            said.append(done.stderr.splitlines()[-1])
        listener.close()
    for what, place in zip(said, (f"{public}/vx0.sock", places[0]), strict=True):
        assert what.endswith(f"not permitted to ask the vtep at {place}: ask as root")


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
def test_a_daemon_that_ends_while_it_answers_is_noticed(answer: bytes, tmp_path: Path) -> None:
    listener = Listener(str(tmp_path / "vtep.sock"))

    def answer_one() -> None:
        accepted, _ = listener.socket.accept()
        with accepted:
            accepted.recv(1000)
            accepted.sendall(answer)

    daemon = threading.Thread(target=answer_one)
    daemon.start()
    with pytest.raises(Gone, match=r"the vtep at .*vtep\.sock went away"):
        Client(listener.path).get("/v1/show")
    daemon.join()
    listener.close()
    with pytest.raises(UsageError, match="no vtep listens at"):
        Client(listener.path).get("/v1")
    assert issubclass(Forbidden, UsageError)


def test_a_daemon_that_does_not_answer_is_not_waited_for(tmp_path: Path) -> None:
    listener = Listener(str(tmp_path / "vtep.sock"))
    with pytest.raises(Gone, match="does not answer"):
        Client(listener.path).get("/v1", timeout=0.05)
    listener.close()
    with socket.socket(socket.AF_UNIX) as free:
        assert free.connect_ex(listener.path) != 0


def test_many_containers_may_share_a_directory_and_a_process_number(
    places: tuple[Path, Path],
) -> None:
    listeners = [opened("vx0") for _ in range(4)]
    alike = f"vx0-{os.getpid()}"
    names = ["vx0.sock", f"{alike}.sock", f"{alike}-2.sock", f"{alike}-3.sock"]
    assert [one.path for one in listeners] == [str(places[0] / name) for name in names]
    for listener in listeners:
        listener.close()


def test_a_directory_of_too_long_a_name_is_none(
    places: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    long = tmp_path / ("x" * 200)
    long.mkdir()
    monkeypatch.setattr(unix, "RUNTIME_DIRECTORY", str(long / "vtep"))
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    assert listen_somewhere("vx0") is None


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"", "went away"),
        (b"HTTP/1.1 503 No\r\nContent-Length: 17\r\n\r\n" + b'{"error":"later"}', "later"),
    ],
)
def test_one_that_does_not_answer_is_not_passed_over(
    answer: bytes, said: str, places: tuple[Path, Path]
) -> None:
    asked = [opened("vx0"), opened("vx1")]
    other = b'HTTP/1.0 200 OK\r\n\r\n{"pid": 1, "taps": ["vx1"], "netns": 1}'

    def answer_all() -> None:
        for listener, octets in zip(asked, (answer, other), strict=True):
            accepted, _ = listener.socket.accept()
            with accepted:
                accepted.recv(1000)
                accepted.sendall(octets)

    daemon = threading.Thread(target=answer_all)
    daemon.start()
    with pytest.raises(UsageError, match=rf"the vtep at .*vx0\.sock .*{said}.*: try again"):
        find()  # the other is that of another namespace
    daemon.join()
    for listener in asked:
        listener.close()
