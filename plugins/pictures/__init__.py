"""Pictures in content/images and in the theme."""

from pelican import signals

from plugins.pictures import hashed_names, markup


def register() -> None:
    """Connect to Pelican."""
    signals.initialized.connect(hashed_names.name_theme_files)
    signals.content_object_init.connect(markup.show_pictures)
    signals.page_writer_finalized.connect(markup.write_pictures)
    signals.page_writer_finalized.connect(hashed_names.copy_theme_files)
