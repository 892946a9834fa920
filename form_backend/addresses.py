"""Parse e-mail addresses: of the settings, the forms and the lists of people. No name server is asked."""

from email_validator import ValidatedEmail, validate_email

LONGEST = 254  # characters; RFC 5321 leaves no room for more between the angle brackets


def parse(text: str) -> ValidatedEmail:
    """Return the parts of an address in any script; raises ValueError."""
    _check_length(text)
    return validate_email(text, check_deliverability=False)


def deliverable(text: str) -> str:
    """Return an address in ASCII, which every mail server takes; raises ValueError."""
    _check_length(text)
    address = validate_email(text, check_deliverability=False, allow_smtputf8=False)
    return address.ascii_email or address.normalized


def _check_length(text: str) -> None:
    """Refuse a long text before the library normalizes it, which takes time in the square of its length."""
    if len(text) > LONGEST:
        raise ValueError(f"An e-mail address has at most {LONGEST} characters.")
