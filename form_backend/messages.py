"""A valid form becomes the EmailMessage that staff read."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from email.header import Header
from email.headerregistry import Address, HeaderRegistry, UniqueUnstructuredHeader
from email.message import EmailMessage
from email.policy import SMTP, EmailPolicy
from email.utils import format_datetime
from functools import lru_cache

from flask import render_template
from icalendar import Alarm, Calendar, Event
from wtforms import Field

from form_backend.forms import InformationRequestForm, PhoneField, SiteForm
from form_backend.frames import Facts
from form_backend.settings import Settings
from form_backend.token import SAST, reference

KEPT = frozenset("\t\u200c\u200d\u2060")  # tab, and the joiners that scripts and emoji are written with


class AsWritten(HeaderRegistry):
    """Headers as they go out, each at most once: to parse and fold them takes longer than all the rest."""

    def __call__(self, name: str, value: str) -> str:  # type: ignore[override]  # noqa: ARG002
        """Take the value as it is; the policy has refused one with a line break."""
        return value

    def __getitem__(self, name: str) -> type:
        """Return what allows a header once."""
        return UniqueUnstructuredHeader


mailbox = lru_cache(Address)  # ours and the staff's, from the settings: to parse one takes long
AS_WRITTEN = SMTP.clone(header_factory=AsWritten(), refold_source="none")


def compose(form: SiteForm, digest: bytes, recipients: Sequence[str], settings: Settings) -> EmailMessage:
    """Return the message: our own From, the person in Reply-To, and nothing typed freely in a header."""
    facts, now = form.facts, datetime.now(UTC)
    answer_by = (now.astimezone(SAST) + timedelta(days=facts.answer_days)).date()
    ours = mailbox(_ascii(f"{facts.organisation} website"), addr_spec=settings.mail_from)
    subject = _ascii(f"[{facts.organisation}] {_subject(form, answer_by)} {reference(digest)}")
    to = [mailbox(addr_spec=recipient) for recipient in recipients]
    message = begin(ours, to, subject, digest.hex(), AS_WRITTEN)
    message["Reply-To"] = str(Address(username=form.person.local_part, domain=form.person.ascii_domain))
    body = render_template(
        f"email/{form.name_of_form}.txt",
        form=form,
        facts=facts,
        reference=reference(digest),
        now=now,
        now_here=now.astimezone(SAST),
        answer_by=answer_by,
        as_read=as_read,
        quoted=quoted,
    )
    message.set_content(body, cte="quoted-printable")
    if isinstance(form, InformationRequestForm):
        entry = _calendar_entry(digest, answer_by, facts, now)
        message.add_attachment(entry, "text", "calendar", filename="answer-by.ics")
    return message


def begin(
    ours: Address,
    to: Sequence[Address],
    subject: str,
    unique: str,
    policy: EmailPolicy[EmailMessage] = SMTP,
) -> EmailMessage:
    """Return a message with the headers that all of ours have; `unique` makes its Message-ID."""
    message = EmailMessage(policy)
    message["From"] = str(ours)
    message["To"] = ", ".join(map(str, to))
    message["Subject"] = subject
    message["Date"] = format_datetime(datetime.now(UTC))
    message["Message-ID"] = f"<{unique}@{ours.domain}>"
    message["Auto-Submitted"] = "auto-generated"
    return message


def _ascii(header: str) -> str:
    return header if header.isascii() else Header(header).encode(linesep="")


def _subject(form: SiteForm, answer_by: date) -> str:
    if isinstance(form, InformationRequestForm):
        return f"{form.request.data.capitalize()} request, answer by {answer_by}:"
    return f"Enquiry: {form.sector.data}"


def _calendar_entry(digest: bytes, answer_by: date, facts: Facts, now: datetime) -> bytes:
    """Return the deadline for the reader's own calendar, with the reference and nothing about the person."""
    entry = Event()
    entry.add("uid", f"{digest.hex()}@{facts.organisation.lower()}")
    entry.add("dtstamp", now)
    entry.add("dtstart", answer_by)
    entry.add("summary", f"Answer information request {reference(digest)}")
    reminder = Alarm()
    reminder.add("action", "DISPLAY")
    reminder.add("description", f"Answer information request {reference(digest)} within a week")
    reminder.add("trigger", timedelta(days=-7))
    entry.add_component(reminder)
    calendar = Calendar()
    calendar.add("prodid", f"-//{facts.organisation}//website//EN")
    calendar.add("version", "2.0")
    calendar.add_component(entry)
    return bytes(calendar.to_ical())


def plain_words(form: SiteForm) -> str:
    """Return what was typed as lines of text, for an e-mail that the person sends."""
    return "\n".join(
        f"{field.label.text}: {'yes' if field.data is True else field.data or ''}" for field in form.asked
    )


def as_read(field: Field) -> str:
    """Return a field on one line as staff read it."""
    if isinstance(field, PhoneField) and field.data:
        return f"{show_hidden(field.data)} ({field.international})"
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
