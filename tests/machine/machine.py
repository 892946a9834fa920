"""From a bare Debian 13 to the running site, and through a life of it: `make machine-test`.

The tests run in this order on one machine. host.py is what it finds on the host, guest.py the machine.
"""

import json
import re
import secrets
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
import trustme

from tests.machine.guest import HTTP_PORT, HTTPS_PORT, Browser, Guest
from tests.machine.host import ACME_PORT, RELAY, SITE, TOKENS, Host, services
from tests.parts.forms import ENQUIRY, ORGANISATION
from tests.parts.oauth import SECRET, USER
from tests.parts.relays import PASSWORD

pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH")  # see host.py
HOME = "/srv/website"
DROP_IN = "/etc/systemd/system/form-backend.service.d/addresses.conf"
OPEN = {"read", "connect to the relay", "ask the resolver"}
AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"
NOT_NOW = "2100-01-01"  # when a timer elapses that would run in the middle of another test
RENEWED = "openssl s_client -connect 127.0.0.1:443 -servername www.example.org </dev/null 2>/dev/null"
RENEWED += " | openssl x509 -noout -serial"
SETTINGS = f"""
site = "{SITE}"
repository = "git://10.0.2.2/website"
version = "VERSION"
[certificate]
email = "it@example.org"
server = "https://acme.example.org:{ACME_PORT}/dir"
[mail]
relays = ["smtps://{USER.replace("@", "%40")}@{RELAY}:465"]
from = "website@example.org"
bounces_to = "bounces@example.org"
enquiries_to = ["enquiries@example.org"]
requests_to = ["{ORGANISATION["requests"]["email"]}"]
LOGIN
[publishing]
keys = ["KEY"]
[alarm]
command = ["/usr/local/bin/tell", "$HOME", "100%"]
"""
BY_PASSWORD = 'password_file = "/etc/form-backend/mail-password"'  # noqa: S105 - where it is
BY_OAUTH = f"""
oauth_token_url = "https://{TOKENS}:PORT/tenant/token"
oauth_client_id = "the website"
oauth_scope = "https://{RELAY}/.default"
oauth_client_secret_file = "/etc/form-backend/oauth-secret"
"""
TELL = '#!/bin/sh\n[ "$1 $2" = "\\$HOME 100%" ] && echo "$3" >> /root/alarms\n'


@dataclass
class World:
    """The machine and its host, and what was typed so far."""

    guest: Guest
    host: Host
    browser: Browser
    key: Path
    typed: list[str] = field(default_factory=list)

    def word(self) -> str:
        """Return a word that nobody else writes."""
        self.typed.append(f"kanarie{secrets.token_hex(8)}")
        return self.typed[-1]

    def enquire(self, **changed: str) -> httpx.Response:
        """Send an enquiry with a word of its own in every field that takes one."""
        word = self.word()
        words = ENQUIRY | {
            "name": f"{word} Dlamini",
            "message": f"{word} pipes",
            "email": f"{word}@example.com",
        }
        return self.browser.submit(**(words | changed))

    def configure(self, version: str = "v1", login: str = BY_PASSWORD, **changed: str) -> None:
        """Write the operator's file; `changed` are lines for the table of other settings."""
        key = self.key.with_suffix(".pub").read_text().strip()
        login = login.replace("PORT", str(self.host.tokens.server_port))
        text = SETTINGS.replace("VERSION", version).replace("KEY", key).replace("LOGIN", login)
        # Under emulation a handshake takes seconds; and all that is sent here comes from one person.
        given = {"FLASK_MAIL_DEADLINE": "25", "FLASK_PERSON_LIMIT": "1000 per hour"}
        given |= {"FLASK_POST_LIMIT": "1000 per hour"} | changed
        lines = "".join(f'{name} = "{value}"\n' for name, value in given.items())
        self.guest.write("/etc/form-backend/setup.toml", f"{text}[form_backend]\n{lines}", "600")

    def schedule(self, timer: str, when: str) -> None:
        """Have a timer elapse at other times than it does in production."""
        text = f"[Timer]\nOnCalendar=\nOnCalendar={when}\nRandomizedDelaySec=0\n"
        self.guest.write(f"/etc/systemd/system/{timer}.timer.d/schedule.conf", text)

    def apply(self) -> str:
        """Run `website`, which has to leave all well; return what it printed."""
        return self.guest.ask("website")

    def page(self) -> str:
        """Return the home page."""
        return self.browser.get("/").text


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """Build the machine, start what it needs on the host, and boot it."""
    # Not where other tests look into every file that changes.
    with tempfile.TemporaryDirectory(dir="/var/cache", prefix="machine-test-") as name:
        folder = Path(name)
        (folder / "host").mkdir()
        authority = trustme.CA(organization_name="The machine test")
        authority.cert_pem.write_to_path(folder / "relay.crt")
        key = folder / "merges"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
        with services(folder / "host", authority, HTTP_PORT) as host:
            (folder / "acme.crt").write_text(host.acme_root)
            guest = Guest(folder, memory=1024)
            guest.script("build", VM_EXTRA_CA=f"{folder / 'relay.crt'} {folder / 'acme.crt'}")
            guest.boot()
            browser = Browser(host.acme_root)
            try:
                yield World(guest, host, browser, key)
            finally:
                browser.client.close()
                guest.script("stop")


def test_bare_server(world: World) -> None:
    """One file and one command make the site; without the file, the command writes it and says so."""
    guest = world.guest
    guest.ask("apt-get update -q && apt-get install -q -y --no-install-recommends git")
    guest.ask("git clone -q git://10.0.2.2/website /root/site")
    first = guest.run("/root/site/deploy/setup")
    assert first.returncode == 1
    assert "Fill it in" in first.stderr
    guest.write("/etc/form-backend/mail-password", PASSWORD, "600")
    guest.write("/usr/local/bin/tell", TELL, "755")
    world.configure()

    done = guest.ask("/root/site/deploy/setup")

    assert "BAD" not in done
    guest.ask("test ! -s /var/log/nginx/access.log")


def test_second_run_changes_nothing(world: World) -> None:
    """A second run changes nothing, and a dry run after an edit shows what it would, and changes nothing."""
    assert "Nothing had to change." in world.apply()

    world.configure(FLASK_MAIL_DEADLINE="9")
    shown = world.guest.ask("website setup --dry-run")
    assert "would change: /etc/form-backend/environment" in shown
    assert '+FLASK_MAIL_DEADLINE="9"' in shown
    assert 'DEADLINE="25"' in world.guest.ask("cat /etc/form-backend/environment")

    world.configure()


def test_site_over_tls_and_http2(world: World) -> None:
    """The site answers over TLS and HTTP/2 with its headers; plain HTTP leads there."""
    roots = world.guest.folder / "acme.crt"
    command = [
        "curl",
        "--silent",
        "--head",
        "--http2",
        "--cacert",
        str(roots),
        f"https://{SITE}:{HTTPS_PORT}/",
    ]
    head = subprocess.run(
        [*command, "--resolve", f"{SITE}:{HTTPS_PORT}:127.0.0.1"], capture_output=True, text=True, check=True
    )
    plain = httpx.get(f"http://127.0.0.1:{HTTP_PORT}/enquiry/", headers={"Host": SITE})

    assert head.stdout.startswith("HTTP/2 200")
    assert "content-security-policy" in head.stdout.lower()
    assert (plain.status_code, plain.headers["Location"]) == (308, f"https://{SITE}/enquiry/")


def test_both_forms_reach_the_relay(world: World) -> None:
    """What is typed into either form goes through nginx, socket and sandbox to the relay."""
    enquiry = world.enquire()
    word = world.word()
    words = {
        "request": "delete",
        "name": f"{word} Nkosi",
        "email": f"{word}@example.com",
        "details": f"{word} files",
    }
    request = world.browser.submit("/your-information/", **words)

    assert (enquiry.status_code, request.status_code) == (303, 303)
    arrived = [message.text for message in world.host.relay.received]
    assert len(arrived) == 2
    assert all(any(word in text for text in arrived) for word in world.typed)


def probe(world: World, where: str) -> dict[str, str]:
    """Try every way out, in a copy of the form backend's unit or outside of any."""
    guest = world.guest
    guest.write("/srv/website/probe.py", Path(__file__).with_name("probe.py").read_text("utf-8"))
    if where == "outside":
        return dict(json.loads(guest.ask("python3 /srv/website/probe.py outside").partition("PROBE ")[2]))
    units = "/etc/systemd/system"
    for suffix in ("", ".d"):
        guest.ask(f"cp -r {units}/form-backend.service{suffix} {units}/probe.service{suffix}")
    python = f"{HOME}/checkout/.venv/bin/python"
    lines = (
        f"[Service]\nType=oneshot\nRestart=no\nExecStart=\nExecStart={python} /srv/website/probe.py inside\n"
    )
    guest.write(f"{units}/probe.service.d/zz.conf", f"{lines}Environment=PYTHONPATH={HOME}/checkout\n")
    guest.run("systemctl daemon-reload; systemctl start probe.service")
    told = guest.ask(
        f"journalctl -u probe -o cat --no-pager; rm -r {units}/probe.service*; systemctl daemon-reload"
    )
    found = re.search(r"PROBE (.*)", told)
    assert found, told
    return dict(json.loads(found[1]))


def test_every_way_out_is_closed(world: World) -> None:
    """From inside the unit nothing is open but reading, the relay and the resolver; outside all of it is."""
    inside = probe(world, "inside")
    by_the_system = "net.mptcp.enabled=%d net.ipv4.tcp_fastopen=%d kernel.io_uring_disabled=%d"
    assert (
        world.guest.ask(f"sysctl {by_the_system.replace('=%d', '')} | tr -d ' '").split()
        == (by_the_system % (0, 0, 2)).split()
    )
    world.guest.ask(f"sysctl -q -w {by_the_system % (1, 1, 0)}")
    outside = probe(world, "outside")
    world.guest.ask("sysctl -q --system")

    assert {way for way, outcome in inside.items() if outcome == "done"} == OPEN
    assert {way for way, outcome in outside.items() if outcome != "done"} == set()


def test_check_mail_by_its_timer(world: World) -> None:
    """The timer runs check-mail; a relay that refuses the login raises the alarm."""
    guest = world.guest
    guest.alarms()
    world.schedule("check-mail", "*:*:0/15")
    world.schedule("website-addresses", NOT_NOW)
    guest.ask("systemctl daemon-reload; systemctl restart check-mail.timer website-addresses.timer")
    log = "journalctl -u check-mail -o cat --no-pager"
    guest.wait("a check", lambda: "took our login" in guest.run(log).stdout)
    guest.write("/etc/form-backend/mail-password", "not the relay's word", "600")
    guest.wait("the alarm", lambda: "check-mail.service" in guest.alarms())

    world.schedule("check-mail", NOT_NOW)
    guest.ask("systemctl daemon-reload; systemctl restart check-mail.timer")
    guest.ask("systemctl stop check-mail.service")  # which has read the wrong password again
    guest.write("/etc/form-backend/mail-password", PASSWORD, "600")
    guest.ask("systemctl start check-mail.service")
    assert "The test message was delivered" in guest.ask("cd / && website run check-mail --send")


def test_merges_go_live(world: World) -> None:
    """A merge is live by the restricted key, and so is one during its build; the key can do nothing else."""
    guest, repository = world.guest, world.host.repository
    builds = "journalctl -u publish -o cat --no-pager | grep -c ^Published"
    before = int(guest.run(builds).stdout)
    repository.merge("content/pages/home.md", "\n\nThe first merge.\n")
    assert world.guest.as_editor(world.key).returncode == 0
    guest.wait("a build", lambda: guest.run("pgrep -f '[p]elican -s publishconf.py'").returncode == 0)
    repository.merge("content/pages/home.md", "\n\nThe second merge.\n")
    assert world.guest.as_editor(world.key, "id; cat /etc/passwd").stdout == ""

    guest.wait("the second merge", lambda: "The second merge." in world.page(), seconds=600)
    assert "The first merge." in world.page()
    guest.wait("the end of both builds", lambda: int(guest.ask(builds)) == before + 2)


def test_broken_merge(world: World) -> None:
    """A commit that cannot be built leaves the site up and raises the alarm."""
    guest, repository = world.guest, world.host.repository
    before = world.page()
    guest.alarms()
    repository.merge("content/organisation.toml", "\nthis is no TOML\n")

    assert guest.run("website publish").returncode == 1

    assert world.page() == before
    guest.wait("the alarm", lambda: "publish.service" in guest.alarms())
    repository.git("revert", "--no-edit", "HEAD")
    guest.ask("systemctl reset-failed publish.service")  # the next merge is built by the tests below


@pytest.mark.parametrize("unit", ["nginx.service", "form-backend.service"])
def test_killed_unit_comes_back(world: World, unit: str) -> None:
    """A unit whose processes are killed is up again by itself, and the alarm is raised."""
    guest = world.guest
    guest.alarms()
    guest.ask(f"systemctl kill --signal=KILL {unit}")

    guest.wait("the alarm", lambda: unit in guest.alarms())
    guest.wait("the form", world.browser.shows_form)


def test_wrong_setting_corrected(world: World) -> None:
    """A wrong setting ends with a sentence and the alarm, and the pages stay; corrected, all is well."""
    guest = world.guest
    guest.alarms()
    world.configure(FLASK_MAIL_DEADLINE="99")
    wrong = guest.run("website")
    assert wrong.returncode == 1
    assert "BAD  forms" in wrong.stdout
    assert world.browser.get("/").status_code == 200
    guest.wait("the alarm", lambda: "form-backend.service" in guest.alarms())

    world.configure()
    world.apply()


def test_trusted_authorities_change(world: World) -> None:
    """When the system's authorities change, the running form backend starts anew by itself."""
    guest = world.guest
    began = guest.ask("systemctl show --value -p InvocationID form-backend")
    # As update-ca-certificates does at its end; the rest of it takes a minute under emulation.
    guest.write(f"{AUTHORITIES}.new", trustme.CA().cert_pem.bytes().decode())
    guest.ask(f"cat {AUTHORITIES} >> {AUTHORITIES}.new; mv {AUTHORITIES}.new {AUTHORITIES}")

    guest.wait("a restart", lambda: guest.ask("systemctl show --value -p InvocationID form-backend") != began)
    guest.wait("the form", world.browser.shows_form)


def test_relay_that_moves(world: World) -> None:
    """When the relay's name leads elsewhere, the address is allowed and the alarm raised, once."""
    guest = world.guest
    guest.alarms()
    world.host.names.lead(relay="10.0.2.77")
    assert guest.run("systemctl start website-addresses.service").returncode != 0
    guest.wait("the alarm", lambda: "website-addresses.service" in guest.alarms())
    assert "IPAddressAllow=10.0.2.77" in guest.ask(f"cat {DROP_IN}")
    assert "10.0.2.77" in guest.ask("systemctl show -p IPAddressAllow form-backend")
    guest.ask("systemctl start website-addresses.service")

    world.host.names.lead()
    world.apply()
    assert "10.0.2.77" not in guest.ask(f"cat {DROP_IN}")


def test_certificate_is_renewed(world: World) -> None:
    """A renewed certificate is the one that browsers get, without anybody's doing."""
    before = world.guest.ask(RENEWED)
    world.guest.ask("certbot renew --force-renewal --quiet --no-random-sleep-on-renew")

    world.guest.wait("the new certificate", lambda: world.guest.ask(RENEWED) != before)


def test_upgrade(world: World) -> None:
    """The next tag's code runs after one command."""
    repository = world.host.repository
    old = world.guest.ask(f"readlink {HOME}/checkout")
    repository.merge("deploy/systemd/check-mail.timer", "\n# of the next version\n")
    repository.git("tag", "v2")
    world.configure("v2")
    world.apply()

    assert world.guest.ask(f"readlink {HOME}/checkout") != old
    assert "next version" in world.guest.ask("cat /etc/systemd/system/check-mail.timer")


def test_version_that_cannot_be_set_up(world: World) -> None:
    """An upgrade that fails names the step; the site and the version of before run on."""
    repository = world.host.repository
    old = world.guest.ask(f"readlink {HOME}/checkout")
    repository.merge("publishconf.py", "raise SystemExit('a version that does not build')\n")
    repository.git("tag", "v3")
    world.configure("v3")
    failed = world.guest.run("website")

    assert failed.returncode == 1
    assert "The step `build` failed" in failed.stderr
    assert world.guest.ask(f"readlink {HOME}/checkout") == old
    assert world.browser.get("/enquiry/").status_code == 200


def test_way_back(world: World) -> None:
    """The earlier tag's code runs again after one command, whatever has failed meanwhile."""
    world.host.repository.git("revert", "--no-edit", "HEAD")
    upgraded = world.guest.ask(f"readlink {HOME}/checkout")
    world.configure("v1")
    world.apply()

    assert world.guest.ask(f"readlink {HOME}/checkout") != upgraded
    assert "next version" not in world.guest.ask("cat /etc/systemd/system/check-mail.timer")


def test_secret_rotated_under_an_open_form(world: World) -> None:
    """Who has a form open meanwhile sees it once more with every word in it, and sends it."""
    shown = world.browser.token()
    world.guest.ask("website rotate-secret")
    world.guest.wait("the form", world.browser.shows_form)
    arrived = len(world.host.relay.received)

    again = world.enquire(token=shown)
    assert again.status_code == 422
    assert world.typed[-1] in again.text
    assert world.enquire().status_code == 303
    assert len(world.host.relay.received) == arrived + 1


def test_login_by_oauth(world: World) -> None:
    """With OAuth instead of a password, the form backend fetches a token and logs in to the relay with it."""
    world.guest.write("/etc/form-backend/oauth-secret", SECRET, "600")
    world.configure(login=BY_OAUTH)
    world.apply()

    assert world.enquire().status_code == 303
    mechanism, shown = world.host.relay.logins[-1]
    assert (mechanism, shown.startswith("token-")) == ("XOAUTH2", True)
    assert world.host.tokens.asked[0]["client_secret"] == [SECRET]


def test_restart_under_load(world: World) -> None:
    """Forty submissions through two restarts all arrive; nobody is refused."""
    browser, relay = world.browser, world.host.relay
    tokens = [browser.token() for _ in range(40)]
    time.sleep(3.5)
    arrived, relay.pause = len(relay.received), 0.5
    twice = "systemctl restart form-backend; sleep 3; systemctl restart form-backend"
    restarting = threading.Thread(target=world.guest.ask, args=[twice])
    restarting.start()
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda token: world.enquire(token=token), tokens))
    restarting.join()
    relay.pause = 0.0

    assert [answer.status_code for answer in answers] == [303] * 40
    assert len(relay.received) == arrived + 40


def test_forms_off_the_air(world: World) -> None:
    """Without the form backend the pages say where else to write; `forms on` brings the forms back."""
    world.guest.ask("website forms off")
    away = world.browser.get("/enquiry/")
    assert (away.status_code, world.browser.get("/").status_code) == (503, 200)
    assert 'name="token"' not in away.text

    world.guest.ask("website forms on")
    world.guest.wait("the form", world.browser.shows_form)


def test_rollback_is_held(world: World) -> None:
    """A rollback brings the words of before, and a merge does not undo it."""
    guest, repository = world.guest, world.host.repository
    newest = guest.ask(f"readlink {HOME}/current")
    repository.merge("content/pages/home.md", "\n\nThe third merge.\n")
    guest.ask("website rollback")
    earlier = guest.ask(f"readlink {HOME}/current")

    assert earlier < newest
    assert "Not published" in guest.ask("website switch")
    assert guest.ask(f"readlink {HOME}/current") == earlier
    assert "a rollback is held" in guest.run("website check").stdout


def test_reboot_with_512_mb(world: World) -> None:
    """After a reboot into half of the memory all is back by itself, a rollback too, and a build fits."""
    world.guest.power_off()
    world.guest.memory = 512
    world.guest.boot()
    assert "The third merge." not in world.page()

    world.guest.ask("website release")
    assert "The third merge." in world.page()
    assert "BAD" not in world.guest.ask("website check")
    assert world.enquire().status_code == 303
    assert world.guest.run("journalctl -k --no-pager | grep -i 'out of memory'").stdout == ""


def test_disk_holds_nothing_typed(world: World) -> None:
    """Not one word that was typed is on the disk, raw; a word that was planted there is found."""
    planted = f"kanarie{secrets.token_hex(8)}"
    world.guest.ask(f"echo {planted} > /root/planted; sync")
    world.guest.power_off()
    patterns = [f"--regexp={word}" for word in (*world.typed, planted)]
    command = ["grep", "--text", "--null-data", "--only-matching", "--fixed-strings", *patterns]
    found = subprocess.run(
        [*command, world.guest.folder / "disk.img"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert len(world.typed) > 45
    assert set(found.stdout.replace("\0", " ").split()) == {planted}
