"""The documentation site, once it is built: ``python -m pytest -m site``."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import pytest

from ..browser import in_a_frame, opened, served

pytestmark = [pytest.mark.site, pytest.mark.slow]
SITE = Path(__file__).parents[2] / "docs" / "_build"
PAGES = [
    "index.html",
    "start.html",
    "guide/reading-a-search.html",
    "gallery/index.html",
    "api/index.html",
    "api/generated/kerasearch.KerasClassifier.html",
]


@pytest.fixture(scope="module")
def url():
    assert (SITE / "index.html").exists(), "first: python -m sphinx -W docs docs/_build"
    with served(SITE) as url:
        yield url


def complaints(console):
    """Leave out what the theme tells its developers."""
    return [line for line in console if ":INFO:" not in line]


@pytest.mark.parametrize("page", PAGES)
def test_a_page_opens_without_a_complaint_of_the_browser(url, page):
    dom, console = opened(url + page)
    assert complaints(console) == []
    assert "<h1" in dom


@pytest.mark.parametrize("word", ["Hyperband", "GridSearchCV", "autoencoder"])
def test_the_search_finds_what_one_looks_for(url, word):
    dom, console = opened(f"{url}search.html?q={word}", "--virtual-time-budget=15000")
    assert complaints(console) == []
    found = re.findall(r'<li class="kind-[^>]*><a href="([^"?#]*)', dom)
    assert len(found) >= 2, dom[-3000:]


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize(("width", "theme"), [(390, "light"), (390, "dark"), (1280, "dark")])
def test_a_page_fits_its_screen_and_can_be_read(url, page, width, theme):
    found = in_a_frame(url + page, width, theme)
    assert found["width"] <= width
    assert found["contrast"] >= 7  # level AAA of the guidelines for accessible pages
    assert found["dark"] == (theme == "dark")


class Links(HTMLParser):
    """What a page links to, and what in it can be linked to."""

    def __init__(self, path):
        super().__init__()
        self.links, self.anchors = [], set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.anchors |= {found[name] for name in ("id", "name") if found.get(name)}
        self.links += [found[name] for name in ("href", "src") if found.get(name)]


def test_no_link_within_the_site_is_broken():
    paths = {path.relative_to(SITE).as_posix(): path for path in SITE.rglob("*.html")}
    pages = {name: Links(paths[name]) for name in paths if not name.startswith("_static/")}
    assert len(pages) > 60
    broken = []
    for name, page in pages.items():
        for link in page.links:
            if urlsplit(link).scheme:
                continue
            target = urlsplit(urljoin(f"http://site/{name}", link))
            path, anchor = unquote(target.path).lstrip("/"), unquote(target.fragment)
            if not (SITE / path).is_file() or (
                path in pages and anchor and anchor not in pages[path].anchors
            ):
                broken.append((name, link))
    assert broken == []
