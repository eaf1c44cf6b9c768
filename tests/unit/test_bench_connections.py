"""The traffic of "many": random lengths, counted at the receiver, over the loopback device."""

import json
import os
import subprocess
import sys

import pytest

PROGRAM = [sys.executable, "-m", "bench.connections"]


def start(*words: object, pass_fds: tuple[int, ...] = ()) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    argv = [*PROGRAM, *map(str, words)]
    return subprocess.Popen(argv, pass_fds=pass_fds, stdout=pipe, stderr=pipe, text=True)


def transfer(*options: object) -> dict[str, float]:
    """Run both ends for 0.3 s and return the count of the receiver."""
    reading, writing = os.pipe()
    listening = ["receive", "127.0.0.1", writing, 0.3]
    with os.fdopen(reading) as ready, start(*listening, pass_fds=(writing,)) as receiver:
        os.close(writing)
        port = ready.readline().strip()
        with start("send", "127.0.0.1", port, "--seed", 1, *options) as sender:
            said, _ = receiver.communicate(timeout=20)
            assert sender.communicate(timeout=20) == ("", "")
            assert sender.returncode == 0
    assert receiver.returncode == 0
    counted: dict[str, float] = json.loads(said)
    return counted


@pytest.mark.parametrize(("low", "high"), [(1, 65_000), (1500, 12_000)])
def test_the_receiver_counts_and_its_end_ends_the_sender(low: int, high: int) -> None:
    counted = transfer("--connections", 20, "--low", low, "--high", high)
    assert counted["octets"] > 1_000_000
    assert 0.3 <= counted["seconds"] < 1.0


def test_pace_limits_the_writes() -> None:
    counted = transfer("--connections", 3, "--low", 1000, "--high", 1000, "--pace", 500)
    assert 0 < counted["octets"] <= 1000 * 500 * (counted["seconds"] + 0.1)
