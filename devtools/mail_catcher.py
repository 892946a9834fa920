"""Catch mail over real SMTP, and show it at /outbox/ as staff would see it.

Mails stay in memory and go when the process ends. `python -m devtools.serve` starts it. To see what a person
sees while the relay is down, end this process; start it again with the command that --help shows.
"""

import argparse
import io
import logging
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from flask import Flask, Response, abort, render_template, send_file

from devtools.loopback import HOST, quiet_server, refuse_taken_ports

HEADERS = ("From", "To", "Reply-To", "Subject", "Date", "Message-ID")
CURE = "end what uses it, or choose another"
POLICY = {  # nothing in a caught mail can run or load anything
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True)
class Mail:
    """One caught mail: its envelope and its bytes."""

    sender: str
    recipients: list[str]
    source: bytes
    caught: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def message(self) -> EmailMessage:
        """Return the mail as Python's e-mail package understands it."""
        return message_from_bytes(self.source, policy=policy.default)

    @property
    def text(self) -> str:
        """Return the text that staff read, with LF line ends."""
        body = self.message.get_body(("plain",))
        return body.get_content().replace("\r\n", "\n") if body else ""

    @property
    def attachments(self) -> list[tuple[str, str, bytes]]:
        """Return each attachment's name, type and content."""
        return [
            (
                part.get_filename(f"attachment-{number}"),
                part.get_content_type(),
                payload if isinstance(payload := part.get_payload(decode=True), bytes) else part.as_bytes(),
            )
            for number, part in enumerate(self.message.iter_attachments(), start=1)
        ]


class Outbox(list[Mail]):
    """The caught mails, oldest first; number 1 is the first."""

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Keep a mail (aiosmtpd calls this by its name) and accept it."""
        self.append(Mail(envelope.mail_from or "", envelope.rcpt_tos, envelope.original_content or b""))
        return "250 Message accepted"

    def numbered(self, number: int) -> Mail:
        """Return a mail by its number, or answer 404."""
        if not 1 <= number <= len(self):
            abort(404)
        return self[number - 1]


def create_outbox(outbox: Outbox) -> Flask:
    """Return the web application that shows the caught mails."""
    app = Flask(__name__, static_url_path="/outbox/static")

    @app.get("/outbox/")
    def mails() -> str:
        return render_template("mails.html", mails=list(enumerate(outbox, start=1))[::-1])

    @app.get("/outbox/<int:number>/")
    def mail(number: int) -> str:
        return render_template("mail.html", mail=outbox.numbered(number), number=number, headers=HEADERS)

    @app.get("/outbox/<int:number>/source")
    def source(number: int) -> Response:
        return Response(outbox.numbered(number).source, mimetype="text/plain")

    @app.get("/outbox/<int:number>/attachments/<int:index>")
    def attachment(number: int, index: int) -> Response:
        attachments = outbox.numbered(number).attachments
        if not 1 <= index <= len(attachments):
            abort(404)
        name, kind, content = attachments[index - 1]
        return send_file(io.BytesIO(content), kind, as_attachment=True, download_name=name)

    @app.after_request
    def guard(response: Response) -> Response:
        response.headers.update(POLICY)
        return response

    return app


def main() -> None:
    """Catch mail until interrupted."""
    parser = argparse.ArgumentParser(
        prog="python -m devtools.mail_catcher",
        description="Catch mail over SMTP and show it at /outbox/.",
        epilog="To start it again beside a running `make serve`: .venv/bin/python -m devtools.mail_catcher"
        " (after `make serve PORT=N`: --smtp-port N+2 --http-port N+3).",
    )
    parser.add_argument("--smtp-port", type=int, default=8002, help="where mail arrives (default 8002)")
    parser.add_argument("--http-port", type=int, default=8003, help="where /outbox/ is (default 8003)")
    ports = parser.parse_args()
    refuse_taken_ports([ports.smtp_port, ports.http_port], CURE)
    logging.getLogger("mail.log").disabled = True  # it quotes the conversation
    outbox = Outbox()
    Controller(outbox, hostname=HOST, port=ports.smtp_port).start()
    with suppress(KeyboardInterrupt):
        quiet_server(ports.http_port, create_outbox(outbox)).serve_forever()


if __name__ == "__main__":
    main()
