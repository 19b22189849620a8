"""A Bayesian search that several processes share through PostgreSQL, some of which are killed."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

import pytest

from kerasearch import BayesSearchCV
from tests.search.conftest import Learner

from .dask_cluster import ROOT, environment, wait_for
from .postgresql import PASSWORD, postgresql
from .running import outputs

psycopg = pytest.importorskip("psycopg", reason="pip install 'kerasearch[postgresql]'")
optuna = pytest.importorskip("optuna")

from tests.search import killed_bayes  # noqa: E402 - it needs Optuna

pytestmark = [pytest.mark.slow, pytest.mark.long]

SHARE = """
import sys, time
from tests.search.killed_bayes import *
Learner.fit = lambda self, X, y, fit=Learner.fit: (time.sleep(0.1), fit(self, X, y))[1]
print("begin", flush=True)
while not Path(sys.argv[2]).exists():
    time.sleep(0.01)
found = search("wide", sys.argv[1], refit=False).fit(*data())
print(json.dumps({"table": table(found), "fits": len(Learner.log)}))
"""


@pytest.fixture(scope="module")
def server():
    # PostgreSQL's own user must get there, and pytest's folders are closed to others
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        with postgresql(Path(place) / "server") as url:
            yield url


@pytest.fixture
def url(server, request):
    """A database of its own for each test."""
    name = request.node.name.partition("[")[0][:60]
    with connection_to(server) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return server.replace("/postgres", f"/{name}")


def share(url, go):
    command = [sys.executable, "-c", SHARE, url, str(go)]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=environment()
    )
    assert process.stdout.readline() == "begin\n"
    return process


def connection_to(url):
    return psycopg.connect(url.replace("+psycopg", ""), autocommit=True)


def n_finished(url):
    """Count finished trials; without Optuna, which would make the tables beside the processes."""
    with connection_to(url) as connection:
        try:
            found = connection.execute("SELECT count(*) FROM trials WHERE state <> 'RUNNING'")
        except psycopg.errors.UndefinedTable:
            return 0
        return found.fetchone()[0]


def test_processes_that_begin_together_on_an_empty_database_all_begin(url, tmp_path):
    processes = [share(url, tmp_path / "go") for _ in range(4)]
    (tmp_path / "go").touch()  # all make the tables at once
    found = [json.loads(outputs(process)[0]) for process in processes]
    expected = killed_bayes.table(
        killed_bayes.search("wide", None, refit=False).fit(*killed_bayes.data())
    )
    assert [one["table"]["params"] for one in found] == [found[0]["table"]["params"]] * 4
    assert found[0]["table"].keys() == expected.keys()
    assert sum(one["fits"] for one in found) == 2 * killed_bayes.N_ITER  # none twice


def test_killed_processes_leave_nothing_lost_repeated_or_running(url, tmp_path):
    processes = [share(url, tmp_path / "go") for _ in range(4)]
    (tmp_path / "go").touch()
    for doomed, after in ((processes[0], 2), (processes[1], 5)):
        wait_for(lambda after=after: n_finished(url) >= after)
        doomed.kill()
        time.sleep(0.2)
    found = [json.loads(outputs(process)[0]) for process in processes[2:]]
    assert found[0]["table"] == found[1]["table"]
    params = found[0]["table"]["params"].split("}, {")
    assert len(params) == len(set(params)) == killed_bayes.N_ITER
    study = optuna.load_study(study_name="kerasearch", storage=url)
    states = [trial.state.name for trial in study.trials]
    assert states.count("COMPLETE") == killed_bayes.N_ITER
    assert "RUNNING" not in states


def test_all_processes_killed_and_one_goes_on(url, tmp_path):
    processes = [share(url, tmp_path / "go") for _ in range(2)]
    (tmp_path / "go").touch()
    wait_for(lambda: n_finished(url) >= 4)
    for process in processes:
        process.kill()
        process.communicate()
    again = killed_bayes.search("wide", url, refit=False).fit(*killed_bayes.data())
    assert len(again.cv_results_["params"]) == killed_bayes.N_ITER
    states = [trial.state.name for trial in again.study_.trials]
    assert states.count("COMPLETE") == killed_bayes.N_ITER
    assert "RUNNING" not in states


def test_no_message_and_no_picture_of_a_search_shows_the_password(server):
    wrong = server.replace("/postgres", "/nothing")
    search = BayesSearchCV(Learner(), {"quality": [0.1, 0.2]}, n_iter=2, storage=wrong)
    with pytest.raises(ValueError, match="storage=.*could not be opened.*nothing") as error:
        search.fit(*killed_bayes.data())
    shown = ["".join(traceback.format_exception(error.value)), repr(search)]
    shown += search._repr_mimebundle_().values()
    secret = wrong.split(":")[2].partition("@")[0]
    for text in shown:
        assert secret not in text
        assert PASSWORD not in text
    assert "searcher:***@127.0.0.1" in shown[0]
