"""Count what becomes of many enquiries while everything around the form backend fails: `make soak`.

The law: what was answered 303 is in the mailbox once, exactly as typed; what is there without a 303 was told
as in doubt, or its connection died with a process that was killed. A seed draws the faults, not the moments.
"""

import argparse
import logging
import os
import random
import re
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from functools import partial
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from threading import Lock
from urllib.parse import urlencode

import httpx
import trustme

from devtools.loopback import HOST
from tests.parts.forms import ENQUIRY, free_text, token
from tests.parts.postfix import Postfix, postfix
from tests.parts.processes import ROOT, children
from tests.parts.relays import Received, presenting
from tests.parts.stack import GUNICORN, build, environment, wait_until_it_serves
from tests.parts.unreliable import UnreliableRelay

LOG = logging.getLogger("soak")
THANKED, NOT_SENT, IN_DOUBT, DIED = "thanked", "told not sent", "told in doubt", "connection died"
HEADERS = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}
PIECES = [
    "",
    ".",
    "..",
    "QUIT",
    "> quoted",
    "From here",
    "=3D",
    "." * 200,
    "tab\tand space ",
    "Größe, 水, 🙂",
]
PEOPLE = 24  # at once
EACH = 4  # times that a relay is listed: one that failed is served more carefully for a while
OPENS_THE_FORM = 0.1  # how likely somebody does before writing, so that a connection may be made ready
PRESSES_AGAIN = 0.5  # how likely somebody does who was not thanked
QUEUE_ID = re.compile(rb"\(Postfix\) with \w+ id (\w+)")
Failure = tuple[str, Callable[[], None]]
REFUSING_SOME = f"check_sender_access randmap:{{{', '.join(['DUNNO'] * 30 + ['DEFER', 'REJECT'])}}}"
RESTRICTIONS = ("smtpd_sender_restrictions", "smtpd_data_restrictions", "smtpd_end_of_data_restrictions")


class Relays:
    """Two unreliable relays, with TLS and without, and in long runs Postfix, which refuses some at random."""

    def __init__(self, stack: ExitStack, folder: Path, chance: random.Random, *, with_postfix: bool) -> None:
        """Start them, until the stack is closed."""
        ours, stranger = trustme.CA(), trustme.CA()
        ours.cert_pem.write_to_path(folder / "ca.pem")
        tls = [presenting(ours.issue_cert(HOST))] * 20 + [presenting(stranger.issue_cert(HOST))]
        self.unreliable = [UnreliableRelay(chance, tls), UnreliableRelay(chance)]
        for relay in self.unreliable:
            stack.callback(relay.stop)
        addresses = [relay.address for relay in self.unreliable] * EACH
        self.settings = {"FLASK_MAIL_CA_FILE": str(folder / "ca.pem")}
        self.postfix: Postfix | None = None
        if with_postfix:
            self.postfix = stack.enter_context(postfix(ours, **dict.fromkeys(RESTRICTIONS, REFUSING_SOME)))
            addresses += self.postfix.relays.values()
            self.settings |= self.postfix.settings
        self.settings["FLASK_MAIL_RELAYS"] = ",".join(chance.sample(addresses, len(addresses)))

    @property
    def all(self) -> Sequence[UnreliableRelay | Postfix]:
        """Return all of them."""
        return [*self.unreliable, *filter(None, [self.postfix])]

    def accepted(self) -> dict[str, list[Received]]:
        """Return what each has accepted, once, though a Postfix that was killed may hand it on again."""
        mails = {relay.address: relay.took for relay in self.unreliable}
        if self.postfix:
            self.postfix.wait_until_handed_on()
            numbered = {QUEUE_ID.findall(mail.source)[0]: mail for mail in self.postfix.mailbox.received}
            mails["Postfix"] = [*numbered.values()]
        return mails


class FormBackend:
    """The form backend behind a socket that stays open while processes come and go, as under systemd."""

    def __init__(self, site: Path, log_file: Path, settings: dict[str, str]) -> None:
        """Start it."""
        self.listener = socket.create_server((HOST, 0), backlog=512)
        self.port: int = self.listener.getsockname()[1]
        bind = {"BIND": f"fd://{self.listener.fileno()}", "FLASK_MAIL_DEADLINE": "2"}
        self.environment = environment(site, "", **settings, **bind)
        self.log_file, self.killings = log_file, list[tuple[float, float]]()
        once = httpx.Limits(max_keepalive_connections=0)  # no connection is left from an earlier process
        self.client = httpx.Client(base_url=f"http://{HOST}:{self.port}", limits=once)
        self.start()

    def start(self) -> None:
        """Start it, and return once it serves."""
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                GUNICORN,
                cwd=ROOT,
                env=self.environment,
                pass_fds=[self.listener.fileno()],
                stderr=log,
                start_new_session=True,
            )
        wait_until_it_serves(self.client, self.process, self.log_file)

    def stop(self) -> None:
        """End it as an operator does: what is in flight finishes."""
        self.process.terminate()
        self.process.wait(timeout=60)

    def close(self) -> None:
        """End it, and listen no more."""
        self.stop()
        self.client.close()
        self.listener.close()

    def restart(self) -> None:
        """End it and start it."""
        self.stop()
        self.start()

    def kill(self) -> None:
        """Kill all of it, and start it."""
        began = time.monotonic()
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=60)
        self.killings.append((began, time.monotonic()))
        self.start()

    def kill_worker(self) -> None:
        """Kill the process that serves; its parent starts another."""
        began = time.monotonic()
        for pid in children(self.process):
            os.kill(pid, signal.SIGKILL)
        self.killings.append((began, time.monotonic()))
        wait_until_it_serves(self.client, self.process, self.log_file)

    def was_killed(self, began: float, ended: float) -> bool:
        """Tell whether a request of that time can have died with the process."""
        return any(first < ended and began < last + 0.5 for first, last in self.killings)


@dataclass
class Enquiry:
    """What somebody typed, and what they were told each time that they pressed Send."""

    text: str
    told: list[str] = field(default_factory=list)

    def is_belied_by(self, mails: int) -> bool:
        """Tell whether what was told is a lie, with so many mails in the mailbox."""
        least = int(THANKED in self.told)
        return not least <= mails <= least + self.told.count(IN_DOUBT) + self.told.count(DIED)


def said(status: int, page: str) -> str:
    """Return what an answer says of the message."""
    if status == 503:
        return IN_DOUBT if "may have reached us" in page else NOT_SENT
    return THANKED if status == 303 else str(status)


class Run:
    """People who press Send at the same time, what they were told, and what came of it."""

    def __init__(self, backend: FormBackend, submissions: int, seed: str) -> None:
        """Get ready, with one token for all: it is a clock, and may be used again."""
        self.backend, self.submissions, self.seed = backend, submissions, seed
        self.token, self.lock, self.sent = token(backend.client.get("/enquiry/")), Lock(), 0
        self.enquiries: list[Enquiry] = []
        self.deaths: list[tuple[float, float]] = []

    def write(self, person: int) -> None:
        """Write enquiry after enquiry, and press Send again now and then where that was not thanked for."""
        chance = random.Random(f"{self.seed} person {person}")
        while self.sent < self.submissions:
            lines = chance.choices(PIECES, k=chance.randrange(9))
            enquiry = Enquiry("\n".join([f"Enquiry {len(self.enquiries)} of person {person}", *lines]))
            self.enquiries.append(enquiry)
            if chance.random() < OPENS_THE_FORM:
                self.ask("GET")
            self.press_send(enquiry)
            while enquiry.told[-1] != THANKED and chance.random() < PRESSES_AGAIN:
                self.press_send(enquiry)

    def press_send(self, enquiry: Enquiry) -> None:
        """Send once, and note what the answer told."""
        with self.lock:
            self.sent += 1
        typed = {"token": self.token} | ENQUIRY | {"message": enquiry.text.replace("\n", "\r\n")}
        enquiry.told.append(self.ask("POST", urlencode(typed)))

    def ask(self, method: str, body: str | None = None) -> str:
        """Ask for the form page, by a connection of its own, and return what the answer told."""
        began = time.monotonic()
        try:
            with closing(HTTPConnection(HOST, self.backend.port, timeout=60)) as connection:
                connection.request(method, "/enquiry/", body, HEADERS)
                answer = connection.getresponse()
                text = answer.read().decode()
        except (ConnectionError, HTTPException):
            self.deaths.append((began, time.monotonic()))
            return DIED
        return said(answer.status, text)

    def go(self, failures: Sequence[Failure]) -> None:
        """Have everybody write, and one thing after the other fail meanwhile."""
        with ThreadPoolExecutor(PEOPLE) as people:
            writing = [people.submit(self.write, person) for person in range(PEOPLE)]
            for number, (name, fail) in enumerate(failures, start=1):
                while self.sent < number * self.submissions // (len(failures) + 1):
                    time.sleep(0.01)
                LOG.info("%5d sent; %s", self.sent, name)
                fail()
        for person in writing:
            person.result()

    def lies(self, mailbox: Sequence[Received]) -> list[str]:
        """Compare what was told with the mailbox, and return a sentence for each lie."""
        mails = Counter(map(free_text, mailbox))
        lies = [
            f"{enquiry.told}, and {mails[enquiry.text]} in the mailbox: {enquiry.text!r}"
            for enquiry in self.enquiries
            if enquiry.is_belied_by(mails[enquiry.text])
        ]
        lies += [f"nobody typed {text!r}" for text in mails.keys() - {each.text for each in self.enquiries}]
        lies += [f"answered {word}" for word in self.told.keys() - {THANKED, NOT_SENT, IN_DOUBT, DIED}]
        unkilled = [death for death in self.deaths if not self.backend.was_killed(*death)]
        return lies + ["a connection broke, though nobody had killed the process"] * len(unkilled)

    @property
    def told(self) -> Counter[str]:
        """Return how often each thing was told."""
        return Counter(word for enquiry in self.enquiries for word in enquiry.told)


@dataclass(frozen=True)
class Plan:
    """How much is sent, and what fails meanwhile."""

    seed: str
    submissions: int
    failures: int
    with_postfix: bool


def soak(site: Path, folder: Path, plan: Plan) -> tuple[list[str], str]:
    """Do it, and return the lies that were told and a table of counts."""
    chance, began = random.Random(plan.seed), time.monotonic()
    with ExitStack() as stack:
        relays = Relays(stack, folder, chance, with_postfix=plan.with_postfix)
        backend = stack.enter_context(closing(FormBackend(site, folder / "log", relays.settings)))
        kinds: list[Failure] = [
            ("the form backend is restarted", backend.restart),
            ("the form backend is killed", backend.kill),
            ("its worker is killed", backend.kill_worker),
            *((f"{type(relay).__name__} fails", partial(fail, [relay], chance)) for relay in relays.all),
            ("all relays fail", partial(fail, relays.all, chance)),
        ]
        each, more = chance.sample(kinds, len(kinds)), chance.choices(kinds, k=plan.failures)
        run = Run(backend, plan.submissions, plan.seed)
        run.go([*each, *more][: plan.failures])
        backend.stop()
        accepted = relays.accepted()
    lies = run.lies([mail for mails in accepted.values() for mail in mails])
    counts = {
        "seed": plan.seed,
        "seconds": round(time.monotonic() - began),
        "failures meanwhile": plan.failures,
        "enquiries": len(run.enquiries),
        "submissions": run.sent,
        **run.told,
        **{f"mails that {name} took": len(mails) for name, mails in accepted.items()},
        "lies": len(lies),
    }
    return lies, "\n".join(f"{name:>36}: {count}" for name, count in counts.items())


def fail(relays: Sequence[UnreliableRelay | Postfix], chance: random.Random) -> None:
    """Have relays fail, and come back soon."""
    for relay in relays:
        relay.stop()
    time.sleep(chance.uniform(0, 0.5))
    for relay in relays:
        relay.start()


def main() -> int:
    """Run the soak from the command line, and fail where a lie was told."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.parts.soak", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--submissions", type=int, default=10_000)
    parser.add_argument("--seed", default=secrets.token_hex(4))
    options = parser.parse_args()
    logging.basicConfig(format="%(message)s")
    LOG.setLevel(logging.INFO)
    with tempfile.TemporaryDirectory() as name:
        build(site := Path(name) / "site")
        plan = Plan(options.seed, options.submissions, failures=options.submissions // 200, with_postfix=True)
        lies, table = soak(site, Path(name), plan)
    LOG.info("\n".join([table, *lies]))
    return bool(lies)


if __name__ == "__main__":
    sys.exit(main())
