"""One deadline over name look-up, connect, TLS, every read and write, and bytes that drip in slowly."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from gevent import Timeout


@contextmanager
def within(expires: float) -> Iterator[None]:
    """End the block with a TimeoutError at this moment of the monotonic clock.

    Inside the block the timeout is gevent's own, which is no OSError: a loop over a host's addresses must not
    take it for the failure of one address. It works for gevent's sockets alone, with or without patching.
    """
    if (seconds := expires - monotonic()) <= 0:
        raise TimeoutError
    timeout = Timeout.start_new(seconds)
    try:
        yield
    except Timeout as raised:
        if raised is not timeout:
            raise
        raise TimeoutError from None
    finally:
        timeout.close()
