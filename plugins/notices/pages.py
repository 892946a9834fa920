"""Security-breach notices on the website: a page each, a list, and a banner while one is active.

docs/editing.md says how one is written. Without a notice there is no trace of any of this.
"""

from collections.abc import Iterator
from datetime import date

from pelican.contents import Page
from pelican.generators import PagesGenerator
from pelican.utils import SafeDatetime

from plugins.notices.notice import Notice, mistakes, read
from plugins.reading.document import Document
from plugins.reading.mistakes import Found, Mistake
from plugins.reading.site import Site


def check(site: Site) -> Iterator[Mistake]:
    """Find what is wrong with notices, those still to come too."""
    for document in site.documents:
        if document.folder == "notices":
            found = mistakes_in(document, site.settings["SITE_DATE"])
            yield from ((document.path, line, sentences) for line, sentences in found)


def mistakes_in(document: Document, today: date) -> Iterator[Found]:
    """Find what is wrong with a notice; its place comes first."""
    if document.path.count("/") > 2:
        yield 1, "Notices lie side by side. Move the file up into the notices folder itself."
    else:
        yield from mistakes(document, today)


def publish_notices(generator: PagesGenerator) -> None:
    """Give templates NOTICES, the newest first, and ACTIVE_NOTICES; what is not published yet is a draft."""
    today = generator.settings["SITE_DATE"]
    published: list[Page] = []
    drafts: list[Page] = []
    others: list[Page] = []
    for page in generator.pages:
        if page.document.folder != "notices":
            others.append(page)
        elif not any(mistakes_in(page.document, today)):  # one with a mistake is left out
            prepare(page, read(page.document))
            page.to_come = page.notice.published if page.notice.published > today else None
            (drafts if page.to_come else published).append(page)
    drafts = drafts if generator.settings["SHOW_DRAFTS"] else []
    for page in drafts:
        page.status = "draft"
    if not published:
        others = [page for page in others if page.template != "notices"]
    generator.pages[:] = others + drafts + published  # in place, since templates see this very list
    published.sort(key=lambda page: (page.notice.published, page.url), reverse=True)
    generator.context["NOTICES"] = published
    generator.context["NOTICE_DRAFTS"] = drafts
    generator.context["ACTIVE_NOTICES"] = [page for page in published if page.notice.until >= today]


def prepare(page: Page, notice: Notice) -> None:
    """Give the page what its template and the feed show."""
    page.notice, page.template = notice, "notice"
    page.date = SafeDatetime(*notice.published.timetuple()[:3])
    page.modified = SafeDatetime(*notice.updated.timetuple()[:3])
    page.metadata["summary"] = page.description = (
        "Security-breach notice: what happened, what it means for you and what you should do. "
        f"Date of the breach: {notice.breached}"
    )
