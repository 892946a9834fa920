"""Put the form backend together."""

import logging.config
from typing import TYPE_CHECKING

import phonenumbers
from flask import Flask
from icalendar import Event
from werkzeug.middleware.proxy_fix import ProxyFix

from form_backend import commands, log, sandbox, web
from form_backend.forms import open_site
from form_backend.mail.relays import Relays
from form_backend.memory import open_memory
from form_backend.messages import JINJA_OPTIONS
from form_backend.settings import Settings
from form_backend.submission import Services
from form_backend.web.guards import MOST_BYTES

if TYPE_CHECKING:
    from form_backend.mail.encryption import Encryption


def create_app() -> Flask:
    """Return the app that the environment describes; a wrong setting ends with a SettingsError."""
    logging.config.dictConfig(log.config(quote_libraries=False))
    settings = Settings.from_environ()
    sandbox.enter(settings)  # before anything that could start a thread

    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MOST_BYTES
    app.jinja_options = JINJA_OPTIONS
    hops = settings.trusted_proxies
    app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops)  # type: ignore[method-assign]  # Flask's way

    site, memory = open_site(settings), open_memory(settings)
    services = Services(settings, site, memory, Relays(settings), _encryption(settings))
    web.register(app, services)
    commands.register(app, services)
    _preload(app)
    log.event("started")
    return app


def _encryption(settings: Settings) -> "Encryption | None":
    """Return what encrypts mail to staff, where certificates are configured."""
    if settings.mail_certificates is None:
        return None
    from form_backend.mail.encryption import Encryption  # noqa: PLC0415 - it loads a large library

    return Encryption(settings.mail_certificates, settings)


def _preload(app: Flask) -> None:
    """Read now what libraries would read at their first use, so that no file is needed while people wait.

    phonenumbers reads each country's numbers under a lock that it keeps for good where reading fails.
    """
    phonenumbers.PhoneMetadata.load_all()
    Event.new().to_ical()
    for name in app.jinja_env.list_templates():
        app.jinja_env.get_template(name)
