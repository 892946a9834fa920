"""Labels of the personal information that the enquiry form asks for.

This module imports nothing, so that the build can compare the labels with the privacy statement.
"""

COLLECTED: dict[str, str] = {
    "name": "Name and surname",
    "phone": "Contact telephone number",
    "email": "E-mail address",
    "sector": "Sector or industry",
}
