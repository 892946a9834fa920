"""The counts of one process, for the rate limits of the `limits` library."""

from time import time

from limits.storage import Storage

LEAST_KEPT = 1000  # counts, below which nobody looks for those that are over


class Counts(Storage):
    """Counts in memory, each until its window ends.

    Greenlets take turns only where one waits, so nothing here needs a lock. The library's own memory has one
    for each key, and a thread that goes through all keys every 10 ms.
    """

    base_exceptions = ValueError

    def __init__(self) -> None:
        """Start with nothing counted."""
        super().__init__()
        self._windows: dict[str, tuple[int, float]] = {}  # by key: the count, and when its window ends
        self._kept = LEAST_KEPT  # how many there may be before those that are over are dropped

    def get(self, key: str) -> int:
        """Return a count."""
        return self._window(key)[0]

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Add to a count, whose window begins with the first; return what it is now."""
        count, end = self._window(key)
        count = max(0, count + amount)  # what is taken back may have been counted in an earlier window
        self._windows[key] = count, end or time() + expiry
        if len(self._windows) > self._kept:
            self._drop_over()
        return count

    def get_expiry(self, key: str) -> float:
        """Return when a window ends, in seconds since the epoch; now, where none has begun."""
        return self._window(key)[1] or time()

    def check(self) -> bool:
        """Tell whether counts can be kept, as they always can here."""
        return True

    def reset(self) -> int:
        """Forget all counts; return how many there were."""
        count = len(self._windows)
        self._windows.clear()
        return count

    def clear(self, key: str) -> None:
        """Forget one count."""
        self._windows.pop(key, None)

    def _window(self, key: str) -> tuple[int, float]:
        count, end = self._windows.get(key, (0, 0.0))
        return (count, end) if end > time() else (0, 0.0)

    def _drop_over(self) -> None:
        """Drop the counts whose windows are over; look again once there are twice as many as are left."""
        now = time()
        self._windows = {key: window for key, window in self._windows.items() if window[1] > now}
        self._kept = max(LEAST_KEPT, 2 * len(self._windows))
