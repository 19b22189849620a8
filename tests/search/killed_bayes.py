"""Bayesian searches that are killed at each of their writes: STORAGE KIND FOLDER [EVERY].

Run in a process of its own, which forks for each kill: without TensorFlow a fork is cheap and safe.
Prints one JSON object for each kill: at which write it came, and whether the search that went on
gave the uninterrupted one's table.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import warnings
from pathlib import Path

import optuna
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV

from kerasearch import BayesSearchCV, choice, integers, log_uniform, uniform
from tests.forks import in_a_fork

from .conftest import Learner

N_ITER = 14  # TPE draws the first ten at random


def function(trial):
    params = {"quality": trial.suggest_float("quality", 0, 1)}
    if params["quality"] > 0.4:
        params["epochs"] = trial.suggest_int("epochs", 1, 9)
    return params


WIDE = {"quality": uniform(0, 1), "epochs": integers(1, 9), "tag": [None, (1,), 0.5]}
KINDS = {
    "wide": {"space": WIDE},
    "batches": {"space": WIDE, "batch_size": 3},
    "small": {"space": {"quality": [0.1, 0.2, 0.3, 0.4], "epochs": [1, 2, 3, 4]}},
    "function": {"space": function, "batch_size": 2},
    "branches": {"space": [{"quality": log_uniform(0.1, 1)}, {"epochs": choice([1, 3, 9])}]},
    "failing": {"space": {"quality": uniform(0, 1), "fail": [None, "x"]}},
    "taught": {"space": {"quality": uniform(0, 1), "epochs": integers(1, 9)}},
}


def search(kind, storage, **changes):
    settings = {"n_iter": N_ITER, "cv": 2, "random_state": 0, **KINDS[kind], **changes}
    if kind == "taught":
        grid = {"quality": [0.1, 0.5, 0.9], "epochs": [1, 2, 3, 4]}
        settings["warm_start"] = GridSearchCV(Learner(), grid, cv=2).fit(*data())
        settings["enqueue"] = [{"quality": 0.25}, {"quality": 0.5, "epochs": 5}, {"epochs": 9}]
    return BayesSearchCV(Learner(), storage=storage, **settings)


def data():
    X, y = load_iris(return_X_y=True)
    return X[::10], y[::10]


def table(found):
    """Everything that must not depend on an interruption, to the bit."""
    results = found.cv_results_
    names = [name for name in results if "test_score" in name]
    scores = {name: repr(results[name].tolist()) for name in names}
    texts = {"params": repr(results["params"]), "errors": [*map(str, results["error_messages"])]}
    return {**scores, **texts, "best": repr(found.best_params_), "why": found.stop_reason_}


def storages(folder):
    return {"journal": f"{folder}/study.log", "sqlite": f"sqlite:///{folder}/study.db"}


def main():
    warnings.simplefilter("ignore")
    storage, kind, folder, *every = sys.argv[1:]
    for outcome in kills(storage, kind, Path(folder), int(every[0]) if every else 1):
        print(json.dumps(outcome), flush=True)


def kills(storage, kind, folder, every=1):
    """Kill a search before and after each of its writes, and go on each time."""
    expected = in_a_fork(lambda: table(search(kind, None).fit(*data())))
    n = 0
    while True:
        place = folder / f"{storage}-{kind}-{n}"
        place.mkdir(parents=True)
        url = storages(place)[storage]
        done = in_a_fork(lambda at=n, url=url: dies_at(at, kind, url))
        if done is not None:  # there were not so many writes
            yield {"kills": 0, "same": done == expected}
            return
        again = in_a_fork(lambda at=n, url=url: dies_at(at // 2, kind, url))
        found = again or in_a_fork(lambda url=url: table(search(kind, url).fit(*data())))
        yield {"kills": 1 + (again is None), "at": n, "same": found == expected}
        n += every


def dies_at(n, kind, url):
    """Search until a write: the even ones are prevented, of the odd ones nothing follows."""
    count = iter(range(10**9))

    def killing(write):
        def killing_write(*args, **kwargs):
            if next(count) == n:
                os.kill(os.getpid(), signal.SIGKILL)
            result = write(*args, **kwargs)
            if next(count) == n:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return killing_write

    for storage in (optuna.storages.JournalStorage, optuna.storages.RDBStorage):
        for name in (*vars(optuna.storages.BaseStorage), "_create_new_trial"):
            if name.startswith(("create_", "set_", "_create")) and hasattr(storage, name):
                setattr(storage, name, killing(getattr(storage, name)))
    return table(search(kind, url).fit(*data()))


if __name__ == "__main__":
    main()
