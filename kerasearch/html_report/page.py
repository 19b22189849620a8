"""Pieces of an HTML page: escaped text, tables, inlined pictures, and the page around them."""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape as escape
from importlib.resources import files
from io import BytesIO
from typing import Any

import pandas as pd

_PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; \
style-src 'unsafe-inline'; script-src 'sha256-{digest}'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
<main>
{body}
</main>
<script>{script}</script>
</body>
</html>
"""


def page(title: str, body: str) -> str:
    """Make a page that loads nothing and runs no script but its own."""
    here = files(__package__)
    style = here.joinpath("report.css").read_text(encoding="utf-8")
    script = here.joinpath("report.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return _PAGE.format(title=escape(title), style=style, body=body, script=script, digest=digest)


def section(title: str, *parts: str) -> str:
    """Put parts under a heading; nothing where all are empty."""
    inside = "\n".join(part for part in parts if part)
    return f"<section>\n<h2>{escape(title)}</h2>\n{inside}\n</section>" if inside else ""


def paragraph(text: str, kind: str = "") -> str:
    """Make a paragraph of plain text."""
    return f'<p class="{kind}">{escape(text)}</p>' if kind else f"<p>{escape(text)}</p>"


def facts(pairs: Mapping[str, str]) -> str:
    """Show a few short facts large, side by side."""
    shown = [f"<div><dt>{escape(k)}</dt><dd>{escape(v)}</dd></div>" for k, v in pairs.items()]
    return f'<dl class="facts">{"".join(shown)}</dl>'


def rows(pairs: Iterable[Sequence[str]], head: Sequence[str] = ()) -> str:
    """Make a small table of texts."""
    top = "".join(f"<th>{escape(name)}</th>" for name in head)
    top = f"<thead><tr>{top}</tr></thead>" if head else ""
    lines = ["".join(f'<td class="wrap">{escape(cell)}</td>' for cell in row) for row in pairs]
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f"<table>{top}<tbody>{body}</tbody></table>" if lines else ""


def bars(shares: Mapping[str, tuple[float, str]]) -> str:
    """Show shares from 0 to 1 as bars, each with its text."""
    lines = [
        f"<tr><td>{escape(name)}</td><td>"
        f'<span class="bar" style="width:{12 * min(max(share, 0), 1):.2f}rem"></span> '
        f"{escape(text)}</td></tr>"
        for name, (share, text) in shares.items()
    ]
    return f"<table><tbody>{''.join(lines)}</tbody></table>" if lines else ""


def sortable(frame: pd.DataFrame, label: str) -> str:
    """Make a table whose columns can be sorted by a click."""
    columns = [frame.iloc[:, i] for i in range(frame.shape[1])]
    numbers = [
        pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
        for column in columns
    ]
    kinds = [' class="n"' if numeric else "" for numeric in numbers]
    head = "".join(
        f'<th scope="col"{kind}><button type="button">{escape(str(name))}</button></th>'
        for name, kind in zip(frame.columns, kinds, strict=True)
    )
    cells = [
        [_cell(value, numeric, kind) for value in column.tolist()]
        for column, numeric, kind in zip(columns, numbers, kinds, strict=True)
    ]
    body = "\n".join(f"<tr>{''.join(row)}</tr>" for row in zip(*cells, strict=True))
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(label)}">'
        f'<table class="sortable"><thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody></table></div>"
    )


def picture(figure: Any, alt: str, caption: str) -> str:
    """Inline a matplotlib figure as PNG, of 256 colors: a third of the bytes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image  # matplotlib needs it

    FigureCanvasAgg(figure)
    full, buffer = BytesIO(), BytesIO()
    figure.savefig(full, format="png", dpi=100)
    Image.open(full).convert("RGB").quantize(256).save(buffer, format="png", optimize=True)
    data = base64.b64encode(buffer.getvalue()).decode()
    width, height = (round(100 * inches) for inches in figure.get_size_inches())
    return (
        f'<figure><img alt="{escape(alt)}" width="{width}" height="{height}" '
        f'src="data:image/png;base64,{data}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def _cell(value: Any, numeric: bool, kind: str) -> str:
    """One cell: what is shown, and where that is rounded or missing, what to sort by."""
    if value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value)):
        return f'<td{kind} data-v="">&ndash;</td>'
    if not numeric:
        return f"<td>{escape(str(value))}</td>"
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    exact = f"{value:.9g}" if isinstance(value, float) else text
    sort_by = "" if exact == text else f' data-v="{exact}"'
    return f"<td{kind}{sort_by}>{text}</td>"
