"""HTTP: routes, the guards before a form is read, error pages, and what every response has."""

from time import monotonic

from flask import Flask, Response, g, request

from form_backend.forms import FORMS
from form_backend.submission import Services
from form_backend.web import responses
from form_backend.web.client import client_hash
from form_backend.web.form_page import FormPage, ThankYouPage


def register(app: Flask, services: Services) -> None:
    """Add the routes, and count each post before a view sees it."""

    @app.before_request
    def begin() -> None:
        g.began = monotonic()
        if request.method == "POST":
            g.client = client_hash(services.settings.secret_key, request.remote_addr)
            services.memory.limits.count_post(g.client)

    for name, form_class in FORMS.items():
        app.add_url_rule(f"/{name}/", view_func=FormPage.as_view(name, form_class, services))
        app.add_url_rule(f"/{name}/sent/", view_func=ThankYouPage.as_view(f"{name}_sent", name, services))
    app.add_url_rule("/healthz", "healthz", lambda: Response("ok\n", mimetype="text/plain"))
    responses.register(app, services)
