"""Markdown as people type and paste it: what GitHub understands is understood here."""

import pytest

from plugins.reading.document import Document
from plugins.reading.markdown import convert, converter

UNDERSTOOD = {
    # Blocks right under a paragraph, and in each other
    "Text\n- One\n- Two": "<p>Text</p>\n<ul>\n<li>One</li>\n<li>Two</li>\n</ul>",
    "Text\n1. One\n2. Two": "<p>Text</p>\n<ol>\n<li>One</li>\n<li>Two</li>\n</ol>",
    "Text\n1) One": "<p>Text</p>\n<ol>\n<li>One</li>\n</ol>",
    "Text\n> Quote": "<p>Text</p>\n<blockquote>\n<p>Quote</p>\n</blockquote>",
    "Text\n## Heading\nText": '<p>Text</p>\n<h2 id="heading">Heading</h2>\n<p>Text</p>',
    "- One\n  - Two\n    - Three": (
        "<ul>\n<li>One\n<ul>\n<li>Two\n<ul>\n<li>Three</li>\n</ul>\n</li>\n</ul>\n</li>\n</ul>"
    ),
    "1. One\n   - Two": "<ol>\n<li>One\n<ul>\n<li>Two</li>\n</ul>\n</li>\n</ol>",
    "- One\n\t- Two": "<ul>\n<li>One\n<ul>\n<li>Two</li>\n</ul>\n</li>\n</ul>",
    "- One\n\n1. Two": "<ul>\n<li>One</li>\n</ul>\n<ol>\n<li>Two</li>\n</ol>",
    "3. Three": '<ol start="3">\n<li>Three</li>\n</ol>',
    "Text\n\n| A | B |\n|---|:-:|\n| 1 | 2 |": (
        table := (
            '<p>Text</p>\n<table tabindex="0">\n<thead>\n<tr>\n<th>A</th>\n'
            '<th class="center">B</th>\n</tr>\n</thead>\n'
            '<tbody>\n<tr>\n<td>1</td>\n<td class="center">2</td>\n</tr>\n</tbody>\n</table>'
        )
    ),
    "Text\n| A | B |\n|---|:-:|\n| 1 | 2 |": table,
    "- Text\n\n  A | B\n  --|:-:\n  1 | 2": f"<ul>\n<li>\n{table}\n</li>\n</ul>",
    "```python\n<b> - `x`\n```": '<pre tabindex="0"><code>&lt;b&gt; - `x`\n</code></pre>',
    "Text\n~~~\ncode\n~~~": '<p>Text</p>\n<pre tabindex="0"><code>code\n</code></pre>',
    # Marks within a line
    "~~old~~ and ~older~": "<p><s>old</s> and <s>older</s></p>",
    "- [ ] Open\n- [x] Done": (
        '<ul>\n<li class="task-list-item">☐ Open</li>\n<li class="task-list-item">☑ Done</li>\n</ul>'
    ),
    "Look at https://example.org/a?b=1&c=2.": (
        '<p>Look at <a href="https://example.org/a?b=1&amp;c=2">https://example.org/a?b=1&amp;c=2</a>.</p>'
    ),
    "a_b_c, **b***c*, two  \nlines": "<p>a_b_c, <strong>b</strong><em>c</em>, two<br>\nlines</p>",
    'It\'s "so" -- (c) 1...': "<p>It’s “so” – (c) 1…</p>",
    "Pipes[^a] age.\n\n[^a]: Not all.": (
        '<p>Pipes<sup class="footnote-ref"><a href="#fn1" id="fnref1">[1]</a></sup> age.</p>\n'
        '<hr class="footnotes-sep">\n<section class="footnotes">\n<ol class="footnotes-list">\n'
        '<li id="fn1" class="footnote-item"><p>Not all. <a href="#fnref1" class="footnote-backref">↩\ufe0e'
        '<span class="visually-hidden"> Back to the text</span></a></p>\n</li>\n</ol>\n</section>'
    ),
    # Attribute lists
    "## One {: #first .drawn }\n\n## One\n\n## One": (
        '<h2 id="first" class="drawn">One</h2>\n<h2 id="one">One</h2>\n<h2 id="one_1">One</h2>'
    ),
    "Text\n{: #here title='A \"b\"' }": '<p id="here" title="A &quot;b&quot;">Text</p>',
    "- One\n{: .x }\n- Two": '<ul>\n<li class="x">One</li>\n<li>Two</li>\n</ul>',
    "[a](/b/){: .x } `c`{: lang=en }": '<p><a href="/b/" class="x">a</a> <code lang="en">c</code></p>',
    # Pasted from other programs
    "•\tOne\n·\u00a0\u00a0\u00a0Two\n\uf0b7 Three\no\tFour": (
        "<ul>\n<li>One</li>\n<li>Two</li>\n<li>Three</li>\n<li>Four</li>\n</ul>"
    ),
    "Text:\n– one\n– two": "<p>Text:</p>\n<ul>\n<li>one</li>\n<li>two</li>\n</ul>",
    "-\u00a0One\n-\u202fTwo": "<ul>\n<li>One</li>\n<li>Two</li>\n</ul>",
    "1.\u00a0One\n2.\tTwo": "<ol>\n<li>One</li>\n<li>Two</li>\n</ol>",
    "##\u00a0Heading": '<h2 id="heading">Heading</h2>',
    "One\n\u00a0\nTwo": "<p>One</p>\n<p>Two</p>",
    "\u00a0\u00a0- One\n\u3000Two": "<ul>\n<li>One\nTwo</li>\n</ul>",
    "So\u00adft hy\u200bphen,\u2028 \ufeff10\u00a0m": "<p>Soft hyphen, 10\u00a0m</p>",
    "“Curly” – it’s": "<p>“Curly” – it’s</p>",
}


@pytest.mark.parametrize("typed", UNDERSTOOD)
def test_understood(typed: str) -> None:
    """Lists, tables, fences, footnotes and marks become what GitHub makes of them, also when pasted."""
    document = Document("content/pages/a.md", f"Title: A\n\n{typed}")
    converted = convert(converter(), document.body)

    assert converted.html == UNDERSTOOD[typed]
    assert converted.surprises == []


def test_label_with_a_no_break_space() -> None:
    """A no-break space after a label's colon, or before its continuation, is a space."""
    document = Document(
        "content/pages/a.md", "Title:\u00a0A\nLead: One\n\u00a0\u00a0\u00a0\u00a0two\n\tthree\n\nText"
    )

    assert document.value("title") == "A"
    assert document.value("lead") == "One two three"
