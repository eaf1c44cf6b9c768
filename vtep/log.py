"""Write the log to stderr, as text or as one JSON object per line.

A record has a message, `fields` that appear only in JSON, and `lines` that appear only in text,
below the message.
"""

import json
import logging
import time
from collections.abc import Iterable
from typing import Any, Literal

_logger = logging.getLogger("vtep")


def setup(level: int, log_format: Literal["text", "json"]) -> None:
    """Write records of *level* or above to stderr."""
    handler = logging.StreamHandler()
    handler.setFormatter(_JsonFormatter() if log_format == "json" else _TextFormatter())
    _logger.handlers[:] = [handler]
    _logger.propagate = False
    _logger.setLevel(level)


def info(message: str, lines: Iterable[str] = (), **fields: Any) -> None:
    """Log *message*, with *fields* for JSON and *lines* for text."""
    _logger.info(message, extra={"fields": fields, "lines": lines})


def debug(message: str, lines: Iterable[str] = ()) -> None:
    """Log *message* at debug level (-v), with *lines* for text."""
    _logger.debug(message, extra={"lines": lines})


def warning(message: str, **fields: Any) -> None:
    """Log *message* as a warning, with *fields* for JSON."""
    _logger.warning(message, extra={"fields": fields})


def error(message: str, lines: Iterable[str] = ()) -> None:
    """Log *message* as an error, with *lines* for text."""
    _logger.error(message, extra={"lines": lines})


class _TextFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        lines = [record.getMessage(), *getattr(record, "lines", ())]
        return f"{record.levelname} " + "\n  ".join(lines)


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        return json.dumps(
            {
                "time": f"{stamp}.{int(record.msecs):03d}Z",
                "level": record.levelname.lower(),
                "message": record.getMessage(),
                **getattr(record, "fields", {}),
            }
        )
