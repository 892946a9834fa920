"""Delivered messages, remembered as keyed hashes in bounded, expiring memory: the same message goes out once.

It is remembered for the person who sent it and for nobody else, so that nobody can find out by guessing what
others sent.
"""

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from hashlib import sha256
from time import monotonic
from typing import TYPE_CHECKING

from form_backend.mail.outcomes import Delivery, Outcome
from form_backend.memory.copies import KEEP, Copy

if TYPE_CHECKING:
    from form_backend.memory.shared_store import SharedClaims

MOST_REMEMBERED = 20_000  # hashes, about 5 MB; beyond that the oldest are forgotten first


class Delivered:
    """Let one copy of a message out; a further copy of the same person waits for its outcome and shares it.

    Greenlets take turns only where one waits, so nothing here needs a lock.
    """

    def __init__(self, shared: "SharedClaims | None") -> None:
        """Start with nothing remembered; `shared` is what other processes know."""
        self._shared = shared
        self._in_progress: dict[bytes, Copy] = {}
        self._expiries: OrderedDict[bytes, float] = OrderedDict()

    @contextmanager
    def once(self, digest: bytes, *person: str) -> Iterator[Copy]:
        """Yield a copy of the message; where its `delivery` is None it is to be sent, and the block sets it.

        The person is the same where one of these names is. A failure is forgotten, so that Send works again.
        """
        keys = [sha256(digest + name.encode()).digest() for name in person]
        copy = Copy()
        if any(self._expiries.get(key, 0) > monotonic() for key in keys):
            copy.delivery = Delivery(Outcome.DELIVERED)
            yield copy
        elif earlier := next(filter(None, map(self._in_progress.get, keys)), None):
            copy.delivery = earlier.share()
            yield copy
        else:
            with self._in_turn(keys, copy):
                yield copy

    @contextmanager
    def _in_turn(self, keys: list[bytes], copy: Copy) -> Iterator[None]:
        """Let others wait for this copy while it is sent, and tell them what became of it."""
        self._in_progress |= dict.fromkeys(keys, copy)
        try:
            with self._shared.once(keys, copy) if self._shared else nullcontext():
                yield
        except BaseException as error:
            copy.outcome.set_exception(error)
            raise
        else:
            copy.outcome.set(copy.delivery)
            if copy.delivery and copy.delivery.outcome is Outcome.DELIVERED:
                self._remember(keys)
        finally:
            for key in keys:
                del self._in_progress[key]

    def _remember(self, keys: list[bytes]) -> None:
        now = monotonic()
        self._expiries |= dict.fromkeys(keys, now + KEEP)
        while len(self._expiries) > MOST_REMEMBERED or next(iter(self._expiries.values())) <= now:
            self._expiries.popitem(last=False)
