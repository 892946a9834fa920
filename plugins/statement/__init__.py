"""The Customer Privacy Statement: its versions, what changed between them, and what it has to agree with."""

from pelican import Pelican, signals

from plugins.statement import comparison, versions


def add_filters(pelican: Pelican) -> None:
    """Let templates write `{{ new|changes_since(old) }}`, and loop over `page.content|chapters`."""
    filters = {"changes_since": comparison.changes_since, "chapters": versions.chapters}
    pelican.settings["JINJA_FILTERS"].update(filters)


def register() -> None:
    """Connect to Pelican."""
    signals.initialized.connect(add_filters)
    signals.page_generator_finalized.connect(versions.publish_versions)
