"""Pictures in content/images and in the theme."""

from pelican import signals

from plugins.pictures import hashed_names


def register() -> None:
    """Connect to Pelican."""
    signals.initialized.connect(hashed_names.name_theme_files)
    signals.content_object_init.connect(hashed_names.follow_images)
    signals.static_generator_finalized.connect(hashed_names.name_images)
    signals.page_writer_finalized.connect(hashed_names.copy_theme_files)
