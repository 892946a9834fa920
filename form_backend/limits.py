"""How much one person, one address and the whole site may send; addresses are counted as keyed hashes."""

import hmac
from collections.abc import Callable
from ipaddress import ip_address, ip_network
from time import time
from typing import TYPE_CHECKING, Any, cast

from flask import Flask, request
from flask_limiter import ApplicationLimit, Limiter, RequestLimit
from limits import parse_many
from werkzeug.exceptions import TooManyRequests

from form_backend.relay import Delivery, Outcome
from form_backend.settings import Settings

if TYPE_CHECKING:
    from form_backend.shared_store import Store


class Limits:
    """Flask-Limiter with our three limits; posts are counted before any view sees them."""

    def __init__(self, app: Flask, settings: Settings, store: "Store | None") -> None:
        """Count the app's posts from now on, in the store where there is one."""
        self._secret_key = settings.secret_key
        self._person_limit = parse_many(settings.person_limit)
        self._limiter = Limiter(
            self._client,
            app=app,
            application_limits=[
                ApplicationLimit(settings.post_limit, self._client, scope="posts"),
                ApplicationLimit(settings.site_limit, lambda: "site", scope="site"),
            ],
            storage_uri="shared://" if store else "memory://",
            storage_options=cast(Any, {"store": store} if store else {}),
            on_breach=_refuse,
        )
        self._limiter.request_filter(_reads)

    def count_message(self, send: Callable[[], Delivery]) -> Delivery:
        """Send, where this person's limit allows one more, and count only what is delivered.

        It is counted beforehand and given back after a failure, so that many at once do not pass the limit.
        """
        counts, client = self._limiter.limiter, self._client()
        delivered = False
        try:
            if over := [limit for limit in self._person_limit if not counts.hit(limit, "person", client)]:
                raise _too_many(counts.get_window_stats(over[0], "person", client).reset_time)
            delivery = send()
            delivered = delivery.outcome is Outcome.DELIVERED
        finally:
            if not delivered:
                for limit in self._person_limit:
                    counts.hit(limit, "person", client, cost=-1)
        return delivery

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


def _refuse(limit: RequestLimit) -> None:
    raise _too_many(limit.reset_at)


def _too_many(reset_at: float) -> TooManyRequests:
    return TooManyRequests(retry_after=max(1, round(reset_at - time())))
