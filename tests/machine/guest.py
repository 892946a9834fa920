"""The machine under test: built from nothing, booted in QEMU, reached by ssh and through its web server."""

import os
import re
import ssl
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from devtools.loopback import HOST
from tests.machine.host import SITE

SCRIPT = Path(__file__).with_name("debian13.sh")
SSH_PORT, HTTP_PORT, HTTPS_PORT = 2222, 8080, 8443


@dataclass
class Guest:
    """A Debian 13 server; its folder holds the disk's image."""

    folder: Path
    memory: int

    def script(self, *arguments: str, **environment: str) -> None:
        """Have debian13.sh do something."""
        variables = {"VM_DIR": str(self.folder), "NAMESERVER": "10.0.2.2", **environment}
        subprocess.run([SCRIPT, *arguments], env=os.environ | variables, check=True)

    def boot(self) -> None:
        """Start the machine, return once it has come up, and keep a connection for the commands to come."""
        (self.folder / "ssh-root").unlink(missing_ok=True)
        self.script("boot", str(self.memory))
        self.connect()

    def connect(self) -> None:
        """Open a connection that the commands to come share."""
        command = [*self._ssh("root", self.folder / "key"), "-M", "-N", "-f", f"root@{HOST}"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def run(self, command: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command as root, and return how it ended and what it printed."""
        return self._run("root", self.folder / "key", command, typed)

    def as_editor(self, key: Path, command: str = "") -> subprocess.CompletedProcess[str]:
        """Log in as the service that hosts the repository does."""
        return self._run("website", key, command, "")

    def _run(self, user: str, key: Path, command: str, typed: str) -> subprocess.CompletedProcess[str]:
        line = [*self._ssh(user, key), f"{user}@{HOST}", command]
        return subprocess.run(line, input=typed, capture_output=True, text=True, check=False, timeout=1200)

    def _ssh(self, user: str, key: Path) -> list[str]:
        options = [
            "StrictHostKeyChecking=no",
            "UserKnownHostsFile=/dev/null",
            "LogLevel=ERROR",
            "BatchMode=yes",
        ]
        options += [f"ControlPath={self.folder}/ssh-{user}"]
        flags = [flag for option in options for flag in ("-o", option)]
        return ["ssh", "-i", str(key), "-p", str(SSH_PORT), *flags]

    def ask(self, command: str) -> str:
        """Run a command that has to succeed, and return what it printed."""
        done = self.run(command)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout.strip()

    def write(self, path: str, text: str, mode: str = "644") -> None:
        """Write a file."""
        done = self.run(f"mkdir -p $(dirname {path}) && cat > {path} && chmod {mode} {path}", text)
        assert done.returncode == 0, done.stderr

    def wait(self, what: str, true: Callable[[], bool], seconds: float = 300) -> None:
        """Return once something is true, and fail where it does not come true."""
        ends = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < ends, (
                f"{what} did not come true. {self.run('journalctl -n 40 --no-pager').stdout}"
            )
            time.sleep(1)

    def alarms(self) -> list[str]:
        """Return the units that the alarm was raised for, and forget them."""
        take = "cat /root/alarms 2>/dev/null; rm -f /root/alarms; systemctl reset-failed 'website-alarm@*'"
        return self.run(take).stdout.split()

    def power_off(self) -> None:
        """Shut the machine down."""
        self.script("stop")


class Browser:
    """A browser that believes the ACME server of the test."""

    def __init__(self, acme_root: str) -> None:
        """Reach the machine's web server by the site's name."""
        address = f"https://{HOST}:{HTTPS_PORT}"
        trusting = ssl.create_default_context(cadata=acme_root)
        self.client = httpx.Client(verify=trusting, base_url=address, timeout=60, headers={"Host": SITE})

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send a request; TLS names the site too."""
        return self.client.request(method, path, extensions={"sni_hostname": SITE}, **options)

    def get(self, path: str) -> httpx.Response:
        """Fetch a page."""
        return self.ask("GET", path)

    def token(self, path: str = "/enquiry/") -> str:
        """Return the token of a form that is shown now; empty where the page has no form."""
        found = re.search(r'name="token"[^>]*value="([^"]+)', self.get(path).text)
        return found[1] if found else ""

    def shows_form(self) -> bool:
        """Tell whether the form is shown; a web server that is away shows none."""
        with suppress(httpx.TransportError):
            return self.token() != ""
        return False

    def submit(self, path: str = "/enquiry/", token: str = "", **words: str) -> httpx.Response:
        """Send a form as a person would, some seconds after it was shown."""
        if not token:
            token = self.token(path)
            time.sleep(3.5)
        posted = {"token": token} | words
        return self.ask("POST", path, data=posted, headers={"Sec-Fetch-Site": "same-origin"})
