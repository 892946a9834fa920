"""The form backend: e-mails what people type into the website's forms to staff, and keeps nothing."""

import logging.config
from threading import BoundedSemaphore
from typing import TYPE_CHECKING

import phonenumbers
from flask import Flask
from icalendar import Event
from jinja2 import StrictUndefined
from limits.storage import MemoryStorage, Storage
from werkzeug.middleware.proxy_fix import ProxyFix

from form_backend import answers, check_mail, log, notices, sandbox, views
from form_backend.delivered import Delivered
from form_backend.limits import Limits
from form_backend.relay import MOST_IN_FLIGHT, Relays
from form_backend.settings import Settings
from form_backend.token import References

if TYPE_CHECKING:
    from form_backend.shared_store import Claims


def create_app() -> Flask:
    """Return the app that the environment describes; ends with a SettingsError where it is wrong."""
    logging.config.dictConfig(log.config(quote_libraries=False))
    settings = Settings.from_environ()
    sandbox.enter(settings)  # before anything that could start a thread

    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = views.MOST_BYTES
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True, "undefined": StrictUndefined}
    hops = settings.trusted_proxies
    app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops)  # type: ignore[method-assign]  # Flask's way

    answers.start_clock(app)
    counts, claims = _shared(settings)
    desk = views.Desk(
        settings,
        views.open_site(settings),
        Limits(app, settings, counts),
        Relays(settings),
        Delivered(claims),
        References(settings.secret_key),
        BoundedSemaphore(MOST_IN_FLIGHT),
    )
    views.register(app, desk)
    answers.register(app, desk)
    _read_ahead(app)
    app.cli.add_command(notices.command(desk))
    app.cli.add_command(check_mail.command(desk))
    log.event("started")
    return app


def _shared(settings: Settings) -> "tuple[Storage, Claims | None]":
    """Return where posts are counted, and what other processes know, where the settings name a store."""
    if settings.limits_url == "memory://":
        return MemoryStorage(), None
    from form_backend.shared_store import Claims, Counts, Store  # noqa: PLC0415 - see there

    store = Store.at(settings.limits_url)
    return Counts(settings.limits_url, store), Claims(store, settings.mail_deadline)


def _read_ahead(app: Flask) -> None:
    """Read now what libraries would read at its first use, so that no file is needed while people wait.

    phonenumbers reads each country's numbers under a lock that it keeps for good where reading fails.
    """
    phonenumbers.PhoneMetadata.load_all()
    Event.new().to_ical()
    for name in app.jinja_env.list_templates():
        app.jinja_env.get_template(name)
