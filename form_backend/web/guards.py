"""Guards before a form is read: it is a form, all of it arrived, and it came from our own page."""

from urllib.parse import parse_qsl

from flask import abort, request
from gunicorn.http.errors import ParseException
from werkzeug.datastructures import MultiDict

URLENCODED = "application/x-www-form-urlencoded"
MOST_BYTES = 256 * 1024  # 5,000 characters of any script fit, percent-encoded
MOST_FIELDS = 100  # our forms have a tenth of it; to read each takes time
NOT_WHOLE = "What you typed did not arrive whole, so we have sent nothing on. Press Back and send it again."
TOO_MANY_FIELDS = "What arrived is not one of our forms, so we have sent nothing on."
NOT_TEXT = (
    "What you typed did not arrive as UTF-8 text, so we have sent nothing on. "
    "Press Back and send it again with a current browser."
)


def posted_fields() -> MultiDict[str, str]:
    """Return the fields of the body; refuse one that is no form or did not arrive whole.

    So no half of a text is sent on, and none that was read otherwise than it was typed.
    """
    if request.mimetype != URLENCODED:
        abort(415, "A form can be sent only the way that a web page sends it, without files.")
    try:
        body = request.get_data()
    except (OSError, ParseException):  # the connection broke, or its chunks are malformed
        abort(400, NOT_WHOLE)
    if request.content_length is None and len(body) >= MOST_BYTES:
        abort(413)
    if len(body) != (request.content_length or len(body)):
        abort(400, NOT_WHOLE)
    if body.count(b"&") >= MOST_FIELDS:
        abort(400, TOO_MANY_FIELDS)
    try:
        return MultiDict(parse_qsl(body.decode(), keep_blank_values=True, errors="strict"))
    except UnicodeDecodeError:
        abort(400, NOT_TEXT)


def is_from_our_own_page() -> bool:
    """Trust the browser's word on where the form stood; where it says nothing, the token decides."""
    if fetch_site := request.headers.get("Sec-Fetch-Site"):
        return fetch_site in ("same-origin", "none")
    origin = request.headers.get("Origin", "null")  # `null` is a browser that keeps it to itself
    return origin == "null" or origin.partition("://")[2] == request.host
