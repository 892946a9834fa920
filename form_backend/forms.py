"""The forms: the only list of fields, labels and limits; pages, e-mails and checks loop over it."""

import unicodedata
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import phonenumbers
from email_validator import EmailNotValidError, ValidatedEmail, validate_email
from flask_wtf import FlaskForm
from wtforms import (
    BooleanField,
    EmailField,
    Field,
    Form,
    RadioField,
    SelectField,
    StringField,
    TelField,
    TextAreaField,
)
from wtforms.validators import DataRequired, Optional, StopValidation, ValidationError

from form_backend.frames import Facts
from form_backend.token import SignedToken, Tokens

REGION = "ZA"
CHOOSE_SECTOR = "Choose the sector or industry that you work in."
CHOOSE_REQUEST = "Choose whether we should update or delete."
Validator = Callable[[Form, Field], None]


def trimmed(text: str | None) -> str:
    """Take white space off both ends of what was typed on one line."""
    return (text or "").strip()


def one_kind_of_line_end(text: str | None) -> str:
    """Browsers send CRLF; count, hash and mail one character per line end."""
    return (text or "").replace("\r\n", "\n").replace("\r", "\n")


def at_most(length: int) -> Validator:
    """Refuse a longer text; no maxlength attribute, since browsers cut off what is pasted without a word."""

    def check(_form: Form, field: Field) -> None:
        if (excess := len(field.data) - length) > 0:
            raise StopValidation(f"Shorten this by {excess:,} characters; it may have {length:,}.")

    return check


def no_control_characters(_form: Form, field: Field) -> None:
    """Refuse what cannot be typed on one line, such as a tab or a line break that was pasted."""
    if any(unicodedata.category(character) == "Cc" for character in field.data):
        raise StopValidation(
            "Take out the tab, line break or other invisible character, and write it on one line."
        )


class YesField(BooleanField):
    """A box that counts as ticked only when exactly `yes` was sent: consent is never inferred."""

    def process_formdata(self, valuelist: list[str]) -> None:
        """Take the box as it was sent."""
        self.data = valuelist == ["yes"]


class PhoneField(TelField):
    """A telephone number as people write it; once it is valid, in international form as well."""

    international: str | None


def name_field() -> StringField:
    """Ask for a name in any script."""
    return StringField(
        "Name and surname",
        [DataRequired("Enter your name and surname."), no_control_characters, at_most(120)],
        filters=[trimmed],
        render_kw={"autocomplete": "name"},
    )


def phone_field() -> PhoneField:
    """Ask for a telephone number, which nobody has to give."""
    return PhoneField(
        "Contact telephone number",
        [Optional(), no_control_characters, at_most(60)],
        filters=[trimmed],
        description="With the country code if it is not South African.",
        render_kw={"autocomplete": "tel", "inputmode": "tel"},
    )


def email_field(hint: str) -> EmailField:
    """Ask for the address that we answer to."""
    return EmailField(
        "E-mail address",
        [DataRequired("Enter your e-mail address, so that we can answer."), no_control_characters],
        filters=[trimmed],
        description=hint,
        render_kw={"autocomplete": "email", "inputmode": "email", "spellcheck": "false"},
    )


def text_field(label: str, error: str, hint: str = "") -> TextAreaField:
    """Ask for free text with line breaks."""
    return TextAreaField(
        label,
        [DataRequired(error), at_most(5000)],
        filters=[one_kind_of_line_end],
        description=f"{hint} Up to 5,000 characters.".strip(),
        render_kw={"rows": 8},
    )


class SiteForm(FlaskForm):
    """What the forms share: the token, the bot trap, and the checks of a person's details."""

    name_of_form: ClassVar[str]  # its folder on the site, and its templates' name
    kind: ClassVar[str]  # what is sent, in plain words
    send: ClassVar[str]  # what the button says
    free_text: ClassVar[str]  # the field that a topic is written into
    recipients: ClassVar[str]  # the setting that says who gets it
    public_address: ClassVar[str]  # the fact that says where else to write
    statement: str  # the version shown with the form, once its token is valid
    person: ValidatedEmail  # once the e-mail address is valid

    class Meta:
        csrf = True
        csrf_class = SignedToken
        csrf_field_name = "token"

    # People never see it; programs that fill in whatever they find do.
    website = StringField("Leave this empty", render_kw={"autocomplete": "off", "tabindex": "-1"})

    def __init__(self, facts: Facts, tokens: Tokens, **kwargs: Any) -> None:
        self.facts = facts
        super().__init__(meta={"csrf_context": tokens}, **kwargs)

    def validate_website(self, field: Field) -> None:
        """Stop a program; a person whose browser filled the trap gets the form again without it."""
        if field.data:
            raise ValidationError("trapped")

    def validate_phone(self, field: PhoneField) -> None:
        """Accept any possible number, as people write them."""
        field.international = international(field.data or "")
        if field.international is None:
            raise ValidationError(
                "Enter a telephone number like 012 345 6789 or +27 12 345 6789, or leave it out."
            )

    def validate_email(self, field: Field) -> None:
        """Accept any well-formed address, international ones included."""
        try:
            self.person = address(field.data)
        except EmailNotValidError as error:
            raise ValidationError(f"Enter an e-mail address like name@example.com. {error}") from None

    def issue_token(self) -> None:
        """Have the form carry a token of now."""
        self["token"].current_token = self.meta.csrf_context.issue()

    @classmethod
    def consent(cls, _facts: Facts) -> str:
        """Return the wording of what a person can consent to, if anything."""
        return ""

    @property
    def contact(self) -> str:
        """Where a person can write instead."""
        return str(getattr(self.facts, self.public_address))

    @property
    def asked(self) -> Iterator[Field]:
        """The fields that a person fills in."""
        return (field for field in self if field.name not in ("token", "website"))

    @property
    def words(self) -> dict[str, object]:
        """All that a person told us, by field."""
        return {field.name: field.data for field in self.asked}

    @property
    def wrong(self) -> list[Field]:
        """The fields that a person has to correct."""
        return [field for field in self.asked if field.errors]

    @property
    def problem(self) -> str | None:
        """What is wrong besides the fields: trapped, or the token's young, stale or unknown."""
        errors = [*self.website.errors, *self["token"].errors]
        return str(errors[0]) if errors else None


class EnquiryForm(SiteForm):
    """What a prospect sends."""

    name_of_form = "enquiry"
    kind = "enquiry"
    send = "Send enquiry"
    free_text = "message"
    recipients = "enquiries_to"
    public_address = "email"

    name = name_field()
    phone = phone_field()
    email = email_field("We answer to this address.")
    sector = SelectField(
        "Sector or industry",
        [DataRequired(CHOOSE_SECTOR)],
        validate_choice=False,
        description="It helps us to judge which product fits you best.",
    )
    message = text_field("Your message", "Write what you would like to know.")
    marketing = YesField(render_kw={"value": "yes"})

    def __init__(self, facts: Facts, tokens: Tokens, **kwargs: Any) -> None:
        super().__init__(facts, tokens, **kwargs)
        self.sector.choices = [("", "Choose one"), *((sector, sector) for sector in facts.sectors)]
        self.marketing.label.text = self.consent(facts)

    @classmethod
    def consent(cls, facts: Facts) -> str:
        """Name who sends what, how, and how to stop it."""
        return (
            f"Yes, {facts.organisation} may send me marketing material by e-mail. "
            f"I can stop it at any time by writing to {facts.requests_email}."
        )

    def validate_sector(self, field: Field) -> None:
        """Accept only what the list offers."""
        if field.data not in self.facts.sectors:
            raise ValidationError(CHOOSE_SECTOR)


class InformationRequestForm(SiteForm):
    """What a person sends to have their personal information updated or deleted."""

    name_of_form = "your-information"
    kind = "information request"
    send = "Send request"
    free_text = "details"
    recipients = "requests_to"
    public_address = "requests_email"

    request = RadioField(
        "What do you ask for?",
        [DataRequired(CHOOSE_REQUEST)],
        choices=[
            ("update", "Update: correct or complete what you hold about me."),
            ("delete", "Delete: remove what you hold about me, or part of it."),
        ],
        validate_choice=False,
    )
    name = name_field()
    email = email_field("The one that we would know you by, if you have written to us before.")
    phone = phone_field()
    details = text_field(
        "What should we update or delete, and why?",
        "Write what we should update or delete, and why.",
        "For instance what is wrong, out of date or no longer needed.",
    )
    authority = TextAreaField(
        "If you ask for someone else: for whom, and by what right?",
        [Optional(), at_most(500)],
        filters=[one_kind_of_line_end],
        description="Up to 500 characters.",
        render_kw={"rows": 3},
    )

    def validate_request(self, field: Field) -> None:
        """Accept only what the two buttons offer."""
        if field.data not in ("update", "delete"):
            raise ValidationError(CHOOSE_REQUEST)


def international(number: str) -> str | None:
    """Return a possible telephone number in international form, or None."""
    try:
        parsed = phonenumbers.parse(number, REGION)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(parsed):
        return None
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


def address(text: str) -> ValidatedEmail:
    """Return the parts of an e-mail address, or raise EmailNotValidError; asks no name server."""
    return validate_email(text, check_deliverability=False)
