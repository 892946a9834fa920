"""The parts that a measurement needs: a mail relay, a delay in front of it, and a server with the form."""

import os
import smtplib
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import trustme

from bench.metrics import Scenario
from bench.relay import PASSWORD, USER
from devtools.loopback import HOST
from devtools.serve import answers
from tests.parts.forms import ENQUIRY
from tests.parts.processes import ROOT, free_port
from tests.parts.stack import environment

TICKS = os.sysconf("SC_CLK_TCK")
NO_LIMIT = "100000000 per hour"
PLACE_OF_TOKEN = "the token goes here"  # noqa: S105 - it is where one goes, and none itself


@dataclass(frozen=True)
class Relay:
    """A running mail relay."""

    port: int  # the measured servers connect here; behind it may be a delay
    direct_port: int  # without the delay
    tls: ssl.SSLContext | None  # trusts the relay's certificate

    def connect(self, *, delayed: bool = False) -> smtplib.SMTP:
        """Return a connection to the relay, directly or through the delay."""
        port = self.port if delayed else self.direct_port
        if self.tls:
            return smtplib.SMTP_SSL(HOST, port, context=self.tls)
        return smtplib.SMTP(HOST, port)

    def accepted(self) -> int:
        """Return how many different messages the relay has accepted."""
        with self.connect() as connection:
            return int(connection.docmd("HELP")[1].split()[-1])


@dataclass(frozen=True)
class Server:
    """A running server with the form: its main process and that process's children."""

    port: int
    process: subprocess.Popen[str]

    def _pids(self) -> list[int]:
        pid = self.process.pid
        return [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]

    def cpu(self) -> float:
        """Return the CPU time that all processes have used, in seconds."""
        stats = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in self._pids()]
        return sum(int(stat[11]) + int(stat[12]) for stat in stats) / TICKS

    def memory(self) -> float:
        """Return the proportional set size of the largest process, in MiB."""
        lines = [Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[2] for pid in self._pids()]
        return max(int(line.removeprefix("Pss:").removesuffix("kB")) for line in lines) / 1024


@dataclass(frozen=True)
class Implementation:
    """A way to run a server with the form, ours or another's."""

    name: str
    command: tuple[str, ...]  # {port} stands for the port to listen on
    variables: dict[str, str] = field(default_factory=dict)
    install: str = ""  # the command that installs it, where it is not installed


@dataclass(frozen=True)
class Harness:
    """The built site, the certificates and the password that all measurements use."""

    folder: Path

    @property
    def site(self) -> Path:
        """Return the folder of the built site."""
        return self.folder / "site"

    @property
    def page(self) -> Path:
        """Return the file with the page of the form, which all implementations send."""
        return self.folder / "form.html"

    @classmethod
    def prepare(cls, folder: Path) -> "Harness":
        """Write the relay's certificate, its certificate authority and its password into a folder."""
        authority = trustme.CA()
        certificate = authority.issue_cert("localhost", HOST)
        certificate.private_key_and_cert_chain_pem.write_to_path(str(folder / "relay.pem"))
        authority.cert_pem.write_to_path(str(folder / "authority.pem"))
        (folder / "password").write_text(PASSWORD)
        return cls(folder)

    @contextmanager
    def relay(self, scenario: Scenario) -> Iterator[Relay]:
        """Run the mail relay of a scenario."""
        certificate, tls = [], None
        if scenario.tls:
            certificate = ["--certificate", str(self.folder / "relay.pem")]
            tls = ssl.create_default_context(cafile=self.folder / "authority.pem")
        with ExitStack() as running:
            direct_port = port = running.enter_context(
                _module("bench.relay", "--seconds", str(scenario.seconds), *certificate)
            )
            if scenario.round_trip:
                arguments = ["--port", str(direct_port), "--round-trip", str(scenario.round_trip)]
                port = running.enter_context(_module("bench.latency", *arguments))
            yield Relay(port, direct_port, tls)

    @contextmanager
    def server(self, implementation: Implementation, scenario: Scenario, relay: Relay) -> Iterator[Server]:
        """Run an implementation with the settings of a scenario, and a relay to deliver to."""
        port = free_port()
        with (self.folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [part.format(port=port) for part in implementation.command],
                cwd=ROOT,
                env=self._environment(relay, port, scenario.processes) | implementation.variables,
                stdout=log,
                stderr=log,
                text=True,
            )
        try:
            if not answers(process, port, "/enquiry/"):
                raise RuntimeError("it did not start")
            yield Server(port, process)
        finally:
            process.terminate()
            process.wait()

    def _environment(self, relay: Relay, port: int, processes: int) -> dict[str, str]:
        ours = environment(
            self.site,
            f"smtps://{USER}@localhost:{relay.port}" if relay.tls else f"smtp://{HOST}:{relay.port}",
            FLASK_PERSON_LIMIT=NO_LIMIT,
            FLASK_POST_LIMIT=NO_LIMIT,
            FLASK_SITE_LIMIT=NO_LIMIT,
            BIND=f"{HOST}:{port}",
            WEB_CONCURRENCY=str(processes),
        )
        others = {
            "PORT": str(port),
            "PAGE": str(self.page),
            "PLACE_OF_TOKEN": PLACE_OF_TOKEN,
            "SECTOR": ENQUIRY["sector"],
            "SMTP_HOST": HOST,
            "SMTP_PORT": str(relay.port),
        }
        if not relay.tls:
            return ours | others
        authority = str(self.folder / "authority.pem")
        return (
            ours
            | {"FLASK_MAIL_CA_FILE": authority, "FLASK_MAIL_PASSWORD_FILE": str(self.folder / "password")}
            | others
            | {"SMTP_CA": authority, "SMTP_USER": USER, "SMTP_PASSWORD": PASSWORD}
        )


@contextmanager
def _module(name: str, *arguments: str) -> Iterator[int]:
    """Run one of our modules as a server on a socket that already listens, and yield the port."""
    with socket.create_server((HOST, 0), backlog=1024) as listener:
        command = [sys.executable, "-m", name, "--listener", str(listener.fileno()), *arguments]
        process = subprocess.Popen(command, cwd=ROOT, pass_fds=[listener.fileno()])
        try:
            yield listener.getsockname()[1]
        finally:
            process.terminate()
            process.wait()
