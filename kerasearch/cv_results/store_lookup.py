"""Look up the fits of a search in its fit store: their epochs, histories and divergences."""

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
    """The outcomes of each candidate's fits.

    Attributes
    ----------
    epochs : ndarray of shape (n_candidates,)
        The mean number of epochs of a fold; NaN if it is unknown.
    errors : list of str
        The message of a diverged fit, or else ``""``.
    """

    epochs: np.ndarray
    errors: list[str]


def stored_outcomes(
    estimator: Any, params: Sequence[Mapping[str, Any]], n_folds: int
) -> StoredOutcomes | None:
    """Look up the epochs of a search's fits, and the reasons why some fits diverged.

    Parameters
    ----------
    estimator : estimator
        The estimator of the search: an estimator with a ``store``, or one that contains such an
        estimator, such as a pipeline.
    params : sequence of mapping
        The parameters of the candidates.
    n_folds : int
        The number of fits of each candidate.

    Returns
    -------
    outcomes : StoredOutcomes or None
        The outcomes; None if no epochs and no divergence of any candidate are found.
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
    """Look up the fits of each candidate's folds in the store of the search's estimator.

    A store records what was trained, but not for which search. The fits of a candidate are the
    fits with its parameters and epochs. They are used only if their training sets are as many as
    the folds, or fewer; one larger training set, which belongs to the refit, is allowed besides.
    No fits are returned for candidates that differ only in parameters outside the Keras estimator.

    Returns
    -------
    fits : list of list of StoredFit
        The fits of each candidate; an empty list if they cannot be identified.
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
    """Find the estimator with a store: this estimator or one inside it; None unless just one."""
    parts = [estimator, *estimator.get_params().values()]
    stored = {id(part): part for part in parts if hasattr(part, "get_params") and _store(part)}
    return next(iter(stored.values())) if len(stored) == 1 else None


def _store(estimator: Any) -> Any:
    return None if isinstance(estimator, type) else getattr(estimator, "store", None)


def _path(store: Any) -> str:
    return str(store.path if isinstance(store, FitStore) else store)


def _wanted(estimator: Any, params: Mapping[str, Any]) -> tuple[Any, str, int]:
    """Get the store of a candidate, its parameters in the form of the store, and its epochs."""
    part = _with_store(clone(estimator).set_params(**clone(dict(params), safe=False)))
    return _store(part), _as_key(parameters_as_json(part)), getattr(part, "epochs", 0)


def _as_key(parameters: Mapping[str, Any]) -> str:
    return json.dumps(parameters, sort_keys=True)


def _of_folds(fits: Iterable[StoredFit], epochs: int, n_folds: int) -> list[StoredFit]:
    """Select the fits of a candidate's folds, without the refit; none if there are too many."""
    by_rows: dict[str, StoredFit] = {}
    for fit in fits:
        # a fit that diverged also stands for longer fits, which diverge at the same epoch
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
