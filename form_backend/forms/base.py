"""What the two forms share: the token, the bot trap, and how their fields are gone through."""

from collections.abc import Iterator, Sequence
from functools import cache, cached_property
from typing import Any, ClassVar

from flask_wtf import FlaskForm
from wtforms import BooleanField, Field, RadioField, StringField, TextAreaField
from wtforms.form import BaseForm
from wtforms.meta import DefaultMeta

from form_backend.forms.fields import AddressField
from form_backend.forms.token import PostedToken, SignedToken, Tokens
from form_backend.labels import COLLECTED, asked_under
from form_backend.site import Facts


def _bind(unbound_field: Any, form: Any, **options: Any) -> Field:
    """Bind a field with an id that nothing else on the page has: only those of the form begin so."""
    field: Field = unbound_field.bind(form=form, id=f"Form-{options['name']}", **options)
    return field


@cache
def _bound_once(unbound_field: Any, **options: Any) -> Field:
    """Bind a field to no form, so that nothing that anybody typed is kept with it."""
    return _bind(unbound_field, None, _meta=DefaultMeta(), **options)


class SiteForm(FlaskForm):
    """A form of the website; its fields, in this order, make the page, the mail and what is hashed."""

    name_of_form: ClassVar[str]  # its folder on the site, and the name of its templates
    kind: ClassVar[str]  # what is sent, in plain words
    send: ClassVar[str]  # what the button says
    free_text: ClassVar[str]  # the field that a topic is written into
    recipients: ClassVar[str]  # the setting that says who gets it
    public_address: ClassVar[str]  # the fact that says where else to write
    email: AddressField
    held_up_by: Sequence[str] = ()  # why it looks like advertising, in sentences

    class Meta:
        csrf = True
        csrf_class = SignedToken
        csrf_field_name = "token"

        def bind_field(self, form: BaseForm, unbound_field: Any, options: dict[str, Any]) -> Field:
            """Bind a field; those of the class are bound once and copied for each form, which is faster."""
            if options["name"] == self.csrf_field_name:  # it is made anew for each form
                return _bind(unbound_field, form, **options)
            bound = _bound_once(unbound_field, **options)
            field: Field = object.__new__(type(bound))  # since `Field.__new__` makes an unbound one
            field.__dict__ |= bound.__dict__
            return field

    # People never see it; programs that fill in whatever they find do.
    website = StringField("Leave this empty", render_kw={"autocomplete": "off", "tabindex": "-1"})

    def __init__(self, facts: Facts, secret_key: str, token_min_age: float, **kwargs: Any) -> None:
        self.facts = facts
        self.tokens = Tokens(secret_key, token_min_age, facts, self.consent(facts))
        super().__init__(**kwargs)
        for name in COLLECTED.keys() - asked_under(facts.statement).keys():
            if name in self:
                del self[name]  # the statement in force does not announce it yet

    @classmethod
    def consent(cls, _facts: Facts) -> str:
        """Return the wording of what a person can consent to, if anything."""
        return ""

    def withdraw_consent(self) -> None:
        """Untick what a person may have consented to elsewhere, if anything."""

    @cached_property
    def posted_token(self) -> PostedToken:
        """Return what the posted token says."""
        return self.tokens.read(self["token"].data or "")

    @property
    def says_no_advertising(self) -> bool:
        """Tell whether the person ticked the box that is shown where a message looks like advertising."""
        return False

    @property
    def lineage(self) -> str:
        """Return what this form has in common with those shown again after it."""
        return self.posted_token.lineage

    def issue_token(self) -> None:
        """Have the form, which is shown again in answer to a post, carry a token that may be sent at once."""
        self["token"].current_token = self.tokens.issue(self.lineage, min_age=0)

    @property
    def statement(self) -> str:
        """Return the version of the statement that was shown with the form."""
        return self.posted_token.statement

    @property
    def contact(self) -> str:
        """Return the address that a person can write to instead."""
        return str(getattr(self.facts, self.public_address))

    @property
    def asked(self) -> Iterator[Field]:
        """Return the fields that a person fills in."""
        return (field for field in self if field.name not in ("token", "website", "not_advertising"))

    @property
    def single_lines(self) -> Iterator[Field]:
        """Return the fields of one line, which an e-mail lists with their labels."""
        return (
            field for field in self.asked if not isinstance(field, TextAreaField | BooleanField | RadioField)
        )

    @property
    def answers(self) -> dict[str, object]:
        """Return everything a person told us, by field."""
        return {field.name: field.data for field in self.asked}

    @property
    def wrong(self) -> list[Field]:
        """Return the fields that a person has to correct."""
        return [field for field in self.asked if field.errors]

    @property
    def problem(self) -> str | None:
        """Return what is wrong besides the fields: the token is stale or unknown."""
        errors = self["token"].errors
        return str(errors[0]) if errors else None
