"""Access tokens by the client-credentials grant (RFC 6749, 4.4): kept in memory, renewed in time."""

import json
import re
from email.message import Message
from email.utils import parsedate_to_datetime
from http.client import HTTPException, HTTPSConnection
from time import monotonic, time
from typing import Any
from urllib.parse import urlencode

import gevent
from gevent.event import AsyncResult

from form_backend import log
from form_backend.mail.deadline import within
from form_backend.mail.outcomes import TokenError
from form_backend.mail.sockets import connect, tls_context
from form_backend.settings import OAuth, Settings

LARGEST = 64 * 1024  # bytes of an answer
UNKNOWN_LIFETIME = 300  # seconds, where the endpoint names none that can be understood
LONGEST_LIFETIME = 24 * 60 * 60
RENEWED = 0.75  # of its lifetime: when a token is renewed ...
SPENT = 0.95  # ... and when it is used no more
LEAST_PAUSE, LONGEST_PAUSE = 1, 300  # seconds after a failure in which the endpoint is not asked again
BEARER_TOKEN = re.compile(r"[\x21-\x7e]+")


class Tokens:
    """The token that all connections share; one request for the next is under way at most."""

    def __init__(self, oauth: OAuth, settings: Settings) -> None:
        """Ask for no token yet."""
        self._oauth, self._longest = oauth, settings.mail_deadline
        self._tls = tls_context(settings, public=True)
        self._token = ""
        self._renew_at = self._spent_at = self._asked_again_at = 0.0
        self._answer: AsyncResult[str] = AsyncResult()
        self._asking = False

    def get(self, expires: float) -> tuple[str, bool]:
        """Return a token, and whether it was kept from before; raises TokenError."""
        self._renew()
        if monotonic() < self._spent_at:
            return self._token, True
        try:
            with within(expires):
                return str(self._answer.get()), False
        except TimeoutError as error:
            raise TokenError from error

    def discard(self, token: str) -> None:
        """Use this token no more, since a relay refused it."""
        if token == self._token:
            self._renew_at = self._spent_at = 0.0

    def tend(self, *, wanted: bool) -> None:
        """Renew the token in the background, where one is wanted soon or the one that is kept grows old."""
        if wanted or monotonic() < self._spent_at:
            self._renew()

    def _renew(self) -> None:
        now = monotonic()
        if now >= max(self._renew_at, self._asked_again_at) and not self._asking:
            self._asking, self._answer = True, AsyncResult()
            gevent.spawn(self._fetch, self._answer)

    def _fetch(self, answer: "AsyncResult[str]") -> None:
        """Ask for a token, in a greenlet of its own: it goes on when those who wait have given up."""
        began, status, pause = monotonic(), None, 0.0
        try:
            with within(began + self._longest):
                status, headers, body = self._post(began + self._longest)
            pause = _pause(headers)
            self._token, lifetime = _token_and_lifetime(status, body)
        except (OSError, HTTPException, ValueError, RecursionError) as error:
            self._asked_again_at = monotonic() + max(pause, LEAST_PAUSE)
            log.event("oauth", level="warning", status=status, error=type(error).__name__)
            failure = error if isinstance(error, TokenError) else TokenError(status)
            failure.__cause__ = None if failure is error else error
            answer.set_exception(failure)
        else:
            self._renew_at, self._spent_at = began + lifetime * RENEWED, began + lifetime * SPENT
            log.event("oauth", status=status)
            answer.set(self._token)
        finally:
            self._asking = False

    def _post(self, expires: float) -> tuple[int, Message, bytes]:
        oauth = self._oauth
        grant = {
            "grant_type": "client_credentials",
            "client_id": oauth.client_id,
            "client_secret": oauth.client_secret,
            "scope": oauth.scope,
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        tcp, _unanswered = connect(oauth.host, oauth.port, expires)
        connection = HTTPSConnection(oauth.host, oauth.port, context=self._tls)
        try:
            connection.sock = self._tls.wrap_socket(tcp, server_hostname=oauth.host)
            connection.request("POST", oauth.path, urlencode(grant), headers)
            response = connection.getresponse()
            return response.status, response.headers, response.read(LARGEST)
        finally:
            connection.close()
            tcp.close()


def _pause(headers: Message) -> float:
    """Return the seconds for which the endpoint wants to be left alone."""
    after = headers.get("Retry-After", "").strip()
    try:
        seconds = float(after) if after.isdigit() else parsedate_to_datetime(after).timestamp() - time()
    except (ValueError, OverflowError):
        return 0
    return min(seconds, LONGEST_PAUSE)


def _token_and_lifetime(status: int, body: bytes) -> tuple[str, float]:
    """Return what the endpoint's answer holds; raises TokenError or ValueError."""
    answer: Any = json.loads(body) if status == 200 else _error(body)
    if status != 200:
        raise TokenError(status, answer)
    token = answer.get("access_token") if isinstance(answer, dict) else None
    if not isinstance(token, str) or not BEARER_TOKEN.fullmatch(token):
        raise TokenError(status, "the answer holds no token")
    if str(answer.get("token_type", "bearer")).casefold() != "bearer":
        raise TokenError(status, "the token is of another type than Bearer")
    return token, _lifetime(answer.get("expires_in"))


def _error(body: bytes) -> str:
    """Return what RFC 6749 lets the endpoint say about a refusal."""
    try:
        answer = json.loads(body)
        return f"{answer['error']} {answer.get('error_description', '')}".strip()
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return ""


def _lifetime(seconds: object) -> float:
    """Return how long a token may be kept; not at all where it has expired already."""
    try:
        lifetime = float(str(seconds))
    except ValueError:
        return UNKNOWN_LIFETIME
    return min(lifetime, LONGEST_LIFETIME) if lifetime > 0 else 0
