"""What keeps mail from getting through, in sentences that say what to do; docs/relays.md lists them."""

import re
import smtplib
import socket
import ssl

from form_backend.forms.invisible import show_hidden
from form_backend.mail.outcomes import Outcome, outcome_of

LONGEST_QUOTE = 400  # characters of a relay's own words
WRONG_TLS = "use smtps:// for port 465, smtp+starttls:// for 587."
BY_OUTCOME = {
    Outcome.UNTRUSTED: f"speaks no TLS as we expect it: {WRONG_TLS}",
    Outcome.SLOW: f"did not answer within FLASK_MAIL_DEADLINE: check firewalls and the port, and {WRONG_TLS}",
    Outcome.IN_DOUBT: "may have the test message, but did not confirm it: look for it, then check again.",
    Outcome.UNREACHABLE: (
        "cannot be reached: check the host and the port in FLASK_MAIL_RELAYS, firewalls, and the addresses "
        "that the service unit allows."
    ),
}
# What is refused at each step, and what to do about it ...
NEVER = {
    "hello": "refused us ({code}): ask those who run it whether this machine may send through it.",
    "login": (
        "refused the login ({code}): check the user in FLASK_MAIL_RELAYS, and the password in the file that "
        "FLASK_MAIL_PASSWORD_FILE names."
    ),
    "sender": "refuses the sender {address} ({code}): let it send there as FLASK_BOUNCES_TO.",
    "recipient": (
        "refuses mail for {address} ({code}): check FLASK_ENQUIRIES_TO, FLASK_REQUESTS_TO and the mailbox."
    ),
    "message": (
        "refused the message ({code}): compare FLASK_MAIL_FROM and FLASK_BOUNCES_TO with what the user in "
        "FLASK_MAIL_RELAYS may send as."
    ),
}
LATER = {
    "hello": "does not serve us for now ({code}): try again later.",
    "login": "takes no login for now ({code}): try again later; user and password may well be right.",
    "sender": "takes no mail for now ({code}): try again later.",
    "recipient": "takes no mail for {address} for now ({code}): try again later; the mailbox may be full.",
    "message": "did not take the message for now ({code}): try again later.",
}
# ... unless its words say more.
NO_PASSWORDS = "takes no password from this user ({code}): use OAuth 2.0, with FLASK_MAIL_OAUTH_TOKEN_URL."
ONE_FOR_APPLICATIONS = (
    "asks for an application password ({code}): make one there for the user in FLASK_MAIL_RELAYS, and put it "
    "into the file that FLASK_MAIL_PASSWORD_FILE names."
)
NOT_IN_THIS_NAME = (
    "does not let us send in this name ({code}): FLASK_MAIL_FROM and FLASK_BOUNCES_TO must be addresses that "
    "the user in FLASK_MAIL_RELAYS may send as."
)
TOO_MANY = (
    "has too many connections of ours ({code}): end its address in FLASK_MAIL_RELAYS with ?connections=2, or "
    "with the number that it allows less one, which is for this command."
)
NOT_FOR_US = (
    "relays nothing for us ({code}): name a user in FLASK_MAIL_RELAYS, or have this machine's address "
    "allowed there."
)
TLS_FIRST = "wants TLS first ({code}): use smtp+starttls:// for its port in FLASK_MAIL_RELAYS."
WORDS = [
    (r"5\.7\.139|disabled for the (tenant|mailbox)|basic authentication is disabled", NO_PASSWORDS),
    (r"5\.7\.9\b|application-specific password|app password", ONE_FOR_APPLICATIONS),
    (r"sendasdenied|5\.2\.252|5\.7\.60|permissions? to send as|not owned by", NOT_IN_THIS_NAME),
    (r"too many (concurrent )?(connections|sessions)|concurrent connections? limit", TOO_MANY),
    (r"must issue (a )?starttls|5\.7\.10\b|encryption (is )?required", TLS_FIRST),
    (r"5\.7\.57|not authenticated|authentication (is )?required|must authenticate", NOT_FOR_US),
    (r"5\.7\.64|relay(ing)? (access )?denied|unable to relay", NOT_FOR_US),
]


def explanation(error: OSError, step: str = "hello") -> str:
    """Return what an error at this step means, and the cure."""
    match error:
        case smtplib.SMTPAuthenticationError(smtp_code=code, smtp_error=reply):
            return refusal("login", code, reply)
        case smtplib.SMTPNotSupportedError():
            return _no_login(str(error))
        case smtplib.SMTPResponseException(smtp_code=code, smtp_error=reply) if code > 0:
            return refusal(step, code, reply)
        case ssl.SSLCertVerificationError(verify_message=reason):
            return (
                f"did not prove who it is ({reason}): use the host name that its certificate holds, or name "
                "its certificate authority in FLASK_MAIL_CA_FILE."
            )
        case socket.gaierror():
            return "cannot be found: check the host name in FLASK_MAIL_RELAYS, and this machine's resolver."
    addresses = ", ".join(getattr(error, "__notes__", []))
    tried = f" Tried: {addresses}." if addresses else ""
    return BY_OUTCOME.get(outcome_of(error), BY_OUTCOME[Outcome.UNREACHABLE]) + tried


def refusal(step: str, code: int, reply: bytes | str, address: str = "") -> str:
    """Return what a relay's refusal means, the cure, and the first line of its own words."""
    words = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply
    known = (sentence for pattern, sentence in WORDS if re.search(pattern, words, re.IGNORECASE))
    sentence = next(known, (LATER if code < 500 else NEVER)[step])
    return f"{sentence.format(code=code, address=address)} It said: {quoted(f'{code} {words}')}"


def _no_login(offered: str) -> str:
    """Return what to do about a relay that offers none of our mechanisms."""
    if not offered:
        return "offers no login that we know: use its port for submission, 465 or 587."
    if {"XOAUTH2", "OAUTHBEARER"}.intersection(offered.split()):
        cure = "use OAuth 2.0, with FLASK_MAIL_OAUTH_TOKEN_URL."
    else:
        cure = "have PLAIN, LOGIN or XOAUTH2 switched on there, or have this machine allowed without a user."
    return f"offers no login that we can use, only {quoted(offered)}: {cure}"


def quoted(text: str) -> str:
    """Return the first line of what a relay said, shortened, with nothing that a terminal obeys."""
    return show_hidden(text.partition("\n")[0].strip()[:LONGEST_QUOTE])
