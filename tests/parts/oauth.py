"""OAuth 2.0 on loopback: a token endpoint over TLS that follows a script, and a relay that checks tokens."""

import json
import ssl
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from threading import Event, Thread
from typing import Any
from urllib.parse import parse_qs

import trustme
from aiosmtpd.smtp import MISSING, SMTP, AuthResult

from devtools.loopback import HOST
from tests.parts.relays import Mailbox, presenting

SECRET = "the application's secret: 4711"  # noqa: S105 - it guards nothing
USER = "website@example.org"


@dataclass
class Says:
    """What the endpoint answers: a status, headers, a body, and how long it takes over each byte of it."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    a_byte: float = 0
    hangs: float = 0


def token(value: str, lifetime: object = 3600) -> Says:
    """Return an answer with a token."""
    answer = {"token_type": "Bearer", "access_token": value, "expires_in": lifetime}
    return Says(body=json.dumps(answer).encode())


def refuses(status: int, error: str, **headers: str) -> Says:
    """Return an answer that gives no token."""
    answer = {"error": error, "error_description": f"{error} in more words\r\nTrace: 4711"}
    return Says(
        status, json.dumps(answer).encode(), {name.replace("_", "-"): headers[name] for name in headers}
    )


class Endpoint(ThreadingHTTPServer):
    """Gives a token to who has the secret; `says` makes each answer from the number of the request."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, tls: ssl.SSLContext) -> None:
        """Listen on loopback."""
        super().__init__((HOST, 0), Request)
        self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.numbers, self.over = count(1), Event()
        self.asked: list[dict[str, list[str]]] = []
        self.says: Callable[[int], Says] = lambda number: token(f"token-{number}")

    def variables(self, folder: Path) -> dict[str, str]:
        """Return the settings with which the form backend asks this endpoint."""
        (folder / "oauth-secret").write_text(SECRET)
        return {
            "FLASK_MAIL_OAUTH_TOKEN_URL": f"https://{HOST}:{self.server_port}/tenant/token?version=2",
            "FLASK_MAIL_OAUTH_CLIENT_ID": "the website",
            "FLASK_MAIL_OAUTH_CLIENT_SECRET_FILE": str(folder / "oauth-secret"),
            "FLASK_MAIL_OAUTH_SCOPE": "https://relay.example.org/.default",
        }

    def handle_error(self, *_arguments: object) -> None:
        """Say nothing where a client hung up, as one does whose deadline is over."""


class Request(BaseHTTPRequestHandler):
    """One request for a token."""

    server: Endpoint

    def do_POST(self) -> None:
        """Answer as the script says."""
        length = int(self.headers["Content-Length"])
        self.server.asked.append(parse_qs(self.rfile.read(length).decode()) | {"path": [self.path]})
        says = self.server.says(next(self.server.numbers))
        self.server.over.wait(says.hangs)
        self.send_response(says.status)
        for name, value in says.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(says.body)))
        self.end_headers()
        if not says.a_byte:
            self.wfile.write(says.body)
        for byte in says.body if says.a_byte else b"":
            self.wfile.write(bytes([byte]))
            self.server.over.wait(says.a_byte)

    def log_message(self, *_arguments: object) -> None:
        """Log nothing."""


@contextmanager
def token_endpoint(authority: trustme.CA, host: str = HOST) -> Iterator[Endpoint]:
    """Run a token endpoint whose certificate is for this host."""
    with Endpoint(presenting(authority.issue_cert(host))) as endpoint:
        Thread(target=endpoint.serve_forever, args=[0.05], daemon=True).start()
        try:
            yield endpoint
        finally:
            endpoint.over.set()
            endpoint.shutdown()


@dataclass
class TokenMailbox(Mailbox):
    """A relay that lets in who shows a good token; it keeps what it was shown, and by which mechanism."""

    good: Callable[[str], bool] = lambda _shown: True
    logins: list[tuple[str, str]] = field(default_factory=list)

    async def auth_XOAUTH2(self, server: SMTP, arguments: list[str]) -> AuthResult:  # noqa: N802
        """Check `user=…^Aauth=Bearer …^A^A` (aiosmtpd calls this by its name)."""
        return await self._check(server, arguments, f"user={USER}\1auth=Bearer ", "\1\1", after_refusal=b"")

    async def auth_OAUTHBEARER(self, server: SMTP, arguments: list[str]) -> AuthResult:  # noqa: N802
        """Check `n,a=…,^Ahost=…^Aport=…^Aauth=Bearer …^A^A` (aiosmtpd calls this by its name)."""
        before = f"n,a={USER},\1host={HOST}\1port={self.port}\1auth=Bearer "
        return await self._check(server, arguments, before, "\1\1", after_refusal=b"\1")

    async def _check(
        self, server: SMTP, arguments: list[str], before: str, after: str, after_refusal: bytes
    ) -> AuthResult:
        mechanism, *initial = arguments
        response: Any = b64decode(initial[0]) if initial else await server.challenge_auth("")
        shown = response.decode()
        assert shown.startswith(before)
        assert shown.endswith(after)
        shown = shown.removeprefix(before).removesuffix(after)
        self.logins.append((mechanism, shown))
        if self.good(shown):
            return AuthResult(success=True, auth_data=USER)
        last = await server.challenge_auth('{"status":"401","schemes":"bearer"}')
        assert last is not MISSING
        assert last == after_refusal
        return AuthResult(success=False, handled=False)
