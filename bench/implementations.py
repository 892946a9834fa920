"""What is measured: the form backend as shipped, others where they are installed, and gunicorn alone."""

import shutil
from pathlib import Path

from bench.harness import Implementation
from devtools.loopback import HOST
from tests.parts.processes import ROOT
from tests.parts.stack import GUNICORN

PEERS = ROOT / "bench/peers"
MODULES, PYTHON = PEERS / "node_modules/nodemailer", PEERS / "venv/bin/python"
NODE = shutil.which("node") or "/usr/bin/node"
INSTALL_NODEMAILER = "npm install --prefix bench/peers"
INSTALL_FLASK_MAIL = "cd bench/peers && python3 -m venv venv && venv/bin/pip install -r requirements.txt"


def unless_installed(command: str, *files: Path) -> str:
    """Return the command that installs these files, or nothing where all of them exist."""
    return "" if all(path.exists() for path in files) else command


def nodemailer(name: str, **variables: str) -> Implementation:
    """Return one configuration of Express with Nodemailer."""
    command = (NODE, str(PEERS / "express.mjs"))
    install = unless_installed(INSTALL_NODEMAILER, Path(NODE), MODULES)
    return Implementation(name, command, {"NODE_ENV": "production"} | variables, install)


FLASK_MAIL = f"{PYTHON} -m gunicorn --threads 64 --bind {HOST}:{{port}} bench.peers.flask_mail_form:app"
OURS = Implementation("this project", tuple(GUNICORN))
BASELINE = Implementation("gunicorn alone", (*GUNICORN, "bench.baseline:app"))
OTHERS = [
    nodemailer("Nodemailer"),
    nodemailer("Nodemailer, pooled", POOL="yes"),
    nodemailer("Nodemailer, pooled, cluster", POOL="yes", PROCESSES="2"),
    Implementation(
        "Flask-Mail", tuple(FLASK_MAIL.split()), install=unless_installed(INSTALL_FLASK_MAIL, PYTHON)
    ),
]
