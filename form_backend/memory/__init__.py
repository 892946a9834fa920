"""What the form backend remembers for a while: counts and keyed hashes, in memory or in a shared store."""

from typing import NamedTuple

from form_backend.memory.counts import Counts
from form_backend.memory.delivered import Delivered
from form_backend.memory.limits import Limits
from form_backend.memory.same_texts import SameTexts
from form_backend.settings import Settings


class Memory(NamedTuple):
    """The rate limits, the delivered messages, and the texts that come from many networks."""

    limits: Limits
    delivered: Delivered
    same_texts: SameTexts


def open_memory(settings: Settings) -> Memory:
    """Return the memory of this process, or the one that processes share where the settings name a store."""
    if settings.limits_url == "memory://":
        return Memory(Limits(settings, Counts()), Delivered(None), SameTexts(None))
    # The client of the store takes 4 MB, so it is loaded only where there is a store.
    from form_backend.memory.shared_store import (  # noqa: PLC0415
        SharedClaims,
        SharedCounts,
        SharedNetworks,
        Store,
    )

    store = Store.at(settings.limits_url)
    claims = SharedClaims(store, settings.mail_deadline)
    counts = SharedCounts(settings.limits_url, store)
    return Memory(Limits(settings, counts), Delivered(claims), SameTexts(SharedNetworks(store)))
