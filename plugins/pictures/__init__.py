"""Pictures of editors and of the theme, under names by which browsers may keep them."""

from plugins.pictures import hashed_names


def register() -> None:
    """Connect to Pelican."""
    hashed_names.register()
