"""security.txt (RFC 9116), which says where to report a weakness."""

from datetime import timedelta
from typing import Any

VALIDITY = timedelta(days=90)  # the nightly build renews it


def text(context: dict[str, Any]) -> str:
    """Return the file's text."""
    organisation = context["ORGANISATION"]
    return (
        f"Contact: mailto:{organisation['contact']['email']}\n"
        f"Expires: {context['SITE_DATE'] + VALIDITY}T00:00:00Z\n"
        f"Preferred-Languages: {organisation['language'].partition('-')[0]}\n"
        f"Canonical: {organisation['address']}/.well-known/security.txt\n"
    )
