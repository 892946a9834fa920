"""What all servers of the developer's tools share: they serve this machine only, and log no request.

The forms carry what people typed, so no request line, header or body reaches a log in development either.
A page from elsewhere whose name was made to lead to this machine (DNS rebinding) gets no answer: the Host
header gives it away.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable
from typing import TYPE_CHECKING

from werkzeug import Response
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

HOST = "127.0.0.1"
NAMES = re.compile(r"(?:127\.0\.0\.1|localhost|\[::1\])(?::\d+)?", re.ASCII | re.IGNORECASE)


class SilentHandler(WSGIRequestHandler):
    """Answers requests without logging them."""

    def log(self, *_: object) -> None:
        """Say nothing, since the line would quote the request."""


def quiet_server(port: int, app: WSGIApplication) -> BaseWSGIServer:
    """Return a threaded server for the app, on loopback and under names of loopback only."""

    def guarded(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if NAMES.fullmatch(environ.get("HTTP_HOST", "")):
            return app(environ, start_response)
        return Response(f"Only http://{HOST} and http://localhost are served.", 421)(environ, start_response)

    return make_server(HOST, port, guarded, threaded=True, request_handler=SilentHandler)


def refuse_taken_ports(ports: Iterable[int], cure: str) -> None:
    """End with one sentence when a port is in use."""
    for port in ports:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except (OSError, OverflowError):
                raise SystemExit(f"Port {port} cannot be used: {cure}.") from None
