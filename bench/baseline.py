"""The smallest WSGI app that answers the form's two requests: it shows what gunicorn alone can do."""

import os
from collections.abc import Iterable
from pathlib import Path
from wsgiref.types import StartResponse, WSGIEnvironment

PAGE = Path(os.environ["PAGE"]).read_bytes()


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Return a page of the form's size, or read the posted body and redirect."""
    if environ["REQUEST_METHOD"] == "GET":
        start_response("200 OK", [("Content-Type", "text/html"), ("Content-Length", str(len(PAGE)))])
        return [PAGE]
    environ["wsgi.input"].read()
    start_response("303 See Other", [("Location", "/enquiry/sent/"), ("Content-Length", "0")])
    return []
