"""A user's program: searches with a model-building function that only this program has.

Run as a process of its own: KINDS FOLDER CLUSTER, where the cluster is a file of a Dask scheduler,
"ray" or "here". Prints the tables of the searches as JSON.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path

import joblib
import keras
import numpy as np
from sklearn.datasets import load_digits
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import (
    GridSearchCV,
    HalvingRandomSearchCV,
    RandomizedSearchCV,
    StratifiedKFold,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import kerasearch as ks

KINDS = ("grid", "randomized", "halving", "bayes", "hyperband", "manual")
RATES = [0.01, 0.003, 0.001, 0.0003]


def build(meta, units=8):
    die_if_doomed()
    model = keras.Sequential([keras.layers.Input((meta["n_features_in_"],))])
    model.add(keras.layers.Dense(units, activation="relu"))
    model.add(keras.layers.Dropout(0.2))
    model.add(keras.layers.Dense(meta["n_classes_"], activation="softmax"))
    return model


def die_if_doomed():
    """Take the next of a worker's lots, files in DOOM; whoever has the last one is killed."""
    if "DOOM" not in os.environ:
        return
    for lot in sorted(Path(os.environ["DOOM"]).iterdir()):
        with suppress(FileNotFoundError):  # another worker has it
            lot.unlink()
            if lot.suffix == ".deadly":
                os.kill(os.getpid(), signal.SIGKILL)
            return


def data():
    X, y = load_digits(return_X_y=True)
    return X[:600].astype("float32"), y[:600]


def search(kind, store, **settings):
    """Make a search of a pipeline around the model."""
    network = ks.KerasClassifier(
        build, epochs=3, loss="sparse_categorical_crossentropy", random_state=0, store=store
    )
    pipeline = make_pipeline(StandardScaler(), network)
    name = "kerasclassifier__"
    grid = {f"{name}optimizer__learning_rate": RATES, f"{name}model__units": [4, 8]}
    settings = {"cv": 2, "refit": False, **settings}
    if kind == "unseeded":
        pipeline.set_params(**{f"{name}random_state": None})
    if kind in ("grid", "unseeded"):
        return GridSearchCV(pipeline, grid, **settings)
    if kind == "randomized":
        return RandomizedSearchCV(pipeline, grid, n_iter=4, random_state=0, **settings)
    if kind == "halving":
        return HalvingRandomSearchCV(
            pipeline,
            grid,
            resource=f"{name}epochs",
            max_resources=4,
            min_resources=1,
            factor=2,
            random_state=0,
            **settings,
        )
    if kind == "bayes":
        return ks.BayesSearchCV(pipeline, grid, n_iter=8, batch_size=4, random_state=0, **settings)
    if kind == "hyperband":
        return ks.HyperbandSearchCV(
            pipeline, grid, max_resources=4, factor=2, random_state=0, **settings
        )
    return Manual(ks.ManualSearchCV(pipeline, verbose=0, **settings))


class Manual:
    """Three trials of a manual search, with `fit` as other searches have it."""

    def __init__(self, manual):
        self.manual = manual

    def fit(self, X, y):
        self.manual.fit(X, y)
        for units in (4, 8, 16):
            self.manual.trial(units=units)
        return self.manual


def table(found):
    """Everything of a search that must not depend on where it ran, to the bit."""
    results = found.cv_results_
    scores = {n: np.asarray(v, float).tolist() for n, v in results.items() if "test_score" in n}
    return {"params": repr(results["params"]), **scores}


def main():
    kinds, store, cluster = sys.argv[1:]
    X, y = data()
    found = {}
    for kind in kinds.split(","):
        with workers_of(cluster) as n_jobs:
            place = None if store == "none" else Path(store) / kind
            one = search(kind, place, n_jobs=n_jobs)
            with sent_to_all_workers(cluster, kind, one, X, y):
                found[kind] = table(one.fit(X, y))
    print(json.dumps(found))


@contextmanager
def workers_of(cluster):
    """Have searches run on a cluster, or in this process; gives their `n_jobs`."""
    if cluster == "here":
        yield None
    elif cluster == "ray":
        import ray
        from ray.util.joblib import register_ray

        register_ray()
        ray.init("local", num_cpus=2, include_dashboard=False, ignore_reinit_error=True)
        with joblib.parallel_config("ray"):
            yield 2
    else:
        from distributed import Client

        with Client(scheduler_file=cluster) as client:
            client.wait_for_workers(1, timeout=240)
            with joblib.parallel_config("dask"):
                yield -1


@contextmanager
def sent_to_all_workers(cluster, kind, one, X, y):
    """Scatter the data of a search of scikit-learn's, for good; our own do so themselves."""
    if cluster in ("here", "ray") or kind in ("bayes", "hyperband", "manual"):
        yield
        return
    from distributed import get_client

    one.cv = list(StratifiedKFold(one.cv).split(X, y))
    get_client().amm.stop()  # or Dask drops the copies but one of each
    try:
        with joblib.parallel_config("dask", scatter=[X, y, *chain(*one.cv)]):
            yield
    finally:
        get_client().amm.start()  # for the next searches of the cluster


if __name__ == "__main__":
    main()
