"""Put the form backend together."""

import logging.config

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

    services = Services(settings, open_site(settings), open_memory(settings), Relays(settings))
    web.register(app, services)
    commands.register(app, services)
    _preload(app)
    log.event("started")
    return app


def _preload(app: Flask) -> None:
    """Read now what libraries would read at their first use, so that no file is needed while people wait.

    phonenumbers reads each country's numbers under a lock that it keeps for good where reading fails.
    """
    phonenumbers.PhoneMetadata.load_all()
    Event.new().to_ical()
    for name in app.jinja_env.list_templates():
        app.jinja_env.get_template(name)
