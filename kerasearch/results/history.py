"""The training histories of fitted networks as one tidy table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from ..cv_results.reading import read
from ..cv_results.search_results import SearchResults
from ..cv_results.store_lookup import stored_fits
from ..cv_results.values import MISSING, column
from ..store.tables import history_rows

COLUMNS = ("candidate", "fold", "epoch", "metric", "value")
# the metrics of each epoch, and `validation_freq`, which selects the epochs with validation
_History = tuple[Mapping[str, Any], Any]
# attributes in which meta-estimators keep the fitted inner estimator
_INSIDE = ("estimator_", "regressor_", "classifier_")


def training_history(source: Any) -> pd.DataFrame:
    """Collect the metrics of every epoch of every fit.

    Parameters
    ----------
    source : FitStore, estimator, dict or list
        - A fit store: the table has every fit in the store.
        - A fitted Keras estimator, or a ``Pipeline`` or other meta-estimator that contains one.
        - The result of ``cross_validate(..., return_estimator=True)``: the table has every fold.
        - A list of such objects, or a dict from names to such objects. Each object is a
          candidate.

    Returns
    -------
    curves : DataFrame
        One row for each value, with the columns:

        - ``candidate``: the position in the list, or the name in the dict;
        - ``fold`` (int): the number of the fold, counted from 0;
        - ``epoch`` (int): the number of the epoch, counted from 1;
        - ``metric`` (str): the name in the Keras history, such as ``"loss"``, or ``"val_loss"``
          for the validation rows of the fit;
        - ``value`` (float): the value of the metric.

        If a metric was not measured in every epoch (``validation_freq``), only the epochs in which
        it was measured have rows. The table of a fit store has further columns that describe each
        fit; see `FitStore`.

    Raises
    ------
    NotFittedError
        If an estimator was not fitted.
    TypeError
        If `source` is a finished search, which does not keep the estimators of its folds; or if it
        is another object without a history.
    ValueError
        If a result of ``cross_validate`` has no estimators, or if `source` contains no fit.

    See Also
    --------
    TrainingCurvesDisplay : Plot these curves.
    FitStore : Keeps the history of every fit of a search.

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
            raise ValueError("this fit store contains no fit")
        return curves
    curves = _table((candidate, map(_history, folds)) for candidate, folds in _candidates(source))
    if not len(curves):
        raise ValueError("the source contains no fit with a history")
    return curves


def search_history(search: Any) -> pd.DataFrame:
    """Collect the metrics of every epoch of a search's fits.

    Parameters
    ----------
    search : fitted search
        A search whose estimator has a fit store, or which refitted its best estimator.

    Returns
    -------
    curves : DataFrame
        The table of `training_history`, with an additional column ``param_...`` for each
        parameter. With a fit store, the candidates have their numbers in ``cv_results_``; a
        candidate is absent if its fits cannot be identified. Without a fit store, the table has
        only the refit of the best candidate.

    Raises
    ------
    TypeError
        If `search` is not a search.
    NotFittedError
        If the search was not fitted.
    ValueError
        If the search has neither stored fits nor a refitted best estimator.
    """
    if not hasattr(search, "estimator") or not hasattr(search, "fit"):
        raise TypeError(
            f"expected a fitted search, got {type(search).__name__}; use from_history for the "
            "curves of estimators, of cross_validate and of a fit store"
        )
    results = read(search)
    curves = stored_history(results)
    if curves is not None:
        return curves
    best = _find(getattr(search, "best_estimator_", None))
    if best is None:
        raise ValueError(
            "the search kept no training histories. Set store= of the Keras estimator before the "
            "search; or search with refit=True for the history of the best candidate; or pass "
            "fitted estimators to training_history"
        )
    return _with_parameters(_table([(int(search.best_index_), [best])]), results)


def stored_history(results: SearchResults) -> pd.DataFrame | None:
    """Collect the metrics of every epoch of a search's fits from its fit store.

    The table is the table of `search_history`. The result is None if no fits are found.
    """
    if results.estimator is None:
        return None
    fits = stored_fits(results.estimator, results.params, results.n_folds)
    if not any(fits):
        return None
    sources: dict[int, list[_History]] = {
        candidate: [
            (fit.history, fit.parameters.get("fit__validation_freq"))
            for fit in sorted(folds, key=lambda fit: fit.created)
        ]
        for candidate, folds in enumerate(fits)
    }
    return _with_parameters(_table(sources.items()), results)


def _with_parameters(curves: pd.DataFrame, results: SearchResults) -> pd.DataFrame:
    """Add a column for each parameter.

    If a candidate does not have a parameter, the column has the value of its estimator.
    """
    values = {name: list(results.values(name)) for name in results.names}
    for candidate, params in enumerate(results.params):
        absent = [name for name in values if values[name][candidate] is MISSING]
        if absent and results.estimator is not None:
            probe = clone(results.estimator).set_params(**clone(dict(params), safe=False))
            known = probe.get_params()
            for name in absent:
                steps, dashes, last = name.rpartition("__")
                of_builder = f"{steps}{dashes}model__{last}"  # `units` stands for `model__units`
                values[name][candidate] = known.get(name, known.get(of_builder, MISSING))
    parameters = pd.DataFrame({f"param_{name}": column(values[name]) for name in values})
    return curves.join(parameters, on="candidate")


def _table(sources: Iterable[tuple[Any, Iterable[_History]]]) -> pd.DataFrame:
    """Make a table of the histories of each candidate's folds."""
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
            "this result of cross_validate has no estimators; call cross_validate with "
            "return_estimator=True"
        )
    return source["estimator"]


def _is_cross_validated(source: Mapping[str, Any]) -> bool:
    return "estimator" in source or "fit_time" in source


def _history(estimator: Any) -> _History:
    """Find the history of a Keras estimator, or of the one inside a meta-estimator."""
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
        raise TypeError(f"{name} has no history_, so it is not a Keras estimator")
    raise NotFittedError(f"this {name} has no history_; call fit first")


def _find(estimator: Any) -> _History | None:
    """Find the history of a fitted Keras estimator, and its ``validation_freq``."""
    if hasattr(estimator, "cv_results_"):
        raise TypeError(
            f"a finished {type(estimator).__name__} does not keep the estimators of its folds. "
            "For the histories of all fits, set store= of the Keras estimator before the search "
            "and pass the store. For the histories of one candidate, pass the result of "
            "cross_validate(..., return_estimator=True). For the best candidate, pass "
            "best_estimator_"
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
