"""A refit rule: the simplest candidate that is about as good as the best."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from .._utils.names import last_part
from .._utils.plain_values import as_python
from .._utils.user_warnings import warn
from ..cv_results.reading import read
from ..cv_results.search_results import SearchResults
from .summary import interval

# Last parts of the names of common hyperparameters, those that count most first: fewer layers,
# narrower ones, fewer epochs, stronger regularization ("-": larger is simpler).
# fmt: off
DEFAULT_ORDER = (
    "hidden_layer_sizes", "layers", "n_layers", "num_layers", "n_hidden", "depth", "max_depth",
    "units", "n_units", "num_units", "hidden_units", "hidden", "neurons", "n_neurons", "width",
    "filters", "n_filters", "kernel_size", "n_components", "degree",
    "n_estimators", "epochs", "max_iter",
    "-dropout", "-dropout_rate", "-l2", "-l1", "-weight_decay", "-alpha", "C", "gamma",
    "batch_norm",
)
# fmt: on


def one_standard_error(
    order: str | Sequence[str] | None = None, metric: str | None = None
) -> OneStandardError:
    """Make a ``refit=`` rule: the simplest candidate within one standard error of the best.

    A candidate that scores a hair less and is much smaller is often the better choice [1]_. Of
    the candidates whose mean score is not below the best mean minus its standard error over
    folds, this takes the simplest.

    Parameters
    ----------
    order : str or sequence of str, default=None
        What makes a candidate simple: names of hyperparameters, full or their last routed part,
        the most important first. Smaller is simpler; ``"-dropout"``: larger is simpler. Lists of
        layers compare by their number, then by their sum; a number is a list of one; ``None``, and
        a parameter that a candidate does not have, are 0; False is simpler than True. None takes
        those of the common names that the search has: layers (``hidden_layer_sizes``, ``n_layers``,
        ``depth``, ...), units, filters, epochs, then regularization (``dropout``, ``l2``,
        ``weight_decay``, ``alpha``: larger is simpler; ``C``, ``gamma``: smaller is),
        ``batch_norm``. Equally simple candidates compare by their score.
    metric : str, default=None
        Which score, of a search with several; the search must have but one where it is None.

    Returns
    -------
    rule : callable
        From ``cv_results_`` to the index of a candidate; pickles. Give it as ``refit=`` to
        ``GridSearchCV``, ``RandomizedSearchCV`` or this library's searches. A rule that raised
        would lose the whole search at its end, so that it warns and takes the best candidate where
        it does not find its names.

    Raises
    ------
    TypeError
        If ``order`` is not made of names.

    References
    ----------
    .. [1] Hastie, Tibshirani & Friedman, "The Elements of Statistical Learning", 2nd ed. (2009),
       section 7.10.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from kerasearch import one_standard_error
    >>> tree = DecisionTreeClassifier(random_state=0)
    >>> grid = {"max_depth": [1, 2, 3, 4, 5, 6]}
    >>> search = GridSearchCV(tree, grid, refit=one_standard_error(["max_depth"]))
    >>> search.fit(*load_iris(return_X_y=True)).best_params_
    {'max_depth': 3}
    """
    names = (order,) if isinstance(order, str) else order
    if names is not None:
        if isinstance(names, Mapping) or not isinstance(names, Sequence):
            raise TypeError(f"order={order!r}: expected names of hyperparameters or None")
        wrong = [name for name in names if not isinstance(name, str) or not name.strip("-")]
        if wrong or not names:
            raise TypeError(f"order={order!r}: expected names of hyperparameters, not {wrong}")
        names = tuple(names)
    return OneStandardError(names, metric)


@dataclass(frozen=True)
class OneStandardError:
    """The rule that :func:`one_standard_error` makes."""

    order: tuple[str, ...] | None = None
    metric: str | None = None

    def __call__(self, cv_results: Mapping[str, Any]) -> int:
        """Choose a candidate of ``cv_results``: its index."""
        results = read(cv_results)
        metric = self._metric_of(results)
        best = int(results.order(metric)[0])
        mean = results.mean(metric)
        if np.isnan(mean[best]):
            return best
        error = interval(results, metric)[0][best]
        floor = mean[best] - (0 if math.isnan(error) else error)
        close = np.flatnonzero(results.comparable_by(metric) & (mean >= floor))
        sizes = [_sizes(results, full, larger) for full, larger in self._parameters_of(results)]
        return int(min(close, key=lambda i: ([size[i] for size in sizes], -mean[i], i)))

    def _metric_of(self, results: SearchResults) -> str:
        if self.metric in results.metrics or (self.metric is None and len(results.metrics) == 1):
            return results.metric(self.metric)
        warn(
            f"one_standard_error(metric={self.metric!r}): the search has "
            f"{', '.join(results.metrics)}; {results.metrics[0]!r} is taken"
        )
        return results.metrics[0]

    def _parameters_of(self, results: SearchResults) -> list[tuple[str, bool]]:
        """Find the full names to compare by, each with whether larger is simpler."""
        chosen = []
        for name in DEFAULT_ORDER if self.order is None else self.order:
            larger, bare = name.startswith("-"), name.lstrip("-")
            if self.order is None:
                matching = [full for full in results.names if last_part(full) == bare]
                chosen += [(full, larger) for full in matching if _has_sizes(results, full)]
                continue
            try:
                full = results.parameter(bare)
            except ValueError as error:
                warn(f"one_standard_error: {error}; it is left out of the order")
                continue
            if _has_sizes(results, full):
                chosen.append((full, larger))
            else:
                warn(f"one_standard_error: the values of {bare!r} have no order; it is left out")
        if not chosen and self.order is None:
            warn(
                f"one_standard_error: no hyperparameter of the search ({', '.join(results.names)}) "
                "is known to make a candidate simpler; the best is taken. Give order="
            )
        return chosen


def _has_sizes(results: SearchResults, full: str) -> bool:
    return all(_size(value) is not None for value in results.values(full))


def _sizes(results: SearchResults, full: str, larger: bool) -> list[tuple[float, float]]:
    sizes = [_size(value) or (0.0, 0.0) for value in results.values(full)]
    return [(-n, -total) for n, total in sizes] if larger else sizes


def _size(value: Any) -> tuple[float, float] | None:
    """Measure a value: (how many numbers, their sum); None for what has no size."""
    value = as_python(value)
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if not value and not isinstance(value, str):  # None, 0, False, (), not there
        return (0.0, 0.0)
    if isinstance(value, Real):
        return (1.0, float(value))
    if isinstance(value, list | tuple) and all(isinstance(each, Real) for each in value):
        return (float(len(value)), float(sum(value)))
    return None
