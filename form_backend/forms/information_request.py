"""The form by which a person asks about the personal information that we hold about them."""

from wtforms import RadioField, TextAreaField
from wtforms.validators import Optional

from form_backend.forms.base import SiteForm
from form_backend.forms.fields import (
    at_most,
    email_field,
    name_field,
    one_kind_of_line_end,
    one_of,
    phone_field,
    text_field,
)

CHOOSE_REQUEST = "Choose what you would like us to do."
REQUESTS = {
    "update": "Update: correct or complete what you hold about me.",
    "delete": "Delete: remove what you hold about me, or part of it.",
    "other": "Something else: tell me what you hold about me, respect my objection, or stop marketing to me.",
}


class InformationRequestForm(SiteForm):
    """What a person sends to have their personal information updated or deleted, or to ask something else."""

    name_of_form = "your-information"
    kind = "information request"
    send = "Send request"
    free_text = "details"
    recipients = "requests_to"
    public_address = "requests_email"

    request = RadioField(
        "What would you like us to do?",
        one_of(CHOOSE_REQUEST, lambda _form: list(REQUESTS)),
        choices=list(REQUESTS.items()),
        validate_choice=False,
    )
    name = name_field()
    email = email_field("If you have written to us before, use the same address.")
    phone = phone_field()
    details = text_field(
        "Which information is it about, and why?",
        "Tell us which information it is about, and why.",
        "For example, what is wrong, out of date or no longer needed. Use your own words.",
    )
    authority = TextAreaField(
        "Asking on someone's behalf? Tell us who, and why you may act for them.",
        [at_most(500), Optional()],
        filters=[one_kind_of_line_end],
        description="Up to 500 characters.",
        render_kw={"rows": 3},
    )
