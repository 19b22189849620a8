"""Every kind of search, on small networks with a store: what is attacked, and its outcome."""

from __future__ import annotations

import functools
import hashlib
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_iris
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, RandomizedSearchCV

from kerasearch import (
    BayesSearchCV,
    FitStore,
    HyperbandSearchCV,
    KerasClassifier,
    ManualSearchCV,
    log_uniform,
)
from kerasearch.store.record import file_name

RATE = "optimizer__learning_rate"
GRID = {"hidden_layer_sizes": [(3,), (4,)], RATE: [0.1, 0.03, 0.01]}
SPACE = {"hidden_layer_sizes": [(3,), (4,)], RATE: log_uniform(1e-3, 1e-1)}


@functools.cache  # read once, before a fork gives up its rights
def data() -> tuple[Any, Any]:
    X, y = load_iris(return_X_y=True)
    return X[::2], y[::2]


def network(place: Path, **settings: Any) -> KerasClassifier:
    return KerasClassifier(
        **{"epochs": 4, "batch_size": 8, "random_state": 0, **settings}, store=str(place / "fits")
    )


def grid(place: Path) -> Any:
    return GridSearchCV(network(place), GRID, cv=2).fit(*data())


def randomized(place: Path) -> Any:
    return RandomizedSearchCV(network(place), SPACE, n_iter=6, cv=2, random_state=0).fit(*data())


def halving(place: Path) -> Any:
    return HalvingGridSearchCV(
        network(place), GRID, resource="epochs", min_resources=2, max_resources=8, factor=2, cv=2,
        random_state=0,
    ).fit(*data())  # fmt: skip


def bayes(place: Path, storage: str = "study.log") -> Any:
    return BayesSearchCV(
        network(place), SPACE, n_iter=6, cv=2, random_state=0, storage=f"{place}/{storage}"
    ).fit(*data())


def hyperband(place: Path) -> Any:
    return HyperbandSearchCV(
        network(place), SPACE, max_resources=4, factor=2, cv=2, random_state=0
    ).fit(*data())


def manual(place: Path) -> Any:
    search = ManualSearchCV(network(place), cv=2, verbose=0).fit(*data())
    for rate in (0.1, 0.05, 0.02, 0.01, 0.005):
        search.trial(learning_rate=rate)
    return search


SEARCHES: dict[str, Callable[[Path], Any]] = {
    "GridSearchCV": grid,
    "RandomizedSearchCV": randomized,
    "HalvingGridSearchCV on epochs": halving,
    "BayesSearchCV": bayes,
    "HyperbandSearchCV": hyperband,
    "ManualSearchCV": manual,
}


def run(name: str, place: Path) -> dict[str, Any]:
    """Search, and tell what must not depend on an attack, and which fits were stored now."""
    warnings.simplefilter("ignore")
    place.mkdir(parents=True, exist_ok=True)
    saved = note_saves()
    search = SEARCHES[name](place)
    return {"outcome": outcome(search), "saved": saved}


def note_saves() -> list[str]:
    """Note from here on which fits this process commits."""
    saved: list[str] = []
    save = FitStore.save

    def noted(self: FitStore, key: str, epochs: int, *arguments: Any) -> None:
        save(self, key, epochs, *arguments)
        saved.append(file_name(key, epochs))

    FitStore.save = noted  # type: ignore[method-assign]
    return saved


def stored(place: Path) -> set[str]:
    """Which fits a store has."""
    return {file.stem for file in place.rglob("*.npz")}


def outcome(search: Any) -> str:
    """Digest everything that must be the same, to the bit."""
    results = search.cv_results_
    scores = {name: results[name].tolist() for name in results if "test_score" in name}
    weights = [np.asarray(w).tobytes() for w in search.best_estimator_.model_.get_weights()]
    found = repr((sorted(scores.items()), list(results["params"]), weights))
    return hashlib.sha256(found.encode()).hexdigest()
