"""What became of a message, as the person, the log and the other processes are told."""

import smtplib
import ssl
from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """What became of a message; DELIVERED only where a relay answered 250 for it."""

    DELIVERED = "delivered"
    REFUSED = "refused"  # the relay said no
    UNREACHABLE = "unreachable"  # no connection, or one that broke before the message was on its way
    SLOW = "slow"  # the deadline passed before the message was on its way
    UNTRUSTED = "untrusted"  # the relay could not prove its identity by TLS
    BUSY = "busy"  # too many messages were waiting for the relays, or too long for a connection to one
    HELD_UP = "held-up"  # it looks like advertising, and the person has not said that it is none
    IN_DOUBT = "in-doubt"  # the message was on its way, and no clear answer came back


@dataclass(frozen=True)
class Delivery:
    """The outcome, and what may be logged of it: an SMTP code and an exception's class, never its text."""

    outcome: Outcome
    smtp_code: int | None = None
    error: str | None = None
    connected: bool = False  # whether the relay let us in, so that the answer is about this message


class InDoubtError(smtplib.SMTPException):
    """The message was on its way, and no clear answer came back."""


def outcome_of(error: OSError) -> Outcome:
    """Return what became of a message when handing it over raised this."""
    match error:
        case InDoubtError():
            return Outcome.IN_DOUBT
        case smtplib.SMTPResponseException(smtp_code=code) if code > 0:
            return Outcome.REFUSED
        case TimeoutError():
            return Outcome.SLOW
        case ssl.SSLEOFError():
            return Outcome.UNREACHABLE
        case ssl.SSLError():
            return Outcome.UNTRUSTED
        case _:
            return Outcome.UNREACHABLE
