"""Pelican's settings for the development site; publishconf.py overrides what production changes."""

import logging
import os
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

from plugins import (
    checks,
    collection_contract,
    comparison,
    drafts,
    economy,
    feeds,
    form_json,
    hashed_names,
    mistakes,
    notices,
    quotes,
    redirects,
    sitemap,
    statement,
    structured_data,
    stylesheet,
    table_alignment,
    web_server,
)

ROOT = Path(__file__).parent
SAST = timezone(timedelta(hours=2), "SAST")  # South Africa keeps one time all year

ORGANISATION = mistakes.read_toml(ROOT / "content/organisation.toml")
PROMISES = mistakes.read_toml(ROOT / "content/promises.toml")


def site_date() -> date:
    """Return the day to build the site for: today, unless the environment names another."""
    day = os.environ.get("SITE_DATE") or datetime.now(SAST).date().isoformat()
    try:
        return date.fromisoformat(day)
    except ValueError:
        raise SystemExit(f'SITE_DATE: "{day}" is no date; write it like 2027-01-31.') from None


SITE_DATE = site_date()
SHOW_DRAFTS = True
LIVE_RELOAD = True
STOP_AT_MISTAKES = False

SITENAME = AUTHOR = ORGANISATION["name"]
SITEURL = ""
TIMEZONE = "Africa/Johannesburg"
DEFAULT_LANG = "en"
DEFAULT_DATE_FORMAT = "%-d %B %Y"
LOCALE = ("C.UTF-8",)

PATH = "content"
OUTPUT_PATH = "preview"
THEME = "theme"
THEME_STATIC_PATHS: list[str] = []  # plugins/hashed_names.py copies theme/static/
PLUGINS = [
    mistakes,
    checks,
    economy,
    drafts,
    hashed_names,
    stylesheet,
    statement,
    comparison,
    collection_contract,
    notices,
    quotes,
    feeds,
    form_json,
    redirects,
    sitemap,
    structured_data,
    table_alignment,
    web_server,
]

# A page's address is its place in content/: pages/products/imqs-water.md is /products/imqs-water/, and
# notices/mail-server.md is /notices/mail-server/.
PATH_METADATA = r"(?:(?:pages|news)/)?(?P<slug>.+?)(?:/index)?\.md"
FILENAME_METADATA = ""  # plugins/statement.py reads the dates in names, and says what is wrong with one
PAGE_PATHS = ["pages", "privacy", "notices"]
PAGE_URL = DRAFT_PAGE_URL = "{slug}/"
PAGE_SAVE_AS = DRAFT_PAGE_SAVE_AS = "{slug}/index.html"
ARTICLE_PATHS = ["news"]
ARTICLE_URL = DRAFT_URL = "news-articles/{slug}/"
ARTICLE_SAVE_AS = DRAFT_SAVE_AS = "news-articles/{slug}/index.html"
IGNORE_FILES = [".*"]  # what editors keep beside an open file; Pelican's own pattern misses it
STATIC_PATHS = ["images"]
USE_FOLDER_AS_CATEGORY = False
DEFAULT_METADATA = {"category": "news"}  # Pelican wants one of every article
FORMATTED_FIELDS = ["summary", "decisions"]  # written in Markdown

# No page is another's translation. Pelican sorts by this too, which makes two builds alike.
PAGE_TRANSLATION_ID = ARTICLE_TRANSLATION_ID = "source_path"

# Of these plugins/checks tells editors more: the file, the line and what to do.
LOG_FILTER = [
    (logging.WARNING, "Duplicate definition of `%s` for %s. Using first one."),
    (logging.WARNING, "Empty alt attribute for image %s in %s"),
    (logging.WARNING, "Unable to find '%s', skipping url replacement."),
]

# Every page is a file in content/, the list of news included: Pelican makes none by itself.
DIRECT_TEMPLATES: list[str] = []
ARCHIVES_SAVE_AS = AUTHOR_SAVE_AS = AUTHORS_SAVE_AS = ""
CATEGORY_SAVE_AS = CATEGORIES_SAVE_AS = TAG_SAVE_AS = TAGS_SAVE_AS = ""
FEED_ALL_ATOM = CATEGORY_FEED_ATOM = TRANSLATION_FEED_ATOM = None
AUTHOR_FEED_ATOM = AUTHOR_FEED_RSS = None

MARKDOWN = {
    "extensions": [
        "markdown.extensions.abbr",
        "markdown.extensions.attr_list",
        "markdown.extensions.def_list",
        "markdown.extensions.meta",
        "markdown.extensions.tables",
        "markdown.extensions.toc",
    ],
    "output_format": "html5",
}
