"""One SMTP conversation with a relay: TLS that is always verified, a deadline for each step, honest answers.

Where the relay offers PIPELINING and CHUNKING (RFC 2920, RFC 3030), envelope and message leave in one flight.
"""

import binascii
import re
import smtplib
from collections.abc import Sequence
from contextlib import suppress
from email.message import EmailMessage
from time import monotonic

from gevent import ssl
from gevent.socket import socket

from form_backend.mail import login
from form_backend.mail.deadline import within
from form_backend.mail.outcomes import InDoubtError
from form_backend.mail.sockets import connect, is_silent
from form_backend.settings import Relay, Settings

Reply = tuple[int, bytes]


class Connection(smtplib.SMTP):
    """The standard library's SMTP client on gevent's sockets; whoever calls its commands sets a deadline."""

    sock: socket

    def __init__(self, relay: Relay, settings: Settings, tls: ssl.SSLContext, expires: float) -> None:
        """Connect, secure and log in; raises OSError, which smtplib's exceptions are."""
        self._relay, self._tls, self._expires = relay, tls, expires
        self._sends_content = self.has_delivered = False
        our_domain = settings.mail_from.rpartition("@")[2]
        try:
            with within(expires):
                super().__init__(relay.host, relay.port, local_hostname=our_domain)
                self.ehlo_or_helo_if_needed()
                if relay.security == "starttls":
                    self._start_tls()
                if relay.user:
                    login.with_password(self, relay.user, settings.mail_password or "")
        except BaseException as error:
            self.close()
            if isinstance(error, binascii.Error):  # a challenge that is no base64
                raise smtplib.SMTPException from error
            raise
        self.opened = monotonic()

    def _get_socket(self, host: str, port: int, timeout: float) -> socket:  # noqa: ARG002 - smtplib's own
        connection, self.unanswered = connect(host, port, self._expires)
        return self._secured(connection) if self._relay.security == "tls" else connection

    def _secured(self, connection: socket) -> socket:
        try:
            return self._tls.wrap_socket(connection, server_hostname=self._relay.host)
        except BaseException:
            connection.close()
            raise

    def _start_tls(self) -> None:
        if not self.has_extn("starttls"):
            raise ssl.SSLError("the relay offers no STARTTLS")
        code, reply = self.docmd("STARTTLS")
        if code != 220:
            raise smtplib.SMTPResponseException(code, reply)
        self.sock = self._secured(self.sock)
        self.file = self.ehlo_resp = None  # what came in clear text counts no more
        self.ehlo_or_helo_if_needed()

    def is_usable(self) -> bool:
        """Tell whether the relay has said nothing unasked: no goodbye, no end of the connection."""
        self.file = None  # what was read ahead answers no question of ours
        return is_silent(self.sock)

    def transmit(  # noqa: PLR0913 - what one transmission is made of
        self,
        sender: str,
        recipients: Sequence[str],
        message: EmailMessage,
        envelope_expires: float,
        expires: float,
        *,
        extensions: bool = True,
    ) -> dict[int, int]:
        """Hand the message over; return once the relay has answered 250 for at least one recipient.

        The codes of refused recipients are returned by position. Once the message is on its way, no other
        relay is tried, so the answer to it may take until `expires`. Raises SMTPResponseException where the
        relay refused, InDoubtError where nobody can tell, and TimeoutError or another OSError where the
        message had not left yet.
        """
        content = message.as_bytes()
        envelope = [f"MAIL FROM:<{sender}>", *(f"RCPT TO:<{recipient}>" for recipient in recipients)]
        pipelining = extensions and self.has_extn("pipelining")
        if pipelining and self.has_extn("chunking"):
            replies = self._send_in_one_flight(envelope, content, expires)
        else:
            with within(envelope_expires):
                replies = self._open_data(envelope, pipelining=pipelining)
            self._send_data(content, expires)
        return {at: code for at, (code, _text) in enumerate(replies[1:]) if not _accepted(code)}

    def _send_in_one_flight(self, envelope: list[str], content: bytes, expires: float) -> list[Reply]:
        """Send everything at once, then read and judge each reply; return those to the envelope."""
        replies: list[Reply] = []
        self._sends_content = True
        try:
            with within(expires):
                self.send(_lines([*envelope, f"BDAT {len(content)} LAST"]) + content)
                replies.extend(self.getreply() for _ in envelope)
                last = self.getreply()
        except OSError as error:
            if refusal := _refusal(replies, envelope, certain=True):
                raise refusal from error
            raise InDoubtError from error
        self._sends_content = False
        refusal = _refusal(replies, envelope)
        if refusal and _refused(last[0]):
            raise refusal
        _judge(last)
        if refusal:
            raise InDoubtError
        return replies

    def _open_data(self, envelope: list[str], *, pipelining: bool) -> list[Reply]:
        """Send the envelope until the relay asks for the message; return the replies to the envelope."""
        commands = [*envelope, "DATA"]
        if pipelining:
            self.send(_lines(commands))
            *replies, go_on = [self.getreply() for _ in commands]
        else:
            *replies, go_on = [self.docmd(command) for command in commands]
        refusal = _refusal(replies, envelope)
        if go_on[0] != 354:
            raise refusal or smtplib.SMTPDataError(*go_on)
        if refusal:
            if replies[0][0] == 250:  # RFC 2920: the relay may ask all the same; it gets an empty message
                self.docmd(".")
            raise refusal
        return replies

    def _send_data(self, content: bytes, expires: float) -> None:
        """Send the message that the relay has asked for, and judge the answer."""
        self._sends_content = True
        try:
            with within(expires):
                self.send(re.sub(rb"(?m)^\.", b"..", content) + b".\r\n")
                last = self.getreply()
        except OSError as error:
            raise InDoubtError from error
        self._sends_content = False
        _judge(last)

    def reset(self) -> bool:
        """Tell whether the relay is ready for another message after it refused one."""
        try:
            with within(monotonic() + 1):
                return self.rset()[0] == 250
        except OSError:
            return False

    def leave(self) -> None:
        """Say QUIT and close, without waiting for the answer unless the relay counts our connections.

        While a message is half sent there is no QUIT: its bytes would be taken for the rest of the message.
        """
        if self.sock and not self._sends_content:
            with suppress(OSError), within(monotonic() + 1):
                self.putcmd("QUIT")
                if self._relay.connections:  # until it has heard that, it counts this connection
                    self.sock.recv(1024)
        self.close()


def _lines(commands: Sequence[str]) -> bytes:
    return "".join(f"{command}\r\n" for command in commands).encode("ascii")


def _accepted(code: int) -> bool:
    return code in (250, 251)


def _refused(code: int) -> bool:
    return 400 <= code < 600


def _refusal(
    replies: Sequence[Reply], envelope: Sequence[str], *, certain: bool = False
) -> smtplib.SMTPResponseException | None:
    """Return the reply that shows that nobody was accepted, as an exception, or None.

    With `certain`, a missing reply and one that is no clear refusal prove nothing.
    """
    no = _refused if certain else lambda code: not _accepted(code)
    if replies and no(replies[0][0]):
        return smtplib.SMTPResponseException(*replies[0])
    if len(replies) == len(envelope) and all(no(code) for code, _text in replies[1:]):
        return smtplib.SMTPResponseException(*replies[1])
    return None


def _judge(last: Reply) -> None:
    """Raise unless the relay took the message: a refusal where it says so, in doubt otherwise."""
    if _refused(last[0]):
        raise smtplib.SMTPDataError(*last)
    if last[0] != 250:
        raise InDoubtError
