"""The few pieces of HTML that the report is made of. Every text that comes in is escaped here and nowhere else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib import resources

from bokeh.embed import components
from bokeh.models.ui import UIElement
from bokeh.resources import Resources

# The browser itself refuses whatever would leave the file; BokehJS compiles the figures' small callbacks (unsafe-eval).
_POLICY = "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; img-src data: blob:"


def text(value: object) -> str:
    """Return a value as text that HTML shows as it is."""
    return escape(str(value), quote=True)


def paragraph(words: object, *, kind: str = "") -> str:
    """Return a paragraph of plain text."""
    return f"<p{_class(kind)}>{text(words)}</p>"


def table(caption: str, header: Sequence[str], rows: Iterable[Sequence[object]], *, words: int = 1) -> str:
    """Return a table with a caption; the first `words` columns are text, the others numbers.

    The first cell of a row is its header.
    """
    kinds = ["word" if i < words else "number" for i in range(len(header))]
    head = "".join(f'<th scope="col" class="{k}">{text(h)}</th>' for k, h in zip(kinds, header, strict=True))
    lines = []
    for first, *others in rows:
        cells = "".join(f'<td class="{k}">{text(c)}</td>' for k, c in zip(kinds[1:], others, strict=True))
        lines.append(f'<tr><th scope="row" class="word">{text(first)}</th>{cells}</tr>')
    body = "\n".join(lines)
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{text(caption)}"><table>'
        f"<caption>{text(caption)}</caption><thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table></div>"
    )


def facts(pairs: Mapping[str, object]) -> str:
    """Return names and values as a description list, empty values left out."""
    lines = [f"<dt>{text(k)}</dt><dd>{text(v)}</dd>" for k, v in pairs.items() if v not in (None, "")]
    return "<dl>\n" + "\n".join(lines) + "\n</dl>"


def cards(items: Sequence[tuple[str, str, str]]) -> str:
    """Return a row of (name, number, remark) to be seen first."""
    parts = [
        f'<li><span class="name">{text(name)}</span><span class="big">{text(amount)}</span>'
        f'<span class="note">{text(remark)}</span></li>'
        for name, amount, remark in items
    ]
    return '<ul class="cards">' + "".join(parts) + "</ul>"


def drawing(division: str, caption: str, description: str) -> str:
    """Return a figure with a caption below; `division` is bokeh's HTML, `description` what a blind reader is told."""
    return (
        f'<figure><div class="plot" role="img" aria-label="{text(description)}">{division}</div>'
        f"<figcaption>{text(caption)}</figcaption></figure>"
    )


def section(title: str, *parts: str) -> str:
    """Return a section of the page."""
    name = "-".join("".join(c if c.isalnum() else " " for c in title.lower()).split())
    return f'<section aria-labelledby="{name}"><h2 id="{name}">{text(title)}</h2>\n' + "\n".join(parts) + "\n</section>"


def embed(figures: Mapping[str, UIElement]) -> tuple[str, dict[str, str]]:
    """Return the script that draws the figures, and for each the division that it is drawn in."""
    if not figures:
        return "", {}
    script, divisions = components(dict(figures), wrap_script=True)
    return script, dict(divisions)


def whole_page(title: str, body: str, script: str, *, style: str = "", code: str = "") -> str:
    """Return one HTML document that needs nothing from outside.

    Parameters
    ----------
    title, body : str
    script : str
        What `embed` gave; empty for a page without bokeh's figures, which then carries no BokehJS.
    style, code : str
        More CSS, and more JavaScript, of our own.
    """
    here = resources.files("mrtoolkit.views")
    style = (here / "report.css").read_text(encoding="utf-8") + style
    colours = (here / "report.js").read_text(encoding="utf-8")
    library = Resources(mode="inline", components=["bokeh"]).render_js() if script else ""
    switch = f"<script>\n{colours}</script>" if script else ""
    policy = _POLICY if script else _POLICY.replace(" 'unsafe-eval'", "")
    own = f"<script>\n{code}</script>" if code else ""
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{text(title)}</title>
<style>
{style}</style>
{library}
</head>
<body>
<main>
{body}
</main>
{script}
{switch}
{own}
</body>
</html>
"""


def _class(kind: str) -> str:
    return f' class="{text(kind)}"' if kind else ""
