"""Logs without personal information: one JSON line per event, from a closed set of keys.

Messages and exception texts are not written, ours or a library's, since they quote what people typed. Only
gunicorn's parent process, which sees no request, may say in words how it starts and stops.
"""

import json
import logging
import sys
import traceback
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Literal

Level = Literal["info", "warning", "error"]

KEYS = frozenset(
    {
        "route",
        "outcome",
        "status",
        "duration_ms",
        "reference",
        "relay",
        "recipient",
        "smtp_code",
        "error",
        "where",
    }
)


def config(*, quote_libraries: bool) -> dict[str, Any]:
    """Return how libraries log; only a process that sees no request may quote what they say."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": LibraryLines, "quote": quote_libraries}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
        "root": {"level": "WARNING", "handlers": ["stderr"]},
        "loggers": {"gunicorn.error": {"level": "WARNING", "handlers": [], "propagate": True}},
    }


class LibraryLines(logging.Formatter):
    """Write what a library logged as a JSON line: only where it came from and the exception's class."""

    def __init__(self, *, quote: bool) -> None:
        """Keep whether a library's own words may be written."""
        super().__init__()
        self._quote = quote

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        fields = {"where": f"{record.name}:{record.filename}:{record.lineno}"}
        if self._quote:
            fields["message"] = record.getMessage()
        if record.exc_info and record.exc_info[0]:
            fields |= {"error": record.exc_info[0].__name__, "where": location(record.exc_info[2])}
        return _line(record.levelname.lower(), "library", fields)


def event(name: str, *, level: Level = "info", **fields: object) -> None:
    """Log one event; a key outside the closed set is a programming error.

    It writes the line itself: the logging package would take as long as the rest of a small request.
    """
    if unknown := fields.keys() - KEYS:
        raise KeyError(f"no log line may hold {sorted(unknown)}")
    known = {key: value for key, value in fields.items() if value is not None}
    with suppress(OSError):  # whoever reads the log may be away, and people are still to be served
        sys.stderr.write(f"{_line(level, name, known)}\n")


def _line(level: str, name: str, fields: Mapping[str, object]) -> str:
    time = datetime.now(UTC).isoformat(timespec="milliseconds")
    return json.dumps({"time": time, "level": level, "event": name, **fields})


def location(trace: TracebackType | None) -> str:
    """Return the innermost place of a traceback as file:line, without any of its values."""
    places = traceback.extract_tb(trace)
    return (
        f"{places[-1].filename.rpartition('site-packages/')[2]}:{places[-1].lineno}" if places else "unknown"
    )
