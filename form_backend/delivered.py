"""What was delivered, remembered as keyed hashes in bounded, expiring memory: the same words go out once."""

from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING

from form_backend.relay import Delivery, Outcome

if TYPE_CHECKING:
    from form_backend.shared_store import Claims

KEEP = 24 * 60 * 60  # seconds: the day is part of what is hashed, so it cannot match for longer
MOST = 20_000  # hashes, about 5 MB; beyond it the oldest are forgotten first


class Delivered:
    """Let one copy of the same words out; a second waits for its outcome and shares it."""

    def __init__(self, claims: "Claims | None") -> None:
        """Start with nothing remembered; `claims` are what other processes know."""
        self._claims = claims
        self._lock = Lock()
        self._on_the_way: dict[bytes, Future[Delivery]] = {}
        self._expiries: OrderedDict[bytes, float] = OrderedDict()

    def once(self, digest: bytes, send: Callable[[], Delivery]) -> Delivery:
        """Send, unless it was sent or is on its way; a failure is forgotten, so that Send works again."""
        with self._lock:
            if self._expiries.get(digest, 0) > monotonic():
                return Delivery(Outcome.DELIVERED)
            first = self._on_the_way.get(digest)
            if first is None:
                mine = self._on_the_way[digest] = Future[Delivery]()
        if first is not None:
            return first.result()
        try:
            mine.set_result(self._claims.once(digest, send) if self._claims else send())
        except BaseException as error:  # noqa: BLE001 - the copy that waits must hear of it too
            mine.set_exception(error)
        with self._lock:
            if mine.exception() is None and mine.result().outcome is Outcome.DELIVERED:
                self._remember(digest)
            del self._on_the_way[digest]
        return mine.result()

    def _remember(self, digest: bytes) -> None:
        now = monotonic()
        self._expiries[digest] = now + KEEP
        while len(self._expiries) > MOST or next(iter(self._expiries.values())) <= now:
            self._expiries.popitem(last=False)
