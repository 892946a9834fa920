"""The health check: what is well is told so, and what is not is told with what to do."""

import os
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.operations import config, health
from deploy.operations.config import Config
from deploy.operations.health import Finding
from devtools.loopback import HOST
from tests.parts.processes import free_port
from tests.parts.stack import Backend
from tests.parts.web_server import NAME, WebServer, nginx

Check = Callable[[Config], Iterator[Finding]]


def settings(**changed: config.Value) -> Config:
    """Return an operator's settings, with some of them changed."""
    values = {key.full_name: key.example for key in config.KEYS} | {"site": NAME}
    return Config(values | {name.replace("__", "."): value for name, value in changed.items()})


@pytest.fixture
def web(site: Path, backend: Backend, tmp_path: Path) -> Iterator[WebServer]:
    """Run nginx in front of the form backend."""
    with nginx(site, tmp_path / "prefix", backend.url) as running:
        yield running


def look(web: WebServer, site: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the check look at a web server of the test, whose certificate is trusted here."""
    (folder / "current").symlink_to(site)
    (folder / "ca.pem").write_text(
        "".join(map(ssl.DER_cert_to_PEM_cert, web.tls.get_ca_certs(binary_form=True)))
    )
    monkeypatch.setenv("SSL_CERT_FILE", str(folder / "ca.pem"))
    monkeypatch.setattr(health, "HERE", (HOST, web.port))
    monkeypatch.setattr(health, "HOME", folder)


@pytest.mark.parametrize("check", [health.check_site, health.check_tls, health.check_forms])
def test_site_that_is_well(
    web: WebServer, site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, check: Check
) -> None:
    """The site's pages, headers, protocol, certificate and forms are seen as a browser sees them."""
    look(web, site, tmp_path, monkeypatch)

    findings = list(check(settings()))

    assert findings
    assert all(one.well for one in findings), findings


def test_forms_that_are_away(site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the form backend the check says that the forms are missing, and what to do."""
    with nginx(site, tmp_path / "prefix", f"http://{HOST}:{free_port()}") as web:
        look(web, site, tmp_path, monkeypatch)
        findings = list(health.check_forms(settings()))

    assert [one.well for one in findings] == [False, False]
    assert findings[0].seen == "/enquiry/ answers 503, without the form"
    assert "journalctl -u form-backend" in findings[0].cure


def test_headers_of_another_build(
    web: WebServer, site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Headers that nginx has not read anew are named."""
    look(web, site, tmp_path, monkeypatch)
    (tmp_path / "current").unlink()
    (tmp_path / "current").mkdir()
    (tmp_path / "current/.headers.conf").write_text('add_header Referrer-Policy "no-referrer" always;\n')

    [_page, headers] = health.check_site(settings())

    assert not headers.well
    assert headers.seen == "headers that are not the build's: Referrer-Policy"


def test_certificate_that_ends_soon(
    web: WebServer, site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A certificate that should have been renewed is told in time."""
    look(web, site, tmp_path, monkeypatch)
    monkeypatch.setattr(health, "DAYS_LEFT", 1_000_000)

    [_protocol, certificate] = health.check_tls(settings())

    assert not certificate.well
    assert "certbot renew" in certificate.cure


def test_publishing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A build that is too old, and a rollback that is held, are told; a fresh build is well."""
    monkeypatch.setattr(health, "HOME", tmp_path)
    (tmp_path / "release").mkdir()
    (tmp_path / "current").symlink_to("release")

    assert all(one.well for one in health.check_publishing(settings()))

    two_days_ago = time.time() - 2 * 86400
    os.utime(tmp_path / "release", (two_days_ago, two_days_ago))
    assert [one.well for one in health.check_publishing(settings())] == [True, False]

    (tmp_path / "held").touch()
    [held] = health.check_publishing(settings())
    assert not held.well
    assert "website release" in held.cure


@pytest.mark.parametrize(("program", "well"), [("/bin/true", True), ("/nowhere/call-me", False)])
def test_alarm(program: str, *, well: bool) -> None:
    """An alarm's command that is not there is told."""
    [alarm] = health.check_alarm(settings(alarm__command=[program]))

    assert alarm.well is well


def test_disk_that_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk without room for the next builds is told."""
    monkeypatch.setattr(health, "HOME", tmp_path)
    assert next(health.check_disk(settings())).well

    monkeypatch.setattr(health, "FREE", 10**18)
    assert not next(health.check_disk(settings())).well


def test_report_of_what_cannot_be_looked_at(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A server that does not answer is a line of the report, and not the end of it."""
    monkeypatch.setattr(health, "HERE", (HOST, free_port()))
    monkeypatch.setattr(health, "CHECKS", {"site": health.check_site, "alarm": health.check_alarm})

    assert health.report(settings(alarm__command=["/bin/true"])) is False

    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("BAD  site: cannot be looked at (")
    assert lines[1] == "ok   alarm: the alarm's command /bin/true is there."
