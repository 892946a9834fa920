"""Write the sites that bench/site_builds.py builds: the same Markdown for this site, stock Pelican and Hugo.

Each holds the pages of the forms and of errors, the statement in force, and articles up to its size. The
articles have the texts of content/news/ in turn, so that they hold what articles hold.
"""

import json
import re
import shutil
from itertools import cycle, islice
from pathlib import Path

from devtools.loopback import HOST
from tests.parts.processes import ROOT
from tests.parts.stack import checkout, put_on_record, statement_in_force

EDITED = Path("content/news/article-0.md")
NEEDED = re.compile(r"^Template: (?:form|sent|error)$", re.MULTILINE)
KEPT = r"/(?:enquiry|your-information|about-us/customerprivacystatement)/"
OTHER_LINK = re.compile(rf"!?\[([^\]]*)\]\((?!{KEPT})/[^)]*\)")
OTHER_ADDRESS = re.compile(rf'= "(?!{KEPT})/[^"]*"')
OUR_LABELS = re.compile(r"^(?:Template|Status|Save_as|Url):.*\n", re.MULTILINE)
HUGO = {
    "single.html": "<!DOCTYPE html><title>{{ .Title }}</title><h1>{{ .Title }}</h1>{{ .Content }}",
    "list.html": "<!DOCTYPE html><title>{{ .Title }}</title>{{ range .Pages }}<p>{{ .Title }}</p>{{ end }}",
}
STOCK = """\
SITENAME, TIMEZONE, THEME, PLUGINS = "Stock", "Africa/Johannesburg", "simple", []
PATH, PAGE_PATHS, ARTICLE_PATHS = "content", ["pages", "privacy"], ["news"]
PATH_METADATA = r"(?:(?:pages|news)/)?(?P<slug>.+?)(?:/index)?\\.md"
PARTS = ["attr_list", "def_list", "fenced_code", "footnotes", "sane_lists", "smarty", "tables", "toc"]
EXTENSIONS = [f"markdown.extensions.{part}" for part in PARTS]
EXTENSIONS += ["pymdownx.magiclink", "pymdownx.tasklist", "pymdownx.tilde"]
MARKDOWN = {"extension_configs": dict.fromkeys(EXTENSIONS, {}), "output_format": "html5"}
"""
CACHED = 'CACHE_CONTENT = LOAD_CONTENT_CACHE = True\nCONTENT_CACHING_LAYER = "generator"\n'


def real_site(root: Path) -> Path:
    """Write this project as it is, ready for `make serve`, and return the path of an article."""
    checkout(root)
    (root / ".venv").symlink_to(ROOT / ".venv")
    return min((root / "content/news").glob("*.md")).relative_to(root)


def our_site(root: Path, size: int) -> None:
    """Write this project with this many Markdown files in content/, without links to what is left out."""
    real_site(root)
    content = root / "content"
    texts = [path.read_text("utf-8").partition("\n\n")[2] for path in sorted(content.glob("news/*.md"))]
    statement = content / "privacy" / f"{statement_in_force()}.md"
    for path in content.rglob("*.md"):
        if path != statement and not NEEDED.search(path.read_text("utf-8")):
            path.unlink()
    number = max(1, size - len(list(content.rglob("*.md"))))
    for index, text in enumerate(islice(cycle(texts), number)):
        head = f"Title: Article {index}\nDescription: What article {index} says.\nDate: 2026-01-01\n"
        (content / f"news/article-{index}.md").write_text(f"{head}\n{text}", "utf-8")
    for path in content.rglob("*.md"):
        path.write_text(OTHER_LINK.sub(r"\1", path.read_text("utf-8")), "utf-8")
    facts = content / "organisation.toml"
    facts.write_text(OTHER_ADDRESS.sub('= "/enquiry/"', facts.read_text("utf-8")), "utf-8")
    listed = [
        "/enquiry/",
        "/your-information/",
        *(f"/news-articles/article-{index}/" for index in range(number)),
    ]
    (content / "published.toml").write_text(f"addresses = {json.dumps(listed)}\n", "utf-8")
    put_on_record(content)


def other_sites(root: Path, ours: Path) -> None:
    """Write the same Markdown for stock Pelican without its cache, for the same with it, and for Hugo."""
    for path in (ours / "content").rglob("*.md"):
        head, _, text = OUR_LABELS.sub("", path.read_text("utf-8")).partition("\n\n")
        title = head.partition("\n")[0].removeprefix("Title: ")
        for name, metadata in (("stock", head), ("hugo", json.dumps({"title": title}))):
            target = root / name / path.relative_to(ours)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(f"{metadata}\n\n{text}", "utf-8")
    (root / "stock/pelicanconf.py").write_text(STOCK, "utf-8")
    shutil.copytree(root / "stock", root / "cached")
    (root / "cached/pelicanconf.py").write_text(STOCK + CACHED, "utf-8")
    (root / "hugo/hugo.toml").write_text(f'baseURL = "http://{HOST}/"\n', "utf-8")
    (root / "hugo/layouts/_default").mkdir(parents=True)
    for name, layout in HUGO.items():
        (root / "hugo/layouts/_default" / name).write_text(layout, "utf-8")
