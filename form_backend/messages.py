"""A valid form becomes the e-mail that staff read."""

from binascii import b2a_qp
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from email.header import Header
from email.headerregistry import HeaderRegistry, UniqueUnstructuredHeader
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, formataddr

from flask import current_app
from icalendar import Alarm, Calendar, Event
from jinja2 import StrictUndefined
from wtforms import Field

from form_backend.clock import SAST
from form_backend.forms import InformationRequestForm, SiteForm
from form_backend.forms.fields import PhoneField
from form_backend.forms.invisible import show_hidden
from form_backend.forms.reference import reference
from form_backend.settings import Settings
from form_backend.signs import Signs
from form_backend.site import Facts

JINJA_OPTIONS = {"trim_blocks": True, "lstrip_blocks": True, "undefined": StrictUndefined}
MARK = "[advertising?] "  # at the front of a subject, for the rules of mailboxes
FOLD = "\r\n "  # RFC 5322: a reader takes the line end out and leaves the space


class PlainHeaders(HeaderRegistry):
    """Headers as plain text: to parse and fold them takes the library longer than the rest of a message."""

    def __call__(self, name: str, value: str) -> str:  # type: ignore[override]  # noqa: ARG002
        """Return the value as it is; the policy has refused one with a line end."""
        return value

    def __getitem__(self, name: str) -> type:
        """Allow each header once."""
        return UniqueUnstructuredHeader


PLAIN = SMTP.clone(header_factory=PlainHeaders(), refold_source="none")


def compose(
    form: SiteForm, signs: Signs, digest: bytes, recipients: Sequence[str], settings: Settings
) -> EmailMessage:
    """Return the message: our own From, the person in Reply-To, and nothing typed freely in a header."""
    facts, now = form.facts, datetime.now(UTC)
    now_here = now.astimezone(SAST)
    answer_by = (now_here + timedelta(days=facts.answer_days)).date()
    message = begin(
        settings.mail_from,
        f"{facts.organisation} website",
        recipients,
        f"{MARK if signs.held else ''}{_subject(form, reference(digest), answer_by)}",
        digest.hex(),
    )
    person = f"{form.email.parsed.local_part}@{form.email.parsed.ascii_domain}"
    if person.isascii():  # else not every server takes it: the address stands in the text as well
        message["Reply-To"] = person
    if signs.held:
        message["X-Website-Signs"] = str(signs)
    template = current_app.jinja_env.get_template(f"email/{form.name_of_form}.txt")
    body = template.render(
        form=form,
        facts=facts,
        reference=reference(digest),
        now=now,
        now_here=now_here,
        answer_by=answer_by,
        as_read=as_read,
        quoted=quoted,
    )
    _set_text(message, body)
    if isinstance(form, InformationRequestForm):
        entry = _calendar_entry(digest, answer_by, facts, now)
        kind = {"method": "PUBLISH", "charset": "utf-8"}
        message.add_attachment(entry, "text", "calendar", filename="answer-by.ics", params=kind)
    return message


def _set_text(message: EmailMessage, text: str) -> None:
    """Set the text as `set_content` does, which takes seven times as long."""
    message["Content-Type"] = 'text/plain; charset="utf-8"'
    message["Content-Transfer-Encoding"] = "quoted-printable"
    message["MIME-Version"] = "1.0"
    message.set_payload(b2a_qp(f"{text}\n".encode()).decode("ascii"))


def begin(address: str, name: str, recipients: Sequence[str], subject: str, unique: str) -> EmailMessage:
    """Return a message with the headers that all of ours have; recipients are such as `mailbox` returns."""
    message = EmailMessage(PLAIN)
    message.set_raw("From", mailbox(address, name))
    message.set_raw("To", f",{FOLD}".join(recipients))
    message.set_raw("Subject", encoded(subject))
    message["Date"] = format_datetime(datetime.now(UTC))
    message["Message-ID"] = f"<{unique}@{address.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    return message


def mailbox(address: str, name: str) -> str:
    """Return a name and an address as a header holds them: quoted where needed, encoded and folded."""
    if _goes_as_it_is(name):
        return formataddr((_one_line(name), address))
    return f"{encoded(name)}{FOLD}<{address}>"


def encoded(text: str) -> str:
    """Return a header's text, encoded and folded where it is long or not ASCII."""
    text = _one_line(text)
    if _goes_as_it_is(text):
        return text
    return Header(text, "utf-8").encode(linesep="\r\n")


def _goes_as_it_is(text: str) -> bool:
    """Tell whether a header may hold this without encoding, and nobody takes it for something encoded."""
    return text.isascii() and len(text) <= 200 and "=?" not in text


def _one_line(text: str) -> str:
    """Refuse a line end, which would begin another header."""
    if len(text.splitlines()) > 1:
        raise ValueError("a header has one line")
    return text


def _subject(form: SiteForm, quoted_reference: str, answer_by: date) -> str:
    if isinstance(form, InformationRequestForm):
        return f"Request {quoted_reference}: {form.request.data}, reply by {in_words(answer_by)}"
    return f"Enquiry {quoted_reference}: {form['sector'].data}"


def in_words(day: date) -> str:
    """Return a day as people write it, like 1 February 2027."""
    return f"{day:%-d %B %Y}"


def _calendar_entry(digest: bytes, answer_by: date, facts: Facts, now: datetime) -> bytes:
    """Return the deadline for the reader's own calendar, with the reference and nothing about the person."""
    task = f"Reply to information request {reference(digest)}"
    entry = Event()
    entry.add("uid", f"{digest.hex()}@{facts.organisation.lower()}")
    entry.add("dtstamp", now)
    entry.add("dtstart", answer_by)
    entry.add("summary", task)
    entry.add("description", f"{task}: the e-mail with this reference in its subject says what to do.")
    entry.add("transp", "TRANSPARENT")  # the day does not show as busy
    reminder = Alarm()
    reminder.add("action", "DISPLAY")
    reminder.add("description", f"{task} within a week")
    reminder.add("trigger", timedelta(days=-7))
    entry.add_component(reminder)
    calendar = Calendar()
    calendar.add("prodid", f"-//{facts.organisation}//website//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add_component(entry)
    return bytes(calendar.to_ical())


def as_typed(form: SiteForm) -> str:
    """Return what was typed as lines of text, for an e-mail that the person sends."""
    return "\n".join(
        f"{field.label.text}: {'yes' if field.data is True else field.data or ''}" for field in form.asked
    )


def as_read(field: Field) -> str:
    """Return a field on one line as staff read it."""
    if not field.data:
        return "not given"
    shown = show_hidden(field.data)
    if isinstance(field, PhoneField) and (numbers := field.international):
        return f"{shown} ({', '.join(numbers)})"
    return shown


def quoted(text: str) -> str:
    """Mark every line, so that what someone wrote cannot pass for one of our labels."""
    return "\n".join(f"> {show_hidden(line)}" for line in text.split("\n"))
