"""form.json: all that the form backend needs to know of the built site besides its frames."""

import json
from pathlib import Path

from pelican import signals
from pelican.generators import PagesGenerator


def write_form_json(generator: PagesGenerator, writer: object) -> None:  # noqa: ARG001 - Pelican sends both
    """Write sectors, topics, public addresses, the statement in force and the headers for every answer."""
    organisation = generator.settings["ORGANISATION"]
    statement = generator.context["STATEMENT"]
    facts = {
        "organisation": organisation["name"],
        "address": organisation["address"],
        "email": organisation["contact"]["email"],
        "requests_email": organisation["requests"]["email"],
        "answer_days": organisation["requests"]["answer_days"],
        "sectors": organisation["enquiry"]["sectors"],
        "topics": organisation["enquiry"]["topics"],
        "statement": statement.effective.isoformat(),
        "statement_sha256": {
            version.effective.isoformat(): version.sha256
            for version in generator.context["STATEMENT_VERSIONS"]
        },
        "headers": generator.settings["SECURITY_HEADERS"],
    }
    target = Path(generator.output_path, "form.json")
    target.write_text(json.dumps(facts, ensure_ascii=False, indent=2) + "\n", "utf-8")


def register() -> None:
    """Connect to Pelican."""
    signals.page_writer_finalized.connect(write_form_json)
