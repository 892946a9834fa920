"""Rate limits: how much one person, one client network and the whole site may send."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from time import time

from limits import RateLimitItem, parse_many
from limits.storage import Storage
from limits.strategies import FixedWindowRateLimiter
from werkzeug.exceptions import TooManyRequests

from form_backend.settings import Settings


@dataclass
class Counted:
    """One message that counts against its sender's limit, unless it turns out that it was not delivered."""

    delivered: bool = False


class Limits:
    """The three limits; clients are keyed hashes of network addresses."""

    def __init__(self, settings: Settings, counts: Storage) -> None:
        """Count in this storage."""
        self._posts = parse_many(settings.post_limit)
        self._site = parse_many(settings.site_limit)
        self._person = parse_many(settings.person_limit)
        self._windows = FixedWindowRateLimiter(counts)

    def count_post(self, client: str) -> None:
        """Count a post against the client, then the site; raises TooManyRequests.

        A client over its limit uses up none of the site's; while the site is over, no client takes up memory.
        """
        self._check(self._windows.test, self._site, "site")
        self._check(self._windows.hit, self._posts, "posts", client)
        self._check(self._windows.hit, self._site, "site")

    @contextmanager
    def count_message(self, client: str) -> Iterator[Counted]:
        """Count a message against its sender; raises TooManyRequests.

        It counts from the start, so that many at once do not pass the limit, and no more once the block ends
        without delivery.
        """
        counted = Counted()
        try:
            self._check(self._windows.hit, self._person, "person", client)
            yield counted
        finally:
            if not counted.delivered:
                for limit in self._person:
                    self._windows.hit(limit, "person", client, cost=-1)

    def _check(self, allows: Callable[..., bool], limits: Sequence[RateLimitItem], *who: str) -> None:
        """Refuse where one of these limits is used up, and say when all of them allow one more."""
        if over := [limit for limit in limits if not allows(limit, *who)]:
            reset_at = max(self._windows.get_window_stats(limit, *who).reset_time for limit in over)
            raise TooManyRequests(retry_after=max(1, round(reset_at - time())))
