"""A search in processes that cost more than they give: counted where it runs, told in a worker."""

from __future__ import annotations

import multiprocessing
import pickle
import subprocess
import sys
import time
import types
import warnings

import pytest
from joblib import parallel_config
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    RandomizedSearchCV,
    cross_val_score,
)
from sklearn.pipeline import make_pipeline

from kerasearch import KerasClassifier
from kerasearch.estimators import worker_processes
from kerasearch.estimators.worker_processes import Search, warn_of_cost

RATES = {"optimizer__learning_rate": [0.1, 0.01, 0.001]}
TWO = {"n_jobs": 2, "refit": False}


class Idle(KerasClassifier):
    """Notes what it knows of the search around it, and trains nothing."""

    seen: list = []

    def fit(self, X, y, **kwargs):
        self.seen.append(vars(self).get("_search"))
        self.classes_ = [0, 1, 2]
        return self

    def score(self, X, y):
        return 0.0

    def __sklearn_is_fitted__(self):
        return True


SEARCHES = {
    "grid": (lambda e, data: GridSearchCV(e, RATES, cv=4, **TWO).fit(*data), Search(12, 2)),
    "random": (
        lambda e, data: RandomizedSearchCV(e, RATES, n_iter=2, cv=4, **TWO).fit(*data),
        Search(8, 2),
    ),
    "folds": (lambda e, data: cross_val_score(e, *data, cv=5, n_jobs=2), Search(5, 2)),
    "in a pipeline": (
        lambda e, data: cross_val_score(make_pipeline("passthrough", e), *data, cv=5, n_jobs=2),
        Search(5, 2),
    ),
    "one at a time": (lambda e, data: cross_val_score(e, *data, cv=5), None),
    "halving": (lambda e, data: HalvingGridSearchCV(e, RATES, cv=2, **TWO).fit(*data), None),
    "no search": (lambda e, data: clone(e).fit(*data), None),
}


@pytest.mark.parametrize("name", SEARCHES)
def test_the_number_of_fits_is_known_where_they_are_handed_out(name):
    run, expected = SEARCHES[name]
    Idle.seen.clear()
    with parallel_config("threading"):
        run(Idle(random_state=0), load_iris(return_X_y=True))
    # some are handed out by other threads, once the first are done
    assert Idle.seen[0] == expected
    assert {*Idle.seen} <= {expected, None}


def test_it_reaches_another_process_and_no_copy():
    estimator = Idle()
    estimator._search = Search(12, 2)
    assert pickle.loads(pickle.dumps(estimator))._search == Search(12, 2)
    assert clone(estimator)._search is None


def test_few_short_fits_are_warned_of_and_long_or_many_are_not():
    with pytest.warns(UserWarning, match="18 fits that take 0.1 s each run in 2 processes that"):
        warn_of_cost(Search(18, 2), seconds_to_begin=4, seconds_of_a_fit=0.1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_cost(Search(18, 2), seconds_to_begin=4, seconds_of_a_fit=1)
        warn_of_cost(Search(180, 2), seconds_to_begin=4, seconds_of_a_fit=0.1)


@pytest.fixture
def worker(monkeypatch):
    """This process, as if it were a worker of joblib's that has taken long to begin."""
    fresh = types.SimpleNamespace(search=None, seconds_to_begin=None, n_done=0)
    process = types.SimpleNamespace(name="LokyProcess-1")
    monkeypatch.setattr(worker_processes, "_Worker", fresh)
    monkeypatch.setattr(multiprocessing, "current_process", lambda: process)
    monkeypatch.setattr(time, "process_time", lambda: 1000.0)
    return process


@pytest.fixture
def estimator():
    estimator = KerasClassifier(epochs=1, random_state=0)
    estimator._search = Search(9, 2)
    return estimator


@pytest.mark.parametrize(("name", "n_warnings"), [("LokyProcess-1", 1), ("LokyProcess-2", 0)])
def test_the_first_worker_says_so_after_its_second_fit_and_once(
    worker, estimator, name, n_warnings
):
    worker.name = name
    for expected in (0, n_warnings, 0):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            estimator.fit(*load_iris(return_X_y=True))
        assert sum("9 fits that take" in str(w.message) for w in caught) == expected


def test_where_warnings_are_errors_no_fit_fails_for_it(worker, estimator):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(2):
            estimator.fit(*load_iris(return_X_y=True))
    assert worker_processes._Worker.n_done == 2


@pytest.mark.slow
@pytest.mark.long
def test_a_search_in_processes_writes_one_warning():
    script = (
        "from sklearn.datasets import load_iris\n"
        "from sklearn.model_selection import GridSearchCV\n"
        "from kerasearch import KerasClassifier\n"
        "network = KerasClassifier(epochs=1, random_state=0)\n"
        "search = GridSearchCV(network, {'batch_size': [32, 64, 128]}, n_jobs=2)\n"
        "search.fit(*load_iris(return_X_y=True))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("15 fits that take") == 1
