"""Share counts, and messages delivered or in progress, among processes through Redis or Valkey.

Keys are keyed hashes that expire, values are counts, outcomes and hashes of networks. While the store is
down, each process goes on with its own memory.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from time import monotonic, sleep
from typing import Any, cast

from limits.storage import RedisStorage
from redis import ConnectionError as StoreAwayError
from redis import Redis, RedisError
from redis.exceptions import NoScriptError

from form_backend import log
from form_backend.mail.outcomes import Delivery, Outcome
from form_backend.memory.copies import KEEP, Copy
from form_backend.memory.counts import Counts

TIMEOUT = 1  # seconds that the store may take to connect or to answer
COOLDOWN = 5  # seconds after a failure in which the store is not asked again
MARGIN = 2  # seconds that a claim outlives the mail deadline, so that a living process ends it first
POLL = 0.05  # seconds between two looks at a claim
CLAIM = """
local waited, found = ARGV[2] == "1", false
for _, key in ipairs(KEYS) do
  local state = redis.call("GET", key)
  if state == "delivered" or state == "sending" then return state end
  found = found or state
end
if waited and not found then return "in-doubt" end  -- the process that was sending died
if waited and (found == "in-doubt" or found == "slow") then return found end
for _, key in ipairs(KEYS) do redis.call("SET", key, "sending", "PX", ARGV[1]) end
return "ours"
"""


COUNT_NETWORK = """
if redis.call("SCARD", KEYS[1]) < tonumber(ARGV[2]) then redis.call("SADD", KEYS[1], ARGV[1]) end
if redis.call("TTL", KEYS[1]) < 0 then redis.call("EXPIRE", KEYS[1], ARGV[3]) end
return redis.call("SCARD", KEYS[1])
"""


class Store(Redis):
    """A client with a cooldown after a failure, so that people do not wait for a store that is down."""

    _cooldown_ends = 0.0

    @classmethod
    def at(cls, url: str) -> "Store":
        """Return the store at a redis:// or rediss:// address; the first command connects."""
        store = cls.from_url(
            url, decode_responses=True, socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT
        )
        return cast(Store, store)

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """Ask the store; raises RedisError, at once during the cooldown."""
        if monotonic() < self._cooldown_ends:
            raise StoreAwayError
        if self._cooldown_ends:
            self._cooldown_ends = monotonic() + COOLDOWN  # one command tries; the others do not wait for it
        try:
            answer = super().execute_command(*args, **options)  # type: ignore[no-untyped-call]  # as it is
        except NoScriptError:  # a restarted store asks for the script
            self._answered()
            raise
        except RedisError as error:
            self._failed(error)
            raise
        self._answered()
        return answer

    def _answered(self) -> None:
        if self._cooldown_ends:
            self._cooldown_ends = 0
            log.event("store_back")

    def _failed(self, error: RedisError) -> None:
        if not self._cooldown_ends:
            log.event("store_away", level="warning", error=type(error).__name__)
        self._cooldown_ends = monotonic() + COOLDOWN
        self.connection_pool.disconnect(inuse_connections=False)  # idle ones are likely to be dead as well


class SharedCounts(RedisStorage):
    """The counts of the limits in the store, and in memory while the store is down."""

    def __init__(self, url: str, store: Store) -> None:
        """Count in this store at this address."""
        super().__init__(url, connection_pool=store.connection_pool)
        self.storage, self._memory = store, Counts()
        self.initialize_storage(url)  # its scripts go through our client, too

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


class SharedClaims:
    """Let one copy of a message out among all processes; a further copy waits for its outcome."""

    def __init__(self, store: Store, mail_deadline: float) -> None:
        """Wait no longer than another process may be sending."""
        self._store, self._life = store, mail_deadline + MARGIN
        self._claim = store.register_script(CLAIM)

    @contextmanager
    def once(self, keys: list[bytes], copy: Copy) -> Iterator[None]:
        """Set the copy's delivery where another process decides it; else share what the block sets.

        Where the other process failed before the message was on its way, the copy is sent after all.
        """
        names = [f"message:{key.hex()}" for key in keys]
        try:
            state = self._wait_for_our_turn(names)
        except RedisError:
            state = "store down"
        if state != "ours":
            if state != "store down":
                copy.delivery = Delivery(Outcome(state))
            yield
            return
        try:
            yield
        finally:
            self._publish(names, copy.delivery.outcome if copy.delivery else Outcome.IN_DOUBT)

    def _publish(self, names: list[str], outcome: Outcome) -> None:
        life = KEEP if outcome is Outcome.DELIVERED else self._life
        with suppress(RedisError):
            for name in names:
                self._store.set(name, outcome, px=round(life * 1000))

    def _wait_for_our_turn(self, names: list[str]) -> str:
        """Claim the message and return `ours`, or what became of it in another process."""
        ends, waited = monotonic() + self._life, 0
        while (state := self._claim(names, [round(self._life * 1000), waited])) == "sending":
            if monotonic() > ends:
                return Outcome.IN_DOUBT
            waited = 1
            sleep(POLL)
        return str(state)


class SharedNetworks:
    """Count in the store from how many networks a text came."""

    def __init__(self, store: Store) -> None:
        """Count in this store."""
        self._count = store.register_script(COUNT_NETWORK)

    def count(self, text: bytes, network: bytes, most: int) -> int | None:
        """Count a network for a text and return how many there are, or None while the store is down."""
        with suppress(RedisError):
            return int(self._count([f"text:{text.hex()}"], [network.hex(), most, KEEP]))
        return None
