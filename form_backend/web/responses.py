"""What every response has, the site's headers and a log line; and for an error, a page of the site.

After an error a posted form comes back with everything in it, even after a fault of ours.
"""

import secrets
from contextlib import suppress
from time import monotonic

from flask import Flask, Response, g, render_template, request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import HTTPException, InternalServerError
from werkzeug.wrappers import Response as AnyResponse

from form_backend import log
from form_backend.forms import FORMS
from form_backend.forms.reference import reference
from form_backend.submission import Services
from form_backend.web.form_page import posted_form, show_again

MOST_DRAINED = 2 * 1024 * 1024  # bytes
PROBLEM_OF_STATUS = {429: "too-many", 500: "fault"}  # errors after which the same form can be sent again


def register(app: Flask, services: Services) -> None:
    """Have the app answer every error with a page, and finish every response the same way."""

    @app.errorhandler(HTTPException)
    def refuse(error: HTTPException) -> AnyResponse:
        try:
            return _form_again(error, services) or _error_page(error, services)
        except HTTPException as worse:  # what was posted is no form after all
            return _error_page(worse, services)

    @app.errorhandler(Exception)
    def fail(error: Exception) -> AnyResponse:
        g.reference = reference(secrets.token_bytes(5))
        where = log.location(error.__traceback__)
        log.event("fault", level="error", error=type(error).__name__, where=where, reference=g.reference)
        fault = InternalServerError()
        with suppress(Exception):  # the form itself may be what fails; the error page stands in any case
            if shown := _form_again(fault, services):
                return shown
        return _error_page(fault, services)

    @app.after_request
    def finish(response: Response) -> Response:
        response.headers.extend(services.site.facts.headers)
        response.headers.setdefault("Cache-Control", "no-store")
        if request.endpoint != "healthz":
            log.event(
                "request",
                route=request.endpoint,
                status=response.status_code,
                outcome=g.get("outcome"),
                reference=g.get("reference"),
                duration_ms=round((monotonic() - g.began) * 1000),
            )
        return response


def _form_again(error: HTTPException, services: Services) -> Response | None:
    """Show the posted form with the error above it, where the error is one that Send can get over."""
    form_class, problem = FORMS.get(request.endpoint or ""), PROBLEM_OF_STATUS.get(error.code or 0)
    if form_class is None or problem is None or request.method != "POST":
        return None
    form = posted_form(form_class, services)
    return show_again(form, services, error.code or 500, problem, getattr(error, "retry_after", None))


def _error_page(error: HTTPException, services: Services) -> AnyResponse:
    """Return the error's frame, with the headers that belong to the error, such as Allow."""
    _drain()
    frame = services.site.error(error.code or 500)
    content = render_template("form/error.html", error=error, reference=g.get("reference"))
    response = error.get_response()
    response.mimetype, response.data = "text/html", frame.fill(content).encode()
    return response


def _drain() -> None:
    """Read what is left of a body, within reason: a browser that is cut off while sending shows no answer."""
    stream, left = request.environ["wsgi.input"], MOST_DRAINED
    with suppress(OSError, ParseException):
        while left > 0 and (chunk := stream.read(64 * 1024)):
            left -= len(chunk)
