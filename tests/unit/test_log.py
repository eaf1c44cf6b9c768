"""Log lines as text and as JSON."""

import json
import logging

import pytest

from vtep import log


def test_text_shows_the_level_the_message_and_its_lines(
    capsys: pytest.CaptureFixture[str],
) -> None:
    log.setup(logging.INFO, "text")
    log.info("stopped", ["one", "two"], counters={})
    log.warning("dropped 3", reason="short")
    assert capsys.readouterr().err == "INFO stopped\n  one\n  two\nWARNING dropped 3\n"


def test_json_is_one_object_a_line_with_the_fields(capsys: pytest.CaptureFixture[str]) -> None:
    log.setup(logging.INFO, "json")
    log.info("stopped", ["one", "two"], counters={"a": 1})
    [line] = capsys.readouterr().err.splitlines()
    record = json.loads(line)
    assert record.pop("time").endswith("Z")
    assert record == {"level": "info", "message": "stopped", "counters": {"a": 1}}


def test_records_below_the_level_are_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    log.setup(logging.WARNING, "text")
    log.info("ready")
    assert capsys.readouterr().err == ""
