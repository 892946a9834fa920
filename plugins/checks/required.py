"""What the law or other parts of the website need, so that nobody takes it away without a word."""

import re
from collections.abc import Iterator

from pelican.contents import Content

from plugins.reading.document import Document
from plugins.reading.mistakes import Mistake
from plugins.reading.site import Site

FORM = "[form]"
NOTE = "section 18 of POPIA wants people told what is collected, why, and what they may ask for"
TEMPLATES = {  # by address: the template that shows more than the page's own text, and what would be lost
    "/": ("home", "the map, the products and the news"),
    "/contact/": ("contact", "the e-mail address and the other ways to reach us"),
    "/enquiry/": ("form", "the form"),
    "/enquiry/sent/": ("sent", "the reference"),
    "/news-articles/": ("news", "the list of articles"),
    "/notices/": ("notices", "the list of notices"),
    "/products/": ("products", "the list of products"),
    "/your-information/": (
        "form",
        "the form for what people may ask by sections 23 and 24 of POPIA",
    ),
    "/your-information/sent/": ("sent", "the reference"),
}


def check(site: Site) -> Iterator[Mistake]:
    """Find what is needed and is not there."""
    pages = {f"/{page.url}": page for page in site.context["pages"]}
    for address, (template, lost) in TEMPLATES.items():
        if page := pages.get(address):
            yield from wrong_template(page, template, lost)
            if page.template == template == "form":
                yield from without_form(page.document, site.facts["statement"]["address"])
    sectors = site.facts["enquiry"]["sectors"]
    if site.organisation.text and "Other" not in sectors:
        reason = "whoever finds no sector of theirs could not send the form"
        line = site.organisation.line_with("sectors")
        yield site.organisation.path, line, f'The sector "Other" is missing. Add it, since {reason}.'
    yield from other_email(site)


def wrong_template(page: Content, template: str, lost: str) -> Iterator[Mistake]:
    """Find a page that would no longer show what only its template adds."""
    if page.template != template:
        wanted = f'"Template: {template}"'
        line = page.document.line("template")
        yield page.document.path, line, f"This page needs {wanted}. Without it {lost} would be missing."


def without_form(document: Document, statement: str) -> Iterator[Mistake]:
    """Find a page of a form without the place of the form, or without the privacy note that follows it."""
    lines = [line.strip() for line in document.lines]
    if lines.count(FORM) != 1:
        cure = f"Write {FORM} once, in a line of its own, with an empty line above and below."
        yield document.path, len(lines), f"This page does not say where its form belongs. {cure}"
        return
    at = lines.index(FORM)
    note = "\n".join(lines[at + 1 :])
    if [*lines, ""][at + 1] or lines[at - 1]:
        yield document.path, at + 1, f"{FORM} stands for the form. Put an empty line above and below it."
    if not re.sub(r"^#.*$", "", note, flags=re.MULTILINE).strip():
        yield (
            document.path,
            at + 1,
            f"The privacy note below {FORM} is missing. Write it again, since {NOTE}.",
        )
    elif f"]({statement}" not in note:
        cure = f"Add a link like [Customer Privacy Statement]({statement}), since {NOTE}."
        yield document.path, at + 1, f"The privacy note below {FORM} does not link to the statement. {cure}"


def other_email(site: Site) -> Iterator[Mistake]:
    """Find an address for requests that the statement in force does not name."""
    statement, email = site.context["STATEMENT"].document, site.facts["requests"]["email"]
    if site.organisation.text and email not in statement.text:
        lines = site.organisation.text.partition("[requests]")
        line = lines[0].count("\n") + 1 + lines[2].partition("email")[0].count("\n")
        cure = f'Put the old one back, write next = "{email}" below it, and publish a version that names it.'
        yield (
            site.organisation.path,
            line,
            f"{statement.path}, which is in force, does not name {email}. {cure}",
        )
