"""How much time a fit store costs and saves in scikit-learn's own searches.

Run ``python -m benchmarks.store``. Each search runs in a process of its own. The times do not
include imports and the loading of data. The searches with a store and without a store take turns,
and the benchmark compares medians of several rounds.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from ._processes import machine, measure, print_table


def run(work: str, store: str) -> dict[str, float]:
    """Run one search in this process. `store` is a directory or "none"."""
    from sklearn.datasets import load_digits
    from sklearn.experimental import enable_halving_search_cv  # noqa: F401
    from sklearn.model_selection import GridSearchCV, HalvingRandomSearchCV

    from kerasearch import KerasClassifier

    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype("float32")
    trained: list[int] = []

    def scoring(estimator: Any, X: Any, y: Any) -> float:
        trained.append(estimator.n_epochs_trained_)
        return estimator.score(X, y)

    estimator = KerasClassifier(
        hidden_layer_sizes=(64,),
        epochs=10,
        random_state=0,
        store=None if store == "none" else store,
    )
    rates = [0.01, 0.005, 0.002, 0.001, 0.0005, 0.0002]
    search: Any
    if work in ("grid", "half"):
        grid = {
            "optimizer__learning_rate": rates[: 3 if work == "half" else 6],
            "batch_size": [16, 32, 64],
        }
        search = GridSearchCV(estimator, grid, cv=3, scoring=scoring, refit=False)
    elif work == "epochs":
        grid = {"optimizer__learning_rate": rates[:3], "epochs": [9, 27, 81]}
        search = GridSearchCV(estimator, grid, cv=3, scoring=scoring, refit=False)
    elif work == "halving":
        space = {"optimizer__learning_rate": rates, "batch_size": [16, 32, 64, 128]}
        search = HalvingRandomSearchCV(
            estimator,
            space,
            resource="epochs",
            n_candidates=18,
            min_resources=3,
            max_resources=81,
            factor=3,
            cv=3,
            scoring=scoring,
            refit=False,
            random_state=0,
        )
    else:
        return _hashing(estimator, X, y)
    started = time.perf_counter()
    search.fit(X, y)
    seconds = time.perf_counter() - started
    if search.return_train_score:  # each fit is scored twice, on its test rows first
        trained = trained[::2]
    return {
        "seconds": seconds,
        "epochs": sum(trained),
        "score": float(search.cv_results_["mean_test_score"].sum()),
    }


def _hashing(estimator: Any, X: Any, y: Any) -> dict[str, float]:
    """Time the key of a fit and the fit, and the hashing and the copying of a large array."""
    import numpy as np

    from kerasearch.training import data, fit_key
    from kerasearch.training.fit_settings import FitSettings
    from kerasearch.training.preparation import prepare

    settings = FitSettings(
        epochs=10,
        initial_epoch=0,
        batch_size=32,
        shuffle=True,
        seed=0,
        validation=None,
        validation_batch_size=32,
        validation_steps=None,
        validation_freq=1,
        callbacks=[],
        watch=None,
        verbose=0,
    )
    estimator.fit(X, y)
    fits, keys, hashes, copies = [], [], [], []
    for _ in range(15):
        started = time.perf_counter()
        estimator.fit(X, y)
        fits.append(time.perf_counter() - started)
        model = estimator._build_model(X, y)
        arrays = data.as_keras_takes_them(X, y)
        prepare(model, arrays, 0)  # a fit without a store needs this too, so it is not timed
        started = time.perf_counter()
        fit_key.key_of(model, arrays, settings)
        keys.append(time.perf_counter() - started)
    large = np.random.default_rng(0).random((2**26,), "float32")
    target = np.empty_like(large)
    for _ in range(5):
        started = time.perf_counter()
        fit_key.digest_of_array(large)
        hashes.append(time.perf_counter() - started)
        started = time.perf_counter()
        target[:] = large
        copies.append(time.perf_counter() - started)
    return {
        "key_share": statistics.median(keys) / statistics.median(fits),
        "hash_gb_per_s": large.nbytes / statistics.median(hashes) / 1e9,
        "copy_gb_per_s": large.nbytes / statistics.median(copies) / 1e9,
    }


def main() -> None:
    """Measure and print a table and JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", nargs=2, metavar=("WORK", "STORE"))
    parser.add_argument("--repeat", type=int, default=3, help="rounds (default: 3)")
    args = parser.parse_args()
    if args.run:
        print(json.dumps(run(*args.run)))
        return
    rounds = [_round() for _ in range(args.repeat)]
    results = {
        name: {key: statistics.median(one[name][key] for one in rounds) for key in rounds[0][name]}
        for name in rounds[0]
    }
    results["hashing"] = measure("benchmarks.store", "hashing", "none")
    plain = results["grid, no store"]["seconds"]
    rows = []
    for name, result in results.items():
        if name != "hashing":
            base = results[f"{name.split(',')[0]}, no store"]["seconds"]
            rows.append(
                {
                    "search": name,
                    "seconds": f"{result['seconds']:.2f}",
                    "to no store": f"{result['seconds'] / base:.2f}",
                    "epochs trained": f"{result['epochs']:.0f}",
                }
            )
    print_table(rows)
    hashing = results["hashing"]
    print(f"\nstoring adds {results['grid, cold']['seconds'] / plain - 1:+.1%} (at most 10 %)")
    print(f"the key of a fit takes {hashing['key_share']:.1%} of it (at most 5 %)")
    print(
        f"hashing {hashing['hash_gb_per_s']:.1f} GB/s, copying {hashing['copy_gb_per_s']:.1f} GB/s"
    )
    print(json.dumps({"machine": machine(), "results": results}))


def _round() -> dict[str, dict[str, float]]:
    """Run each search once, and check that the scores do not depend on the store."""
    found: dict[str, dict[str, float]] = {}

    def search(name: str, work: str, store: str | Path) -> None:
        found[name] = measure("benchmarks.store", work, str(store))

    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        search("grid, no store", "grid", "none")
        search("grid, cold", "grid", place / "grid")
        search("grid, resumed whole", "grid", place / "grid")
        search("half the grid first", "half", place / "half")
        search("grid, half there", "grid", place / "half")
        del found["half the grid first"]
        for work in ("epochs", "halving"):
            search(f"{work}, no store", work, "none")
            search(f"{work}, store", work, place / work)
    for name, result in found.items():
        assert result["score"] == found[f"{name.split(',')[0]}, no store"]["score"], name
    return found


if __name__ == "__main__":
    main()
