"""How much one person, one address and the whole site may send; addresses are counted as keyed hashes."""

import hmac
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address, ip_network
from time import time

from flask import Flask, request
from flask_limiter import ApplicationLimit, Limiter, RequestLimit
from limits import parse_many
from limits.errors import StorageError
from werkzeug.exceptions import TooManyRequests

from form_backend import log
from form_backend.settings import Settings

STORE_TIMEOUT = 1  # seconds that a shared store may take before the count falls back to memory


class Limits:
    """Flask-Limiter with our three limits; posts are counted before any view sees them."""

    def __init__(self, app: Flask, settings: Settings) -> None:
        """Count the app's posts from now on."""
        self._secret_key = settings.secret_key
        self._person_limit = parse_many(settings.person_limit)
        shared = settings.limits_url != "memory://"
        timeouts: dict[str, str | int] = {
            "socket_timeout": STORE_TIMEOUT,
            "socket_connect_timeout": STORE_TIMEOUT,
            "wrap_exceptions": True,
        }
        self._limiter = Limiter(
            self._client,
            app=app,
            application_limits=[
                ApplicationLimit(settings.post_limit, self._client, scope="posts", exempt_when=_reads),
                ApplicationLimit(settings.site_limit, lambda: "site", scope="site", exempt_when=_reads),
            ],
            storage_uri=settings.limits_url,
            storage_options=timeouts if shared else {},
            in_memory_fallback_enabled=shared,
            on_breach=_refuse,
        )

    def check_person(self) -> None:
        """Raise TooManyRequests where this person has sent as many messages as the limit allows."""
        counts, client = self._limiter.limiter, self._client()
        with _submissions_go_on():
            for limit in self._person_limit:
                if not counts.test(limit, "person", client):
                    raise _too_many(counts.get_window_stats(limit, "person", client).reset_time)

    def count_delivered(self) -> None:
        """Count one message that was delivered against this person's limit."""
        with _submissions_go_on():
            for limit in self._person_limit:
                self._limiter.limiter.hit(limit, "person", self._client())

    def _client(self) -> str:
        try:
            address = ip_address(request.remote_addr or "::")
        except ValueError:  # a proxy that forwards something else
            address = ip_address("::")
        address = getattr(address, "ipv4_mapped", None) or address
        # One household or office holds a whole /64 of IPv6 addresses.
        network = ip_network((address, 64 if address.version == 6 else 32), strict=False)
        return hmac.digest(f"client {self._secret_key}".encode(), network.compressed.encode(), "sha256").hex()


def _reads() -> bool:
    return request.method != "POST"


@contextmanager
def _submissions_go_on() -> Iterator[None]:
    """Let a shared store that fails stop nobody from writing to us."""
    try:
        yield
    except StorageError as error:
        log.event("limits_unavailable", level=logging.WARNING, error=type(error).__name__)


def _refuse(limit: RequestLimit) -> None:
    raise _too_many(limit.reset_at)


def _too_many(reset_at: float) -> TooManyRequests:
    return TooManyRequests(retry_after=max(1, round(reset_at - time())))
