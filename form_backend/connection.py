"""One conversation with a mail relay: TLS that is always verified, one deadline, and honest answers.

Where the relay offers PIPELINING and CHUNKING (RFC 2920, 3030), envelope and message leave in one flight.
"""

import re
import smtplib
import ssl
from collections.abc import Sequence
from contextlib import suppress
from copy import copy
from email.message import EmailMessage
from email.policy import EmailPolicy
from time import monotonic
from typing import cast

from form_backend.deadline import Timed, connect, secure
from form_backend.settings import Relay, Settings

Reply = tuple[int, bytes]


class InDoubtError(smtplib.SMTPException):
    """The message was on its way, and no clear answer came back."""


class Connection(smtplib.SMTP):
    """The standard library's SMTP with one deadline for all of it, and TLS that is always verified."""

    sock: Timed

    def __init__(self, relay: Relay, settings: Settings, expires: float) -> None:
        """Connect, secure and log in; raises OSError, which smtplib's exceptions are."""
        self._relay, self._context, self._expires = relay, settings.mail_tls, expires
        our_domain = settings.mail_from.rpartition("@")[2]
        super().__init__(relay.host, relay.port, local_hostname=our_domain)
        self.opened = monotonic()
        try:
            self.ehlo_or_helo_if_needed()
            if relay.security == "starttls":
                self._start_tls()
            if relay.user:
                self.login(relay.user, settings.mail_password or "")
        except OSError:
            self.close()
            raise
        except ValueError as error:  # a challenge that is no base64
            self.close()
            raise smtplib.SMTPException from error

    def _get_socket(self, host: str, port: int, timeout: float) -> Timed:  # noqa: ARG002 - smtplib's own
        connection = connect(host, port, self._expires)
        if self._relay.security == "tls":
            return secure(connection, self._context, host)
        return connection

    def _start_tls(self) -> None:
        if not self.has_extn("starttls"):
            raise ssl.SSLError("the relay offers no STARTTLS")
        code, reply = self.docmd("STARTTLS")
        if code != 220:
            raise smtplib.SMTPResponseException(code, reply)
        # Not smtplib's starttls(): its handshake may take as long again as the answer before it.
        self.sock = secure(self.sock, self._context, self._relay.host)
        self.file = self.ehlo_resp = None  # what came in clear counts no more
        self.ehlo_or_helo_if_needed()

    def is_silent(self) -> bool:
        """Tell whether the relay has said nothing unasked: no goodbye, no end of the connection."""
        self.file = None  # what was read ahead answers no question of ours
        return self.sock.is_silent()

    def transmit(
        self,
        sender: str,
        recipients: Sequence[str],
        message: EmailMessage,
        expires: float,
        *,
        plain: bool = False,
    ) -> dict[int, int]:
        """Hand the message over; return once the relay has answered 250 for at least one recipient.

        The codes of recipients that it refused are returned by position. Once the message is on its way no
        other relay is tried, so the answer has until `expires`. `plain` uses no extension, for a relay that
        failed. Raises SMTPResponseException where the relay refused, InDoubtError where nobody can tell.
        """
        content, options = self._content(message)
        envelope = [
            " ".join([f"MAIL FROM:<{sender}>", *options]),
            *(f"RCPT TO:<{recipient}>" for recipient in recipients),
        ]
        pipelining = not plain and self.has_extn("pipelining")
        if pipelining and self.has_extn("chunking"):
            replies = self._one_flight(envelope, content, expires)
        else:
            replies = self._dialogue(envelope, content, expires, pipelining=pipelining)
        return {at: code for at, (code, _text) in enumerate(replies[1:]) if not _accepted(code)}

    def _content(self, message: EmailMessage) -> tuple[bytes, list[str]]:
        if str(message["Reply-To"]).isascii():
            return message.as_bytes(), []
        if self.has_extn("smtputf8"):
            policy = cast("EmailPolicy[EmailMessage]", message.policy)
            return message.as_bytes(policy=policy.clone(utf8=True)), ["SMTPUTF8", "BODY=8BITMIME"]
        without = copy(message)
        del without["Reply-To"]  # its address stands in the text as well
        return without.as_bytes(), []

    def _one_flight(self, envelope: list[str], content: bytes, expires: float) -> list[Reply]:
        """Send all at once, then read and judge each reply; return those to the envelope."""
        self.sock.expires = expires
        replies: list[Reply] = []
        try:
            self.send(_lines([*envelope, f"BDAT {len(content)} LAST"]) + content)
            replies.extend(self.getreply() for _ in envelope)
            last = self.getreply()
        except OSError as error:
            if refusal := _refusal(replies, envelope, certain=True):
                raise refusal from error
            raise InDoubtError from error
        refusal = _refusal(replies, envelope)
        if refusal and _refused(last[0]):
            raise refusal
        _judge(last)
        if refusal:
            raise InDoubtError
        return replies

    def _dialogue(
        self, envelope: list[str], content: bytes, expires: float, *, pipelining: bool
    ) -> list[Reply]:
        """Send the envelope, then the message once the relay asks for it; return the envelope's replies."""
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
            if replies[0][0] == 250:  # RFC 2920: it may ask all the same; it gets an empty one, to nobody
                self.docmd(".")
            raise refusal
        self.sock.expires = expires
        try:
            self.send(re.sub(rb"(?m)^\.", b"..", content) + b".\r\n")
            last = self.getreply()
        except OSError as error:
            raise InDoubtError from error
        _judge(last)
        return replies

    def leave(self) -> None:
        """Say goodbye without waiting for the answer: the person waits for nothing more."""
        if self.sock:
            self.sock.expires = monotonic() + 1  # an idle one's is over
        with suppress(OSError):
            self.putcmd("QUIT")
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
    """Return why no message can have been accepted for anybody, or None where one can.

    With `certain`, replies that may be missing or are no clear refusal prove nothing.
    """
    no = _refused if certain else lambda code: not _accepted(code)
    if replies and no(replies[0][0]):
        return smtplib.SMTPResponseException(*replies[0])
    if len(replies) == len(envelope) and all(no(code) for code, _text in replies[1:]):
        return smtplib.SMTPResponseException(*replies[1])
    return None


def _judge(last: Reply) -> None:
    """Raise unless the relay took the message: a refusal where it says so, in doubt else."""
    code, _text = last
    if _refused(code):
        raise smtplib.SMTPDataError(*last)
    if code != 250:
        raise InDoubtError
