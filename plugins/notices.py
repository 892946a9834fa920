"""Security-breach notices: a page each, a list, a feed, and a banner on every page while one is active.

docs/editing.md says how one is written. Without a notice there is no trace of any of this.
"""

from pathlib import Path

from pelican import signals
from pelican.contents import Page
from pelican.generators import PagesGenerator
from pelican.utils import SafeDatetime
from pelican.writers import Writer

from plugins import feeds, notice_file
from plugins.mistakes import report, shown

FEED = "notices/atom.xml"


def read_notices(generator: PagesGenerator) -> None:
    """Read every notice, and find what is wrong with it; one with a mistake is none."""
    folder = Path(generator.settings["PATH"], "notices")
    generator.notices = {}
    for path in sorted(folder.rglob("[!.]*.md")):
        generator.notices[path] = None
        name = shown(path, generator.settings)
        if path.parent != folder:
            report(name, 1, "Notices lie side by side. Move the file up into the notices folder itself.")
            continue
        try:
            generator.notices[path] = notice_file.read(path)
        except notice_file.NoticeError as error:
            for line, problem in error.problems:
                report(name, line, problem)


def publish_notices(generator: PagesGenerator) -> None:
    """Give templates NOTICES, the newest first, and ACTIVE_NOTICES; what is not published yet is a draft."""
    today, show_drafts = generator.settings["SITE_DATE"], generator.settings["SHOW_DRAFTS"]
    published, others = [], []
    for page in generator.pages:
        path = Path(page.source_path)
        if path not in generator.notices:
            others.append(page)
        elif (notice := generator.notices[path]) and notice.published <= today:
            dress(page, notice)
            published.append(page)
        elif notice and show_drafts:
            dress(page, notice)
            page.status = "draft"
            others.append(page)
    if not published:
        others = [page for page in others if page.template != "notices"]
    generator.pages[:] = others + published  # in place, since templates see this very list
    published.sort(key=lambda page: (page.notice.published, page.url), reverse=True)
    generator.context["NOTICES"] = published
    generator.context["ACTIVE_NOTICES"] = [page for page in published if page.notice.until >= today]


def dress(page: Page, notice: notice_file.Notice) -> None:
    """Give the page what its template and the feed show."""
    page.notice, page.template = notice, "notice"
    page.date = SafeDatetime(*notice.published.timetuple()[:3])
    page.modified = SafeDatetime(*notice.updated.timetuple()[:3])
    page.metadata["summary"] = page.description = (
        "Security-breach notice: what happened, what it means for you and what you should do. "
        f"Date of the breach: {notice.breached}"
    )


def write_feed(generator: PagesGenerator, writer: Writer) -> None:
    """Write the Atom feed."""
    if notices := generator.context["NOTICES"]:
        feeds.write_feed(generator, writer, notices, FEED, "Security-breach notices")


def register() -> None:
    """Connect to Pelican."""
    signals.page_generator_init.connect(read_notices)
    signals.page_generator_finalized.connect(publish_notices)
    signals.page_writer_finalized.connect(write_feed)
