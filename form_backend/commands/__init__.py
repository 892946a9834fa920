"""The operator's commands: check the mail, e-mail a breach notice, check a built site."""

from flask import Flask

from form_backend.commands import breach_notice, check_mail
from form_backend.submission import Services


def register(app: Flask, services: Services) -> None:
    """Hang the commands on `flask --app form_backend`."""
    app.cli.add_command(breach_notice.command(services))
    app.cli.add_command(check_mail.command(services))
