"""Pelican's settings for a production build without our checks; bench/site_builds.py copies it to them."""

import publishconf
from plugins import checks
from plugins.output import audit
from plugins.reading.html import HtmlReader
from publishconf import *  # noqa: F403 - Pelican's own way to layer settings

PLUGINS = [plugin for plugin in publishconf.PLUGINS if plugin is not checks]
audit.audit = lambda pelican: None  # noqa: ARG005 - as Pelican calls it
HtmlReader.read = lambda *_: None  # type: ignore[method-assign]  # only the checks read what it finds
