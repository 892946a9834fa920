"""How much one person, one address and the whole site may send; addresses are counted as keyed hashes."""

import hmac
from collections.abc import Callable, Sequence
from ipaddress import ip_address, ip_network
from time import time

from flask import Flask, g, request
from limits import RateLimitItem, parse_many
from limits.storage import Storage
from limits.strategies import FixedWindowRateLimiter
from werkzeug.exceptions import TooManyRequests

from form_backend.relay import Delivery, Outcome
from form_backend.settings import Settings


class Limits:
    """The three limits; posts are counted before any view sees them."""

    def __init__(self, app: Flask, settings: Settings, counts: Storage) -> None:
        """Count the app's posts from now on."""
        self._secret_key = settings.secret_key
        self._posts = parse_many(settings.post_limit)
        self._site = parse_many(settings.site_limit)
        self._person = parse_many(settings.person_limit)
        self._windows = FixedWindowRateLimiter(counts)
        app.before_request(self._count_post)

    def count_message(self, send: Callable[[], Delivery]) -> Delivery:
        """Send, where this person's limit allows one more, and count only what is delivered.

        It is counted beforehand and given back after a failure, so that many at once do not pass the limit.
        """
        delivered = False
        try:
            self._ask(self._windows.hit, self._person, "person", g.client)
            delivery = send()
            delivered = delivery.outcome is Outcome.DELIVERED
        finally:
            if not delivered:
                for limit in self._person:
                    self._windows.hit(limit, "person", g.client, cost=-1)
        return delivery

    def _count_post(self) -> None:
        """Count against the address, then the site.

        An address over its limit uses up none of the site's; once the site is over, no address takes memory.
        """
        if request.method == "POST":
            g.client = self._client()
            self._ask(self._windows.test, self._site, "site")
            self._ask(self._windows.hit, self._posts, "posts", g.client)
            self._ask(self._windows.hit, self._site, "site")

    def _ask(self, allows: Callable[..., bool], limits: Sequence[RateLimitItem], *who: str) -> None:
        """Refuse where one of these limits does not allow one more, and say when all of them will."""
        if over := [limit for limit in limits if not allows(limit, *who)]:
            reset_at = max(self._windows.get_window_stats(limit, *who).reset_time for limit in over)
            raise TooManyRequests(retry_after=max(1, round(reset_at - time())))

    def _client(self) -> str:
        try:
            address = ip_address(request.remote_addr or "::")
        except ValueError:  # a proxy that forwards something else
            address = ip_address("::")
        address = getattr(address, "ipv4_mapped", None) or address
        # One household or office holds a whole /64 of IPv6 addresses.
        network = ip_network((address, 64 if address.version == 6 else 32), strict=False)
        return hmac.digest(f"client {self._secret_key}".encode(), network.compressed.encode(), "sha256").hex()
