"""What the machine under test finds on the host's loopback: relay, names, ACME server and repository."""

import asyncio
import os
import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import trustme
from aiosmtpd.smtp import SMTP, Envelope, Session

from devtools.loopback import HOST
from tests.parts.git import git, merge
from tests.parts.oauth import USER, Endpoint, TokenMailbox, token_endpoint
from tests.parts.processes import ROOT
from tests.parts.relays import lets_in, smtp_server

SITE = "www.example.org"
RELAY, ACME, TOKENS = "relay.example.org", "acme.example.org", "tokens.example.org"
HOST_FROM_GUEST = "10.0.2.2"
RELAY_PORT, ACME_PORT, ROOTS_PORT, ACME_NAMES_PORT, GIT_PORT = 465, 14000, 15000, 5353, 9418


class Relay(TokenMailbox):
    """A relay with TLS and a login, by password or by token, which can take its time over a message."""

    pause = 0.0

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Take a message after the pause; aiosmtpd calls this by its name."""
        await asyncio.sleep(self.pause)
        return await super().handle_DATA(server, session, envelope)


@dataclass
class Names:
    """The name service; the guest asks one instance, the ACME server the other."""

    folder: Path
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def lead(self, relay: str = HOST_FROM_GUEST) -> None:
        """Have the relay's name lead to an address from now on."""
        self.stop()
        self._answer(53, {RELAY: relay, ACME: HOST_FROM_GUEST, TOKENS: HOST_FROM_GUEST})
        self._answer(ACME_NAMES_PORT, {SITE: HOST})

    def _answer(self, port: int, records: dict[str, str]) -> None:
        command = ["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-hosts", "--pid-file="]
        command += ["--log-facility=-", "--user=root", "--bind-interfaces", f"--listen-address={HOST}"]
        command += [
            f"--port={port}",
            *(f"--host-record={name},{address}" for name, address in records.items()),
        ]
        with (self.folder / f"names-{port}.log").open("wb") as log:
            self.running.append(subprocess.Popen(command, stderr=log))

    def stop(self) -> None:
        """Stop both."""
        while self.running:
            process = self.running.pop()
            process.terminate()
            process.wait(timeout=60)


@dataclass
class Repository:
    """The website's repository, as editors and developers see it."""

    folder: Path

    @classmethod
    def create(cls, folder: Path) -> "Repository":
        """Make it from this checkout, with one commit and the tag v1."""
        folder.mkdir()
        tracked = subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
        )
        for name in filter(None, tracked.stdout.split("\0")):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
        repository = cls(folder)
        repository.git("init", "--quiet", "--initial-branch", "main")
        repository.git("add", ".")
        repository.git("commit", "--quiet", "--message", "The project")
        repository.git("tag", "v1")
        (folder / ".git" / "git-daemon-export-ok").touch()
        return repository

    def git(self, *arguments: str) -> None:
        """Run git in it."""
        git(self.folder, *arguments)

    def merge(self, path: str, text: str) -> None:
        """Add to a file, as a merge does."""
        merge(self.folder, path, text)


@dataclass
class Host:
    """All of it."""

    relay: Relay
    names: Names
    repository: Repository
    acme_root: str
    tokens: Endpoint
    authority: trustme.CA


PEBBLE = """{{"pebble": {{
  "listenAddress": "127.0.0.1:{acme}", "managementListenAddress": "127.0.0.1:{roots}",
  "certificate": "{folder}/acme.pem", "privateKey": "{folder}/acme.key",
  "httpPort": {http}, "tlsPort": 1, "ocspResponderURL": "", "externalAccountBindingRequired": false}}}}
"""


@contextmanager
def services(folder: Path, authority: trustme.CA, http_port: int) -> Iterator[Host]:
    """Run them all."""
    certificate = authority.issue_cert(RELAY, ACME, "localhost", HOST)
    certificate.private_key_pem.write_to_path(folder / "acme.key")
    for part in certificate.cert_chain_pems:
        part.write_to_path(folder / "acme.pem", append=True)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(context)
    with ExitStack() as stack:
        relay = Relay()
        # TLS begins with the connection, which aiosmtpd does not see: it would ask for STARTTLS first.
        rule: dict[str, Any] = {"auth_required": True, "auth_require_tls": False}
        rule["auth_exclude_mechanism"] = ["OAUTHBEARER"]
        stack.enter_context(
            smtp_server(relay, RELAY_PORT, ssl_context=context, authenticator=lets_in(USER), **rule)
        )
        tokens = stack.enter_context(token_endpoint(authority, TOKENS))
        names = Names(folder)
        stack.callback(names.stop)
        names.lead()
        settings = PEBBLE.format(acme=ACME_PORT, roots=ROOTS_PORT, folder=folder, http=http_port)
        (folder / "pebble.json").write_text(settings)
        pebble = ("pebble", "-config", str(folder / "pebble.json"), "-dnsserver", f"{HOST}:{ACME_NAMES_PORT}")
        stack.enter_context(process(folder / "pebble.log", *pebble))
        repository = Repository.create(folder / "website")
        daemon = ("--reuseaddr", f"--listen={HOST}", f"--port={GIT_PORT}", f"--base-path={folder}")
        stack.enter_context(process(folder / "git.log", "git", "daemon", *daemon, str(folder)))
        yield Host(relay, names, repository, root_of_acme(folder, authority), tokens, authority)


@contextmanager
def process(log_file: Path, *command: str) -> Iterator[None]:
    """Run a server."""
    with log_file.open("wb") as log:
        running = subprocess.Popen(
            command, stdout=log, stderr=log, env=os.environ | {"PEBBLE_VA_NOSLEEP": "1"}
        )
    try:
        yield
    finally:
        running.terminate()
        running.wait(timeout=60)


def root_of_acme(folder: Path, authority: trustme.CA) -> str:
    """Return the certificate that the ACME server's chains end in; it is a new one at each start."""
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    for _ in range(100):
        with suppress(httpx.TransportError):
            return httpx.get(f"https://{HOST}:{ROOTS_PORT}/roots/0", verify=trusting).text
        time.sleep(0.1)
    raise RuntimeError((folder / "pebble.log").read_text())
