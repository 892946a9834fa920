"""The one stylesheet, minified, which every page holds inline."""

import re
from pathlib import Path

from markupsafe import Markup
from pelican import Pelican
from rcssmin import cssmin

FONT = re.compile(r"url\((fonts/[^)]+)\)")


def minify(pelican: Pelican) -> None:
    """Put STYLESHEET among the settings, where templates find it, with the fonts' addresses (THEME_FILES)."""
    files = pelican.settings["THEME_FILES"]
    style = cssmin(Path(pelican.settings["THEME"], "site.css").read_text("utf-8"))
    style = FONT.sub(lambda found: f"url({files[found[1]]})", style)
    pelican.settings["STYLESHEET"] = Markup(style)  # noqa: S704 - our own file
