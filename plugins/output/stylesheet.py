"""The one stylesheet, minified, which every page holds inline."""

from pathlib import Path

from markupsafe import Markup
from pelican import Pelican
from rcssmin import cssmin


def minify(pelican: Pelican) -> None:
    """Put STYLESHEET among the settings, where templates find it."""
    style = cssmin(Path(pelican.settings["THEME"], "site.css").read_text("utf-8"))
    pelican.settings["STYLESHEET"] = Markup(style)  # noqa: S704 - our own file
