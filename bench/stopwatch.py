"""Pelican's settings for a production build that prints how much CPU time each check took, in milliseconds.

bench/site_builds.py copies it beside them.
"""

import atexit
import json
from collections import Counter
from collections.abc import Callable
from functools import wraps
from time import process_time
from typing import Any

from plugins import checks
from plugins.output import audit
from plugins.reading.html import HtmlReader
from publishconf import *  # noqa: F403 - Pelican's own way to layer settings

taken: Counter[str] = Counter()


def timed(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that adds up the time that this one takes."""

    @wraps(function)
    def run(*given: Any) -> Any:
        start = process_time()
        result = function(*given)
        result = result if result is None else list(result)
        taken[name] += (process_time() - start) * 1000  # type: ignore[assignment]  # a Counter of floats
        return result

    return run


checks.CHECKS[:] = [timed(check.__module__.removeprefix("plugins."), check) for check in checks.CHECKS]
audit.audit = timed("output.audit", audit.audit)
HtmlReader.read = timed("reading.html", HtmlReader.read)  # type: ignore[method-assign]
atexit.register(lambda: print(json.dumps(taken)))
