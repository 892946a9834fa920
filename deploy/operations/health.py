"""The health check: each line is true of the running server, or names what is wrong and the cure."""

import http.client
import json
import re
import shutil
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from deploy.operations.config import Config
from deploy.operations.files import HOME
from deploy.operations.machine import output_of, states
from deploy.operations.releases import Site

AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")
DAYS_LEFT = 14  # certbot renews 30 days before the end
FREE = 500_000_000
FRESH = timedelta(hours=30)  # a build is made every night
UNITS = (
    "nginx.service",
    "form-backend.service",
    "form-backend.socket",
    "publish.path",
    "form-backend-trust.path",
)
TIMERS = ("publish.timer", "check-mail.timer", "website-addresses.timer", "certbot.timer")
JOBS = ("publish.service", "check-mail.service", "website-addresses.service", "certbot.service")
PATIENCE = 40  # seconds: a form backend that was started just now takes some to answer on a small server
PREWARM = 5  # seconds that a connection to a relay is given, once a form was shown
HERE = ("127.0.0.1", 443)
HEADER = re.compile(r'^add_header (\S+) "(.*)" always;', re.MULTILINE)
UNDELIVERED = {"refused", "unreachable", "slow", "untrusted", "in-doubt", "busy"}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: whether it is well, what was seen, and what to do where it is not."""

    well: bool
    seen: str
    cure: str


class Connection(http.client.HTTPSConnection):
    """A connection to this server by the site's name, whatever the name service says of it."""

    def connect(self) -> None:
        """Connect to loopback, and check the certificate for the name."""
        self.sock = secured(self.host)


def secured(site: str) -> ssl.SSLSocket:
    """Return a connection to this server with a certificate that was checked."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context.wrap_socket(socket.create_connection(HERE, timeout=PATIENCE), server_hostname=site)


def get(site: str, path: str) -> tuple[int, dict[str, str], str]:
    """Fetch a page from this server; return status, headers and text."""
    connection = Connection(site)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        headers = {name.lower(): value for name, value in answer.getheaders()}
        return answer.status, headers, answer.read().decode()
    finally:
        connection.close()


def check_site(config: Config) -> Iterator[Finding]:
    """Look at the home page and its headers."""
    status, headers, _text = get(config.text("site"), "/")
    yield Finding(status == 200, f"the home page answers {status}", "Look at journalctl -u nginx -u publish.")
    wanted = HEADER.findall((HOME / "current/.headers.conf").read_text("utf-8"))
    differ = ", ".join(name for name, value in wanted if headers.get(name.lower()) != value)
    seen = (
        f"headers that are not the build's: {differ}" if differ else f"{len(wanted)} headers are the build's"
    )
    yield Finding(not differ, seen, "Run `systemctl reload nginx`.")


def check_tls(config: Config) -> Iterator[Finding]:
    """Look at the protocol, and at how long the certificate holds."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["h2", "http/1.1"])
    with (
        socket.create_connection(HERE, timeout=PATIENCE) as plain,
        context.wrap_socket(plain, server_hostname=config.text("site")) as connection,
    ):
        protocol, certificate = connection.selected_alpn_protocol(), connection.getpeercert() or {}
    yield Finding(
        protocol == "h2", f"browsers get {protocol}", "Run `website`, which writes nginx's settings."
    )
    days = int((ssl.cert_time_to_seconds(str(certificate["notAfter"])) - time.time()) / 86400)
    cure = "Run `certbot renew`, and read what it says."
    yield Finding(days >= DAYS_LEFT, f"the certificate holds for {days} more days", cure)


def check_forms(config: Config) -> Iterator[Finding]:
    """Look at each form, which the running form backend fills in."""
    for path in ("/enquiry/", "/your-information/"):
        status, _headers, text = get(config.text("site"), path)
        filled = status == 200 and 'name="token"' in text
        seen = f"{path} answers {status}{'' if filled else ', without the form'}"
        cure = "Look at journalctl -u form-backend; `website forms on` puts forms that were taken off back."
        yield Finding(filled, seen, cure)


def check_mail(_config: Config) -> Iterator[Finding]:
    """Look at what the running form backend saw of the relays: it connects to one when a form is shown."""
    time.sleep(PREWARM)
    # Of the process that runs now: what went wrong before a setting was corrected is over.
    process = output_of("systemctl", "show", "--value", "-p", "InvocationID", "form-backend.service")
    log = ("journalctl", f"_SYSTEMD_INVOCATION_ID={process}", "--since=-1min", "-o", "cat", "-q")
    told = output_of(*log).splitlines()
    events = [json.loads(line) for line in told if line.startswith("{")]
    bad = [one for one in events if one.get("level") != "info" or one.get("outcome") in UNDELIVERED]
    named = ", ".join(
        dict.fromkeys(f"{one['event']} ({one.get('outcome') or one.get('error')})" for one in bad)
    )
    seen = f"the form backend logged {named}" if bad else "the form backend has no trouble with the relays"
    yield Finding(not bad, seen, "Run `website run check-mail`, which says what to do.")
    knows = started("form-backend.service") > AUTHORITIES.stat().st_mtime
    seen = f"the form backend {'trusts' if knows else 'is older than'} the authorities that the system trusts"
    yield Finding(knows, seen, "Run `systemctl restart form-backend`.")


def started(unit: str) -> float:
    """Return when a unit became active, as seconds since the epoch; 0 where it is not."""
    stamp = output_of("systemctl", "show", "--value", "-p", "ActiveEnterTimestamp", "--timestamp=unix", unit)
    return float(stamp.lstrip("@") or 0)


def check_units(_config: Config) -> Iterator[Finding]:
    """Look at units that run, timers that will, and jobs that ended well."""
    for unit, state in states(*UNITS, *TIMERS).items():
        yield Finding(state == "active", f"{unit} is {state}", f"Run `systemctl restart {unit}`.")
    for job, state in states(*JOBS).items():
        seen = f"{job} {'failed' if state == 'failed' else 'has not failed'}"
        cure = f"Look at journalctl -u {job}, then run `systemctl start {job}`."
        yield Finding(state != "failed", seen, cure)


def check_publishing(_config: Config) -> Iterator[Finding]:
    """Look whether the published site is last night's or newer, and whether a rollback is held."""
    site = Site(HOME)
    held = site.hold.exists()
    seen = "a rollback is held, so nothing new goes online" if held else "no rollback is held"
    yield Finding(not held, seen, "Run `website release` once what is merged is right.")
    if site.published and not held:
        built = datetime.fromtimestamp(site.published.stat().st_mtime, UTC)
        seen = f"the published site was built at {built:%Y-%m-%d %H:%M} UTC"
        yield Finding(
            datetime.now(UTC) - built < FRESH, seen, "Run `website publish`, and read what it says."
        )


def check_disk(_config: Config) -> Iterator[Finding]:
    """Look whether there is room for the next builds and the log."""
    free = shutil.disk_usage(HOME).free
    yield Finding(free > FREE, f"{free // 1_000_000} MB of the disk are free", "Make room.")


def check_alarm(config: Config) -> Iterator[Finding]:
    """Look whether the command that tells the operator is there."""
    program = config.items("alarm.command")[0]
    there = shutil.which(program) is not None
    seen = f"the alarm's command {program} is {'' if there else 'not '}there"
    yield Finding(there, seen, "Put it there, or change alarm.command in setup.toml and run `website`.")


CHECKS: dict[str, Callable[[Config], Iterator[Finding]]] = {
    "site": check_site,
    "TLS": check_tls,
    "forms": check_forms,
    "mail": check_mail,
    "units": check_units,
    "publishing": check_publishing,
    "disk": check_disk,
    "alarm": check_alarm,
}


def report(config: Config) -> bool:
    """Print a line for each thing looked at, and tell whether all is well."""
    well = True
    for name, check in CHECKS.items():
        try:
            findings = list(check(config))
        except (OSError, http.client.HTTPException) as error:
            findings = [
                Finding(
                    well=False,
                    seen=f"cannot be looked at ({error})",
                    cure="Look at journalctl -u nginx -u form-backend.",
                )
            ]
        for one in findings:
            print(f"ok   {name}: {one.seen}." if one.well else f"BAD  {name}: {one.seen}. {one.cure}")
            well = well and one.well
    return well
