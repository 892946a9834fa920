"""Debian's nginx with deploy/nginx.conf as it is shipped, but for the names of this test's places."""

import os
import re
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest
import trustme

from deploy.operations.files import nginx_conf
from deploy.operations.install import nginx_version
from devtools.loopback import HOST
from tests.parts.processes import children, free_port, listens, logging_to, needs_debian_package, until
from tests.parts.stack import Backend

NGINX = "/usr/sbin/nginx"
BROTLI = "/usr/lib/nginx/modules/ngx_http_brotli_static_module.so"
NAME = "localhost"  # in place of the site's own
SPILLS = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


@dataclass
class WebServer:
    """nginx, as browsers see it."""

    port: int
    plain_port: int
    process: subprocess.Popen[bytes]
    log_file: Path
    tls: ssl.SSLContext
    client: httpx.Client

    @property
    def url(self) -> str:
        """Return the address of the site."""
        return f"https://{NAME}:{self.port}"

    def before(self, backend: Backend) -> Backend:
        """Return the form backend as it is reached through this server."""
        return replace(backend, url=self.url, client=self.client)


def configuration(site: Path, folder: Path, forms: str, ports: tuple[int, int], **changed: str) -> Path:
    """Write nginx.conf for a test; `changed` are directives with values of their own, such as time limits."""
    text = nginx_conf("www.imqs.co.za", nginx_version())
    own = {
        "www-data": "root" if os.geteuid() == 0 else "",
        "/run/nginx.pid": str(folder / "pid"),
        "http://unix:/run/form-backend.socket:": forms,
        "/etc/nginx/website/certificate": str(folder),
        "www.imqs.co.za": NAME,
        "/srv/website/current": str(site),
        "listen 80": f"listen {HOST}:{ports[0]}",
        "listen 443": f"listen {HOST}:{ports[1]}",
        "http {": "http {" + "".join(f"{name}_temp_path {folder}/spill/{name};" for name in SPILLS),
    }
    for shipped, here in own.items():
        assert shipped in text, f"deploy/nginx.conf has no {shipped}"
        text = text.replace(shipped, here)
    text = re.sub(r"user ;|listen \[::\].*;", "", text)
    for directive, value in changed.items():
        text, count = re.subn(rf"\b{directive} [^;]+;", f"{directive} {value};", text)
        assert count, f"deploy/nginx.conf has no {directive}"
    (folder / "spill").mkdir()
    (folder / "nginx.conf").write_text(text, "utf-8")
    return folder / "nginx.conf"


def certificate(folder: Path) -> ssl.SSLContext:
    """Write a certificate where nginx.conf looks for it, and return what trusts it."""
    authority = trustme.CA()
    issued = authority.issue_cert(NAME)
    issued.private_key_pem.write_to_path(str(folder / "privkey.pem"))
    for part in issued.cert_chain_pems:
        part.write_to_path(str(folder / "fullchain.pem"), append=True)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    return trusting


@contextmanager
def nginx(site: Path, folder: Path, forms: str, **changed: str) -> Iterator[WebServer]:
    """Run nginx in front of the form backend at the address `forms`."""
    needs_debian_package("nginx", NGINX)
    needs_debian_package("libnginx-mod-http-brotli-static", BROTLI)
    folder.mkdir()
    ports = free_port(), free_port()
    tls = certificate(folder)
    command = [NGINX, "-e", "stderr", "-g", "daemon off;"]
    command += ["-c", str(configuration(site, folder, forms, ports, **changed))]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        until(lambda: process.poll() is not None or (listens(ports[1]) and children(process)))
        if process.poll() is not None:
            pytest.fail(f"nginx ended:\n{(folder / 'log').read_text('utf-8')}", pytrace=False)
        with (
            logging_to(folder / "log", "nginx"),
            httpx.Client(base_url=f"https://{NAME}:{ports[1]}", verify=tls, timeout=60) as client,
        ):
            yield WebServer(ports[1], ports[0], process, folder / "log", tls, client)
    finally:
        process.terminate()
        process.wait(timeout=60)
