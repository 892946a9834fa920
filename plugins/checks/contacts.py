"""E-mail addresses and telephone numbers: those of content/organisation.toml, and no others."""

import re
from collections.abc import Iterator
from typing import Any

from plugins.reading.mistakes import Mistake, suggestion
from plugins.reading.site import Site

EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]++@[\w-]+(?:\.[\w-]+)+")
TELEPHONE = re.compile(r"(?<![\w.,/+-])(?:\+\d|\(?0\d)[\d \u00a0()-]{6,16}\d(?!\w)")
CURE = "Correct it, or add it to content/organisation.toml."
LENGTHS = range(9, 12)  # digits of a number within the country, give or take one


def check(site: Site) -> Iterator[Mistake]:
    """Find addresses and numbers that the organisation file does not hold."""
    facts = "\n".join(texts(site.facts))
    emails = {email.lower() for email in EMAIL.findall(facts)}
    telephones = {digits(number): number for number in TELEPHONE.findall(facts)}
    yield from not_for_contact(site)
    for document in site.documents:
        # The search for addresses looks at every word, which takes long.
        for line, email in document.find(EMAIL) if "@" in document.text else []:
            for_this_notice = document.folder == "notices" and line == document.line("contact")
            if email.lower() not in emails and not for_this_notice:
                cure = suggestion(email, emails, CURE)
                yield document.path, line, f"{email} is none of our e-mail addresses. {cure}"
        for line, number in document.find(TELEPHONE):
            is_one = number.startswith("+") or len(digits(number)) in LENGTHS
            if is_one and digits(number) not in telephones:
                cure = suggestion(number, telephones.values(), CURE)
                yield document.path, line, f"{number} is none of our telephone numbers. {cure}"


def not_for_contact(site: Site) -> Iterator[Mistake]:
    """Find the address for requests about personal information where people ask about other things."""
    requests, contact = site.facts["requests"]["email"], site.facts["contact"]["email"]
    for document in site.documents if requests != contact else []:
        if document.folder in ("news", "pages") and "/your-information/" not in document.path:
            for line, email in document.find(EMAIL):
                if email.lower() == requests.lower():
                    cure = f"Write {contact}, or name the page that it is for: /your-information/."
                    yield (
                        document.path,
                        line,
                        f"{email} only answers requests about personal information. {cure}",
                    )


def texts(facts: Any) -> Iterator[str]:
    """Yield all texts in the organisation file."""
    if isinstance(facts, str):
        yield facts
    elif isinstance(facts, dict | list):
        for fact in facts.values() if isinstance(facts, dict) else facts:
            yield from texts(fact)


def digits(number: str) -> str:
    """Return a number as it is dialled within the country."""
    return re.sub(r"\D", "", re.sub(r"^\+27\D*0?", "0", number))
