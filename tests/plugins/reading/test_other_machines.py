"""Files from another machine: with a byte order mark, and with the line ends of Windows or of an old Mac."""

from pathlib import Path

import pytest

from tests.parts.stack import build_project, checkout


@pytest.mark.parametrize("line_end", ["\r\n", "\r"], ids=["Windows", "old Mac"])
def test_same_site_from_another_machine(site: Path, tmp_path: Path, line_end: str) -> None:
    """Byte order marks and line ends change nothing: the same pages, and the statement's hash still fits."""
    project = checkout(tmp_path)
    for path in [path for path in project.glob("content/**/*") if path.suffix in {".md", ".toml", ".txt"}]:
        text = path.read_text("utf-8").replace("\n", line_end)
        path.write_bytes(f"\ufeff{text}".encode())
    built = build_project(project)

    assert built.returncode == 0, built.stdout + built.stderr
    for page in [path for path in site.rglob("*") if path.suffix in {".html", ".json", ".xml", ".txt"}]:
        assert (project / "output" / page.relative_to(site)).read_bytes() == page.read_bytes(), page
