"""What is measured: the form backend as shipped, other software where installed, and gunicorn alone."""

import shutil
from pathlib import Path

from bench.harness import Implementation
from bench.unguarded import ALL, GUARDS
from devtools.loopback import HOST
from tests.parts.processes import ROOT
from tests.parts.stack import GUNICORN

PEERS = ROOT / "bench/peers"
MODULES, PYTHON = PEERS / "node_modules/pino", PEERS / "venv/bin/python"
NODE = shutil.which("node") or "/usr/bin/node"
INSTALL_NODE = "npm install --prefix bench/peers"
INSTALL_PYTHON = "cd bench/peers && python3 -m venv venv && venv/bin/pip install -r requirements.txt"


def unless_installed(command: str, *files: Path) -> str:
    """Return the command that installs these files, or nothing where all of them exist."""
    return "" if all(path.exists() for path in files) else command


def node(name: str, script: str, **variables: str) -> Implementation:
    """Return one configuration of a server that runs in Node."""
    command = (NODE, str(PEERS / script))
    install = unless_installed(INSTALL_NODE, Path(NODE), MODULES)
    return Implementation(name, command, {"NODE_ENV": "production"} | variables, install)


FLASK_MAIL = f"{PYTHON} -m gunicorn --threads 64 --bind {HOST}:{{port}} bench.peers.flask_mail_form:app"
OURS = Implementation("this project", tuple(GUNICORN))
BASELINE = Implementation("gunicorn alone", (*GUNICORN, "bench.baseline:app"))
UNGUARDED = [
    Implementation(f"without {name}", (*GUNICORN, "bench.unguarded:create_app()"), {"WITHOUT": name})
    for name in (*GUARDS, ALL)
]
SAME_WORK = [
    node("Node, same work", "same_work.mjs"),
    node("Node, same work, cluster", "same_work.mjs", PROCESSES="2"),
]
LESS_WORK = [
    node("Nodemailer", "express.mjs"),
    node("Nodemailer, pooled", "express.mjs", POOL="yes"),
    node("Nodemailer, pooled, cluster", "express.mjs", POOL="yes", PROCESSES="2"),
    Implementation("Flask-Mail", tuple(FLASK_MAIL.split()), install=unless_installed(INSTALL_PYTHON, PYTHON)),
]
