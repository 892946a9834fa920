"""The development web server: it serves the static pages, and is a proxy for the forms and the outbox.

It does what the web server does in production: an address that ends in a slash is its folder's index.html, an
old address is redirected, every page has the headers of form.json, a missing page is 404.html, and while the
form backend is down, the form's static frame with its fallback is served with status 503.

It also tells open pages of new builds and of mistakes: they include /live-reload.js, which listens to
/live-reload, a stream of server-sent events that name the last good build, the mistakes, a link to the
page's file, and what is not handed in.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from http import HTTPStatus
from mimetypes import guess_type
from pathlib import Path
from threading import Condition
from typing import TYPE_CHECKING, Any

from werkzeug import Request, Response
from werkzeug.exceptions import NotFound
from werkzeug.middleware.http_proxy import ProxyMiddleware
from werkzeug.security import safe_join
from werkzeug.utils import redirect

from devtools import editor
from devtools.changes import state

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

PROXY = ProxyMiddleware(NotFound(), {}, timeout=60)  # far longer than the form backend's own deadline
FORMS = ("/enquiry/", "/enquiry/sent/", "/healthz", "/your-information/", "/your-information/sent/")

LIVE_RELOAD = Path(__file__).parent / "static/live-reload.js"


class Builds:
    """The last good build, the mistakes of the latest one, and a way to wait for the next."""

    def __init__(self, mistakes: list[str]) -> None:
        """Count the site that is there at the start as the first build."""
        self.changed, self.shown = Condition(), ""
        self.announce(built=True, mistakes=mistakes)

    def announce(self, *, built: bool, mistakes: list[str]) -> None:
        """Tell every open page the result of a build."""
        with self.changed:
            self.shown = str(time.time_ns()) if built else self.shown
            parts = [editor.parts(mistake) for mistake in mistakes]
            self.latest: dict[str, Any] = {"shown": self.shown, "built": built, "mistakes": parts}
            self.changed.notify_all()

    def events(self, file: str) -> Iterator[str]:
        """Yield the latest result, then each new one, to a file's page; repeat it every ten seconds.

        So whoever left is noticed, and what git says stays true.
        """
        told: dict[str, Any] = {}
        while True:
            with self.changed:
                if self.latest is told:
                    self.changed.wait(timeout=10)
                told = self.latest
            page = {"link": editor.link(file), "state": state()}
            yield f"data: {json.dumps(told | page)}\n\n"


def create_front(
    site: Path, forms: str, outbox: str | None = None, builds: Builds | None = None
) -> WSGIApplication:
    """Return the web server of a built site, in front of the form backend and the outbox."""
    site = site.resolve()

    @Request.application
    def front(request: Request) -> Response:
        path = request.path
        if path in FORMS:
            return proxied(request, forms) or forms_are_down(site, request)
        if outbox and path.startswith("/outbox"):
            return proxied(request, outbox) or Response("The mail catcher does not answer.", 503)
        if builds and path == "/live-reload.js":
            return Response(LIVE_RELOAD.read_bytes(), mimetype="text/javascript")
        if builds and path == "/live-reload":
            return Response(builds.events(request.args.get("file", "")), mimetype="text/event-stream")
        return static(site, request)

    return front


def proxied(request: Request, target: str) -> Response | None:
    """Return the answer of a server behind this one, or None if there is none."""
    browser = {  # these replace what the browser itself sent under these names
        "HTTP_X_FORWARDED_FOR": request.remote_addr,
        "HTTP_X_FORWARDED_HOST": request.host,
        "HTTP_X_FORWARDED_PROTO": request.scheme,
    }
    options: dict[str, Any] = {"target": target, "host": None, "headers": {}}
    options |= {"remove_prefix": False, "ssl_context": None}
    app = PROXY.proxy_to(options, request.path, "")
    response = Response.from_app(app, request.environ | browser, buffered=True)  # so that nothing stays open
    return None if response.status_code == HTTPStatus.BAD_GATEWAY else response


def forms_are_down(site: Path, request: Request) -> Response:
    """Return the form's static frame, whose fallback says where else to write."""
    try:
        return page(site, request.path, 503)
    except NotFound:
        return page(site, "/503.html", 503)


def static(site: Path, request: Request) -> Response:
    """Return the page at the request's address, or the one that says what is wrong."""
    if request.method not in {"GET", "HEAD"}:
        response = page(site, "/error.html", 405)
        response.headers["Allow"] = "GET, HEAD"
        return response
    folder = safe_join(str(site), request.path.strip("/"))
    if moved := redirects(site).get(request.path.lower()):
        return redirect(moved, 301)
    if folder and Path(folder).is_dir() and not request.path.endswith("/"):
        return redirect(request.full_path.rstrip("?").replace(request.path, f"{request.path}/", 1), 301)
    try:
        return page(site, request.path)
    except NotFound:
        return page(site, "/404.html", 404)


def redirects(site: Path) -> dict[str, str]:
    """Return the redirects that plugins/output/redirects.py wrote for nginx, which ignores case."""
    lines = (site / ".redirects.conf").read_text("utf-8").splitlines()
    return dict(line.rstrip(";").split() for line in lines)


def page(site: Path, path: str, status: int = 200) -> Response:
    """Return a built file with the headers that every page has."""
    name = f"{path}index.html" if path.endswith("/") else path
    file = safe_join(str(site), name.lstrip("/"))
    if not file or not Path(file).is_file():
        raise NotFound
    # Read at once, since the server would leave a file open when the browser leaves early.
    response = Response(Path(file).read_bytes(), status, mimetype=guess_type(name)[0])
    response.headers.update(json.loads((site / "form.json").read_text("utf-8"))["headers"])
    response.headers["Cache-Control"] = "no-store"
    return response
