"""form.json: all that the form backend reads of the built site besides its frames."""

import json
from pathlib import Path
from typing import Any

from pelican import signals
from pelican.generators import PagesGenerator


def write_form_json(generator: PagesGenerator, writer: object) -> None:  # noqa: ARG001 - Pelican sends both
    """Write sectors, topics, addresses, statement versions, notices and the headers of every answer."""
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
        "notices": notices(generator.context),
        "headers": generator.settings["SECURITY_HEADERS"],
    }
    target = Path(generator.output_path, "form.json")
    target.write_text(json.dumps(facts, ensure_ascii=False, indent=2) + "\n", "utf-8")


def notices(context: dict[str, Any]) -> dict[str, Any]:
    """Return each notice by its name; a draft, which only the preview holds, has no page to link to."""
    return {
        page.notice.name: {
            "title": page.notice.title,
            "facts": page.notice.facts,
            "contact_email": page.notice.contact_email,
            "text": page.notice.text,
            "page": None if page.status == "draft" else f"/{page.url}",
        }
        for page in [*context["NOTICES"], *context["NOTICE_DRAFTS"]]
    }


def register() -> None:
    """Connect to Pelican."""
    signals.page_writer_finalized.connect(write_form_json)
