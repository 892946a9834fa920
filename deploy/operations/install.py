"""From a bare server to the running site, step by step; each step does what is not done yet."""

import hashlib
import re
import secrets
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deploy.operations import addresses, files, releases
from deploy.operations.config import FILE, Config
from deploy.operations.files import HOME, SYSTEMD
from deploy.operations.machine import File, Machine, StepError, output_of, states, succeeds

CODE = Path(__file__).parents[2]
REPOSITORY = HOME / "repository.git"
VERSIONS, LIBRARIES = HOME / "versions", HOME / "libraries"
WHOLE = ".whole"  # a file that says so of the folder in which it stands
CHECKOUT = HOME / "checkout"
KEPT_VERSIONS = 3
CERTIFICATE = "/etc/nginx/website/certificate"
PACKAGES = (
    *("ca-certificates", "certbot", "git", "libnginx-mod-http-brotli-static", "nginx", "openssl"),
    *("python3-venv", "unattended-upgrades"),
)
WATCHING = (
    "publish.timer",
    "publish.path",
    "check-mail.timer",
    "website-addresses.timer",
    "form-backend-trust.path",
)


@dataclass
class Setup:
    """The operator's settings, and the server that they are for."""

    config: Config
    machine: Machine

    @property
    def site(self) -> str:
        """Return the site's name."""
        return self.config.text("site")

    @property
    def configuration(self) -> str:
        """Return nginx's configuration for the nginx that is installed."""
        return files.nginx_conf(self.site, nginx_version())


def nginx_version() -> tuple[int, ...]:
    """Return the version of the nginx that is installed; Debian 13's where there is none yet."""
    found = re.search(r"nginx/([\d.]+)", output_of("sh", "-c", "/usr/sbin/nginx -v 2>&1"))
    return tuple(map(int, found[1].split("."))) if found else (1, 26)


def take_version(setup: Setup) -> Path:
    """Have the version that the settings name beside those of before; return its folder."""
    machine, repository = setup.machine, setup.config.text("repository")
    if not machine.acts:
        tell_version(setup)
        return CODE
    if not shutil.which("git"):
        machine.run("apt-get", "update", "-q")
        machine.run("apt-get", "install", "-q", "-y", "--no-install-recommends", "git", "ca-certificates")
    HOME.mkdir(parents=True, exist_ok=True)
    if not (REPOSITORY / "HEAD").exists():
        machine.run("git", "init", "--quiet", "--bare", REPOSITORY)
    fetch = ("fetch", "--quiet", "--prune", "--force", "--tags")
    machine.run("git", "-C", REPOSITORY, *fetch, repository, "+refs/heads/*:refs/heads/*", told=False)
    folder = VERSIONS / commit_of(setup.config.text("version"))
    if not (folder / WHOLE).exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        archive = f"git -C {REPOSITORY} archive {folder.name} | tar --extract --directory {folder}"
        machine.run("bash", "-o", "pipefail", "-c", archive)
        (folder / WHOLE).touch()
    return folder


def tell_version(setup: Setup) -> None:
    """Say, without fetching it, that another version would run."""
    version = setup.config.text("version")
    known = output_of("git", "-C", REPOSITORY, "rev-parse", "--quiet", "--verify", f"{version}^{{commit}}")
    if setup.machine.root == Path("/") and known != CODE.name:
        setup.machine.changed(f"the version that runs, to {version}")


def commit_of(version: str) -> str:
    """Return the commit that a tag, branch or commit names."""
    found = output_of("git", "-C", REPOSITORY, "rev-parse", "--verify", "--quiet", f"{version}^{{commit}}")
    if not found:
        raise StepError(
            f"version: the repository has no {version}. Its tags: {output_of('git', '-C', REPOSITORY, 'tag')}"
        )
    return found


def quiet_web_server(setup: Setup) -> None:
    """Have nginx start with our configuration or not at all, before its package starts it."""
    changed = [name for name, file in files.before_packages().items() if setup.machine.write(name, file)]
    if changed:
        setup.machine.run("systemctl", "daemon-reload")


def packages(setup: Setup) -> None:
    """Install Debian's packages."""
    known = output_of("dpkg-query", "-Wf", "${Package} ${Status}\n", *PACKAGES).splitlines()
    installed = {line.partition(" ")[0] for line in known if line.endswith(" ok installed")}
    missing = [name for name in PACKAGES if name not in installed]
    if missing:
        setup.machine.run("apt-get", "update", "-q")
        setup.machine.run("apt-get", "install", "-q", "-y", "--no-install-recommends", *missing)


def user(setup: Setup) -> None:
    """Make the user that builds, and nothing else, and the folders."""
    machine = setup.machine
    if not succeeds("id", "website"):
        home = ("--home-dir", HOME / "build", "--no-create-home")
        machine.run("useradd", "--system", *home, "--shell", "/bin/sh", "website")
    machine.folder(str(HOME / "releases"))
    machine.folder(str(HOME / "build"), "website")
    machine.folder(str(HOME / "build/.ssh"))
    machine.folder("/var/www/acme")
    machine.folder("/etc/form-backend", mode=0o700)


def libraries(setup: Setup) -> None:
    """Install the libraries, each checked by its hash, beside those that other versions need."""
    lock, machine = CODE / "requirements.txt", setup.machine
    folder = LIBRARIES / hashlib.sha256(lock.read_bytes() + sys.version.encode()).hexdigest()[:16]
    if not (folder / WHOLE).exists():
        machine.run("python3", "-m", "venv", "--clear", folder)
        pip = (folder / "bin/python", "-m", "pip", "--disable-pip-version-check", "install", "--quiet")
        machine.run(*pip, "--no-compile", "--require-hashes", "-r", lock)
        compile_all = ("-m", "compileall", "-q", "-j", "0")  # on all processors; pip takes one
        machine.run(folder / "bin/python", *compile_all, folder / "lib", told=False)
        machine.run("touch", folder / WHOLE, told=False)
    if machine.acts and machine.link(str(CODE / ".venv"), str(folder)):
        machine.run(
            folder / "bin/python",
            "-m",
            "compileall",
            "-q",
            CODE / "form_backend",
            CODE / "deploy",
            told=False,
        )


def kernel(setup: Setup) -> None:
    """Look whether the kernel can keep the form backend from writing and from connecting elsewhere."""
    if setup.machine.acts and setup.config.settings.get("FLASK_REQUIRE_SANDBOX", "1") != "0":
        version = output_of(
            CODE / ".venv/bin/python", "-c", "import landlockpy; print(landlockpy.abi_version())"
        )
        if int(version or 0) < 4:
            raise StepError("This kernel cannot enforce the form backend's sandbox: use Debian 13.")


def secret_files(setup: Setup) -> None:
    """Make the secret, once, and look whether the operator's own files are there."""
    machine = setup.machine
    if not machine.path(files.SECRET_KEY).exists():
        machine.changed(files.SECRET_KEY)
        if not machine.dry_run:
            write_secret(machine)
    for _variable, name in files.secret_files(setup.config).values():
        if not machine.path(name).is_file():
            raise StepError(
                f"{name} is not there. Write it like this, as root: install -m 600 /dev/stdin {name}"
            )
    if authority := setup.config.text("mail.ca_file"):
        check_authority(machine.path(authority))


def check_authority(path: Path) -> None:
    """Refuse an authority that Python 3.13 does not accept, whatever it signs."""
    if "Certificate Sign" not in output_of("openssl", "x509", "-in", path, "-noout", "-ext", "keyUsage"):
        raise StepError(
            f"{path} is no certificate authority with the extension keyUsage, which Python 3.13 asks for. "
            "Have one made with keyUsage = critical, keyCertSign, cRLSign, and have it sign the relay anew."
        )


def write_secret(machine: Machine) -> None:
    """Write a new secret in one step."""
    new = machine.path(f"{files.SECRET_KEY}.new")
    new.unlink(missing_ok=True)
    new.touch(0o600)
    new.write_text(f"{secrets.token_urlsafe(32)}\n", "ascii")
    new.replace(machine.path(files.SECRET_KEY))


def settings(setup: Setup) -> None:
    """Write what systemd, the kernel and ssh read."""
    machine = setup.machine
    allowed = addresses.needed(setup.config)
    written = [
        name for name, file in files.configured(setup.config, allowed).items() if machine.write(name, file)
    ]
    if any(name.startswith(SYSTEMD) for name in written):
        machine.run("systemctl", "daemon-reload")
    if any("sysctl" in name for name in written):
        machine.run("sysctl", "--quiet", "--system")


def placeholder_certificate(setup: Setup) -> None:
    """Have a certificate of our own, so that nginx can start and prove that the name is ours."""
    folder = "/etc/nginx/website/placeholder"
    if not setup.machine.path(f"{folder}/fullchain.pem").exists():
        setup.machine.folder(folder, mode=0o700)
        where = ("-keyout", f"{folder}/privkey.pem", "-out", f"{folder}/fullchain.pem")
        kind = ("-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3650")
        setup.machine.run("openssl", "req", *kind, "-subj", f"/CN={setup.site}", *where)
    if not setup.machine.path(f"{CERTIFICATE}/fullchain.pem").exists():
        setup.machine.link(CERTIFICATE, folder)


def first_build(setup: Setup) -> None:
    """Build and publish the site with this version, unless it has done so."""
    machine, digest = setup.machine, hashlib.sha256(str(CODE).encode()).hexdigest()
    if machine.is_done("build", digest) and (HOME / "current").exists():
        return
    repository = f"REPOSITORY={setup.config.text('repository')}"
    machine.run("runuser", "--user", "website", "--", "env", repository, CODE / "deploy/setup", "build")
    machine.changed("the published site")
    if machine.acts:
        releases.publish(releases.Site(HOME), setup.configuration, releases.reload_nginx)
    machine.note_done("build", digest)


def web_server(setup: Setup) -> None:
    """Have nginx serve the site: its configuration is tried out first."""
    machine, configuration = setup.machine, setup.configuration
    if machine.acts:
        releases.check_nginx(configuration)
    machine.write(files.NGINX_CONF, File(configuration))
    state = hashlib.sha256(configuration.encode()).hexdigest()
    if not succeeds("systemctl", "is-active", "--quiet", "nginx"):
        machine.run("systemctl", "enable", "--quiet", "--no-reload", "nginx")
        machine.run("systemctl", "restart", "nginx")
    elif not machine.is_done("nginx", state):
        machine.run("systemctl", "reload", "nginx")
    machine.note_done("nginx", state)


def this_version(setup: Setup) -> None:
    """Have the units run this version from now on."""
    if setup.machine.acts:
        setup.machine.link(str(CHECKOUT), str(CODE))
    setup.machine.link("/usr/local/sbin/website", str(CHECKOUT / "deploy/setup"))


def form_backend(setup: Setup) -> None:
    """Start the form backend, anew where anything that it reads at its start has changed."""
    machine = setup.machine
    read = [
        files.SECRET_KEY,
        files.ENVIRONMENT,
        *(name for _, name in files.secret_files(setup.config).values()),
    ]
    unit = f"{SYSTEMD}/form-backend.service"
    read += [unit, f"{unit}.d/secrets.conf", f"{unit}.d/addresses.conf"]
    content = [path.read_bytes() for name in read if (path := machine.path(name)).is_file()]
    digest = hashlib.sha256(b"\0".join([str(CODE).encode(), *content])).hexdigest()
    if not machine.is_done("form-backend", digest):
        machine.run(
            "systemctl", "enable", "--quiet", "--no-reload", "form-backend.socket", "form-backend.service"
        )
        machine.run("systemctl", "start", "form-backend.socket")
        machine.run("systemctl", "restart", "form-backend.service")
        machine.note_done("form-backend", digest)


def certificate(setup: Setup) -> None:
    """Have a certificate, and its renewal, through the web server that runs."""
    live = f"/etc/letsencrypt/live/{setup.site}"
    config = setup.config
    if not setup.machine.path(f"{live}/fullchain.pem").exists():
        account = ("--agree-tos", "--email", config.text("certificate.email"))
        server = ("--server", config.text("certificate.server"))
        proof = ("--webroot", "--webroot-path", "/var/www/acme", "--domain", setup.site)
        hook = ("--deploy-hook", "systemctl try-reload-or-restart nginx")
        setup.machine.run(
            "certbot", "certonly", "--non-interactive", "--quiet", *account, *server, *proof, *hook
        )
    if setup.machine.link(CERTIFICATE, live):
        setup.machine.run("systemctl", "reload", "nginx")


def watches(setup: Setup) -> None:
    """Start the timers, and what waits for editors' merges."""
    idle = [unit for unit, state in states(*WATCHING).items() if state != "active"]
    if idle:
        setup.machine.run("systemctl", "enable", "--quiet", "--no-reload", "--now", *idle)


def tidy(setup: Setup) -> None:
    """Remove all versions but the three newest and this one, and libraries that none of those needs."""
    if not setup.machine.acts:
        return
    versions = sorted(VERSIONS.iterdir(), key=lambda path: path.stat().st_mtime)
    kept = {CODE, *versions[-KEPT_VERSIONS:]}
    needed = {(version / ".venv").resolve() for version in kept}
    for folder in (*versions, *LIBRARIES.iterdir()):
        if folder not in kept | needed:
            setup.machine.changed(f"{folder} removed")
            shutil.rmtree(folder)


STEPS: dict[str, Callable[[Setup], None]] = {
    "web server kept quiet": quiet_web_server,
    "packages": packages,
    "user and folders": user,
    "libraries": libraries,
    "kernel": kernel,
    "secrets": secret_files,
    "placeholder certificate": placeholder_certificate,
    "build": first_build,  # before anything that runs is touched
    "settings": settings,
    "version": this_version,
    "web server": web_server,
    "form backend": form_backend,
    "certificate": certificate,
    "watches": watches,
    "old versions": tidy,
}


def run(setup: Setup) -> None:
    """Take each step, or raise a StepError that names it."""
    for name, step in STEPS.items():
        print(f"  {name}")
        try:
            step(setup)
        except StepError as error:
            raise StepError(
                f"The step `{name}` failed: {error}\n"
                f"What ran before runs on. Once that is repaired, in {FILE} or elsewhere, run this again."
            ) from None
