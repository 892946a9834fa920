"""Telephone numbers: kept as people write them, and in international form where one is found in the text."""

import phonenumbers
from phonenumbers import Leniency, PhoneNumber, PhoneNumberFormat, PhoneNumberMatcher

REGION = "ZA"


def international(text: str) -> list[str]:
    """Return the possible numbers in a short text in international form; none where there is none."""
    try:
        whole = phonenumbers.parse(text, REGION)
    except phonenumbers.NumberParseException:
        whole = PhoneNumber()
    if phonenumbers.is_possible_number(whole):
        found = [whole]
    else:  # two numbers, or a number with a note beside it
        found = [match.number for match in PhoneNumberMatcher(text, REGION, leniency=Leniency.POSSIBLE)]
    return [phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL) for number in found]
