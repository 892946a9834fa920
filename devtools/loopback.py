"""What all servers of the developer's tools share: they listen on loopback only, and log no request.

The forms carry what people typed, so no request line, header or body reaches a log in development either.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from typing import TYPE_CHECKING

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

HOST = "127.0.0.1"


class SilentHandler(WSGIRequestHandler):
    """Answers requests without logging them."""

    def log(self, *_: object) -> None:
        """Say nothing, since the line would quote the request."""


def quiet_server(port: int, app: WSGIApplication) -> BaseWSGIServer:
    """Return a threaded server for the app, on loopback only."""
    return make_server(HOST, port, app, threaded=True, request_handler=SilentHandler)


def refuse_taken_ports(ports: Iterable[int], cure: str) -> None:
    """End with one sentence when a port is in use."""
    for port in ports:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except (OSError, OverflowError):
                raise SystemExit(f"Port {port} cannot be used: {cure}.") from None
