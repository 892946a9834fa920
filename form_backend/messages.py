"""A valid form becomes the EmailMessage that staff read."""

import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime

from flask import render_template
from wtforms import Field, TelField

from form_backend.forms import SiteForm, address, international
from form_backend.frames import Facts
from form_backend.settings import Settings
from form_backend.token import SAST, reference

KEPT = frozenset("\t\u200c\u200d\u2060")  # tab, and the joiners that scripts and emoji are written with


def compose(
    form: SiteForm, digest: bytes, recipients: Sequence[str], facts: Facts, settings: Settings
) -> EmailMessage:
    """Return the message: our own From, the person in Reply-To, and nothing typed freely in a header."""
    now = datetime.now(UTC)
    ours = Address(f"{facts.organisation} website", addr_spec=settings.mail_from)
    message = EmailMessage()
    message["From"] = ours
    message["To"] = [Address(addr_spec=recipient) for recipient in recipients]
    message["Reply-To"] = _reply_to(form)
    message["Subject"] = f"[{facts.organisation}] {form.subject} {reference(digest)}"
    message["Date"] = format_datetime(now)
    message["Message-ID"] = f"<{digest.hex()}@{ours.domain}>"
    message["Auto-Submitted"] = "auto-generated"
    body = render_template(
        f"email/{form.name_of_form}.txt",
        form=form,
        facts=facts,
        reference=reference(digest),
        now=now,
        now_here=now.astimezone(SAST),
        as_read=as_read,
        quoted=quoted,
    )
    message.set_content(body, cte="quoted-printable")
    return message


def _reply_to(form: SiteForm) -> Address:
    person = address(form.email.data)
    return Address(addr_spec=person.ascii_email or person.normalized)


def plain_words(form: SiteForm) -> str:
    """Return what was typed as lines of text, for an e-mail that the person sends."""
    return "\n".join(
        f"{field.label.text}: {'yes' if field.data is True else field.data or ''}" for field in form.asked
    )


def as_read(field: Field) -> str:
    """Return a field on one line as staff read it."""
    if isinstance(field, TelField) and field.data:
        return f"{show_hidden(field.data)} ({international(field.data)})"
    return show_hidden(field.data) if field.data else "not given"


def quoted(text: str) -> str:
    """Mark every line, so that what someone wrote cannot pass for one of our labels."""
    return "\n".join(f"> {show_hidden(line)}" for line in text.split("\n"))


def show_hidden(text: str) -> str:
    """Make control, direction and other invisible characters visible, like ⟦U+202E⟧."""
    if text.isprintable():
        return text
    return "".join(f"⟦U+{ord(character):04X}⟧" if _hidden(character) else character for character in text)


def _hidden(character: str) -> bool:
    return character not in KEPT and unicodedata.category(character) in {"Cc", "Cf", "Zl", "Zp"}
