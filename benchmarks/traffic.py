"""How many bytes a search on Dask sends, with two workers and an X of 50 MB.

``python -m benchmarks.traffic`` prints two figures for each search: the megabytes that the
operating system counts on the loopback interface, and their ratio to the size of X. It prints the
same figures for joblib alone, without `kerasearch/search/dask_data.py`. The bytes of other programs
that use the loopback interface are counted too, so run the benchmark when no such program runs.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

from ._processes import machine, measure, print_table

SEARCHES = ("Bayes", "Hyperband")
WAYS = ("kerasearch", "joblib alone")


class Nearest(ClassifierMixin, BaseEstimator):
    """A classifier whose fit only waits, because the benchmark counts bytes and not training."""

    def __init__(self, weight: float = 1.0, epochs: int = 1) -> None:
        self.weight, self.epochs = weight, epochs

    def fit(self, X: Any, y: Any) -> Nearest:
        self.classes_ = np.unique(y)
        time.sleep(0.3 * self.epochs)
        return self

    def predict(self, X: Any) -> Any:
        return (X[:, 0] * self.weight > 0.5).astype(int)


def run(name: str, way: str) -> dict[str, float]:
    """Search, and count the bytes that are sent during the search."""
    import joblib
    import psutil
    from distributed import Client, LocalCluster

    from kerasearch import BayesSearchCV, HyperbandSearchCV, uniform
    from kerasearch.search import dask_data

    X = np.random.default_rng(0).random((65_000, 100))
    y = (X[:, 0] > 0.5).astype(int)
    space, settings = {"weight": uniform(0.5, 2)}, {"random_state": 0, "n_jobs": -1, "cv": 2}
    search: Any
    if name == "Bayes":
        search = BayesSearchCV(Nearest(), space, n_iter=8, batch_size=2, refit=False, **settings)
    else:
        search = HyperbandSearchCV(Nearest(), space, max_resources=9, refit=False, **settings)
    if way == "joblib alone":
        dask_data._is_dask = lambda backend: False
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
        joblib.parallel_config("dask"),
    ):
        client.wait_for_workers(2)
        before = psutil.net_io_counters(pernic=True)["lo"].bytes_sent
        search.fit(X, y)
        sent = psutil.net_io_counters(pernic=True)["lo"].bytes_sent - before
    fits = 2 * len(search.cv_results_["params"])
    return {"X": X.nbytes / 1e6, "MB": sent / 1e6, "in X": sent / X.nbytes, "fits": fits}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", nargs=2, metavar=("SEARCH", "WAY"))
    args = parser.parse_args()
    if args.run:
        print(json.dumps(run(*args.run)))
        return
    rows, results = [], {}
    for name in SEARCHES:
        found = {way: measure("benchmarks.traffic", name, way) for way in WAYS}
        results[name] = found
        rows.append(
            {
                "search": f"{name}, {found[WAYS[0]]['fits']} fits",
                **{way: f"{one['MB']:.0f} MB, {one['in X']:.1f} X" for way, one in found.items()},
            }
        )
    print_table(rows)
    print(json.dumps({"machine": machine(), "results": results}))


if __name__ == "__main__":
    main()
