"""What is distributed: the wheel and the source archive are complete, and the wheel works alone."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

MAIN_JOB = """
import kerasearch
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV

X, y = load_iris(return_X_y=True)
network = kerasearch.KerasClassifier(epochs=2, random_state=0)
search = GridSearchCV(network, {"batch_size": [50, 75]}, cv=2, n_jobs=1).fit(X, y)
print(kerasearch.__file__)
print(kerasearch.__version__)
print(len(search.cv_results_["params"]), search.predict(X).shape)
print(kerasearch.report(search, "report.html").read_text(encoding="utf-8").count("<h1>"))
"""


def run(*words, cwd, **environment):
    done = subprocess.run(
        [sys.executable, *map(str, words)],
        capture_output=True,
        text=True,
        timeout=600,
        cwd=cwd,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A folder with the source archive, and with the wheel that was built from that archive."""
    folder = tmp_path_factory.mktemp("dist")
    run("-m", "build", "--no-isolation", "--outdir", folder, ROOT, cwd=folder)
    return folder


def only(folder, pattern):
    (found,) = folder.glob(pattern)
    return found


@pytest.mark.long
@pytest.mark.slow
def test_the_metadata_of_both_files_pass_the_check_of_twine(built):
    checked = run("-m", "twine", "check", "--strict", *sorted(built.iterdir()), cwd=built)
    assert checked.count("PASSED") == 2


@pytest.mark.long
@pytest.mark.slow
def test_the_wheel_has_every_file_of_the_package_and_nothing_else(built):
    with zipfile.ZipFile(only(built, "*.whl")) as wheel:
        packed = {name for name in wheel.namelist() if ".dist-info/" not in name}
    files = (file for file in (ROOT / "kerasearch").rglob("*") if file.is_file())
    expected = {str(file.relative_to(ROOT)) for file in files if file.suffix != ".pyc"}
    assert packed == expected
    assert {"kerasearch/py.typed", "kerasearch/html_report/page.html.jinja"} <= packed


@pytest.mark.long
@pytest.mark.slow
def test_the_source_archive_has_the_tests_and_the_pages_for_contributors(built):
    with tarfile.open(only(built, "*.tar.gz")) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"CONTRIBUTING.md", "SECURITY.md", "CITATION.cff", "CHANGELOG.md", "LICENSE"} <= names
    assert {"tests/test_packaging.py", "docs/architecture.md", "kerasearch/py.typed"} <= names


@pytest.mark.long
@pytest.mark.slow
def test_the_installed_wheel_runs_the_main_job_outside_the_source_tree(built, tmp_path):
    installed = tmp_path / "installed"
    wheel = only(built, "*.whl")
    run("-m", "pip", "install", "--no-deps", "--no-index", "-t", installed, wheel, cwd=tmp_path)
    # the dependencies are those of this environment
    out = run("-c", MAIN_JOB, cwd=tmp_path, PYTHONPATH=str(installed)).splitlines()
    assert Path(out[0]) == installed / "kerasearch" / "__init__.py"
    assert out[1:] == [PROJECT["version"], "2 (150,)", "1"]


def test_the_citation_names_the_version_of_the_package():
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8").splitlines()
    assert f"version: {PROJECT['version']}" in citation
    assert f"license: {PROJECT['license']}" in citation
