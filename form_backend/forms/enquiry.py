"""The enquiry form."""

from typing import Any

from wtforms import SelectField
from wtforms.fields import Label

from form_backend.forms.base import SiteForm
from form_backend.forms.fields import YesField, email_field, name_field, one_of, phone_field, text_field
from form_backend.labels import COLLECTED
from form_backend.site import Facts

CHOOSE_SECTOR = "Choose the sector or industry that you work in."


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
    email = email_field("We will reply to this address.")
    sector = SelectField(
        COLLECTED["sector"],
        one_of(CHOOSE_SECTOR, lambda form: form.facts.sectors),
        validate_choice=False,
        description="It helps us suggest the right product.",
    )
    message = text_field("Your message", "Write what you would like to know.")
    marketing = YesField(render_kw={"value": "yes"})
    # Shown only where it is asked, and no part of what is hashed: the reference stays the same.
    not_advertising = YesField("This is an enquiry, not advertising.", render_kw={"value": "yes"})

    def __init__(self, facts: Facts, secret_key: str, token_min_age: float, **kwargs: Any) -> None:
        super().__init__(facts, secret_key, token_min_age, **kwargs)
        self.sector.choices = [("", "Choose one"), *((sector, sector) for sector in facts.sectors)]
        self.marketing.label = Label(self.marketing.id, self.consent(facts))

    @classmethod
    def consent(cls, facts: Facts) -> str:
        """Name who sends what, how, and how to stop it."""
        return (
            f"Yes, {facts.organisation} may send me marketing material by e-mail. "
            f"I can stop it at any time by writing to {facts.requests_email}."
        )

    @property
    def says_no_advertising(self) -> bool:
        """Tell whether the person ticked that box."""
        return bool(self.not_advertising.data)

    def withdraw_consent(self) -> None:
        """Untick the box: consent is given on our own page, to the wording shown there, or not at all."""
        self.marketing.data = False
