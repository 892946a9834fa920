"""The benchmark measures what it says: its relay speaks SMTP, and its latency proxy adds the round trip."""

import smtplib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from bench import forms, report
from bench.chart import chart
from bench.harness import Harness
from bench.implementations import OURS
from bench.metrics import ABROAD, FAR, FETCHES, ONE, PLAIN, TLS, Results, Scenario, targets
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
def harness(site: Path, tmp_path: Path) -> Harness:
    """Return a harness with the site that all tests share."""
    (tmp_path / "site").symlink_to(site)
    return Harness.prepare(tmp_path)


def test_the_relay_speaks_smtp(harness: Harness) -> None:
    """It replies to each command in order, accepts DATA and BDAT, and counts the same message once."""
    with harness.relay(PLAIN) as relay, smtplib.SMTP(HOST, relay.direct_port) as client:
        client.ehlo()
        replies = []
        for command, codes in CONVERSATION:
            client.send(command)
            replies.append((command, [client.getreply()[0] for _ in codes]))

        assert replies == CONVERSATION
        assert relay.accepted() == 1
        assert {"pipelining", "chunking", "8bitmime", "smtputf8", "auth"} <= client.esmtp_features.keys()


def test_latency_and_relay_slow_every_submission(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each submission takes at least a round trip and the relay's own time, and each arrives."""
    monkeypatch.setattr(forms, "SECONDS", 0.3)
    monkeypatch.setattr(forms, "RUNS", 1)
    scenario = Scenario("four", 4, round_trip=0.02, seconds=0.05, processes=1)
    # In a thread of its own: the browser of other tests may have an event loop in this one.
    with forms.running(harness, OURS, scenario) as driver, ThreadPoolExecutor(1) as thread:
        values = thread.submit(driver.submit, scenario).result()
        confirmed = driver.confirmed

    assert confirmed > 4
    assert values[scenario.p50] >= 70
    assert values[scenario.rate] <= scenario.highest_rate


def test_the_report_compares_each_metric_with_its_target() -> None:
    """A value half as good as its target is "missed, 0.50"; the chart has a panel for each target."""
    best = {ONE.p50: 20.0, ABROAD.p50: 150.0}
    peer = dict.fromkeys((FAR.rate, TLS.rate, TLS.cpu, FETCHES.cpu), 100.0)
    target = targets([peer], best)
    half = {metric: value * (2 if metric.less_is_better else 0.5) for metric, value in target.items()}
    results = Results(
        half, {"Peer": peer}, {}, {"without log lines": 0.05}, {"Other": "not installed"}, best, {}, {}, 0
    )

    assert report.figures(results).count("missed, 0.50") == len(target)
    assert "Other was not measured: not installed" in report.figures(results)
    assert len(ET.fromstring(chart(results)).findall("{*}g")) == len(target)  # noqa: S314 - our own drawing
