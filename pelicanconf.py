"""Pelican's settings for the development site; publishconf.py overrides what production changes."""

import logging
import os
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from plugins import checks, notices, output, pictures, reading, statement
from plugins.reading.toml import read_toml

ROOT = Path(__file__).parent
TIMEZONE = "Africa/Johannesburg"

ORGANISATION = read_toml(ROOT / "content/organisation.toml")
PROMISES = read_toml(ROOT / "content/promises.toml")


def site_date() -> date:
    """Return the day to build the site for: today, unless the environment names another."""
    day = os.environ.get("SITE_DATE") or datetime.now(ZoneInfo(TIMEZONE)).date().isoformat()
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
DEFAULT_LANG = "en"
DEFAULT_DATE_FORMAT = "%-d %B %Y"
LOCALE = ("C.UTF-8", "en_US.UTF-8")  # a Mac may have only the second, which writes days alike

PATH = "content"
OUTPUT_PATH = "preview"
THEME = "theme"
JINJA_ENVIRONMENT = {"autoescape": True}
THEME_STATIC_PATHS: list[str] = []  # plugins/pictures/hashed_names.py copies theme/static/
PLUGINS = [reading, statement, notices, pictures, output, checks]

# A page's address is its place in content/: pages/products/imqs-water.md is /products/imqs-water/, and
# notices/mail-server.md is /notices/mail-server/.
PATH_METADATA = r"(?:(?:pages|news)/)?(?P<slug>.+?)(?:/index)?\.md"
FILENAME_METADATA = ""  # plugins/statement/versions.py reads the dates in names, and checks them
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

# Warnings that plugins/checks replaces by mistakes with file, line and cure.
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
