"""Copies of one message: one is sent, the others of the same person wait for its outcome."""

from gevent.event import AsyncResult

from form_backend.mail.outcomes import Delivery, Outcome

KEEP = 24 * 60 * 60  # seconds; the day is part of what is hashed, so a hash cannot match for longer
MOST_WAITING = 8  # copies that wait for the outcome of one message


class Copy:
    """One copy of a message; `delivery` is known from the start where an earlier copy decided it."""

    def __init__(self) -> None:
        """Begin a copy that nobody has sent yet."""
        self.delivery: Delivery | None = None
        self.outcome: AsyncResult[Delivery] = AsyncResult()  # what other copies wait for
        self.waiting = 0

    def share(self) -> Delivery:
        """Wait for what becomes of this copy, as one of a bounded number."""
        if self.waiting >= MOST_WAITING:
            return Delivery(Outcome.BUSY)
        self.waiting += 1
        try:
            return self.outcome.get() or Delivery(Outcome.IN_DOUBT)
        finally:
            self.waiting -= 1
