"""The form backend: e-mails what people type into the website's forms to staff, and stores nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask


def create_app() -> Flask:
    """Return the app that the environment describes; the build imports `form_backend.labels` without it."""
    from form_backend import app  # noqa: PLC0415 - Flask and the libraries of the forms load only here

    return app.create_app()
