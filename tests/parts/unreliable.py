"""A mail relay that breaks its word in every way, at random or as told, and keeps what it took."""

import random
import socket
import socketserver
import ssl
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Event, Thread

from devtools.loopback import HOST
from tests.parts.relays import DROP, GARBAGE, HALF_A_CODE, HALF_A_REPLY, LATER, NEVER, Received, Step

FINE, GO_ON = b"250 fine\r\n", b"354 go on\r\n"
EXTENSIONS = [(), ("PIPELINING",), ("PIPELINING", "CHUNKING", "SMTPUTF8", "8BITMIME")]
ENOUGH: Step = (b"452 4.5.3 enough for one connection\r\n",)
GOODBYE: Step = (b"421 goodbye\r\n", None)
SLOW: Step = (3.0, None)  # longer than any deadline in these runs
FAULTS = [LATER, NEVER, GOODBYE, GARBAGE, HALF_A_REPLY, HALF_A_CODE, DROP, SLOW]
KNOWN = {"EHLO", "HELO", "MAIL", "RCPT", "DATA", "BDAT", "RSET", "NOOP", "QUIT"}


@dataclass(frozen=True)
class Habits:
    """How a relay behaves on one connection; by default as it should."""

    offers: tuple[str, ...] = EXTENSIONS[-1]
    one_command_a_packet: bool = False  # whatever else came in the packet is lost
    knows_bdat: bool = True  # else it takes the message for commands
    does: dict[str, Step] = field(default_factory=dict)  # by command, `banner`, and `taken`
    splits: bool = False  # sends each byte by itself
    messages: int = sys.maxsize  # so many are taken, then it has had enough of this connection
    breaks_after: int = sys.maxsize  # so many bytes heard
    faults: float = 0  # how likely each step is one of FAULTS
    chance: random.Random = field(default_factory=random.Random)

    def step(self, name: str, good: bytes) -> Step:
        """Return what is done where a good relay answers `good`; most faults come where they hurt most."""
        if name in self.does:
            return self.does[name]
        faults = self.faults * (4 if name == "taken" else 1)
        if self.chance.random() < faults:
            return self.chance.choice(FAULTS)
        if self.chance.random() < faults:
            return (self.chance.uniform(0, 1.5), good)
        return (good,)


def unreliable(chance: random.Random) -> Habits:
    """Draw the habits of one connection."""
    return Habits(
        offers=chance.choices(EXTENSIONS, weights=(1, 1, 4))[0],
        one_command_a_packet=chance.random() < 0.02,
        knows_bdat=chance.random() < 0.95,
        splits=chance.random() < 0.1,
        breaks_after=chance.randrange(5000) if chance.random() < 0.2 else sys.maxsize,
        faults=0.03,
        chance=chance,
    )


class Server(socketserver.ThreadingTCPServer):
    """The listening half of a relay: each connection has habits of its own."""

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, relay: "UnreliableRelay", port: int) -> None:
        """Listen on loopback."""
        super().__init__((HOST, port), Line)
        self.relay, self.over, self.lines = relay, Event(), set[socket.socket]()

    def get_request(self) -> tuple[socket.socket, str]:
        """Take a call, under TLS where that is spoken; the handshake is left to the connection's thread."""
        call, address = super().get_request()
        call.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if contexts := self.relay.contexts:
            tls = self.relay.chance.choice(contexts)
            call = tls.wrap_socket(call, server_side=True, do_handshake_on_connect=False)
        self.lines.add(call)
        return call, address

    def server_close(self) -> None:
        """Stop listening, and hang up on everybody."""
        super().server_close()
        self.over.set()
        for line in tuple(self.lines):
            with suppress(OSError):
                socket.socket.shutdown(line, socket.SHUT_RDWR)

    def shutdown_request(self, request: socket.socket) -> None:  # type: ignore[override]  # never UDP
        """Hang up."""
        self.lines.discard(request)
        super().shutdown_request(request)


class Line(socketserver.BaseRequestHandler):
    """One connection; replies to what came together leave together."""

    server: Server
    request: socket.socket

    def handle(self) -> None:
        """Greet, then answer command after command until one side hangs up."""
        self.habits = self.server.relay.draw(self.server.relay.chance)
        self.packet = self.replies = self.message = b""
        self.heard, self.sender, self.recipient = 0, False, False
        self.taken = 0
        self.server.relay.called += 1
        with suppress(OSError, EOFError):
            self.answer("banner", b"220 relay.example.org ready\r\n")
            while True:
                self.obey(self.line())

    def obey(self, line: bytes) -> None:
        """Do what a command asks for."""
        verb, *arguments = line.decode("latin-1").upper().split() or [""]
        if self.habits.one_command_a_packet:
            self.packet = b""
        if verb not in KNOWN or (verb == "BDAT" and not self.habits.knows_bdat):
            self.do((b"500 what?\r\n",))
        elif verb == "EHLO":
            lines = ["relay.example.org", *self.habits.offers]
            hello = "".join(f"250-{line}\r\n" for line in lines[:-1]) + f"250 {lines[-1]}\r\n"
            self.answer(verb, hello.encode())
        elif verb == "MAIL" and self.habits.messages <= self.taken:
            self.do(ENOUGH)
        elif verb == "MAIL":
            self.sender, self.recipient = self.answer(verb), False
        elif verb == "RCPT":
            self.recipient = self.answer(verb) or self.recipient
        elif verb == "DATA":
            if self.in_turn() and self.answer(verb, GO_ON):
                self.take(self.text())
        elif verb == "BDAT":
            self.chunk(int(arguments[0]), last="LAST" in arguments)
        else:
            self.answer(verb)

    def in_turn(self) -> bool:
        """Refuse a message that has no sender or no recipient."""
        if not (self.sender and self.recipient):
            self.do((b"503 out of turn\r\n",))
        return self.sender and self.recipient

    def chunk(self, size: int, *, last: bool) -> None:
        """Hear a part of the message, whatever becomes of it."""
        welcome = self.answer("BDAT", b"")
        while len(self.packet) < size:
            self.hear()
        self.message, self.packet = self.message + self.packet[:size], self.packet[size:]
        if last and welcome and self.in_turn():
            self.take(self.message)
        elif welcome:
            self.do((FINE,))
        if last:
            self.message = b""

    def text(self) -> bytes:
        """Hear a message up to its final dot."""
        return b"".join(line.removeprefix(b".") for line in iter(self.line, b".\r\n"))

    def take(self, message: bytes) -> None:
        """Keep the message where a 250 is said, never where a refusal is, and perhaps where neither is."""
        step = self.habits.step("taken", FINE)
        said = b"".join(part for part in step if isinstance(part, bytes))
        self.taken += 1
        if FINE in step or (not said.startswith((b"4", b"5")) and self.habits.chance.random() < 0.5):
            self.server.relay.took.append(Received("", [], message))
        self.sender = self.recipient = False
        self.do(step)

    def answer(self, name: str, good: bytes = FINE) -> bool:
        """Take a step, and tell whether that was the good answer."""
        step = self.habits.step(name, good)
        self.do(step)
        return good in step

    def do(self, step: Step) -> None:
        """Say something, wait some seconds, or at None hang up."""
        for part in step:
            if isinstance(part, bytes):
                self.replies += part
                continue
            self.say()
            if part is None:
                raise EOFError
            self.server.over.wait(part)

    def say(self) -> None:
        """Send the replies that are due."""
        step = 1 if self.habits.splits else len(self.replies) or 1
        for start in range(0, len(self.replies), step):
            self.request.sendall(self.replies[start : start + step])
        self.replies = b""

    def hear(self) -> None:
        """Hear what comes next; where the line breaks, noise comes in place of TLS."""
        self.say()
        room = self.habits.breaks_after - self.heard
        if room <= 0:
            socket.socket.sendall(self.request, b"noise on the line")
            raise EOFError
        if not (data := self.request.recv(min(room, 65536))):
            raise EOFError
        self.heard += len(data)
        self.packet += data

    def line(self) -> bytes:
        """Hear one line."""
        while b"\n" not in self.packet:
            self.hear()
        line, end, self.packet = self.packet.partition(b"\n")
        return line + end


class UnreliableRelay:
    """A relay that can be stopped and started again at the same port, and keeps what it took meanwhile."""

    def __init__(self, chance: random.Random, contexts: Sequence[ssl.SSLContext] = ()) -> None:
        """Start; each connection gets habits from `draw` and, where some are given, a TLS context."""
        self.draw: Callable[[random.Random], Habits] = unreliable
        self.chance, self.contexts = chance, contexts
        self.took: list[Received] = []
        self.called = 0
        self.port = 0
        self.start()

    @property
    def address(self) -> str:
        """Return the relay as FLASK_MAIL_RELAYS wants it."""
        return f"{'smtps' if self.contexts else 'smtp'}://{HOST}:{self.port}"

    def start(self) -> None:
        """Listen."""
        self.server = Server(self, self.port)
        self.port = self.server.server_address[1]
        Thread(target=self.server.serve_forever, args=[0.05], daemon=True).start()

    def behave(self, habits: Habits) -> None:
        """Hang up, forget what it took, and have these habits from now on."""
        self.stop()
        self.took.clear()
        self.called = 0
        self.draw = lambda _chance: habits
        self.start()

    def stop(self) -> None:
        """Listen no more, and hang up on everybody."""
        self.server.shutdown()
        self.server.server_close()
