"""The Customer Privacy Statement: its versions, what changed between them, and what it has to agree with."""

from plugins.statement import comparison, versions


def register() -> None:
    """Connect to Pelican."""
    versions.register()
    comparison.register()
