"""TCP and TLS sockets to a relay; they are gevent's, so that waiting lets others run."""

import socket as options
from time import monotonic

from gevent import ssl
from gevent.socket import getaddrinfo, socket

from form_backend.mail.deadline import within
from form_backend.settings import Settings, SettingsError

# An idle connection is probed after 20 seconds; it ends when three probes, 5 seconds apart, are not answered.
KEEPALIVE = {"TCP_KEEPIDLE": 20, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}  # Linux has all of these names


def tls_context(settings: Settings, *, public: bool = False) -> ssl.SSLContext:
    """Return a context that checks names; a bad file is a SettingsError.

    A certificate authority of one's own takes the place of the public ones, unless those count as well.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if public or settings.mail_ca_file is None:
        context.load_default_certs()
    try:
        if settings.mail_ca_file:
            context.load_verify_locations(settings.mail_ca_file)
    except OSError:  # ssl.SSLError is one
        raise SettingsError(
            "FLASK_MAIL_CA_FILE", "holds no certificates in PEM form that can be used; check the file."
        ) from None
    return context


def connect(host: str, port: int, expires: float) -> tuple[socket, list[str]]:
    """Return a connection to the first address of the host that answers, and those before it that did not.

    Each address gets its share of the time, so that one that never answers does not use up all of it. Raises
    OSError, with a note for each address.
    """
    addresses = getaddrinfo(host, port, type=options.SOCK_STREAM)
    failure = OSError("the host has no address")
    unanswered: list[str] = []
    for position, (family, kind, protocol, _name, address) in enumerate(addresses):
        connection = socket(family, kind, protocol)
        share = (expires - monotonic()) / (len(addresses) - position)
        try:
            with within(monotonic() + share):
                connection.connect(address)
            _set_options(connection)
        except OSError as error:
            connection.close()
            failure = error
            unanswered.append(str(address[0]))
        except BaseException:
            connection.close()
            raise
        else:
            return connection, unanswered
    for one in unanswered:
        failure.add_note(one)
    raise failure


def _set_options(connection: socket) -> None:
    connection.setsockopt(options.IPPROTO_TCP, options.TCP_NODELAY, 1)
    connection.setsockopt(options.SOL_SOCKET, options.SO_KEEPALIVE, 1)
    for name, value in KEEPALIVE.items():
        if option := getattr(options, name, None):
            connection.setsockopt(options.IPPROTO_TCP, option, value)


def is_silent(connection: socket) -> bool:
    """Tell, without waiting, whether the connection is up and nothing unread has arrived."""
    connection.settimeout(0)
    try:
        connection.recv(1)
    except (BlockingIOError, ssl.SSLWantReadError):
        return True
    except OSError:
        return False
    finally:
        connection.settimeout(None)
    return False
