"""A mail relay for measuring: it takes every message, in little time of its own, and counts them.

It speaks ESMTP (RFC 5321) with PIPELINING, CHUNKING, 8BITMIME, SMTPUTF8 and AUTH PLAIN, inside TLS or in
clear, and can take a while over each message, as relays do that write to disk and look for viruses. HELP says
how many different messages it has taken.
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
IDLE = 20  # seconds after which a silent connection is closed, as busy relays do
MOST = 1024 * 1024  # bytes of a message
EXTENSIONS = ["PIPELINING", "CHUNKING", "8BITMIME", "SMTPUTF8", f"SIZE {MOST}", "AUTH PLAIN"]
EHLO = "\r\n250-".join(["250-relay.example.org", *EXTENSIONS]).encode() + b"\r\n250 HELP\r\n"


class Taken:
    """What was taken by all conversations, as hashes: a message that comes again counts once."""

    def __init__(self, seconds: float) -> None:
        """Take this long over each message."""
        self.seconds = seconds
        self.hashes: set[int] = set()


class Conversation(asyncio.Protocol):
    """One connection; all commands that arrived together are answered together."""

    transport: asyncio.Transport

    def __init__(self, taken: Taken) -> None:
        """Begin with nothing heard."""
        self.taken = taken
        self.loop = asyncio.get_running_loop()
        self.buffer = bytearray()
        self.busy = False  # while a message is being taken, what comes after it waits
        self.over = False
        self.forget()

    def forget(self) -> None:
        """Drop what was said of a message."""
        self.sender = self.reads_text = False
        self.recipients = 0
        self.chunks = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet."""
        self.transport = cast(asyncio.Transport, transport)
        self.heard = self.loop.time()
        self.watch()
        self.transport.write(b"220 relay.example.org ESMTP\r\n")

    def watch(self) -> None:
        """Hang up once nothing was heard for too long."""
        silence = self.loop.time() - self.heard
        if silence < IDLE or self.busy:
            self.watching = self.loop.call_later(max(1, IDLE - silence), self.watch)
        else:
            self.transport.write(b"421 relay.example.org has heard nothing for too long\r\n")
            self.transport.close()

    def connection_lost(self, _error: Exception | None) -> None:
        """Take nothing more."""
        self.over = True
        self.watching.cancel()

    def data_received(self, data: bytes) -> None:
        """Hear some, and answer all of it that is whole."""
        self.heard = self.loop.time()
        self.buffer += data
        self.answer()

    def answer(self) -> None:
        """Answer every command and message that is there, in one write."""
        replies = b""
        while not (self.busy or self.over):
            reply = self.text() if self.reads_text else self.command()
            if reply is None:
                break
            replies += reply
        if replies:
            self.transport.write(replies)
        if self.over:
            self.transport.close()

    def command(self) -> bytes | None:
        """Carry out the next command; None where it is not yet whole."""
        if (end := self.buffer.find(b"\r\n")) < 0:
            return None
        verb, _, argument = bytes(self.buffer[:end]).partition(b" ")
        if (verb := verb.upper()) == b"BDAT":
            return self.chunk(argument.upper().split(), end + 2)
        del self.buffer[: end + 2]
        return self.reply(verb, argument)

    def reply(self, verb: bytes, argument: bytes) -> bytes:
        """Answer a command that is all on its line."""
        reply = b"250 fine\r\n"
        match verb:
            case b"EHLO" | b"HELO":
                self.forget()
                reply = EHLO if verb == b"EHLO" else b"250 relay.example.org\r\n"
            case b"AUTH":
                reply = b"235 welcome\r\n" if argument == LOGIN else b"535 nobody that we know\r\n"
            case b"MAIL" | b"RCPT" | b"DATA":
                reply = self.envelope(verb, argument.upper())
            case b"RSET":
                self.forget()
            case b"HELP":
                reply = b"214 messages taken: %d\r\n" % len(self.taken.hashes)
            case b"QUIT":
                self.over = True
                reply = b"221 goodbye\r\n"
            case _ if verb != b"NOOP":
                reply = b"500 unknown\r\n"
        return reply

    def envelope(self, verb: bytes, argument: bytes) -> bytes:
        """Answer a command that belongs to a message, each in its turn."""
        if verb == b"MAIL" and not self.sender and argument.startswith(b"FROM:<"):
            self.sender = True
        elif verb == b"RCPT" and self.sender and argument.startswith(b"TO:<"):
            self.recipients += 1
        elif verb == b"DATA" and self.recipients and not self.chunks:
            self.reads_text = True
            self.buffer[:0] = b"\r\n"  # so that a message that is empty ends like any other
            return b"354 go on\r\n"
        else:
            return b"503 not here, or not so\r\n"
        return b"250 fine\r\n"

    def text(self) -> bytes | None:
        """Take what stands between DATA and the dot; None where it is not yet whole."""
        if (end := self.buffer.find(b"\r\n.\r\n")) < 0:
            return None
        message = bytes(self.buffer[: end + 2]).replace(b"\r\n.", b"\r\n")[2:]
        del self.buffer[: end + 5]
        return self.take(message)

    def chunk(self, argument: list[bytes], start: int) -> bytes | None:
        """Take one chunk; None where it is not yet whole."""
        if not argument or not argument[0].isdigit() or argument[1:] not in ([], [b"LAST"]):
            self.over = True  # there is no telling where the next command begins
            return b"501 how many?\r\n"
        end = start + int(argument[0])
        if len(self.chunks) + end - start > MOST:
            self.over = True
            return b"552 too much\r\n"
        if len(self.buffer) < end:
            return None
        chunk = bytes(self.buffer[start:end])
        del self.buffer[:end]
        if not self.recipients:
            return b"503 for whom?\r\n"
        self.chunks += chunk
        return self.take(self.chunks) if len(argument) == 2 else b"250 go on\r\n"

    def take(self, message: bytes) -> bytes:
        """Take a message, at once or after a while."""
        self.forget()
        if self.taken.seconds:
            self.busy = True
            self.loop.call_later(self.taken.seconds, self.done, message)
            return b""
        self.taken.hashes.add(hash(message))
        return b"250 taken\r\n"

    def done(self, message: bytes) -> None:
        """Say that a message was taken, and go on."""
        self.busy = False
        if not self.over:
            self.taken.hashes.add(hash(message))
            self.transport.write(b"250 taken\r\n")
            self.answer()


async def serve(listener: socket.socket, tls: ssl.SSLContext | None, seconds: float) -> None:
    """Take mail until ended."""
    taken = Taken(seconds)
    server = await asyncio.get_running_loop().create_server(
        lambda: Conversation(taken), sock=listener, ssl=tls, backlog=1024
    )
    await server.serve_forever()


def main() -> None:
    """Take mail on a listening socket that was handed over."""
    parser = argparse.ArgumentParser(prog="python -m bench.relay", description="Take mail, and count it.")
    parser.add_argument("--listener", type=int, required=True, help="the socket's file descriptor")
    parser.add_argument("--certificate", help="key and certificates in one file, PEM; without it, clear text")
    parser.add_argument("--seconds", type=float, default=0, help="how long it takes over each message")
    options = parser.parse_args()
    tls = None
    if options.certificate:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(options.certificate)
    uvloop.run(serve(socket.socket(fileno=options.listener), tls, options.seconds))


if __name__ == "__main__":
    main()
