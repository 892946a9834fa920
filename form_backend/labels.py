"""Labels of the personal information that the enquiry form asks for, and from which day it asks.

This module imports nothing, so that the build can compare the labels with the privacy statement.
"""

COLLECTED: dict[str, str] = {
    "name": "Name and surname",
    "phone": "Contact telephone number",
    "email": "E-mail address",
    "sector": "Sector or industry",
}
# The day from which a field is asked, where that is not the first. Code and statement can be deployed before:
# the field shows once the version of that day, or a later one, is in force.
SINCE: dict[str, str] = {}


def asked_under(version: str) -> dict[str, str]:
    """Return the labels that the form asks for under the version of a day, like 2027-01-31."""
    return {name: label for name, label in COLLECTED.items() if SINCE.get(name, "") <= version}
