"""Draw the results as an SVG for light and dark pages: a panel of bars for each metric with a target."""

from collections.abc import Iterator
from html import escape

from bench.metrics import Metric, Results, Values, targets

COLUMNS, PANEL, GAP = 2, 470, 20  # panels in a row, their width, the space between them
NAMES, BARS, LABEL = 185, 195, 85  # the widths within a panel
STEP, HEAD = 24, 44  # the heights of a bar's row and of a title
STYLE = """\
text { font: 13px system-ui, sans-serif; fill: #57606a }
.title { font-size: 14px; font-weight: 600; fill: #1f2328 }
.name { text-anchor: end }
.ours { fill: #0969da }
.other { fill: #afb8c1 }
.best { fill: none; stroke: #8c959f; stroke-dasharray: 3 2 }
.target { fill: #bc4c00 }
.line { stroke: #bc4c00; stroke-width: 2 }
@media (prefers-color-scheme: dark) {
  text { fill: #9198a1 }
  .title { fill: #f0f6fc }
  .ours { fill: #4493f8 }
  .other { fill: #59636e }
  .best { stroke: #9198a1 }
  .target { fill: #f0883e }
  .line { stroke: #f0883e }
}
"""


def bars(metric: Metric, results: Results) -> list[tuple[str, str, float]]:
    """Return the CSS class, the name and the value of each bar."""
    rows = [("ours", "this project", results.ours)]
    rows += [("other", name, values) for name, values in results.peers.items()]
    rows += [("best", "best possible", results.best_possible)]
    return [(kind, name, values[metric]) for kind, name, values in rows if metric in values]


def panel(metric: Metric, results: Results, target: float) -> Iterator[str]:
    """Yield the SVG of one metric."""
    better = "less is better" if metric.less_is_better else "more is better"
    yield f'<text class="title" y="16">{escape(metric.title)}</text>'
    yield f'<text y="34">{better}; <tspan class="target">target: {metric.unit.format(target)}</tspan></text>'
    drawn = bars(metric, results)
    scale = BARS / max(target, *(value for _kind, _name, value in drawn))
    target_width = target * scale
    for position, (kind, name, value) in enumerate(drawn):
        y, width = HEAD + position * STEP, value * scale
        yield f'<text class="name" x="{NAMES - 8}" y="{y + 14}">{escape(name)}</text>'
        yield f'<rect class="{kind}" x="{NAMES}" y="{y + 2}" width="{width:.1f}" height="{STEP - 8}" rx="2"/>'
        # A label that the target's line would cross stands to the right of the line.
        label = target_width if width < target_width < width + LABEL else width
        yield f'<text x="{NAMES + label + 8:.1f}" y="{y + 14}">{metric.unit.format(value)}</text>'
    x, bottom = NAMES + target_width, HEAD + len(drawn) * STEP
    yield f'<line class="line" x1="{x:.1f}" y1="{HEAD - 4}" x2="{x:.1f}" y2="{bottom}"/>'


def chart(results: Results) -> str:
    """Return the SVG file."""
    with_target: Values = targets(results.peers.values(), results.best_possible)
    height = HEAD + STEP * (2 + len(results.peers)) + GAP
    rows = -(-len(with_target) // COLUMNS)
    size = f"{COLUMNS * (PANEL + GAP)} {rows * height + GAP}"
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}">', f"<style>\n{STYLE}</style>"]
    for position, (metric, target) in enumerate(with_target.items()):
        down, across = divmod(position, COLUMNS)
        x, y = GAP / 2 + across * (PANEL + GAP), GAP / 2 + down * height
        parts += [f'<g transform="translate({x:g} {y:g})">', *panel(metric, results, target), "</g>"]
    return "\n".join([*parts, "</svg>\n"])
