"""What a search's fit store knows of its candidates: epochs that ran, and why fits diverged."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import clone

from .._utils.json_values import parameters_as_json
from ..store import FitStore, StoredFit


class StoredOutcomes(NamedTuple):
    """By candidate: mean epochs of a fold, NaN where not known, and messages, else ``""``."""

    epochs: np.ndarray
    errors: list[str]


def stored_outcomes(
    estimator: Any, params: Sequence[Mapping[str, Any]], n_folds: int
) -> StoredOutcomes | None:
    """Look up how long a search's fits ran, and why some diverged.

    Parameters
    ----------
    estimator : estimator
        Of the search: one with a ``store``, or with one inside it, as a pipeline.
    params : sequence of mapping
        The candidates.
    n_folds : int
        How many fits each had.

    Returns
    -------
    outcomes : StoredOutcomes or None
        None where no fit of the candidates is found.
    """
    epochs, errors = np.full(len(params), np.nan), [""] * len(params)
    for i, fits in enumerate(stored_fits(estimator, params, n_folds)):
        errors[i] = next((fit.divergence for fit in fits if fit.divergence), "")
        if len(fits) == n_folds:
            epochs[i] = np.mean([_n_epochs(fit) for fit in fits])
    return StoredOutcomes(epochs, errors) if any(errors) or np.isfinite(epochs).any() else None


def stored_fits(
    estimator: Any, params: Sequence[Mapping[str, Any]], n_folds: int
) -> list[list[StoredFit]]:
    """Look up a search's fits in the store of its estimator: those of each candidate's folds.

    A store knows what was trained and not who asked. A candidate's fits are those with its
    parameters and epochs, if they are on as many sets of rows as there are folds, and perhaps on a
    larger one, of the refit. Otherwise it has none here, as have candidates that differ in nothing
    that the network's estimator has.
    """
    if _with_store(estimator) is None or not n_folds:
        return [[] for _ in params]
    wanted = [_wanted(estimator, each) for each in params]
    stores = {_path(store): store for store, _, _ in wanted}
    fits: dict[tuple[str, str], list[StoredFit]] = {}
    for path, store in stores.items():
        for fit in store if isinstance(store, FitStore) else FitStore(store):
            fits.setdefault((path, _as_key(fit.parameters)), []).append(fit)
    keys = [(_path(store), parameters, epochs) for store, parameters, epochs in wanted]
    times = Counter(keys)
    return [
        _of_folds(fits.get(key[:2], []), key[2], n_folds) if times[key] == 1 else [] for key in keys
    ]


def _with_store(estimator: Any) -> Any | None:
    """The one estimator with a store that this is or has inside."""
    parts = [estimator, *estimator.get_params().values()]
    stored = {id(part): part for part in parts if hasattr(part, "get_params") and _store(part)}
    return next(iter(stored.values())) if len(stored) == 1 else None


def _store(estimator: Any) -> Any:
    return None if isinstance(estimator, type) else getattr(estimator, "store", None)


def _path(store: Any) -> str:
    return str(store.path if isinstance(store, FitStore) else store)


def _wanted(estimator: Any, params: Mapping[str, Any]) -> tuple[Any, str, int]:
    """The store of a candidate, its parameters as the store has them, and its epochs."""
    part = _with_store(clone(estimator).set_params(**clone(dict(params), safe=False)))
    return _store(part), _as_key(parameters_as_json(part)), getattr(part, "epochs", 0)


def _as_key(parameters: Mapping[str, Any]) -> str:
    return json.dumps(parameters, sort_keys=True)


def _of_folds(fits: Iterable[StoredFit], epochs: int, n_folds: int) -> list[StoredFit]:
    """The fits of a candidate's folds, without that of the refit; none where they are too many."""
    by_rows: dict[str, StoredFit] = {}
    for fit in fits:
        # a loss that is NaN ends every longer fit too, which is then not stored anew
        if fit.epochs == epochs or (fit.divergence and fit.epochs < epochs):
            best = by_rows.get(fit.data)
            if best is None or fit.epochs > best.epochs:
                by_rows[fit.data] = fit
    ours = sorted(by_rows.values(), key=lambda fit: fit.n_rows)
    if len(ours) == n_folds + 1 and ours[-1].n_rows > ours[-2].n_rows:
        ours.pop()
    return ours if len(ours) <= n_folds else []


def _n_epochs(fit: StoredFit) -> int:
    return max(map(len, fit.history.values()), default=0)
