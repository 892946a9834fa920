"""What production changes in Pelican's settings."""

from pelican.plugins import precompress

from pelicanconf import *  # noqa: F403 - Pelican's own way to layer settings
from pelicanconf import PLUGINS

OUTPUT_PATH = "output"
DELETE_OUTPUT_DIRECTORY = True
SHOW_DRAFTS = False
LIVE_RELOAD = False
STOP_AT_MISTAKES = True
DRAFT_SAVE_AS = DRAFT_PAGE_SAVE_AS = ""  # no draft leaves the preview

PLUGINS = [*PLUGINS, precompress]  # .br and .gz beside each file, for the web server
PRECOMPRESS_TEXT_EXTENSIONS = [".html", ".svg", ".txt", ".xml"]
PRECOMPRESS_ZSTANDARD = PRECOMPRESS_ZOPFLI = False  # Debian's nginx has no module for the first
