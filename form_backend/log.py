"""Logs without personal information: one JSON line per event, from a closed set of keys.

Messages and exception texts are not written, ours or a library's, since they quote what people typed. Only
gunicorn's parent process, which sees no request, may say in words how it starts and stops.
"""

import json
import logging
import traceback
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

KEYS = frozenset(
    {
        "event",
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
    """Return the logging configuration; a process that sees no request may quote what libraries say."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": JsonLines, "quote_libraries": quote_libraries}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
        "root": {"level": "WARNING", "handlers": ["stderr"]},
        "loggers": {
            "form_backend": {"level": "INFO"},
            "gunicorn.error": {"level": "WARNING", "handlers": [], "propagate": True},
        },
    }


class JsonLines(logging.Formatter):
    """Write a record as one JSON line; of a library's only where it came from and the exception's class."""

    def __init__(self, *, quote_libraries: bool) -> None:
        """Keep whether a library's own words may be written."""
        super().__init__()
        self._quote_libraries = quote_libraries

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
        }
        fields = getattr(record, "fields", None)
        if fields is None:
            fields = {"event": "library", "where": f"{record.name}:{record.filename}:{record.lineno}"}
            if self._quote_libraries:
                fields["message"] = record.getMessage()
            if record.exc_info and record.exc_info[0]:
                fields |= {"error": record.exc_info[0].__name__, "where": location(record.exc_info[2])}
        return json.dumps(line | fields)


def event(name: str, *, level: int = logging.INFO, **fields: object) -> None:
    """Log one event; a key outside the closed set is a programming error."""
    if unknown := fields.keys() - KEYS:
        raise KeyError(f"no log line may hold {sorted(unknown)}")
    known = {key: value for key, value in fields.items() if value is not None}
    logging.getLogger("form_backend").log(level, "", extra={"fields": {"event": name} | known})


def location(trace: TracebackType | None) -> str:
    """Return the innermost place of a traceback as file:line, without any of its values."""
    places = traceback.extract_tb(trace)
    return (
        f"{places[-1].filename.rpartition('site-packages/')[2]}:{places[-1].lineno}" if places else "unknown"
    )
