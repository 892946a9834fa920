"""The contract between the statement's words and the form's fields: either changed alone is a mistake.

The form's source is read, not imported: to load what a form needs takes half as long as to build the site.
"""

import ast
import re
from collections.abc import Mapping
from pathlib import Path

from pelican import signals
from pelican.contents import Page
from pelican.generators import Generator

from plugins.mistakes import report, shown

FORMS = "form_backend/forms.py"
HEADING = re.compile(r"^#+ .*\{:.*#what-we-collect\b")
ITEM = re.compile(r"^[-*] +(.+?)\s*$")
NOT_LISTED = {
    "message": "what the person chooses to write is the enquiry itself",
    "marketing": "a choice, which the statement promises under its own heading",
    "website": "the bot trap, which people leave empty",
}


def listed(path: Path) -> tuple[int, dict[str, int]]:
    """Return the line of the heading with the id what-we-collect, and the items under it with their lines."""
    heading, items, inside = 1, {}, False
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        if line.startswith("#"):
            inside = bool(HEADING.match(line))
            heading = number if inside else heading
        elif inside and (item := ITEM.match(line)):
            items[item[1]] = number
    return heading, items


def asked() -> list[str]:
    """Return the labels of the enquiry form's fields that hold personal information."""
    body = ast.parse((Path(__file__).parents[1] / FORMS).read_text("utf-8")).body
    made = {node.name: node for node in body if isinstance(node, ast.ClassDef | ast.FunctionDef)}
    fields = {
        ast.unparse(field.targets[0]): field.value
        for form in ("SiteForm", "EnquiryForm")
        for field in made[form].body
        if isinstance(field, ast.Assign) and isinstance(field.value, ast.Call)
    }
    return [label(call, made) for name, call in fields.items() if name not in NOT_LISTED]


def label(field: ast.Call, made: Mapping[str, ast.stmt]) -> str:
    """Return the first argument of a field, or of the one that a function returns."""
    if maker := made.get(ast.unparse(field.func)):
        returned = (node.value for node in ast.walk(maker) if isinstance(node, ast.Return))
        [field] = [value for value in returned if isinstance(value, ast.Call)]
    return str(ast.literal_eval(field.args[0]))


def compare(generators: list[Generator]) -> None:
    """Compare the form with the version in force and with each that is to follow it."""
    context = generators[0].context
    for version in [*context["STATEMENT_VERSIONS"], *context["STATEMENT_DRAFTS"]]:
        if version.effective >= context["STATEMENT"].effective:
            compare_with(version)


def compare_with(version: Page) -> None:
    """Find what a version and the form do not both name."""
    path = Path(version.source_path)
    (heading, items), labels = listed(path), asked()
    name = shown(path, version.settings)
    for item in items.keys() - labels:
        wrong = f'The statement says that we collect "{item}", but no field of the form has this label.'
        report(name, items[item], f"{wrong} Take the item out, or add the field to {FORMS}.")
    for label in set(labels) - items.keys():
        wrong = f'The enquiry form asks for "{label}", but the statement does not list it.'
        report(name, heading, f"{wrong} List it under this heading, or take the field out of {FORMS}.")


def register() -> None:
    """Connect to Pelican, for when the statement in force is known."""
    signals.all_generators_finalized.connect(compare)
