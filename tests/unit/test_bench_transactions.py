"""The traffic of "rr": one byte each way over the loopback device."""

import json
import os
import subprocess
import sys

PROGRAM = [sys.executable, "-m", "bench.transactions"]


def start(*words: object, pass_fds: tuple[int, ...] = ()) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    argv = [*PROGRAM, *map(str, words)]
    return subprocess.Popen(argv, pass_fds=pass_fds, stdout=pipe, stderr=pipe, text=True)


def test_transactions_are_counted_one_after_the_other_and_the_end_ends_the_responder() -> None:
    reading, writing = os.pipe()
    words = ["respond", "127.0.0.1", writing]
    with os.fdopen(reading) as ready, start(*words, pass_fds=(writing,)) as responder:
        os.close(writing)
        with start("request", "127.0.0.1", ready.readline().strip(), 0.3) as requester:
            said, errors = requester.communicate(timeout=20)
        assert responder.communicate(timeout=20) == ("", "")
    assert (requester.returncode, responder.returncode, errors) == (0, 0, "")
    figures = json.loads(said)
    assert 0 < figures["median_us"] <= figures["p99_us"]
    mean_us = 1e6 / figures["tps"]
    assert figures["median_us"] / 5 < mean_us < 0.3e6  # one at a time: the rate is 1 / mean time


def test_without_a_responder_the_requester_fails() -> None:
    with start("request", "127.0.0.1", 1, 0.1) as requester:
        _, errors = requester.communicate(timeout=20)
    assert requester.returncode == 1
    assert "ConnectionRefusedError" in errors
