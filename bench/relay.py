"""A mail relay for benchmarks: it accepts every message, uses little CPU, and counts the messages.

It speaks ESMTP (RFC 5321) with PIPELINING, CHUNKING, 8BITMIME, SMTPUTF8 and AUTH PLAIN, with or without TLS.
It can wait before it accepts a message, like a relay that writes to disk and scans for viruses. Its reply to
HELP says how many different messages it has accepted.
"""

import argparse
import asyncio
import socket
import ssl
from base64 import b64encode
from typing import cast

import uvloop

USER, PASSWORD = "website", "the relay's word: 4711"
LOGIN = b"PLAIN " + b64encode(f"\0{USER}\0{PASSWORD}".encode())
IDLE_TIMEOUT = 20  # seconds; busy relays close idle connections as early
MAX_SIZE = 1024 * 1024  # bytes of a message
EXTENSIONS = ["PIPELINING", "CHUNKING", "8BITMIME", "SMTPUTF8", f"SIZE {MAX_SIZE}", "AUTH PLAIN"]
EHLO = "\r\n250-".join(["250-relay.example.org", *EXTENSIONS]).encode() + b"\r\n250 HELP\r\n"


class Accepted:
    """Hashes of the messages that all sessions have accepted: the same message counts once."""

    def __init__(self, seconds: float) -> None:
        """Wait this many seconds before each message is accepted."""
        self.seconds = seconds
        self.hashes: set[int] = set()


class Session(asyncio.Protocol):
    """One SMTP session; commands that arrive together are answered together."""

    transport: asyncio.Transport

    def __init__(self, accepted: Accepted) -> None:
        """Start a session in which nothing has been received."""
        self.accepted = accepted
        self.loop = asyncio.get_running_loop()
        self.buffer = bytearray()
        self.busy = False  # while a message waits to be accepted, later commands wait too
        self.closing = False
        self.reset()

    def reset(self) -> None:
        """Forget the envelope and the message received so far."""
        self.has_sender = self.in_data = False
        self.recipients = 0
        self.chunks = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the greeting."""
        self.transport = cast(asyncio.Transport, transport)
        self.last_received = self.loop.time()
        self.check_idle()
        self.transport.write(b"220 relay.example.org ESMTP\r\n")

    def check_idle(self) -> None:
        """Close the connection once it has been idle for too long."""
        idle = self.loop.time() - self.last_received
        if idle < IDLE_TIMEOUT or self.busy:
            self.idle_timer = self.loop.call_later(max(1, IDLE_TIMEOUT - idle), self.check_idle)
        else:
            self.transport.write(b"421 relay.example.org idle for too long\r\n")
            self.transport.close()

    def connection_lost(self, _error: Exception | None) -> None:
        """Stop the idle timer, and accept nothing more."""
        self.closing = True
        self.idle_timer.cancel()

    def data_received(self, data: bytes) -> None:
        """Answer everything that has been received completely."""
        self.last_received = self.loop.time()
        self.buffer += data
        self.answer()

    def answer(self) -> None:
        """Answer all complete commands and messages in one write."""
        replies = b""
        while not (self.busy or self.closing):
            reply = self.read_data() if self.in_data else self.read_command()
            if reply is None:
                break
            replies += reply
        if replies:
            self.transport.write(replies)
        if self.closing:
            self.transport.close()

    def read_command(self) -> bytes | None:
        """Execute the next command and return the reply; None if the command is incomplete."""
        if (end := self.buffer.find(b"\r\n")) < 0:
            return None
        verb, _, argument = bytes(self.buffer[:end]).partition(b" ")
        if (verb := verb.upper()) == b"BDAT":
            return self.read_chunk(argument.upper().split(), end + 2)
        del self.buffer[: end + 2]
        return self.reply(verb, argument)

    def reply(self, verb: bytes, argument: bytes) -> bytes:
        """Return the reply to a command other than BDAT."""
        reply = b"250 OK\r\n"
        match verb:
            case b"EHLO" | b"HELO":
                self.reset()
                reply = EHLO if verb == b"EHLO" else b"250 relay.example.org\r\n"
            case b"AUTH":
                reply = b"235 logged in\r\n" if argument == LOGIN else b"535 wrong user or password\r\n"
            case b"MAIL" | b"RCPT" | b"DATA":
                reply = self.envelope(verb, argument.upper())
            case b"RSET":
                self.reset()
            case b"HELP":
                reply = b"214 messages accepted: %d\r\n" % len(self.accepted.hashes)
            case b"QUIT":
                self.closing = True
                reply = b"221 goodbye\r\n"
            case _ if verb != b"NOOP":
                reply = b"500 unknown command\r\n"
        return reply

    def envelope(self, verb: bytes, argument: bytes) -> bytes:
        """Return the reply to MAIL, RCPT or DATA, which must come in this order."""
        if verb == b"MAIL" and not self.has_sender and argument.startswith(b"FROM:<"):
            self.has_sender = True
        elif verb == b"RCPT" and self.has_sender and argument.startswith(b"TO:<"):
            self.recipients += 1
        elif verb == b"DATA" and self.recipients and not self.chunks:
            self.in_data = True
            self.buffer[:0] = b"\r\n"  # so that an empty message ends like any other
            return b"354 send the message\r\n"
        else:
            return b"503 bad sequence or syntax\r\n"
        return b"250 OK\r\n"

    def read_data(self) -> bytes | None:
        """Read the message up to the final dot and return the reply; None if it is incomplete."""
        if (end := self.buffer.find(b"\r\n.\r\n")) < 0:
            return None
        message = bytes(self.buffer[: end + 2]).replace(b"\r\n.", b"\r\n")[2:]
        del self.buffer[: end + 5]
        return self.accept(message)

    def read_chunk(self, argument: list[bytes], start: int) -> bytes | None:
        """Read one BDAT chunk and return the reply; None if it is incomplete."""
        if not argument or not argument[0].isdigit() or argument[1:] not in ([], [b"LAST"]):
            self.closing = True  # nobody knows where the next command begins
            return b"501 bad chunk size\r\n"
        end = start + int(argument[0])
        if len(self.chunks) + end - start > MAX_SIZE:
            self.closing = True
            return b"552 message too large\r\n"
        if len(self.buffer) < end:
            return None
        chunk = bytes(self.buffer[start:end])
        del self.buffer[:end]
        if not self.recipients:
            return b"503 no recipient\r\n"
        self.chunks += chunk
        return self.accept(self.chunks) if len(argument) == 2 else b"250 OK\r\n"

    def accept(self, message: bytes) -> bytes:
        """Accept a message, at once or after the wait."""
        self.reset()
        if self.accepted.seconds:
            self.busy = True
            self.loop.call_later(self.accepted.seconds, self.accept_later, message)
            return b""
        self.accepted.hashes.add(hash(message))
        return b"250 accepted\r\n"

    def accept_later(self, message: bytes) -> None:
        """Accept a message after the wait, and answer what has arrived since."""
        self.busy = False
        if not self.closing:
            self.accepted.hashes.add(hash(message))
            self.transport.write(b"250 accepted\r\n")
            self.answer()


async def serve(listener: socket.socket, tls: ssl.SSLContext | None, seconds: float) -> None:
    """Accept mail until the process is stopped."""
    accepted = Accepted(seconds)
    server = await asyncio.get_running_loop().create_server(
        lambda: Session(accepted), sock=listener, ssl=tls, backlog=1024
    )
    await server.serve_forever()


def main() -> None:
    """Accept mail on an inherited listening socket."""
    parser = argparse.ArgumentParser(prog="python -m bench.relay", description="Accept mail, and count it.")
    parser.add_argument("--listener", type=int, required=True, help="the socket's file descriptor")
    parser.add_argument("--certificate", help="key and certificates in one file, PEM; without it, clear text")
    parser.add_argument(
        "--seconds", type=float, default=0, help="how long it waits before it accepts a message"
    )
    options = parser.parse_args()
    tls = None
    if options.certificate:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(options.certificate)
    uvloop.run(serve(socket.socket(fileno=options.listener), tls, options.seconds))


if __name__ == "__main__":
    main()
