"""Draw a run as an SVG, legible on light and on dark pages: bars for each question that has a target."""

from collections.abc import Iterator
from html import escape

from bench.figures import Answers, Question, Results, needed

COLUMNS, PANEL, GAP = 2, 470, 20  # panels beside each other, their width, what is between them
NAMES, BARS, LABEL = 185, 195, 85  # widths of what stands in a panel
STEP, HEAD = 24, 44  # heights of a bar's row and of a title
STYLE = """\
text { font: 13px system-ui, sans-serif; fill: #57606a }
.title { font-size: 14px; font-weight: 600; fill: #1f2328 }
.name { text-anchor: end }
.ours { fill: #0969da }
.other { fill: #afb8c1 }
.limit { fill: none; stroke: #8c959f; stroke-dasharray: 3 2 }
.aim { fill: #bc4c00 }
.needed { stroke: #bc4c00; stroke-width: 2 }
@media (prefers-color-scheme: dark) {
  text { fill: #9198a1 }
  .title { fill: #f0f6fc }
  .ours { fill: #4493f8 }
  .other { fill: #59636e }
  .limit { stroke: #9198a1 }
  .aim { fill: #f0883e }
  .needed { stroke: #f0883e }
}
"""


def bars(question: Question, results: Results) -> list[tuple[str, str, float]]:
    """Return whose bar is drawn how, and the figure."""
    rows = [("ours", "this project", results.ours)]
    rows += [("other", name, answers) for name, answers in results.others.items()]
    rows += [("limit", "limit", results.limits)]
    return [(kind, name, answers[question]) for kind, name, answers in rows if question in answers]


def panel(question: Question, results: Results, target: float) -> Iterator[str]:
    """Yield the drawing of one question."""
    better = "less is better" if question.less_is_better else "more is better"
    yield f'<text class="title" y="16">{escape(question.title)}</text>'
    yield f'<text y="34">{better}; <tspan class="aim">needed: {question.unit.format(target)}</tspan></text>'
    drawn = bars(question, results)
    scale = BARS / max(target, *(figure for _kind, _name, figure in drawn))
    aim = target * scale
    for position, (kind, name, figure) in enumerate(drawn):
        y, width = HEAD + position * STEP, figure * scale
        yield f'<text class="name" x="{NAMES - 8}" y="{y + 14}">{escape(name)}</text>'
        yield f'<rect class="{kind}" x="{NAMES}" y="{y + 2}" width="{width:.1f}" height="{STEP - 8}" rx="2"/>'
        beside = aim if width < aim < width + LABEL else width
        yield f'<text x="{NAMES + beside + 8:.1f}" y="{y + 14}">{question.unit.format(figure)}</text>'
    x, bottom = NAMES + aim, HEAD + len(drawn) * STEP
    yield f'<line class="needed" x1="{x:.1f}" y1="{HEAD - 4}" x2="{x:.1f}" y2="{bottom}"/>'


def chart(results: Results) -> str:
    """Return the whole drawing."""
    targets: Answers = needed(results.others.values(), results.limits)
    height = HEAD + STEP * (2 + len(results.others)) + GAP
    rows = -(-len(targets) // COLUMNS)
    size = f"{COLUMNS * (PANEL + GAP)} {rows * height + GAP}"
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}">', f"<style>\n{STYLE}</style>"]
    for position, (question, target) in enumerate(targets.items()):
        down, across = divmod(position, COLUMNS)
        x, y = GAP / 2 + across * (PANEL + GAP), GAP / 2 + down * height
        parts += [f'<g transform="translate({x:g} {y:g})">', *panel(question, results, target), "</g>"]
    return "\n".join([*parts, "</svg>\n"])
