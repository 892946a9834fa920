"""form.json: all that the form backend reads of the built site besides its frames."""

import json
from typing import Any

from plugins.notices.plain_text import plain_text


def text(context: dict[str, Any]) -> str:
    """Return the facts that the forms need, the weights of signs, and the headers of every answer."""
    organisation = context["ORGANISATION"]
    facts = {
        "organisation": organisation["name"],
        "address": organisation["address"],
        "email": organisation["contact"]["email"],
        "requests_email": organisation["requests"]["email"],
        "answer_days": organisation["requests"]["answer_days"],
        "advertising": organisation["advertising"],
        "sectors": organisation["enquiry"]["sectors"],
        "topics": organisation["enquiry"]["topics"],
        "statement": context["STATEMENT"].effective.isoformat(),
        "statement_sha256": {
            version.effective.isoformat(): version.sha256 for version in context["STATEMENT_VERSIONS"]
        },
        "notices": notices(context),
        "headers": context["SECURITY_HEADERS"],
    }
    return json.dumps(facts, ensure_ascii=False, indent=2) + "\n"


def notices(context: dict[str, Any]) -> dict[str, Any]:
    """Return each notice by its name; a draft, which only the preview holds, has no page to link to."""
    return {
        page.notice.name: {
            "title": page.notice.title,
            "facts": page.notice.facts,
            "contact_email": page.notice.contact_email,
            "text": plain_text(page.content, f"{context['ORGANISATION']['address']}/{page.url}"),
            "page": None if page.status == "draft" else f"/{page.url}",
        }
        for page in [*context["NOTICES"], *context["NOTICE_DRAFTS"]]
    }
