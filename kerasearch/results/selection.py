"""A rule for `refit`: the simplest candidate that is about as good as the best candidate."""

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

# The last parts of common names of hyperparameters, the most important first: the number of layers,
# their width, the epochs, the regularization. "-" means that a larger value is simpler.
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
    """Make a rule for ``refit=``: the simplest candidate within one standard error of the best.

    A candidate with a slightly lower score that is much smaller is often the better choice [1]_.
    The rule looks at the candidates whose mean score is at least the best mean score minus its
    standard error over folds. It selects the simplest of them.

    Parameters
    ----------
    order : str or sequence of str, default=None
        The hyperparameters that decide which candidate is simpler, the most important first. They
        are given by full names or by the last part of the name. A smaller value is simpler; with
        a minus sign, as in ``"-dropout"``, a larger value is simpler. Lists of layer widths are
        compared by the number of layers, then by the sum of the widths. A number counts as a list
        of one number. ``None`` and the value of an absent parameter count as 0. False is simpler
        than True. Candidates that are equally simple are compared by their score.

        None uses common names, as far as the search has them: first layers
        (``hidden_layer_sizes``, ``n_layers``, ``depth``, ...), then units, filters and epochs,
        then regularization (larger ``dropout``, ``l2``, ``weight_decay`` or ``alpha`` is simpler;
        smaller ``C`` or ``gamma`` is simpler), then ``batch_norm``.
    metric : str, default=None
        The metric to compare by. It is required if the search has several metrics.

    Returns
    -------
    rule : callable
        A function from ``cv_results_`` to the index of a candidate. It can be pickled. Pass it as
        ``refit=`` to ``GridSearchCV``, ``RandomizedSearchCV`` or a search of kerasearch. The rule
        runs at the end of a search, when an error would lose all results. Therefore it issues a
        warning instead of an error if the search lacks a hyperparameter or the metric.

    Raises
    ------
    TypeError
        If `order` does not consist of names.

    Warns
    -----
    UserWarning
        When the rule runs: if the search has no such metric or hyperparameter, or if the values of
        a hyperparameter have no order.

    See Also
    --------
    compare : Test which candidates differ significantly from the best.

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
            raise TypeError(f"order={order!r} must be a list of names of hyperparameters, or None")
        wrong = [name for name in names if not isinstance(name, str) or not name.strip("-")]
        if wrong or not names:
            raise TypeError(f"order={order!r} must have names of hyperparameters, but has {wrong}")
        names = tuple(names)
    return OneStandardError(names, metric)


@dataclass(frozen=True)
class OneStandardError:
    """The rule that :func:`one_standard_error` returns."""

    order: tuple[str, ...] | None = None
    metric: str | None = None

    def __call__(self, cv_results: Mapping[str, Any]) -> int:
        """Choose a candidate of ``cv_results``; return its index."""
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
            f"one_standard_error(metric={self.metric!r}): the search has the metrics "
            f"{', '.join(results.metrics)}; {results.metrics[0]!r} is used"
        )
        return results.metrics[0]

    def _parameters_of(self, results: SearchResults) -> list[tuple[str, bool]]:
        """Find the full names of the order, each with whether a larger value is simpler."""
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
                warn(f"one_standard_error: {error}; the name is left out of the order")
                continue
            if _has_sizes(results, full):
                chosen.append((full, larger))
            else:
                warn(
                    f"one_standard_error: the values of {bare!r} have no order; the name is left "
                    "out of the order"
                )
        if not chosen and self.order is None:
            warn(
                f"one_standard_error: no hyperparameter of the search ({', '.join(results.names)}) "
                "is known to make a candidate simpler, so the best candidate is used; pass order="
            )
        return chosen


def _has_sizes(results: SearchResults, full: str) -> bool:
    return all(_size(value) is not None for value in results.values(full))


def _sizes(results: SearchResults, full: str, larger: bool) -> list[tuple[float, float]]:
    sizes = [_size(value) or (0.0, 0.0) for value in results.values(full)]
    return [(-n, -total) for n, total in sizes] if larger else sizes


def _size(value: Any) -> tuple[float, float] | None:
    """Measure a value as (number of numbers, their sum); None for a value without a size."""
    value = as_python(value)
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if not value and not isinstance(value, str):  # None, 0, False, () or an absent parameter
        return (0.0, 0.0)
    if isinstance(value, Real):
        return (1.0, float(value))
    if isinstance(value, list | tuple) and all(isinstance(each, Real) for each in value):
        return (float(len(value)), float(sum(value)))
    return None
