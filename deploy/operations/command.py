"""The command `website`, which is deploy/setup: one word for each of the operator's tasks."""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from deploy.operations import addresses, config, files, health, install, releases
from deploy.operations.config import Config, ConfigError
from deploy.operations.files import HOME
from deploy.operations.machine import Machine, StepError

FORMS_OFF = Path("/etc/form-backend/forms-off")
UNITS = ("form-backend.socket", "form-backend.service")


def main() -> None:
    """Do what the command line says; what cannot be done ends with a sentence."""
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # a log shows each step as it is taken
    parser = argument_parser()
    arguments = parser.parse_args(sys.argv[1:] or ["setup"])
    try:
        arguments.act(arguments)
    except (StepError, ConfigError) as error:
        sys.exit(f"{error}")


def argument_parser() -> argparse.ArgumentParser:
    """Return the parser; each command's function is its help."""
    parser = argparse.ArgumentParser(prog="website", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, act: object) -> argparse.ArgumentParser:
        one = commands.add_parser(name, help=act.__doc__, description=act.__doc__)
        one.set_defaults(act=act)
        return one

    setting_up = command("setup", set_up)
    setting_up.add_argument("--dry-run", action="store_true", help="show what would change")
    setting_up.add_argument("--config", type=Path, default=config.FILE, help="the operator's file")
    setting_up.add_argument(
        "--root", type=Path, default=Path("/"), help="write the files there, and run nothing"
    )
    command("check", check)
    command("publish", publish)
    command("rollback", roll_back).add_argument(
        "name", nargs="?", help="the release; without it the one before"
    )
    command("release", release)
    command("rotate-secret", rotate_secret)
    command("forms", forms).add_argument("state", choices=["on", "off"])
    command("run", run_flask).add_argument("arguments", nargs=argparse.REMAINDER)
    command("build", build)
    command("switch", switch)
    command("addresses", follow_addresses)
    return parser


def set_up(arguments: argparse.Namespace) -> None:
    """Bring this server to what setup.toml says; without other words, this is what is done."""
    machine = Machine(arguments.root, dry_run=arguments.dry_run)
    if machine.acts and os.geteuid() != 0:
        raise StepError("Run this as root.")
    setup = install.Setup(operator_settings(arguments.config), machine)
    folder = install.take_version(setup)
    if folder != install.CODE:
        other = folder / "deploy/setup"
        if not other.exists():
            raise StepError(f"The version {setup.config.text('version')} has no deploy/setup.")
        sys.stdout.flush()
        os.execv(other, [str(other), *sys.argv[1:]])  # noqa: S606 - the version's own setup goes on
    install.run(setup)
    if not machine.changes:
        print("Nothing had to change.")
    if machine.acts:
        check(arguments)


def operator_settings(path: Path) -> Config:
    """Return the operator's settings; where the file is missing, ask for them or write it to be filled in."""
    if not path.exists():
        answers = config.ask(input, print) if sys.stdin.isatty() else {}
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.write_text(config.template(answers), "utf-8")
        if not answers:
            raise StepError(
                f"{path} is now there, with every setting explained. Fill it in, and run this again."
            )
        print(f"\nYour answers are in {path}.")
    return config.read(path)


def check(_arguments: argparse.Namespace) -> None:
    """Look at everything that has to work; the exit status is 0 only when all of it does."""
    if not health.report(config.read(config.FILE)):
        raise StepError("Not all is well: see the lines that begin with BAD.")


def publish(_arguments: argparse.Namespace) -> None:
    """Build what is merged and publish it, now."""
    if subprocess.run(["systemctl", "start", "publish.service"], check=False).returncode != 0:
        subprocess.run(["journalctl", "-u", "publish", "-n", "30", "-o", "cat", "--no-pager"], check=False)
        raise StepError("Nothing was published: the lines above say why. The site is as it was.")


def build(_arguments: argparse.Namespace) -> None:
    """(For publish.service.) Build the site, as the user website."""
    releases.build(releases.Site(HOME), os.environ["REPOSITORY"])


def switch(_arguments: argparse.Namespace) -> None:
    """(For publish.service.) Check the build and publish it, as root."""
    releases.publish(releases.Site(HOME), releases.running_configuration(), releases.reload_nginx)


def roll_back(arguments: argparse.Namespace) -> None:
    """Publish an earlier release, and publish nothing else until `website release`."""
    site, configuration = releases.Site(HOME), releases.running_configuration()
    back = releases.roll_back(site, arguments.name, configuration, releases.reload_nginx)
    print(f"Published {back}, which stays until `website release`.")


def release(arguments: argparse.Namespace) -> None:
    """End a rollback: publish what is merged."""
    releases.Site(HOME).hold.unlink(missing_ok=True)
    publish(arguments)


def rotate_secret(_arguments: argparse.Namespace) -> None:
    """Replace the secret; forms that are open come back once with every word in them."""
    machine = Machine()
    install.write_secret(machine)
    machine.run("systemctl", "restart", "form-backend.service")


def forms(arguments: argparse.Namespace) -> None:
    """Take the forms off the air, or put them back; the pages stay."""
    machine = Machine()
    if arguments.state == "off":
        FORMS_OFF.touch()
        machine.run("systemctl", "stop", *UNITS)
    else:
        FORMS_OFF.unlink(missing_ok=True)
        machine.run("systemctl", "start", *UNITS)


def run_flask(arguments: argparse.Namespace) -> None:
    """Run one of the form backend's commands with its settings: `website run check-mail --send`."""
    settings = config.read(config.FILE)
    secret_files = dict(files.secret_files(settings).values())
    environment = os.environ | files.settings(settings) | secret_files
    environment |= {"FLASK_SECRET_KEY_FILE": files.SECRET_KEY, "FLASK_SITE_DIR": str(HOME / "current")}
    flask = install.CODE / ".venv/bin/flask"
    program = [str(flask), "--app", str(install.CODE / "form_backend"), *arguments.arguments]
    os.execve(flask, program, environment)  # noqa: S606 - it takes our place


def follow_addresses(_arguments: argparse.Namespace) -> None:
    """(For website-addresses.service.) Fail, and raise the alarm, when a relay's name has moved."""
    if moved := addresses.follow(config.read(config.FILE), Machine()):
        raise StepError(
            f"The relays' names lead to addresses that were not allowed: {', '.join(moved)}. They are now. "
            "Ask those who run the relays whether that is their doing; mail.networks can name their networks."
        )
