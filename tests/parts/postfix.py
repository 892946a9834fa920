"""Debian's Postfix as a relay of its own on loopback: TLS, login, PIPELINING, CHUNKING, SMTPUTF8."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from string import Template

import pytest
import trustme

from devtools.loopback import HOST
from tests.parts.processes import free_port, listens, needs_debian_package, until
from tests.parts.relays import PASSWORD, Mailbox, smtp_server

MASTER = "/usr/lib/postfix/sbin/master"
USER = "website"
QUEUES = ("incoming", "active", "deferred")
FOLDERS = (*QUEUES, "bounce", "corrupt", "defer", "hold", "maildrop", "pid", "private", "public", "trace")
MAIN = Template("""
compatibility_level = 3.6
queue_directory = $folder/queue
data_directory = $folder/data
maillog_file = $folder/log
maillog_file_prefixes = $folder
myhostname = relay.example.org
mydestination =
alias_maps =
local_recipient_maps =
inet_interfaces = $host
mynetworks =
enable_long_queue_ids = yes
smtpd_tls_chain_files = $folder/conf/relay.pem
smtpd_tls_auth_only = yes
smtpd_sasl_auth_enable = yes
smtpd_sasl_local_domain = example.org
cyrus_sasl_config_path = $folder/conf/sasl
smtpd_relay_restrictions = permit_sasl_authenticated, reject
smtpd_recipient_restrictions = check_recipient_access inline:{nobody@example.org=REJECT}
relayhost = [$host]:$onward
""")
SERVICES = Template("""
$host:$smtps inet n - n - - smtpd -o smtpd_tls_wrappermode=yes
$host:$starttls inet n - n - - smtpd -o smtpd_tls_security_level=encrypt
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
anvil unix - - n - 1 anvil
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
postlog unix-dgram n - n - 1 postlogd
""")
LOGIN = Template("""
pwcheck_method: auxprop
auxprop_plugin: sasldb
sasldb_path: $folder/conf/sasl/users
mech_list: PLAIN
""")


@dataclass
class Postfix:
    """Postfix, and the mailbox that it hands everything on to."""

    folder: Path
    smtps: int
    starttls: int
    mailbox: Mailbox

    @property
    def relays(self) -> dict[str, str]:
        """Return the relay as FLASK_MAIL_RELAYS wants it, by scheme."""
        ports = {"smtps": self.smtps, "smtp+starttls": self.starttls}
        return {scheme: f"{scheme}://{USER}%40example.org@{HOST}:{port}" for scheme, port in ports.items()}

    @property
    def settings(self) -> dict[str, str]:
        """Return what else the form backend needs to reach it."""
        return {
            "FLASK_MAIL_CA_FILE": str(self.folder / "ca.pem"),
            "FLASK_MAIL_PASSWORD_FILE": str(self.folder / "password"),
        }

    def start(self) -> None:
        """Start it, and return once it listens."""
        command = [MASTER, "-c", str(self.folder / "conf"), "-d"]
        self.process = subprocess.Popen(command, start_new_session=True)
        until(lambda: self.process.poll() is not None or listens(self.starttls))
        if self.process.poll() is not None:
            pytest.fail(f"Postfix ended:\n{(self.folder / 'log').read_text('utf-8')}", pytrace=False)

    def stop(self) -> None:
        """End all of its processes at once, as a machine that fails does."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=60)

    def wait_until_handed_on(self) -> None:
        """Return once each message that it accepted is in the mailbox."""
        until(lambda: not any(self._accepted()))

    def _accepted(self) -> Iterator[Path]:
        """Find the queue's files that are whole: those that may be executed, so Postfix has it."""
        for queue in QUEUES:
            for path in (self.folder / "queue" / queue).rglob("*"):
                with suppress(FileNotFoundError):
                    if path.is_file() and path.stat().st_mode & 0o100:
                        yield path


def configure(folder: Path, onward: int, authority: trustme.CA, options: dict[str, str]) -> tuple[int, int]:
    """Write all that Postfix reads, and `options` as lines of main.cf; return the ports it listens at."""
    smtps, starttls = free_port(), free_port()
    conf = folder / "conf"
    (conf / "sasl").mkdir(parents=True)
    names = {"folder": folder, "host": HOST, "onward": onward, "smtps": smtps, "starttls": starttls}
    lines = [MAIN.substitute(names), *(f"{name} = {value}\n" for name, value in options.items())]
    (conf / "main.cf").write_text("".join(lines))
    os.utime(conf / "main.cf", (0, 0))  # Postfix waits until it is a second old
    (conf / "master.cf").write_text(SERVICES.substitute(names))
    (conf / "sasl" / "smtpd.conf").write_text(LOGIN.substitute(names))
    (folder / "password").write_text(PASSWORD)
    users = conf / "sasl" / "users"
    add = ["saslpasswd2", "-p", "-c", "-u", "example.org", "-f", str(users), USER]
    subprocess.run(add, input=PASSWORD.encode(), check=True)
    users.chmod(0o644)
    authority.cert_pem.write_to_path(folder / "ca.pem")
    authority.issue_cert(HOST).private_key_and_cert_chain_pem.write_to_path(conf / "relay.pem")
    return smtps, starttls


@contextmanager
def postfix(authority: trustme.CA, **options: str) -> Iterator[Postfix]:
    """Run an instance of its own, with its own queue; `options` are lines of main.cf."""
    needs_debian_package("postfix", MASTER)
    needs_debian_package("sasl2-bin", "saslpasswd2")
    plain = next(Path("/usr/lib").glob("*/sasl2/libplain.so"), "libplain.so")
    needs_debian_package("libsasl2-modules", str(plain))
    if os.geteuid() != 0:
        pytest.skip("needs root: Postfix starts as nobody else")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name, smtp_server() as mailbox:
        folder = Path(name)
        folder.chmod(0o755)  # its processes give up root's rights
        for path in ("data", *(f"queue/{queue}" for queue in FOLDERS)):
            (folder / path).mkdir(parents=True)
            shutil.chown(folder / path, "postfix")
        running = Postfix(folder, *configure(folder, mailbox.port, authority, options), mailbox)
        running.start()
        try:
            yield running
        finally:
            running.stop()
