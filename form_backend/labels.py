"""Labels of the personal information that the enquiry form asks for.

This module imports nothing, so that the build can compare the labels with the privacy statement.
"""

COLLECTED: dict[str, str] = {
    "name": "Name and surname",
    "phone": "Contact telephone number",
    "email": "E-mail address",
    "sector": "Sector or industry",
}

ASKED_FROM: dict[str, str] = {}
"""By field: the day of the statement's version that announces it; the others have been asked all along."""


def collected(version: str) -> dict[str, str]:
    """Return the labels of the fields that a version of the statement, named by its day, has to list."""
    return {name: label for name, label in COLLECTED.items() if ASKED_FROM.get(name, "") <= version}
