"""Mail relays on loopback: a good one, one that follows a script, and how relays fail."""

import asyncio
import socket
import socketserver
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import Any

import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from devtools.loopback import HOST
from devtools.mail_catcher import Mail
from tests.parts.processes import free_port


@dataclass(frozen=True)
class Received(Mail):
    """One message as a real SMTP server took it, with the options of its envelope."""

    options: list[str] = field(default_factory=list)


@dataclass
class Mailbox:
    """What arrived, and the address of the relay that took it."""

    port: int = 0
    received: list[Received] = field(default_factory=list)
    unknown: tuple[str, ...] = ()  # the recipients that it refuses

    @property
    def relay(self) -> str:
        """Return the relay as FLASK_MAIL_RELAYS wants it, in clear text."""
        return f"smtp://{HOST}:{self.port}"

    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Accept or refuse a recipient (aiosmtpd calls this by its name)."""
        if address in self.unknown:
            return "550 nobody of that name"
        envelope.rcpt_tos.append(address)
        return "250 known"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Accept a message and keep it (aiosmtpd calls this by its name)."""
        assert envelope.mail_from is not None
        assert isinstance(envelope.original_content, bytes)
        sender, recipients, source = envelope.mail_from, envelope.rcpt_tos, envelope.original_content
        self.received.append(Received(sender, recipients, source, options=envelope.mail_options))
        return "250 taken"


class ClosingController(Controller):
    """aiosmtpd's server; when it stops, it hangs up on clients that keep their connections."""

    def __init__(self, *args: Any, **options: Any) -> None:
        """Remember each conversation."""
        super().__init__(*args, **options)
        self.conversations: list[SMTP] = []

    def factory(self) -> SMTP:
        """Begin a conversation (aiosmtpd calls this by its name)."""
        conversation: SMTP = super().factory()  # type: ignore[no-untyped-call]  # aiosmtpd's own
        self.conversations.append(conversation)
        return conversation

    def stop(self, no_assert: bool = False) -> None:  # noqa: FBT001, FBT002 - aiosmtpd's own
        """Hang up, then stop."""
        for conversation in self.conversations:
            if isinstance(conversation.transport, asyncio.WriteTransport):
                self.loop.call_soon_threadsafe(conversation.transport.abort)
        super().stop(no_assert)


@contextmanager
def smtp_server(
    handler: Any = None, port: int = 0, hostname: str = HOST, **options: Any
) -> Iterator[Mailbox]:
    """Run a real SMTP server on loopback; `options` are aiosmtpd's, such as `tls_context`."""
    mailbox = handler or Mailbox()
    controller = ClosingController(mailbox, hostname=hostname, port=port or free_port(), **options)
    controller.start()
    mailbox.port = controller.port
    try:
        yield mailbox
    finally:
        controller.stop()


Step = tuple[bytes | float | None, ...]
"""What a scripted relay does at one step: send bytes, wait seconds, and at None hang up."""
HANG: Step = (3600.0,)
DROP: Step = (None,)
DRIP: Step = (0.1, b"2") * 40
GARBAGE: Step = (b"%$!\r\n",)
LATER: Step = (b"451 later\r\n",)
NEVER: Step = (b"550 never\r\n",)
HALF_A_CODE: Step = (b"25", None)
HALF_A_REPLY: Step = (b"250-half\r\n", None)
ANSWERS: dict[str, Step] = {
    "banner": (b"220 relay.example.org ready\r\n",),
    "DATA": (b"354 go on\r\n",),
    "QUIT": (b"221 goodbye\r\n", None),
}


class ScriptedRelay(socketserver.ThreadingTCPServer):
    """A relay that follows a script: steps by SMTP command, `banner`, and `taken` for the whole message."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 512

    def __init__(self) -> None:
        """Listen on loopback; without a script every step is answered as by a good relay."""
        super().__init__((HOST, 0), Conversation)
        self.port: int = self.server_address[1]
        self.relay = f"smtp://{HOST}:{self.port}"
        self.over = Event()
        self.lines: set[socket.socket] = set()
        self.follow()

    def follow(self, **script: Step) -> None:
        """Hang up, forget what was heard, and do this from now on."""
        for line in tuple(self.lines):
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
        self.script = ANSWERS | script
        self.heard = bytearray()
        self.called = self.taken = self.most_lines = 0


class Conversation(socketserver.StreamRequestHandler):
    """One connection to a scripted relay."""

    server: ScriptedRelay

    def handle(self) -> None:
        """Greet, then answer command after command until one side hangs up."""
        self.server.called += 1
        self.server.lines.add(self.connection)
        self.server.most_lines = max(self.server.most_lines, len(self.server.lines))
        with suppress(OSError):
            listening = self.do("banner")
            while listening and (line := self.line()):
                verb, _, arguments = line.decode("latin-1").upper().strip().partition(" ")
                if came := verb == "BDAT":
                    self.server.heard += self.rfile.read(int(arguments.split()[0]))
                else:
                    listening = self.do(verb)
                if self.asked_for_message:
                    came = b".\r\n" in iter(self.line, b"")
                if came:
                    self.server.taken += 1
                    listening = self.do("taken")
        self.server.lines.discard(self.connection)

    def line(self) -> bytes:
        """Hear one line."""
        line = self.rfile.readline()
        self.server.heard += line
        return line

    def do(self, step: str) -> bool:
        """Do what the script says, and tell whether the line is still up."""
        did = self.server.script.get(step, (b"250 fine\r\n",))
        for part in did:
            if part is None:
                return False
            if isinstance(part, bytes):
                self.wfile.write(part)
            else:
                self.server.over.wait(part)
        self.asked_for_message = ANSWERS["DATA"][0] in did
        return True


@contextmanager
def scripted_relay() -> Iterator[ScriptedRelay]:
    """Run a scripted relay on loopback."""
    with ScriptedRelay() as relay:
        Thread(target=relay.serve_forever, args=[0.05], daemon=True).start()
        try:
            yield relay
        finally:
            relay.over.set()
            relay.shutdown()


PASSWORD = "the relay's word: 4711"  # noqa: S105 - it guards nothing


def presenting(certificate: trustme.LeafCert) -> ssl.SSLContext:
    """Return a TLS server's context with this certificate."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(context)
    return context


def lets_in(user: str) -> Callable[..., AuthResult]:
    """Return aiosmtpd's authenticator for a relay that knows one user, with PASSWORD."""

    def check(_server: SMTP, _session: Session, _envelope: Envelope, _method: str, given: Any) -> AuthResult:
        right = given == LoginPassword(user.encode(), PASSWORD.encode())
        return AuthResult(success=right, handled=False)

    return check


def under(scheme: str, context: ssl.SSLContext) -> dict[str, Any]:
    """Return aiosmtpd's options for a relay that speaks TLS from the first byte, or after STARTTLS."""
    if scheme == "smtps":
        return {"ssl_context": context}
    return {"tls_context": context, "require_starttls": True}
