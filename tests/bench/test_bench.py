"""The bench measures what it says: its relay keeps to the protocol, and distance takes its time."""

import smtplib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from bench import forms, report
from bench.chart import chart
from bench.contenders import OURS
from bench.figures import ONE, PLAIN, Crowd, Results, needed
from bench.stage import Stage
from devtools.loopback import HOST

ENVELOPE = b"MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.org>\r\n"
CONVERSATION = [
    (b"RCPT TO:<b@example.org>\r\n", [503]),
    (b"DATA\r\n", [503]),
    (b"AUTH PLAIN AGEAYg==\r\n", [535]),
    (b"FETCH\r\n", [500]),
    (ENVELOPE + b"DATA\r\n", [250, 250, 354]),
    (b"Subject: one\r\n\r\n..\r\n.\r\n", [250]),
    (ENVELOPE + b"BDAT 16\r\nSubject: one\r\n\r\nBDAT 3 LAST\r\n.\r\nNOOP\r\n", [250, 250, 250, 250, 250]),
    (b"HELP\r\n", [214]),
    (b"BDAT 3 LAST\r\nabcNOOP\r\n", [503, 250]),
    (ENVELOPE + b"MAIL FROM:<a@example.org>\r\nRSET\r\nDATA\r\n", [250, 250, 503, 250, 503]),
    (b"BDAT 2000000\r\n", [552]),
]


@pytest.fixture
def stage(site: Path, tmp_path: Path) -> Stage:
    """Return a stage with the site that all tests share."""
    (tmp_path / "site").symlink_to(site)
    return Stage.prepare(tmp_path)


def test_the_relay_keeps_to_the_protocol(stage: Stage) -> None:
    """It answers each command in order, takes a message by DATA and by BDAT, and counts the same one once."""
    with stage.relay(PLAIN) as relay, smtplib.SMTP(HOST, relay.own_port) as client:
        client.ehlo()
        heard = []
        for said, codes in CONVERSATION:
            client.send(said)
            heard.append((said, [client.getreply()[0] for _ in codes]))

        assert heard == CONVERSATION
        assert relay.taken() == 1
        assert {"pipelining", "chunking", "8bitmime", "smtputf8", "auth"} <= client.esmtp_features.keys()


def test_nobody_is_faster_than_distance_and_relay(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A submission waits a round trip and as long as the relay takes over it; each of them arrives."""
    monkeypatch.setattr(forms, "SECONDS", 0.3)
    monkeypatch.setattr(forms, "RUNS", 1)
    crowd = Crowd("four", 4, round_trip=0.02, seconds=0.05, processes=1)
    # In a thread of its own, since the browser of other tests may have an event loop in this one.
    with forms.visitors(stage, OURS, crowd) as people, ThreadPoolExecutor(1) as thread:
        answers = thread.submit(people.submissions, crowd).result()
        taken = people.thanked

    assert taken > 4
    assert answers[crowd.p50] >= 70
    assert answers[crowd.rate] <= crowd.possible


def test_the_report_says_how_much_of_each_target_is_met() -> None:
    """Half as good as needed is missed by half; the drawing has a panel for each target."""
    limits = {ONE.p50: 20.0}
    target = needed([], limits)
    half = {one: figure * (2 if one.less_is_better else 0.5) for one, figure in target.items()}
    results = Results(half, {}, {"Other": "not installed"}, limits, {}, {}, 0)

    assert report.figures(results).count("missed, 0.50") == len(target)
    assert "Other was not measured: not installed" in report.figures(results)
    assert len(ET.fromstring(chart(results)).findall("{*}g")) == len(target)  # noqa: S314 - our own drawing
