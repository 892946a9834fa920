"""Log in to a relay, with the first mechanism of ours that it offers."""

import smtplib
from collections.abc import Callable
from typing import Any, NamedTuple

LONGEST_COMMAND = 512  # octets; RFC 4954: a first response that makes AUTH longer waits to be asked for
WRONG_CREDENTIALS = 535


class Mechanism(NamedTuple):
    """A SASL mechanism: its name, the first response, and what smtplib asks for each response."""

    name: str
    first: str
    answer: Callable[..., Any]


def with_password(smtp: smtplib.SMTP, user: str, password: str) -> None:
    """Log in with a password; raises SMTPAuthenticationError, or another OSError."""
    smtp.user, smtp.password = user, password
    mechanisms = [
        Mechanism("PLAIN", f"\0{user}\0{password}", smtp.auth_plain),
        Mechanism("LOGIN", user, smtp.auth_login),
        Mechanism("CRAM-MD5", "", smtp.auth_cram_md5),
    ]
    _log_in(smtp, mechanisms)


def offered(smtp: smtplib.SMTP) -> list[str]:
    """Return the names of the mechanisms that the relay offers, which mean the same in any case."""
    return smtp.esmtp_features.get("auth", "").upper().split()


def _log_in(smtp: smtplib.SMTP, mechanisms: list[Mechanism]) -> None:
    """Try each mechanism that is offered, until one lets us in or the credentials are refused."""
    refusal: smtplib.SMTPException = smtplib.SMTPNotSupportedError(" ".join(offered(smtp)))
    for name, first, answer in mechanisms:
        if name not in offered(smtp):
            continue
        fits = len(f"AUTH {name} \r\n") + -(-len(first) // 3) * 4 <= LONGEST_COMMAND
        try:
            smtp.auth(name, answer, initial_response_ok=fits)
        except smtplib.SMTPAuthenticationError as error:
            refusal = error
            if error.smtp_code == WRONG_CREDENTIALS or error.smtp_code < 500:
                break
        except smtplib.SMTPServerDisconnected:
            if isinstance(refusal, smtplib.SMTPNotSupportedError):
                raise
            break  # the relay hung up on the refusal before
        else:
            return
    raise refusal
