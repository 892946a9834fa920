"""An enquiry, from the form to the mail that staff read."""

import hashlib
import json
import re
from pathlib import Path

import httpx
import lxml.html
import pytest
from tests.stack import ENQUIRY, Backend, Mailbox, Serve, reference_in, token

TOO_LONG = "x" * 5001


def test_enquiry_reaches_staff(backend: Backend, mailbox: Mailbox) -> None:
    """A good enquiry is thanked for only after the relay has it, and staff can answer from the mail."""
    answer = backend.enquire()

    assert answer.status_code == 303
    [received] = mailbox.received
    assert received.message["Reply-To"] == ENQUIRY["email"]
    thanks = backend.client.get(answer.headers["Location"])
    assert thanks.status_code == 200
    assert reference_in(thanks) in received.message["Subject"]
    assert ENQUIRY["message"] in received.text
