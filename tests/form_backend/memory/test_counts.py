"""The counts of one process: they end with their window, and take up no memory after it."""

from time import sleep

from limits import RateLimitItemPerSecond
from limits.strategies import FixedWindowRateLimiter

from form_backend.memory.counts import Counts


def test_count_begins_anew_with_its_window() -> None:
    """Two may pass in a second, and two more in the next; what is taken back then frees no third place."""
    windows, two = FixedWindowRateLimiter(Counts()), RateLimitItemPerSecond(2)
    first = [windows.hit(two, "client") for _ in range(3)]
    ends = windows.get_window_stats(two, "client").reset_time
    sleep(1.01)
    windows.hit(two, "client", cost=-1)
    second = [windows.hit(two, "client") for _ in range(3)]

    assert first == second == [True, True, False]
    assert windows.get_window_stats(two, "client").reset_time > ends


def test_counts_that_are_over_are_dropped() -> None:
    """However many clients come and go, only those within their windows are kept."""
    counts = Counts()
    for client in range(5000):
        counts.incr(f"{client}", 1)
    sleep(1.01)
    for client in range(10_000, 16_000):
        counts.incr(f"{client}", 3600)

    assert counts.reset() == 6000
    assert counts.reset() == 0
