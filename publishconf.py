"""What production changes in Pelican's settings."""

from pelicanconf import *  # noqa: F403 - Pelican's own way to layer settings

OUTPUT_PATH = "output"
DELETE_OUTPUT_DIRECTORY = True
LIVE_RELOAD = False
