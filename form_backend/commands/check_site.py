"""Check that a built site can serve the forms: `python -m form_backend.commands.check_site DIR`.

It reads the site as the form backend does, shows both forms, writes a mail of each and sends nothing. It
needs no settings, so that whoever publishes the site can run it before the switch.
"""

import sys
from pathlib import Path

from flask import Flask, render_template
from werkzeug.datastructures import MultiDict

from form_backend.forms import FORMS, SiteForm
from form_backend.forms.reference import content_digest
from form_backend.forms.token import new_lineage
from form_backend.messages import JINJA_OPTIONS, compose
from form_backend.settings import Settings
from form_backend.signs import weigh
from form_backend.site import Facts, Site

ANSWERS = {
    "name": "A name",
    "phone": "012 345 6789",
    "email": "name@example.org",
    "message": "A message",
    "request": "update",
    "details": "Details",
}
SECRET = "only for the check of a site: 0123456789"  # noqa: S105 - it guards nothing
STAFF = "staff@example.org"


def main() -> None:
    """Exit with status 1 and a sentence where the site cannot be used."""
    if len(sys.argv) != 2:
        raise SystemExit("Name the folder of the built site, like: output")
    folder = Path(sys.argv[1])
    facts = Site(folder, FORMS).facts
    app = Flask("form_backend", static_folder=None)
    app.jinja_options = JINJA_OPTIONS
    for form_class in FORMS.values():
        try:
            with app.test_request_context(method="POST"):
                _try_form(form_class, facts, folder)
        except Exception as error:  # noqa: BLE001 - whatever is wrong, this site must not be published
            raise SystemExit(
                f"{folder}: no {form_class.kind} can be sent from it: {type(error).__name__}, {error}. "
                "Correct content/organisation.toml."
            ) from None


def _try_form(form_class: type[SiteForm], facts: Facts, folder: Path) -> None:
    """Show a form and write its mail; raises what stands in the way."""
    empty = form_class(facts, SECRET, 0, formdata=None)
    token = empty.tokens.issue(new_lineage())
    answers = ANSWERS | {"sector": facts.sectors[0], "token": token}
    form = form_class(facts, SECRET, 0, formdata=MultiDict(answers))
    if not form.validate():
        raise ValueError(f"a good form is refused: {form.errors}")
    render_template("form/form.html", form=form, problem="busy", minutes=1, mailto=str, reference="", note="")
    digest = content_digest(SECRET, form.name_of_form, form.answers)
    compose(form, weigh(form, networks=0), digest, [STAFF], _settings(folder)).as_bytes()


def _settings(folder: Path) -> Settings:
    """Return settings that are good enough to write a mail."""
    return Settings.from_environ(
        {
            "FLASK_SECRET_KEY": SECRET,
            "FLASK_MAIL_RELAYS": "smtp://127.0.0.1",
            **dict.fromkeys(
                ("FLASK_MAIL_FROM", "FLASK_BOUNCES_TO", "FLASK_ENQUIRIES_TO", "FLASK_REQUESTS_TO"), STAFF
            ),
            "FLASK_SITE_DIR": str(folder),
        }
    )


if __name__ == "__main__":
    main()
