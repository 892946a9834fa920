"""What the web server and robots read: the headers of every page, robots.txt and security.txt (RFC 9116)."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

from pelican import Pelican, signals

VALID = timedelta(days=90)  # security.txt; the nightly build renews it


def write_files(pelican: Pelican) -> None:
    """Write the files into the built site, once everything else is there."""
    output = Path(pelican.output_path)
    (output / ".well-known").mkdir(exist_ok=True)
    (output / ".headers.conf").write_text(headers(pelican.settings["SECURITY_HEADERS"]), "utf-8")
    sitemap = f"{pelican.settings['ORGANISATION']['address']}/sitemap.xml"
    (output / "robots.txt").write_text(f"User-agent: *\nAllow: /\nSitemap: {sitemap}\n", "utf-8")
    security = security_txt(pelican.settings["ORGANISATION"], pelican.settings["SITE_DATE"] + VALID)
    (output / ".well-known" / "security.txt").write_text(security, "utf-8")


def headers(of_every_page: dict[str, str]) -> str:
    """Return the headers as nginx includes them."""
    return "".join(f'add_header {name} "{value}" always;\n' for name, value in of_every_page.items())


def security_txt(organisation: Any, expires: date) -> str:
    """Return where to report a weakness, and until when that holds."""
    return (
        f"Contact: mailto:{organisation['contact']['email']}\n"
        f"Expires: {expires}T00:00:00Z\n"
        f"Preferred-Languages: {organisation['language'].partition('-')[0]}\n"
        f"Canonical: {organisation['address']}/.well-known/security.txt\n"
    )


def register() -> None:
    """Connect to Pelican."""
    signals.finalized.connect(write_files)
