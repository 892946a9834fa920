"""The kinds of fields that the forms are made of.

Each is bounded in characters before a library sees it, since libraries may take long over a long text.
"""

from collections.abc import Callable
from typing import Any

from email_validator import ValidatedEmail
from wtforms import BooleanField, EmailField, Field, Form, StringField, TelField, TextAreaField
from wtforms.form import BaseForm
from wtforms.validators import DataRequired, Optional, StopValidation, ValidationError

from form_backend import addresses
from form_backend.forms.invisible import on_one_line, without_unseen
from form_backend.forms.phone import international
from form_backend.labels import COLLECTED

Validator = Callable[[Form, Field], None]
LONGEST_LINE = 1000  # characters that the filters look at; beyond, a field of one line is too long anyway


def single_line(text: str | None) -> str:
    """Put what was typed on one line, without white space at the ends."""
    text = (text or "").strip()
    return on_one_line(text) if len(text) <= LONGEST_LINE else text


def copied_from_elsewhere(text: str | None) -> str:
    """Clean an address or a number of the invisible characters that come along when it is copied."""
    text = text or ""
    return without_unseen(text).strip() if len(text) <= LONGEST_LINE else text


def one_kind_of_line_end(text: str | None) -> str:
    """Count, hash and mail one character for each line end, of which browsers send two."""
    return (text or "").replace("\r\n", "\n").replace("\r", "\n")


def at_most(length: int) -> Validator:
    """Refuse a longer text; no maxlength attribute, since browsers silently cut off what is pasted."""

    def check(_form: Form, field: Field) -> None:
        if (excess := len(field.data or "") - length) > 0:
            characters = "character" if excess == 1 else "characters"
            raise StopValidation(f"Shorten this by {excess:,} {characters}. The limit is {length:,}.")

    return check


class YesField(BooleanField):
    """A box that is ticked only when exactly `yes` was sent: consent is never inferred."""

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read the box as it was sent."""
        self.data = valuelist == ["yes"]


class PhoneField(TelField):
    """Telephone numbers as people write them."""

    @property
    def international(self) -> list[str]:
        """Return the numbers in international form; for a valid field only, since it is bounded then."""
        return international(self.data or "")


class AddressField(EmailField):
    """An e-mail address; `parsed` holds its parts once it is valid."""

    parsed: ValidatedEmail

    def post_validate(self, _form: BaseForm, validation_stopped: bool) -> None:  # noqa: FBT001 - WTForms' own
        """Accept any well-formed address, international ones included."""
        if validation_stopped:
            return
        try:
            self.parsed = addresses.parse(self.data or "")
        except ValueError:
            hint = _hint(self.data or "")
            raise ValidationError(f"Enter an e-mail address like name@example.com. {hint}") from None


def _hint(text: str) -> str:
    """Return what is most likely wrong with an address."""
    local, _, domain = text.rpartition("@")
    if "@" not in text:
        return "Yours has no @ sign."
    if "@" in local:
        return "Yours has more than one @ sign."
    if any(character.isspace() for character in text):
        return "Yours has a space in it."
    if not local or not domain:
        return f"Yours has nothing {'after' if local else 'before'} the @ sign."
    if "." not in domain:
        return "Yours has no dot after the @ sign."
    return "Please check yours for typing mistakes."


def name_field() -> StringField:
    """Ask for a name in any script."""
    return StringField(
        COLLECTED["name"],
        [at_most(120), DataRequired("Enter your name and surname.")],
        filters=[single_line],
        render_kw={"autocomplete": "name"},
    )


def phone_field() -> PhoneField:
    """Ask for a telephone number, which nobody has to give."""
    return PhoneField(
        COLLECTED["phone"],
        [at_most(60), Optional()],
        filters=[copied_from_elsewhere, single_line],
        description="With the country code if it is not South African.",
        render_kw={"autocomplete": "tel", "inputmode": "tel"},
    )


def email_field(hint: str) -> AddressField:
    """Ask for the address that we reply to."""
    return AddressField(
        COLLECTED["email"],
        [
            at_most(addresses.LONGEST),
            DataRequired("Enter your e-mail address, so that we can reply."),
        ],
        filters=[copied_from_elsewhere],
        description=hint,
        render_kw={"autocomplete": "email", "inputmode": "email", "spellcheck": "false"},
    )


def text_field(label: str, error: str, hint: str = "") -> TextAreaField:
    """Ask for free text with line breaks."""
    return TextAreaField(
        label,
        [at_most(5000), DataRequired(error)],
        filters=[one_kind_of_line_end],
        description=f"{hint} Up to 5,000 characters.".strip(),
        render_kw={"rows": 8},
    )


def one_of(error: str, choices: Callable[[Any], list[str]]) -> list[Validator]:
    """Accept only what the form offers."""

    def check(form: Form, field: Field) -> None:
        if field.data not in choices(form):
            raise ValidationError(error)

    return [at_most(200), DataRequired(error), check]
