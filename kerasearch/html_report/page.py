"""Combine the contents of a report, templates, style and script into one HTML page."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from .._utils.text import counted

_ROOM = "kerasearch.html_report"


def page(**contents: Any) -> str:
    """Make a page that loads nothing and runs no script except its own.

    Parameters
    ----------
    **contents : object
        The variables of ``page.html.jinja``. All of them are data, and are escaped.

    Returns
    -------
    text : str
        The HTML of the page.
    """
    environment = Environment(
        loader=PackageLoader(_ROOM, ""),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters["counted"] = counted
    script = _text("report.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment.get_template("page.html.jinja").render(
        contents,
        style=Markup(_text("report.css")),
        script=Markup(script),
        script_digest=digest,  # the browser runs only the script with this digest
    )


def _text(name: str) -> str:
    return files(_ROOM).joinpath(name).read_text(encoding="utf-8")
