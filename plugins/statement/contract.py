"""The contract between the statement's words and the form's fields: either changed alone is a mistake."""

import re
from collections.abc import Iterator

from form_backend.labels import collected
from plugins.reading.document import Document
from plugins.reading.mistakes import Mistake
from plugins.reading.site import Site

LABELS = "form_backend/labels.py"
HEADING = re.compile(r"^#+ .*\{:.*#what-we-collect\b")
ITEM = re.compile(r"^[-*] +(.+?)\s*$")


def check(site: Site) -> Iterator[Mistake]:
    """Compare the version in force, and each that is to follow it, with the fields asked under it."""
    for version in [*site.context["STATEMENT_VERSIONS"], *site.context["STATEMENT_DRAFTS"]]:
        if version.effective >= site.context["STATEMENT"].effective:
            yield from differences(version.document, set(collected(str(version.effective)).values()))


def differences(version: Document, labels: set[str]) -> Iterator[Mistake]:
    """Find what the form asks for and the version does not list, and the other way round."""
    heading, items = listed(version)
    for item in items.keys() - labels:
        wrong = f'The statement says that we collect "{item}", but no field of the form has this label.'
        yield version.path, items[item], f"{wrong} Take the item out, or add the field to {LABELS}."
    for label in labels - items.keys():
        wrong = f'The enquiry form asks for "{label}", but the statement does not list it.'
        yield version.path, heading, f"{wrong} List it under this heading, or take the field out of {LABELS}."


def listed(version: Document) -> tuple[int, dict[str, int]]:
    """Return the line of the heading with the id what-we-collect, and the items under it with their lines."""
    heading, items, inside = 1, {}, False
    for number, line in enumerate(version.lines, 1):
        if line.startswith("#"):
            inside = bool(HEADING.match(line))
            heading = number if inside else heading
        elif inside and (item := ITEM.match(line)):
            items[item[1]] = number
    return heading, items
