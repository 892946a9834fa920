"""How gunicorn runs the form backend: many wait for the mail relay at once, no file, no log of who asks what.

One process, or as many as WEB_CONCURRENCY says.
"""

from gevent import monkey, sleep

monkey.patch_all()  # before all other imports: who waits for the relay, a client or the store lets others run

import gc
import os
from types import TracebackType

from gevent.hub import Hub
from gunicorn.arbiter import Arbiter
from gunicorn.glogging import Logger
from gunicorn.workers.base import Worker

from form_backend import log, sandbox
from form_backend.forms import open_site
from form_backend.mail.sockets import tls_context
from form_backend.settings import Settings

# What is wrong ends the start here, once and in one sentence, rather than in each worker.
settings = Settings.from_environ()
sandbox.check(settings)
open_site(settings)
tls_context(settings)


class Silent(Logger):
    """Gunicorn's own, without the line that it would put together for each request and that nobody reads."""

    access_log_enabled = False


def say(_hub: Hub, _context: object, kind: type, _error: object, trace: TracebackType | None) -> None:
    """Log what nobody caught; gevent's own way would write the exception's text and the client's address."""
    log.event("fault", level="error", error=kind.__name__, where=log.location(trace))


Hub.print_exception = say
wsgi_app = "form_backend:create_app()"
bind = os.environ.get("BIND", "127.0.0.1:8000")
worker_class = "gevent"
timeout = graceful_timeout = int(settings.mail_deadline) + 20  # a submission in flight may finish
worker_tmp_dir = "/dev/shm"  # noqa: S108 - the heartbeat: memory, not a disk; it holds no bytes
control_socket_disable = True
forwarder_headers = ""  # no header may say where the app is mounted
logger_class = Silent
logconfig_dict = log.config(quote_libraries=True)  # for the parent; create_app sets the worker's own


def post_worker_init(_worker: Worker) -> None:
    """Leave what is loaded by now out of garbage collection, which stopped everybody for 40 ms each time."""
    gc.freeze()


def post_request(_worker: Worker, _request: object, _environ: object, _response: object) -> None:
    """Let the others run before a client that sends one request after another."""
    sleep()


def nworkers_changed(_server: Arbiter, workers: int, _before: int | None) -> None:
    """Say so where several workers share nothing: each counts for itself and knows only what it delivered."""
    if workers > 1 and settings.limits_url == "memory://":
        log.event("memory_per_worker", level="warning")
