"""From how many client networks the same text came within a day: keyed hashes in bounded, expiring memory."""

from collections import OrderedDict
from hashlib import sha256
from time import monotonic
from typing import TYPE_CHECKING

from form_backend.memory.copies import KEEP

if TYPE_CHECKING:
    from form_backend.memory.shared_store import SharedNetworks

MOST_TEXTS = 10_000  # beyond that the oldest are forgotten first
MOST_NETWORKS = 20  # for one text; the count stops there


class SameTexts:
    """Count the networks that send a text; both are hashes, and each hash of a network fits one text only."""

    def __init__(self, shared: "SharedNetworks | None") -> None:
        """Start with no text; `shared` is where other processes count."""
        self._shared = shared
        self._texts: OrderedDict[bytes, tuple[float, set[bytes]]] = OrderedDict()

    def count(self, text: bytes, client: str) -> int:
        """Count this network for this text, and return how many have sent it since it was first seen."""
        network = sha256(text + client.encode()).digest()[:8]
        shared = self._shared.count(text, network, MOST_NETWORKS) if self._shared else None
        return self._count(text, network) if shared is None else shared

    def _count(self, text: bytes, network: bytes) -> int:
        now = monotonic()
        while self._texts and (next(iter(self._texts.values()))[0] <= now or len(self._texts) > MOST_TEXTS):
            self._texts.popitem(last=False)
        _expiry, networks = self._texts.setdefault(text, (now + KEEP, set()))
        if len(networks) < MOST_NETWORKS:
            networks.add(network)
        return len(networks)
