"""The text of every file that setup writes, from the operator's settings and what is in deploy/."""

import re
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

from deploy.operations.config import FILE, Config
from deploy.operations.machine import MARK, File

DEPLOY = Path(__file__).parents[1]
HOME = Path("/srv/website")
SYSTEMD = "/etc/systemd/system"
SECRET_KEY = "/etc/form-backend/secret-key"  # noqa: S105 - where it is
ENVIRONMENT = "/etc/form-backend/environment"
NGINX_CONF = "/etc/nginx/website.conf"
AUTHORIZED_KEYS = str(HOME / "build/.ssh/authorized_keys")
NOTE = f"# {MARK}. Change {FILE}, and run `website`.\n"
HTTP2_DIRECTIVE = (1, 25, 1)  # nginx that has `http2 on;`, and warns of the older way

SYSCTL = """
# What the form backend's sandbox cannot close: these open TCP connections by ways that Landlock does not see.
-kernel.io_uring_disabled = 2
-net.ipv4.tcp_fastopen = 0
-net.mptcp.enabled = 0
"""
SECURITY_UPDATES = """
// Debian's security updates are installed every night.
APT::Periodic::Update-Package-Lists "1";
APT::Periodic::Unattended-Upgrade "1";
"""
# The variables that name a file, which systemd hands to the service as a credential.
CREDENTIALS = {
    "mail-password": ("FLASK_MAIL_PASSWORD_FILE", "mail.password_file"),
    "oauth-secret": ("FLASK_MAIL_OAUTH_CLIENT_SECRET_FILE", "mail.oauth_client_secret_file"),
    "relay-ca": ("FLASK_MAIL_CA_FILE", "mail.ca_file"),
    "staff-certificates": ("FLASK_MAIL_CERTIFICATES", "mail.certificates_file"),
}


def settings(config: Config) -> dict[str, str]:
    """Return the form backend's settings that are not files."""
    given = {
        "FLASK_MAIL_RELAYS": ",".join(config.items("mail.relays")),
        "FLASK_MAIL_FROM": config.text("mail.from"),
        "FLASK_BOUNCES_TO": config.text("mail.bounces_to"),
        "FLASK_ENQUIRIES_TO": ",".join(config.items("mail.enquiries_to")),
        "FLASK_REQUESTS_TO": ",".join(config.items("mail.requests_to")),
        "FLASK_MAIL_OAUTH_TOKEN_URL": config.text("mail.oauth_token_url"),
        "FLASK_MAIL_OAUTH_CLIENT_ID": config.text("mail.oauth_client_id"),
        "FLASK_MAIL_OAUTH_SCOPE": config.text("mail.oauth_scope"),
    }
    return {name: value for name, value in given.items() if value} | config.settings


def secret_files(config: Config) -> dict[str, tuple[str, str]]:
    """Return by the credential's name the variable and the file of what is configured."""
    users = any(urlsplit(relay).username for relay in config.items("mail.relays"))
    by_password = users and not config.text("mail.oauth_token_url")
    return {
        name: (variable, config.text(key))
        for name, (variable, key) in CREDENTIALS.items()
        if config.text(key) and (by_password or name != "mail-password")
    }


def environment(config: Config) -> str:
    """Return the settings as systemd reads an environment file."""
    escaped = {name: re.sub(r'(["\\$`])', r"\\\1", value) for name, value in settings(config).items()}
    return NOTE + "".join(f'{name}="{value}"\n' for name, value in escaped.items())


def secrets_drop_in(config: Config) -> str:
    """Return what hands the configured files to the service."""
    lines = [
        f"LoadCredential={name}:{path}\nEnvironment={variable}=%d/{name}\n"
        for name, (variable, path) in secret_files(config).items()
    ]
    return f"{NOTE}[Service]\n{''.join(lines)}"


def addresses_drop_in(allowed: Iterable[str]) -> str:
    """Return what lets the service talk to these addresses."""
    return f"{NOTE}[Service]\n" + "".join(f"IPAddressAllow={address}\n" for address in sorted(set(allowed)))


def quoted(argument: str, dollar: str = "$$") -> str:
    """Return an argument as a unit takes it; only on a command line is a dollar special."""
    escaped = re.sub(r'(["\\])', r"\\\1", argument).replace("%", "%%").replace("$", dollar)
    return f'"{escaped}"'


def alarm_drop_in(command: list[str]) -> str:
    """Return what adds the operator's command to the alarm."""
    return f'{NOTE}[Service]\nExecStart={" ".join(map(quoted, command))} "%i"\n'


def repository_drop_in(repository: str) -> str:
    """Return what tells the user `website`, who cannot read the settings, where editors merge."""
    return f"{NOTE}[Service]\nEnvironment={quoted(f'REPOSITORY={repository}', dollar='$')}\n"


def nginx_conf(site: str, version: tuple[int, ...]) -> str:
    """Return nginx's configuration for this name, written as this nginx wants it."""
    text = (DEPLOY / "nginx.conf").read_text("utf-8").replace("www.imqs.co.za", site)
    return NOTE + for_nginx(text, version)


def for_nginx(text: str, version: tuple[int, ...]) -> str:
    """Write HTTP/2 the way that this version of nginx wants it."""
    if version < HTTP2_DIRECTIVE:
        return text
    return re.sub(r"(\n *)(listen \S+ ssl) http2;(\n *listen \S+ ssl) http2;", r"\1\2;\3;\1http2 on;", text)


def authorized_keys(keys: list[str]) -> str:
    """Return the keys that may ask for publishing, and do nothing else."""
    command = f'restrict,command="touch {HOME}/build/publish-now"'
    return NOTE + "".join(f"{command} {key}\n" for key in keys)


def shipped_units() -> dict[str, File]:
    """Return the units and drop-ins of deploy/systemd/ by where they go."""
    folder = DEPLOY / "systemd"
    return {
        f"{SYSTEMD}/{path.relative_to(folder)}": File(f"# {MARK}.\n{path.read_text('utf-8')}")
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def before_packages() -> dict[str, File]:
    """Return what must be there before nginx is: it would show Debian's page, and write a log."""
    return {name: file for name, file in shipped_units().items() if ".service.d/" in name}


def configured(config: Config, allowed: Iterable[str]) -> dict[str, File]:
    """Return all other files but nginx's configuration, by where they go."""
    secrets, addresses = secrets_drop_in(config), addresses_drop_in(allowed)
    of_both = {
        f"{SYSTEMD}/{unit}.d/{name}.conf": File(text)
        for unit in ("form-backend.service", "check-mail.service")
        for name, text in (("secrets", secrets), ("addresses", addresses))
    }
    return {
        ENVIRONMENT: File(environment(config), 0o600),
        **of_both,
        f"{SYSTEMD}/publish.service.d/repository.conf": File(repository_drop_in(config.text("repository"))),
        f"{SYSTEMD}/website-alarm@.service.d/command.conf": File(
            alarm_drop_in(config.items("alarm.command"))
        ),
        "/etc/sysctl.d/60-website.conf": File(NOTE + SYSCTL),
        "/etc/apt/apt.conf.d/60website": File(f"// {NOTE}{SECURITY_UPDATES}"),
        AUTHORIZED_KEYS: File(authorized_keys(config.items("publishing.keys"))),
        **shipped_units(),
    }
