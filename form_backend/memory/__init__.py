"""What the form backend remembers for a while: counts and keyed hashes, in memory or in a shared store."""

from typing import NamedTuple

from limits.storage import MemoryStorage

from form_backend.memory.delivered import Delivered
from form_backend.memory.limits import Limits
from form_backend.settings import Settings


class Memory(NamedTuple):
    """The rate limits and the delivered messages."""

    limits: Limits
    delivered: Delivered


def open_memory(settings: Settings) -> Memory:
    """Return the memory of this process, or the one that processes share where the settings name a store."""
    if settings.limits_url == "memory://":
        return Memory(Limits(settings, MemoryStorage()), Delivered(None))
    # The client of the store takes 4 MB, so it is loaded only where there is a store.
    from form_backend.memory.shared_store import SharedClaims, SharedCounts, Store  # noqa: PLC0415

    store = Store.at(settings.limits_url)
    claims = SharedClaims(store, settings.mail_deadline)
    return Memory(Limits(settings, SharedCounts(settings.limits_url, store)), Delivered(claims))
