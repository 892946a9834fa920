"""The last step of a build: what was written is read as browsers and nginx read it, against a closed list."""

import shutil
from pathlib import Path

import pytest

from plugins.output.audit import files, page
from plugins.output.audit.page import Allowed
from tests.parts.processes import ROOT
from tests.parts.stack import BuildError, build

ALLOWED = Allowed("https://www.imqs.co.za", "p{color:red}", live_reload=False)
PAGE = """<!DOCTYPE html><html lang="en-ZA"><head><meta charset="utf-8"><title>T</title>{head}
<style>p{{color:red}}</style></head><body><main id="main">{body}</main></body></html>"""
NO_DATA = "a <script> that is not structured data"
LINE_SEPARATOR = "\N{LINE SEPARATOR}"


def whats(html: str, *, live_reload: bool = False) -> list[str]:
    """Return what the audit finds in a page."""
    allowed = Allowed(ALLOWED.address, ALLOWED.style, live_reload)
    return [finding.what for finding in page.findings(html, allowed)]


@pytest.mark.parametrize(
    "body",
    [
        '<p class="lead" id="a" lang="af" dir="ltr">Text, <em>words</em> &amp; &lt;script&gt;.</p>',
        '<a href="/contact/">a</a> <a href="#main">b</a> <a href="../products/">c</a> <a href="?a=x">d</a>',
        '<a href="https://example.org/a?b=c#d">a</a> <a href="http://example.org">b</a>',
        '<a href="mailto:info@imqs.co.za">a</a> <a href="tel:+27100235200">b</a>',
        '<img src="/images/plan.png" srcset="/images/a.png 1x, /b.png 2x" alt="A" width="2" height="1">',
        '<svg viewBox="0 0 1 1" role="img" fill="none"><title id="t">T</title><g><path d="M0 0"/></g></svg>',
        '<input type="radio" name="a" id="b" checked><label for="b">B</label>',
        '<script type="application/ld+json">{"@type": "WebSite"}</script>',
        "<!-- gap --><p>Fallback</p><!-- note -->Note<!-- end gap -->",
    ],
)
def test_what_pages_hold(body: str) -> None:
    """Nothing is found in what templates and Markdown make."""
    assert whats(PAGE.format(head="", body=body)) == []


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("<script>alert(1)</script>", NO_DATA),
        ('<script type="application/ld+json">alert(1)</script>', NO_DATA),
        ('<script src="/live-reload.js" data-file="content/pages/a.md" defer></script>', NO_DATA),
        ('<script type="application/ld+json" data-file="x">{}</script>', NO_DATA),
        ('<script type="application/ld+json" src="/x.js">{}</script>', NO_DATA),
        ("<p style='color: blue'>x</p>", 'the attribute "style" of <p>'),
        ("<style>p{color:blue}</style>", "a <style> that is not the site's stylesheet"),
        ("<b onclick=alert(1)>x</b>", "the element <b>"),
        ("<p onclick=alert(1)>x</p>", 'the attribute "onclick" of <p>'),
        ("<p/onclick=alert(1)>x</p>", 'the attribute "onclick" of <p>'),
        ("<svg/onload=alert(1)>", 'the attribute "onload" of <svg>'),
        ("<svg><style>@import 'x'</style></svg>", "a <style> that is not the site's stylesheet"),
        ("<svg><a xlink:href='javascript:x'>y</a></svg>", 'the attribute "xlink:href" of <a>'),
        ("<svg><use href='https://evil.example/x#y'/></svg>", "the element <use>"),
        ("<svg><image href='https://evil.example/x'/></svg>", "the element <image>"),
        ("<svg><set attributeName=href to=javascript:x /></svg>", "the element <set>"),
        ("<svg><path fill='url(//x.example)'/></svg>", 'fill="url(//x.example)" in <path>'),
        ("<math><mtext></mtext></math>", "the element <math>"),
        ("<iframe src=/contact/></iframe>", "the element <iframe>"),
        ("<object data=/x></object>", "the element <object>"),
        ("<embed src=/x>", "the element <embed>"),
        ("<base href=https://evil.example/>", "the element <base>"),
        ("<template><p>x</p></template>", "the element <template>"),
        ("<noscript><p>x</p></noscript>", "the element <noscript>"),
        ("<form action=https://evil.example/>x</form>", "the element <form>"),
        ("<button formaction=https://evil.example/>x</button>", "the element <button>"),
        ("<input type=password name=x>", 'type="password" in <input>'),
        ("<textarea></textarea>", "the element <textarea>"),
        ("<meta http-equiv=refresh content=0;url=//x.example>", 'the attribute "http-equiv" of <meta>'),
        ("<link rel=stylesheet href=/x.css>", 'rel="stylesheet" in <link>'),
        ("<link rel=icon href=https://evil.example/x>", 'href="https://evil.example/x" in <link>'),
        ("<link rel=icon href=https://www.imqs.co.za.evil.example/x>",
         'href="https://www.imqs.co.za.evil.example/x" in <link>'),
        ("<img src=https://evil.example/x alt=x>", 'src="https://evil.example/x" in <img>'),
        ("<img src=//evil.example/x alt=x>", 'src="//evil.example/x" in <img>'),
        ("<img src='/\\evil.example/x' alt=x>", 'src="/\\evil.example/x" in <img>'),
        ("<img src='/\t/evil.example/x' alt=x>", 'src="/\t/evil.example/x" in <img>'),
        ("<img src=data:image/png;base64,x alt=x>", 'src="data:image/png;base64,x" in <img>'),
        ("<img srcset='/a.png 1x, //evil.example/x 2x' alt=x>",
         'srcset="/a.png 1x, //evil.example/x 2x" in <img>'),
        ("<video src=/x></video>", "the element <video>"),
        ("<a href=javascript:alert(1)>x</a>", 'href="javascript:alert(1)" in <a>'),
        ("<a href='JaVaScRiPt:alert(1)'>x</a>", 'href="JaVaScRiPt:alert(1)" in <a>'),
        ("<a href='java\nscript:alert(1)'>x</a>", 'href="java\nscript:alert(1)" in <a>'),
        ("<a href=' javascript:alert(1)'>x</a>", 'href=" javascript:alert(1)" in <a>'),
        ("<a href=&#106;avascript:alert(1)>x</a>", 'href="javascript:alert(1)" in <a>'),
        ("<a href=data:text/html,x>x</a>", 'href="data:text/html,x" in <a>'),
        ("<a href=//evil.example/>x</a>", 'href="//evil.example/" in <a>'),
        ("<a href='/\\evil.example/'>x</a>", 'href="/\\evil.example/" in <a>'),
        ("<a href=https://www.imqs.co.za@evil.example/>x</a>",
         'href="https://www.imqs.co.za@evil.example/" in <a>'),
        ("<a href=/ ping=https://evil.example/>x</a>", 'the attribute "ping" of <a>'),
        ("<a href=/ target=_blank>x</a>", 'the attribute "target" of <a>'),
        ("<!-- something else -->", "the comment <!--something else-->"),
        ("<!-- gap --><!-- gap -->", "the comment <!--gap-->"),
        ("<p id=x>a</p><p id=x>b</p>", 'the id "x" more than once'),
        ("<p id=main>a</p>", 'the id "main" more than once'),
        (f"<p>a{LINE_SEPARATOR}b</p>", "a character that cannot be seen (U+2028, line separator)"),
        ("<p>a\N{RIGHT-TO-LEFT OVERRIDE}b</p>",
         "a character that cannot be seen (U+202E, right-to-left override)"),
        ("<p>a\vb</p>", "a character that cannot be seen (U+000B, control character)"),
    ],
)  # fmt: skip
def test_what_pages_may_not_hold(body: str, found: str) -> None:
    """Whatever is not on the closed list is found, read as a browser reads it."""
    assert found in whats(PAGE.format(head="", body=body))


@pytest.mark.parametrize(
    "body",
    [
        '<div title=="><meta http-equiv=refresh content=0;url=https://evil.example>">hi</div>',
        '<b title=\N{NO-BREAK SPACE}"x onclick=alert(1) y">x</b>',
        '<a href="/about-us/?x="><meta http-equiv=refresh content=0;url=https://evil.example>">x</a>',
        "<p>\0<script\0>alert(1)</script></p>",
        "<!--><script>alert(1)</script>-->",
        "<title></title><img src=x onerror=alert(1)>",
        "<svg></p><style><g title='</style><img src onerror=alert(1)>'>",
    ],
)
def test_html_that_parsers_read_differently(body: str) -> None:
    """HTML that a check of the source may take for harmless is read as the browser reads it."""
    assert whats(PAGE.format(head="", body=body))


def test_live_reload_in_preview_only() -> None:
    """The preview's pages hold one more script, at its own address alone."""
    script = '<script src="/live-reload.js" data-file="content/pages/a.md" defer></script>'

    assert whats(PAGE.format(head=script, body=""), live_reload=True) == []
    assert whats(PAGE.format(head=script.replace("/live", "/x"), body=""), live_reload=True)


def test_documents_in_quirks_mode() -> None:
    """A page that does not begin with its document type is found: browsers read it by other rules."""
    assert whats("<p>x</p>") == ["no <!DOCTYPE html> at its beginning"]


ROBOTS = "User-agent: *\nAllow: /\nSitemap: https://www.imqs.co.za/sitemap.xml\n"
SECURITY = (
    "Contact: mailto:info@imqs.co.za\nExpires: 2027-02-26T00:00:00Z\nPreferred-Languages: en\n"
    "Canonical: https://www.imqs.co.za/.well-known/security.txt\n"
)
FEED = '<feed xmlns="http://www.w3.org/2005/Atom"><entry><content type="html">{}</content></entry></feed>'
SITEMAP = '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"><url><loc>{}</loc></url></urlset>'
DRAWING = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1">{}</svg>'
HEADER = 'add_header X-Content-Type-Options "nosniff" always;\n'


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("robots.txt", ROBOTS),
        (".well-known/security.txt", SECURITY),
        (".headers.conf", HEADER),
        (".redirects.conf", ""),
        (".redirects.conf", "/old/ /products/;\n/old-2.html /;\n"),
        ("news-articles/atom.xml", FEED.format("&lt;p&gt;x&lt;/p&gt;")),
        ("sitemap.xml", SITEMAP.format("https://www.imqs.co.za/products/")),
        ("theme/favicon.svg", DRAWING.format('<path d="M0 0"/>')),
        ("theme/fonts/OFL.txt", "Copyright"),
    ],
)
def test_what_files_hold(path: str, text: str) -> None:
    """Nothing is found in the files that the build writes beside the pages."""
    assert list(files.findings(path, text.encode(), ALLOWED)) == []


@pytest.mark.parametrize(
    ("path", "text", "found"),
    [
        ("robots.txt", ROBOTS + "Disallow: /\n", 'the line "Disallow: /"'),
        ("robots.txt", ROBOTS.replace("za/", "za\nDisallow: /\n/"),
         'the line "Sitemap: https://www.imqs.co.za"'),
        ("robots.txt", "User-agent: *\n", "too few lines"),
        ("robots.txt", ROBOTS.removesuffix("\n") + "\rDisallow: /\n",
         'the line "Sitemap: https://www.imqs.co.za/sitemap.xml\rDisallow: /"'),
        (".well-known/security.txt", SECURITY.replace("mailto:info@imqs.co.za", "javascript:x"),
         'the line "Contact: javascript:x"'),
        (".headers.conf", HEADER + "error_log /etc/passwd;\n", 'the line "error_log /etc/passwd;"'),
        (".headers.conf", HEADER.replace("nosniff", "$request_body"),
         f'the line "{HEADER.strip().replace("nosniff", "$request_body")}"'),
        (".headers.conf", 'add_header X "a" always; error_log "b" always;\n',
         'the line "add_header X "a" always; error_log "b" always;"'),
        (".redirects.conf", "/old/ https://evil.example/;\n", 'the line "/old/ https://evil.example/;"'),
        (".redirects.conf", "/old/ //evil.example/;\n", 'the line "/old/ //evil.example/;"'),
        (".redirects.conf", "/a /b; include /etc/passwd;\n", 'the line "/a /b; include /etc/passwd;"'),
        (".redirects.conf", "/Old/ /new/;\n", 'the line "/Old/ /new/;"'),
        (".redirects.conf", "~^/ /new/;\n", 'the line "~^/ /new/;"'),
        ("news-articles/atom.xml", FEED.format("&lt;script&gt;x&lt;/script&gt;"),
         NO_DATA),
        ("news-articles/atom.xml", FEED.format("&lt;p onclick=x&gt;"), 'the attribute "onclick" of <p>'),
        ("news-articles/atom.xml", FEED.format("").replace("<entry>", "<entry><script/>"),
         "the element {http://www.w3.org/2005/Atom}script"),
        ("news-articles/atom.xml", '<?xml-stylesheet href="x"?>' + FEED.format(""),
         "a document type or an instruction for programs"),
        ("news-articles/atom.xml", '<!DOCTYPE feed [<!ENTITY x "y">]>' + FEED.format("&x;"),
         "a document type or an instruction for programs"),
        ("news-articles/atom.xml", "<feed>", "XML that cannot be read"),
        ("sitemap.xml", SITEMAP.format("https://evil.example/"), "the address https://evil.example/"),
        ("theme/x.svg", DRAWING.format("<script>x</script>"), "the element {http://www.w3.org/2000/svg}script"),
        ("theme/x.svg", DRAWING.format("<path onload='x'/>"),
         'the attribute "onload" of {http://www.w3.org/2000/svg}path'),
        ("x.js", "alert(1)", "XML that cannot be read"),
        ("x.html", "<html/>", "the element html"),
    ],
)  # fmt: skip
def test_what_files_may_not_hold(path: str, text: str, found: str) -> None:
    """A line, an element or an address that a file's strict form does not know is found."""
    whats = [finding.what for finding in files.findings(path, text.encode(), ALLOWED)]

    assert whats
    assert whats[0].startswith(found)


def test_a_template_that_does_harm(tmp_path: Path) -> None:
    """A production build of such a template ends, names it and its line, and leaves nothing to publish."""
    theme = shutil.copytree(ROOT / "theme", tmp_path / "theme")
    template = theme / "templates/partials/footer.html"
    template.write_text(
        template.read_text("utf-8") + '<img src="https://evil.example/count" alt="">\n', "utf-8"
    )
    line = template.read_text("utf-8").count("\n")
    settings = tmp_path / "settings.py"
    settings.write_text(f'from publishconf import *\nTHEME = "{theme}"\n', "utf-8")

    with pytest.raises(BuildError) as ended:
        build(tmp_path / "site", settings=str(settings))

    holds = '/404.html holds src="https://evil.example/count" in <img>.'
    cure = "No page and no file of the site may. Take it out."
    assert str(ended.value).splitlines() == [
        f"{template}:{line}: {holds} {cure}",
        "Not built: 1 mistake, named above.",
    ]
    assert not (tmp_path / "site").exists()
