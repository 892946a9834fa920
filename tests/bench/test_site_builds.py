"""The benchmark of builds builds what it says, whatever content/ holds: a site without mistakes."""

from pathlib import Path

import pytest

from bench import site_builds


@pytest.mark.parametrize("settings", ["publishconf.py", "unchecked.py"])
def test_the_site_has_no_mistakes(tmp_path: Path, settings: str) -> None:
    """Our site has as many files as it should, and a build that ends at mistakes writes their pages."""
    site_builds.write_sites(tmp_path, 12)
    site_builds.cold_build(tmp_path / "ours", site_builds.ours(settings))

    assert len(list((tmp_path / "ours/content").rglob("*.md"))) == 12
    assert len(list((tmp_path / "ours/output").rglob("*.html"))) >= 12


def test_each_check_is_timed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stopwatch names the checks of content, what is collected for them, and the audit."""
    monkeypatch.setattr(site_builds, "RUNS", 1)
    site_builds.write_sites(tmp_path, 12)

    assert {"checks.spelling", "reading.html", "output.audit"} <= site_builds.checks(tmp_path / "ours").keys()
