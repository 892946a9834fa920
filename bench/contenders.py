"""Who is measured: the form backend as shipped, others where they are installed, and gunicorn alone."""

import shutil
from pathlib import Path

from bench.stage import Contender
from devtools.loopback import HOST
from tests.parts.processes import ROOT
from tests.parts.stack import GUNICORN

PEERS = ROOT / "bench/peers"
MODULES, PYTHON = PEERS / "node_modules/nodemailer", PEERS / "venv/bin/python"
NODE = shutil.which("node") or "/usr/bin/node"
INSTALL_NODEMAILER = "npm install --prefix bench/peers"
INSTALL_FLASK_MAIL = "cd bench/peers && python3 -m venv venv && venv/bin/pip install -r requirements.txt"


def cure(command: str, *needed: Path) -> str:
    """Return the command that installs something, unless all of it is there."""
    return "" if all(path.exists() for path in needed) else command


def nodemailer(name: str, **variables: str) -> Contender:
    """Return one way to run Express with Nodemailer."""
    command, missing = (NODE, str(PEERS / "express.mjs")), cure(INSTALL_NODEMAILER, Path(NODE), MODULES)
    return Contender(name, command, {"NODE_ENV": "production"} | variables, missing)


FLASK_MAIL = f"{PYTHON} -m gunicorn --threads 64 --bind {HOST}:{{port}} bench.peers.flask_mail_form:app"
OURS = Contender("this project", tuple(GUNICORN))
BARE = Contender("gunicorn alone", (*GUNICORN, "bench.bare:app"))
OTHERS = [
    nodemailer("Nodemailer"),
    nodemailer("Nodemailer, pooled", POOL="yes"),
    nodemailer("Nodemailer, pooled, twice", POOL="yes", PROCESSES="2"),
    Contender("Flask-Mail", tuple(FLASK_MAIL.split()), missing=cure(INSTALL_FLASK_MAIL, PYTHON)),
]
