"""Every epoch of fitted networks, as one tidy table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from sklearn.exceptions import NotFittedError

from ..cv_results.reading import read
from ..cv_results.store_lookup import stored_fits
from ..store.tables import history_rows

COLUMNS = ("candidate", "fold", "epoch", "metric", "value")
# metrics by epoch, and the setting of the epochs in which those of validation were measured
_History = tuple[Mapping[str, Any], Any]
# where meta-estimators keep the fitted one
_INSIDE = ("estimator_", "regressor_", "classifier_")


def training_history(source: Any) -> pd.DataFrame:
    """Collect every epoch of every fit.

    Parameters
    ----------
    source : fit store, estimator, dict or list
        - A fit store: every fit that is in it.
        - A fitted Keras estimator, also as a step of a ``Pipeline``.
        - The result of ``cross_validate(..., return_estimator=True)``: its folds.
        - A list of such things, or a dict of names to them: each is a candidate.

    Returns
    -------
    curves : DataFrame
        One row a value, with the columns ``candidate`` (place in the list, or name), ``fold``
        (int, from 0), ``epoch`` (int, from 1), ``metric`` (as Keras names it: ``"loss"``,
        ``"val_loss"`` of the validation rows inside a fit) and ``value``. A metric that was not
        measured in every epoch (``validation_freq``) has rows for the epochs in which it was. A fit
        store adds columns of what was fitted.

    Raises
    ------
    NotFittedError
        If an estimator was not fitted.
    TypeError
        If the source is a finished search, which keeps no estimators of its folds, or anything
        else without a history.
    ValueError
        If a result of ``cross_validate`` has no estimators, or there is no fit.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> from kerasearch import training_history
    >>> fitted = SimpleNamespace(history_={"loss": [0.9, 0.5], "val_loss": [1.0, 0.7]})
    >>> training_history(fitted)
       candidate  fold  epoch    metric  value
    0          0     0      1      loss    0.9
    1          0     0      2      loss    0.5
    2          0     0      1  val_loss    1.0
    3          0     0      2  val_loss    0.7
    """
    if hasattr(source, "training_history"):
        curves = source.training_history()
        if not len(curves):
            raise ValueError("there is no fit in this store")
        return curves
    curves = _table((candidate, map(_history, folds)) for candidate, folds in _candidates(source))
    if not len(curves):
        raise ValueError("there is no fit with a history in this source")
    return curves


def search_history(search: Any) -> pd.DataFrame:
    """Collect every epoch of the fits of a search, from what it leaves behind.

    Parameters
    ----------
    search : fitted search
        With a fit store of its estimator, or with a refitted best estimator.

    Returns
    -------
    curves : DataFrame
        As `training_history` makes it, with a column ``param_...`` for each parameter. With a
        store, the candidates are numbered as in ``cv_results_``, and those are absent whose fits
        cannot be told from others'. Without one, it is the best candidate's refit alone.

    Raises
    ------
    TypeError
        If it is no search.
    NotFittedError
        If it was not fitted.
    ValueError
        If the search has neither.
    """
    if not hasattr(search, "estimator") or not hasattr(search, "fit"):
        raise TypeError(
            f"expected a fitted search, got {type(search).__name__}; the curves of estimators, of "
            "cross_validate and of a fit store are drawn by from_history"
        )
    results = read(search)
    fits = stored_fits(results.estimator, results.params, results.n_folds)
    if any(fits):
        sources: dict[int, list[_History]] = {
            candidate: [
                (fit.history, fit.parameters.get("fit__validation_freq"))
                for fit in sorted(folds, key=lambda fit: fit.created)
            ]
            for candidate, folds in enumerate(fits)
        }
    else:
        best = _find(getattr(search, "best_estimator_", None))
        if best is None:
            raise ValueError(
                "the search kept no curves of its fits. Search with store= set on the Keras "
                "estimator, or with refit=True for the curve of the best candidate; or give fitted "
                "estimators to training_history"
            )
        sources = {int(search.best_index_): [best]}
    parameters = results.parameters().set_axis([f"param_{n}" for n in results.names], axis=1)
    return _table(sources.items()).join(parameters, on="candidate")


def _table(sources: Iterable[tuple[Any, Iterable[_History]]]) -> pd.DataFrame:
    """Tabulate the histories of each candidate's folds."""
    rows = [
        (candidate, fold, *epoch)
        for candidate, histories in sources
        for fold, (history, validation_freq) in enumerate(histories)
        for epoch in history_rows(history, validation_freq)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _candidates(source: Any) -> Iterator[tuple[Any, Iterable[Any]]]:
    """Find the candidates, each with the estimators of its folds."""
    if isinstance(source, Mapping) and not _is_cross_validated(source):
        yield from ((name, _folds(each)) for name, each in source.items())
    elif isinstance(source, list | tuple | np.ndarray):
        yield from ((i, _folds(each)) for i, each in enumerate(source))
    else:
        yield 0, _folds(source)


def _folds(source: Any) -> Iterable[Any]:
    if not isinstance(source, Mapping):
        return [source]
    if "estimator" not in source:
        raise ValueError(
            "this result of cross_validate keeps no estimators: give return_estimator=True to it"
        )
    return source["estimator"]


def _is_cross_validated(source: Mapping[str, Any]) -> bool:
    return "estimator" in source or "fit_time" in source


def _history(estimator: Any) -> _History:
    """Find the history of the Keras estimator that is this one or inside it."""
    history = _find(estimator)
    if history is not None:
        return history
    name = type(estimator).__name__
    if isinstance(estimator, type) or not hasattr(estimator, "fit"):
        raise TypeError(
            "expected a fit store, fitted Keras estimators or the result of "
            f"cross_validate(..., return_estimator=True), got {name}"
        )
    if any(name.endswith("_") and not name.startswith("_") for name in vars(_last(estimator))):
        raise TypeError(f"{name} has no history_: it is not a Keras estimator")
    raise NotFittedError(f"this {name} has no history_: call fit first")


def _find(estimator: Any) -> _History | None:
    """Find the history of a fitted Keras estimator, and its ``validation_freq``."""
    if hasattr(estimator, "cv_results_"):
        raise TypeError(
            f"a finished {type(estimator).__name__} keeps no estimators of its folds. For the "
            "curves of every fit, search with store= set on the Keras estimator and give the "
            "store; for those of one candidate, give cross_validate(..., return_estimator=True); "
            "for the refitted best one, give best_estimator_"
        )
    history = getattr(estimator, "history_", None)
    if isinstance(history, Mapping):
        known = estimator.get_params(deep=False) if hasattr(estimator, "get_params") else {}
        return history, known.get("fit__validation_freq")
    inside = [step for _, step in reversed(getattr(estimator, "steps", []))]
    inside += [getattr(estimator, name) for name in _INSIDE if hasattr(estimator, name)]
    return next((each for each in map(_find, inside) if each is not None), None)


def _last(estimator: Any) -> Any:
    steps = getattr(estimator, "steps", None)
    return steps[-1][1] if steps else estimator
