"""The two forms of the website: their fields and limits, their token, their reference."""

from form_backend.forms.base import SiteForm
from form_backend.forms.enquiry import EnquiryForm
from form_backend.forms.information_request import InformationRequestForm
from form_backend.settings import Settings, SettingsError
from form_backend.site import Site

__all__ = ["FORMS", "EnquiryForm", "InformationRequestForm", "SiteForm", "open_site"]

FORMS: dict[str, type[SiteForm]] = {form.name_of_form: form for form in (EnquiryForm, InformationRequestForm)}


def open_site(settings: Settings) -> Site:
    """Read the built site with the forms' pages; one that does not fit the settings is a SettingsError."""
    site = Site(settings.site_dir, FORMS)
    if not site.facts.requests_go_to(settings.requests_to):
        raise SettingsError(
            "FLASK_REQUESTS_TO",
            f"must include {site.facts.requests_email}, the address that the privacy statement names.",
        )
    return site
