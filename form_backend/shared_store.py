"""What several processes share in Redis or Valkey: counts, and which words are on their way or delivered.

Keys are keyed hashes that expire, values are counts and outcomes. While the store is away, each process goes
on with its own memory. This module is loaded only where there is a store: the client takes 4 MB.
"""

import logging
from collections.abc import Callable
from contextlib import suppress
from time import monotonic, sleep
from typing import Any, cast

from limits.storage import MemoryStorage, RedisStorage
from redis import ConnectionError as StoreAwayError
from redis import Redis, RedisError
from redis.exceptions import NoScriptError

from form_backend import log
from form_backend.delivered import KEEP
from form_backend.relay import Delivery, Outcome

TIMEOUT = 1  # seconds that the store may take to connect or to answer
QUIET = 5  # seconds after a failure in which it is not asked again
LONGER = 2  # seconds that a claim outlives the mail deadline, so that a living process ends it first
POLL = 0.05  # seconds between two looks at a claim
CLAIM = """
local seen = redis.call("GET", KEYS[1])
if seen == "delivered" or seen == "sending" then return seen end
local waited = ARGV[2] == "1"
if waited and not seen then return "in-doubt" end  -- who sent it died
if waited and (seen == "in-doubt" or seen == "slow") then return seen end
redis.call("SET", KEYS[1], "sending", "PX", ARGV[1])
return "ours"
"""


class Store(Redis):
    """A client that is quiet for a while after a failure, so that nobody waits for a store that is away."""

    _quiet_until = 0.0

    @classmethod
    def at(cls, url: str) -> "Store":
        """Return the store at a redis:// or rediss:// address; the first command connects."""
        store = cls.from_url(
            url, decode_responses=True, socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT
        )
        return cast(Store, store)

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """Ask the store; raises RedisError, and at once while it is quiet."""
        if monotonic() < self._quiet_until:
            raise StoreAwayError
        if self._quiet_until:
            self._quiet_until = monotonic() + QUIET  # one command finds out; the others do not wait for it
        try:
            answer = super().execute_command(*args, **options)  # type: ignore[no-untyped-call]  # as it is
        except NoScriptError:  # a store that was started anew asks for the script
            self._answered()
            raise
        except RedisError as error:
            self._failed(error)
            raise
        self._answered()
        return answer

    def _answered(self) -> None:
        if self._quiet_until:
            self._quiet_until = 0
            log.event("store_back")

    def _failed(self, error: RedisError) -> None:
        if not self._quiet_until:
            log.event("store_away", level=logging.WARNING, error=type(error).__name__)
        self._quiet_until = monotonic() + QUIET
        self.connection_pool.disconnect(inuse_connections=False)  # idle ones are likely to be dead as well


class Counts(RedisStorage):
    """The limits' counts in the store, and in memory while it is away."""

    def __init__(self, url: str, store: Store) -> None:
        """Count in this store at this address."""
        super().__init__(url, connection_pool=store.connection_pool)
        self.storage, self._memory = store, MemoryStorage()
        self.initialize_storage(url)  # its scripts are to go through our client, too

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Add to a count."""
        with suppress(RedisError):
            return super().incr(key, expiry, amount)
        return self._memory.incr(key, expiry, amount)

    def get(self, key: str) -> int:
        """Return a count."""
        with suppress(RedisError):
            return super().get(key)
        return self._memory.get(key)

    def get_expiry(self, key: str) -> float:
        """Return when a count begins anew."""
        with suppress(RedisError):
            return super().get_expiry(key)
        return self._memory.get_expiry(key)


class Claims:
    """Let one copy of the same words out among all processes; a second waits for its outcome."""

    def __init__(self, store: Store, mail_deadline: float) -> None:
        """Wait no longer than somebody may be sending."""
        self._store, self._life = store, mail_deadline + LONGER
        self._claim = store.register_script(CLAIM)

    def once(self, digest: bytes, send: Callable[[], Delivery]) -> Delivery:
        """Send, unless another process did or is at it; where that one failed early, send all the same."""
        key, outcome = f"words:{digest.hex()}", Outcome.IN_DOUBT
        try:
            state = self._wait_for_our_turn(key)
        except RedisError:
            return send()
        if state != "ours":
            return Delivery(Outcome(state))
        try:
            delivery = send()
            outcome = delivery.outcome
        finally:
            life = KEEP if outcome is Outcome.DELIVERED else self._life
            with suppress(RedisError):
                self._store.set(key, outcome, px=round(life * 1000))
        return delivery

    def _wait_for_our_turn(self, key: str) -> str:
        """Claim the words and return `ours`, or what became of them elsewhere."""
        ends, waited = monotonic() + self._life, 0
        while (state := self._claim([key], [round(self._life * 1000), waited])) == "sending":
            if monotonic() > ends:
                return Outcome.IN_DOUBT
            waited = 1
            sleep(POLL)
        return str(state)
