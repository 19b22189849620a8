"""The report: what is in it, that it is safe, and that a browser opens it."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.svm import SVC

from kerasearch import report

from ..browser import in_a_frame, opened, served
from ..plots.test_displays import curves, random, results

EVIL = "<script>document.title = 'taken'; console.error('ran')</script><img src=x onerror=alert(1)>"


class Page(HTMLParser):
    """The headings, tables, images and visible text of a page."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.words, self.rows, self.images = [], [], [], [], []
        self.feed(text)
        self.close()
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag not in ("meta", "link", "img"):
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        if tag == "img":
            self.images.append(dict(attrs))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag  # every element is closed, in order

    def handle_data(self, data):
        if "script" not in self.open and "style" not in self.open:
            self.words.append(data)
        if "td" in self.open or "th" in self.open:
            self.rows[-1][-1] += data


@pytest.fixture(scope="module")
def fitted():
    search = GridSearchCV(SVC(), {"C": [0.1, 1, 10], "gamma": [0.01, 0.1]}, cv=5)
    return search.fit(*load_iris(return_X_y=True))


def page_of(search, path, **options):
    return Page(report(search, path, **options).read_text(encoding="utf-8"))


def failing():
    params = [{"a": EVIL, "b": 1}, {"a": "x", "b": 2}, {"a": "y", "b": 3}, {"a": "z", "b": 4}]
    messages = np.array([None, "ValueError: " + EVIL, "ValueError: " + EVIL, ""], dtype=object)
    return results(params, [0.9, np.nan, np.nan, 0.8], error_messages=messages)


# ---------------------------------------------------------------- content


def test_it_tells_the_best_candidate_what_was_searched_and_the_versions(fitted, tmp_path):
    page = page_of(fitted, tmp_path / "a.html")
    for words in (
        "GridSearchCV of SVC",
        "The best candidate",
        f"{fitted.best_score_:.4g}",
        "0.1, 1, 10",
        "Cost",
        "scikit-learn 1.",
    ):
        assert words in page.text
    assert ["C", str(fitted.best_params_["C"])] in page.rows
    assert "do not differ significantly from the best candidate" in page.text
    assert any(row[0] == "gamma" and "% to" in row[1] for row in page.rows)
    assert "Failures" not in page.text


@pytest.mark.slow
def test_it_tells_what_mattered(tmp_path):
    page = page_of(random(60), tmp_path / "a.html")
    assert "explains (fANOVA)" in page.text
    assert any(row[0] == "rate" and "% to" in row[1] for row in page.rows)


@pytest.mark.slow
def test_every_candidate_is_a_row_of_the_table(tmp_path):
    page = page_of(random(60), tmp_path / "a.html", test_fraction=1 / 3)
    head = next(row for row in page.rows if "rate" in row and "rank" in row)
    body = [row for row in page.rows if len(row) == len(head)]
    assert len(body) == 61


@pytest.mark.slow
def test_the_pictures_are_inside_with_a_text_for_those_who_do_not_see_them(fitted, tmp_path):
    page = page_of(fitted, tmp_path / "a.html", curves=curves())
    assert len(page.images) == 6
    assert all(image["src"].startswith("data:image/png;base64,") for image in page.images)
    assert all(image["alt"] for image in page.images)


@pytest.mark.parametrize("store", [True, False])
def test_the_curves_come_from_the_store_of_the_search(fitted, tmp_path, store):
    from kerasearch import FitStore, KerasClassifier

    settings = {"hidden_layer_sizes": (4,), "epochs": 2, "random_state": 0}
    network = KerasClassifier(**settings, store=FitStore() if store else None)
    grid = {"batch_size": [32, 64]}
    search = GridSearchCV(network, grid, cv=2, refit=False).fit(*load_iris(return_X_y=True))
    for name, several in (("one", search), ("two", {"a": search, "b": fitted})):
        page = page_of(several, tmp_path / f"{name}.html")
        drawn = [image["alt"] for image in page.images]
        assert drawn.count("curves of training and validation") == store


@pytest.mark.slow
def test_nothing_is_loaded_from_elsewhere(fitted, tmp_path):
    text = report(fitted, tmp_path / "a.html").read_text()
    assert "default-src 'none'" in text
    assert not re.findall(r"(?:src|href)=[\"'](?!data:)", text)
    assert "url(" not in text
    assert "http" not in text.replace("http-equiv", "")


def test_text_of_a_search_is_never_markup(tmp_path):
    page = page_of(failing(), tmp_path / "a.html", title=EVIL, errors={EVIL: 3})
    assert page.tags.count("script") == 1
    assert all(image["src"].startswith("data:") for image in page.images)
    assert EVIL in page.text


@pytest.mark.slow
def test_names_of_hyperparameters_and_of_metrics_are_never_markup(tmp_path):
    search = results([{EVIL: i, "b": -i} for i in range(12)], np.linspace(0, 1, 12), "f1")
    search[f"mean_test_{EVIL}"] = search["mean_test_f1"]
    search[f"std_test_{EVIL}"] = search["std_test_f1"]
    page = page_of(search, tmp_path / "a.html", metric=EVIL)
    assert page.tags.count("script") == 1
    assert all(image["src"].startswith("data:") for image in page.images)
    assert f"best mean {EVIL}" in page.text
    assert [EVIL, "12 values from 0 to 11"] in page.rows
    _, console = opened((tmp_path / "a.html").as_uri())
    assert console == []


@pytest.mark.slow
def test_failures_are_counted_with_their_messages(tmp_path):
    page = page_of(failing(), tmp_path / "a.html")
    assert "2 candidates of 4 failed." in page.text
    assert ["2", f"ValueError: {EVIL}"] in page.rows
    page = page_of(results([{"a": 1}, {"a": 2}], [0.5, np.nan]), tmp_path / "a.html")
    assert "recorded no error messages" in page.text
    page = page_of(failing(), tmp_path / "a.html", errors={"KeyError: 3": 7})
    assert ["7", "KeyError: 3"] in page.rows


@pytest.mark.parametrize(
    "search",
    [
        random(1),
        results([{"a": 1}, {"a": 1}], [0.5, 0.6]),
        results([{"a": 1}, {"a": 2}], [[0.5], [0.6]]),
        results([{"a": 1}, {"a": 2}], [np.nan, np.nan]),
        results([{"a": 1, "b": 2}, {"a": 2, "b": 2}], [0.5, 0.5], "accuracy"),
        results([{}], [0.5], param_a=["x"]),
        pytest.param(
            pd.DataFrame(random(20)).drop(columns="mean_fit_time"), marks=pytest.mark.slow
        ),
        pytest.param(
            random(20) | {"mean_test_epochs": np.full(20, 4.0), "bracket": np.zeros(20, dtype=int)},
            marks=pytest.mark.slow,
        ),
    ],
    ids=["one", "constant", "one fold", "all failed", "ties", "no parameters", "frame", "columns"],
)
def test_a_hard_case_is_reported_without_a_warning(search, tmp_path, recwarn):
    assert "<h1>" in report(search, tmp_path / "a.html").read_text()
    assert not [str(w.message) for w in recwarn]


@pytest.mark.slow
def test_without_matplotlib_it_says_how_to_get_the_pictures(tmp_path):
    code = (
        "import sys; sys.modules['matplotlib'] = sys.modules['matplotlib.figure'] = None\n"
        "from kerasearch import report\n"
        "search = {'params': [{'a': 1}, {'a': 2}], 'mean_test_score': [0.5, 0.6]}\n"
        f"print(report(search, {str(tmp_path / 'a.html')!r}).read_text())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'kerasearch[plot]'" in done.stdout


@pytest.mark.slow
def test_no_figure_is_left_open(fitted, tmp_path):
    plt = pytest.importorskip("matplotlib.pyplot")
    before = plt.get_fignums()
    report(fitted, tmp_path / "a.html")
    assert plt.get_fignums() == before


@pytest.mark.slow
def test_five_hundred_candidates_are_two_megabytes_and_ten_seconds_at_most(tmp_path):
    begin = time.process_time()
    path = report(random(500), tmp_path / "a.html", test_fraction=1 / 3)
    assert time.process_time() - begin < 10
    assert path.stat().st_size < 2e6


# ---------------------------------------------------------------- the file


def test_a_path_that_cannot_be_written_is_known_first(tmp_path):
    unfitted = GridSearchCV(SVC(), {"C": [1]})
    with pytest.raises(FileNotFoundError, match="does not exist"):
        report(unfitted, tmp_path / "missing" / "a.html")
    with pytest.raises(IsADirectoryError, match="pass the path of a file"):
        report(unfitted, tmp_path)
    with pytest.raises(NotFittedError):
        report(unfitted, tmp_path / "a.html")
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_test_fraction_is_told_rather_than_left_out(fitted, tmp_path):
    with pytest.raises(ValueError, match="test_fraction=3"):
        report(fitted, tmp_path / "search.html", test_fraction=3)


@pytest.mark.slow
def test_a_report_replaces_the_file_only_when_it_is_complete(fitted, tmp_path, monkeypatch):
    path = tmp_path / "a.html"
    path.write_text("before")
    with pytest.raises(ValueError, match="metric='f1'"):
        report(fitted, path, metric="f1")
    assert path.read_text() == "before"
    assert report(fitted, str(path)) == path
    assert path.read_text().startswith("<!DOCTYPE html>")
    assert list(tmp_path.iterdir()) == [path]


# ---------------------------------------------------------------- in a browser


def with_script(path, script):
    """Copy a page, with a script at its end and without the policy that forbids it."""
    text = re.sub(r"<meta http-equiv[^>]*>", "", path.read_text())
    copy = path.with_name("copy.html")
    copy.write_text(text.replace("</body>", f"<script>{script}</script></body>"))
    return copy


@pytest.mark.slow
def test_a_browser_opens_it_without_a_complaint(tmp_path):
    dom, console = opened(report(failing(), tmp_path / "a.html").as_uri())
    assert console == []
    assert "<h1>A hyperparameter search</h1>" in dom
    assert "<title>A hyperparameter search</title>" in dom  # what was planted did not run


@pytest.mark.slow
def test_a_complaint_of_the_browser_would_be_seen(tmp_path):
    path = report(failing(), tmp_path / "a.html")
    path.write_text(path.read_text().replace("</main>", "<script>1</script></main>"))
    assert "Content Security Policy" in opened(path.as_uri())[1][0]


@pytest.mark.slow
def test_a_click_on_a_head_sorts_up_then_down_with_missing_values_last(tmp_path):
    search = results(
        [
            {"a": 10, "w": "b", "m": 0.001},
            {"a": 9, "w": "C", "m": None},
            {"w": "a", "m": 0.01},
            {"a": 1, "w": "d", "m": 0.0001},
        ],
        [0.1, 0.2, 0.3, 0.4],
    )
    script = """
      const table = document.querySelector("table.sortable");
      const heads = [...table.tHead.rows[0].cells];
      const said = [];
      for (const name of ["a", "a", "w", "m"]) {
        const column = heads.findIndex((head) => head.textContent === name);
        heads[column].querySelector("button").click();
        const cells = [...table.tBodies[0].rows].map((row) => row.cells[column].textContent);
        said.push(cells.join(" ") + " " + heads[column].getAttribute("aria-sort"));
      }
      said.push(heads.filter((head) => head.hasAttribute("aria-sort")).length);
      document.title = said.join("; ");
    """
    dom, console = opened(with_script(report(search, tmp_path / "a.html"), script).as_uri())
    assert console == []
    title = re.search("<title>(.*?)</title>", dom)[1].replace("\N{EN DASH}", "missing")
    assert title.split("; ") == [
        "1 9 10 missing ascending",
        "10 9 1 missing descending",
        "a b C d ascending",
        "0.0001 0.001 0.01 None ascending",
        "1",
    ]


@pytest.mark.slow
def test_the_page_is_no_wider_than_a_small_screen(tmp_path):
    report(random(60), tmp_path / "a.html")
    with served(tmp_path) as url:
        assert in_a_frame(f"{url}a.html", 390)["width"] <= 390


# ---------------------------------------------------------------- several searches


def three(metric="score"):
    made = {}
    for name, top in (("random", 0.8), ("bayes <b>", 0.9), ("grid", 0.7)):
        params = [{"a": i, "b": -i} for i in range(5)]
        made[name] = results(params, np.linspace(top - 0.1, top, 5), metric)
    return made


def test_several_searches_are_compared_and_then_each_is_there(tmp_path):
    page = page_of(three(), tmp_path / "a.html", test_fraction=0.5)
    assert "3 searches: random, bayes <b>, grid" in page.text
    head = next(i for i, row in enumerate(page.rows) if row[:1] == ["search"])
    assert [row[0] for row in page.rows[head + 1 : head + 4]] == ["bayes <b>", "random", "grid"]
    assert page.rows[head + 1][4] == "0.9"
    assert page.text.count("The best candidate") == 3
    assert sum("rank" in row for row in page.rows) == 3
    for image in page.images[:2]:
        assert image["alt"].startswith("the best score of each search so far against")


@pytest.mark.slow
def test_a_sequence_of_searches_is_numbered(tmp_path):
    page = page_of(list(three().values())[:2], tmp_path / "a.html", title="Mine")
    assert "<h1>Mine</h1>" in (tmp_path / "a.html").read_text()
    assert [row[0] for row in page.rows if row[0] in ("search 1", "search 2")] == [
        "search 2",
        "search 1",
    ]


def test_what_is_wrong_with_several_searches_is_told_before_the_file_is_written(tmp_path):
    path = tmp_path / "a.html"
    with pytest.raises(ValueError, match="different metrics"):
        report({"a": three("accuracy")["grid"], "b": three("r2")["grid"]}, path)
    with pytest.raises(
        ValueError, match=r"curves must be a dict from the names of the searches, random, "
    ):
        report(three(), path, curves=curves())
    with pytest.raises(ValueError, match="errors must be .*; ran is not among them"):
        report(three(), path, errors={"ran": {"boom": 1}})
    with pytest.raises(ValueError, match="search is empty"):
        report({}, path)
    assert not path.exists()


def test_it_says_that_so_few_folds_cannot_decide(tmp_path):
    scores = [[0.9, 0.92], [0.85, 0.95], [0.91, 0.8], [0.7, 0.9], [0.2, 0.3]]
    search = results([{"a": i} for i in range(5)], scores)
    page = page_of(search, tmp_path / "a.html", test_fraction=0.5)
    assert "2 folds cannot decide between 5 candidates" in page.text
    head = next(row for row in page.rows if "95 % interval" in row)
    row = page.rows[page.rows.index(head) + 1]
    assert " to " in row[head.index("95 % interval")]


def test_floats_are_rounded_wherever_they_stand(tmp_path):
    long = 0.123456789123
    params = [{"a": long, "b": (long, 8), "c": [None, long][i % 2], "d": i} for i in range(4)]
    page = page_of(results(params, [0.5, 0.6, 0.7, 0.8]), tmp_path / "a.html", test_fraction=0.5)
    assert "0.1234567891" not in page.text
    assert ["a", "0.123457"] in page.rows
    assert "(0.1235, 8)" in page.text
