"""The candidates of a search: their parameters, scores, comparability, ranks and costs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from .._utils.names import did_you_mean, last_part, short_names
from .._utils.text import listed
from .._utils.values import identity
from .store_lookup import StoredOutcomes, stored_outcomes
from .values import MISSING, column, labels, numeric

# A scorer may return the number of epochs of a fit by one of these names. It is a cost, no score.
EPOCH_COUNTS = ("epochs", "n_epochs")


def scores_among(metrics: Iterable[str]) -> list[str]:
    """List the metrics that are scores and not costs; the first is the default metric."""
    metrics = list(metrics)
    return [metric for metric in metrics if metric not in EPOCH_COUNTS] or metrics


def default_metric(metrics: Iterable[str], refit: Any) -> str:
    """Get the metric that ranks the candidates: the one that `refit` names, or the first score."""
    scores = scores_among(metrics)
    return refit if isinstance(refit, str) and refit in scores else scores[0]


@dataclass(frozen=True, eq=False)
class SearchResults:
    """The candidates of a search and their scores. Higher scores are better.

    The number of a candidate is its position in ``cv_results_``. All arrays have this order.

    Attributes
    ----------
    params : list of dict
        The parameters of each candidate by full name. A parameter that a candidate does not have
        is absent from its dict.
    names : dict of str to str
        The short name of each full name. The short name is the last part of the full name, or the
        full name if two last parts are equal.
    metrics : list of str
        The names of the scores; ``["score"]`` for a search with one metric.
    extras : dict of str to ndarray of shape (n_candidates,)
        Further columns, such as ``iter``, ``n_resources``, ``bracket``, ``rung``, ``search``.
    messages : list of str
        The error message of each failed candidate if the search recorded it, or else ``""``.
    default_metric : str
        The metric that ranks the candidates: the metric that `refit` of the search names, or else
        the first score. It is never a count of epochs.
    cv, estimator, search : object or None
        The attributes of the search, and the search itself; None if only ``cv_results_`` was read.
    statistics : dict of str to ndarray of shape (n_candidates,)
        The columns ``mean_...``, ``std_...`` and ``rank_...``, as floats.
    folds : dict of str to ndarray of shape (n_candidates, n_folds)
        The scores in each fold by part and metric, such as ``"test_score"``.
    """

    params: list[dict[str, Any]]
    names: dict[str, str]
    metrics: list[str]
    extras: dict[str, np.ndarray]
    messages: list[str]
    default_metric: str
    cv: Any = None
    estimator: Any = None
    search: Any = field(default=None, repr=False)
    statistics: Mapping[str, np.ndarray] = field(default_factory=dict, repr=False)
    folds: Mapping[str, np.ndarray] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.params)

    @cached_property
    def n_folds(self) -> int:
        """The number of folds; 0 if the source has no scores of folds."""
        return max((scores.shape[1] for scores in self.folds.values()), default=0)

    def metric(self, name: str | None = None) -> str:
        """Check the name of a metric; None stands for the default metric."""
        if name is None:
            return self.default_metric
        counts = [count for count in EPOCH_COUNTS if f"mean_test_{count}" in self.statistics]
        known = [*self.metrics, *counts]
        if name not in known:
            raise ValueError(
                f"metric={name!r}: the search has {listed(known)}{did_you_mean(str(name), known)}"
            )
        return name

    def metric_label(self, name: str | None = None) -> str:
        """Get the name of a metric for display.

        A search with one metric calls it ``"score"``; then the value of ``scoring`` is returned if
        it is a name.
        """
        name = self.metric(name)
        scoring = getattr(self.search, "scoring", None)
        return scoring if name == "score" and isinstance(scoring, str) else name

    def parameter(self, name: str) -> str:
        """Find the full name of a parameter from its full or short name."""
        if name in self.names:
            return name
        full = [full for full in self.names if last_part(full) == name]
        if len(full) == 1:
            return full[0]
        if full:
            raise ValueError(f"parameter {name!r} is ambiguous; use the full name, {listed(full)}")
        near = did_you_mean(str(name), dict.fromkeys([*self.names, *self.names.values()]))
        raise ValueError(
            f"the search has no parameter {name!r}; its parameters are {listed(self.names)}{near}"
        )

    def values(self, name: str) -> list[Any]:
        """Get a parameter's value in each candidate; ``MISSING`` if the candidate has none."""
        full = self.parameter(name)
        return [params.get(full, MISSING) for params in self.params]

    def labels(self, name: str) -> list[str]:
        """Write a parameter's value in each candidate; different values have different texts."""
        return labels(self.values(name))

    def parameters(self, taken: Iterable[str] = ()) -> pd.DataFrame:
        """Make a table with a column for each parameter, named by short names not in ``taken``.

        A column has the dtype of its values. Objects become text, and missing values become NA.
        """
        names = short_names(list(self.names), taken)
        columns = {short: column(self.values(full)) for full, short in names.items()}
        return pd.DataFrame(columns, index=pd.RangeIndex(len(self), name="candidate"))

    def numbers(self, name: str) -> np.ndarray | None:
        """Get a parameter's values as floats, with NaN for missing values; None if not numeric."""
        return numeric(self.values(name))

    def varying(self) -> list[str]:
        """List the full names of the parameters that have more than one value."""
        return [name for name in self.names if len(set(map(identity, self.values(name)))) > 1]

    def scores(self, metric: str | None = None) -> np.ndarray:
        """Get the test scores, shape (n_candidates, n_folds); NaN if a fit failed."""
        return self.folds.get(f"test_{self.metric(metric)}", np.empty((len(self), 0)))

    def mean(self, metric: str | None = None) -> np.ndarray:
        """Get the mean test score over folds; NaN if a fold failed."""
        return self.statistics[f"mean_test_{self.metric(metric)}"]

    def std(self, metric: str | None = None) -> np.ndarray:
        """Get the standard deviation over folds, with ``ddof=0`` as in ``cv_results_``."""
        known = self.statistics.get(f"std_test_{self.metric(metric)}")
        if known is not None:
            return known
        scores = self.scores(metric)
        return scores.std(axis=1) if scores.shape[1] else np.full(len(self), np.nan)

    def train_mean(self, metric: str | None = None) -> np.ndarray | None:
        """Get the mean training score over folds; None if the search has no training scores."""
        return self.statistics.get(f"mean_train_{self.metric(metric)}")

    def time(self, part: str, total: bool = False) -> np.ndarray | None:
        """Get the seconds of a ``part`` ("fit" or "score").

        It is the mean over folds, or the sum if `total` is True; None if the search has no times.
        """
        mean = self.statistics.get(f"mean_{part}_time")
        return mean * max(self.n_folds, 1) if total and mean is not None else mean

    @cached_property
    def epochs(self) -> np.ndarray | None:
        """Mean number of epochs of a fold, from a scorer, the search or the store; else None."""
        for name in EPOCH_COUNTS:
            if f"mean_test_{name}" in self.statistics:
                return self.statistics[f"mean_test_{name}"]
            if name in self.extras:
                return self.extras[name].astype(float)
        stored = self._stored_outcomes
        return None if stored is None or np.isnan(stored.epochs).all() else stored.epochs

    @property
    def all_epochs(self) -> np.ndarray | None:
        """The same as `epochs`, but None if the epochs of a candidate with a score are unknown."""
        epochs = self.epochs
        if epochs is None or np.isnan(epochs[np.isfinite(self.mean())]).any():
            return None
        return epochs

    @cached_property
    def errors(self) -> list[str]:
        """The error message of each failed candidate, from the search or the store; else ``""``."""
        failed = np.isnan(self.mean())
        if not failed.any() or any(self.messages) or self._stored_outcomes is None:
            return self.messages
        stored = self._stored_outcomes.errors
        return [message if fail else "" for message, fail in zip(stored, failed, strict=True)]

    @cached_property
    def _stored_outcomes(self) -> StoredOutcomes | None:
        if self.estimator is None:
            return None
        return stored_outcomes(self.estimator, self.params, self.n_folds)

    @cached_property
    def resources(self) -> np.ndarray | None:
        """The resource of each candidate in successive halving or Hyperband; None elsewhere.

        A merged table may lack ``n_resources`` for a candidate, which then came from another kind
        of search and was trained completely. It counts as a candidate with the largest resource.
        """
        if "n_resources" not in self.extras:
            return None
        column = pd.Series(self.extras["n_resources"], dtype="Float64")
        amounts = column.to_numpy(dtype=float, na_value=np.nan)
        return np.nan_to_num(amounts, nan=np.nanmax(amounts, initial=0))

    @property
    def comparable(self) -> np.ndarray:
        """The result of `comparable_by` for the default metric."""
        return self.comparable_by()

    def comparable_by(self, metric: str | None = None) -> np.ndarray:
        """Tell which candidates are comparable with the best, as bool of shape (n_candidates,).

        In successive halving and Hyperband, scores of different resources are not comparable.
        Candidates are comparable if they had the largest resource with which any candidate has a
        score; failed candidates are included. Without resources, all candidates are comparable.
        """
        if self.resources is None:
            return np.ones(len(self), dtype=bool)
        with_score = self.resources[~np.isnan(self.mean(metric))]
        most = (with_score if len(with_score) else self.resources).max()
        return self.resources == most

    def n_failed(self, metric: str | None = None) -> np.ndarray:
        """Count the folds without a score of each candidate."""
        return np.isnan(self.scores(metric)).sum(axis=1)

    def rank(self, metric: str | None = None) -> np.ndarray:
        """Get the integer rank of each candidate; 1 is best.

        Candidates with equal scores have equal ranks. Failed candidates come last. A candidate with
        a larger resource ranks before a candidate with a smaller one, so that only comparable
        candidates compete for the first rank.
        """
        mean = self.mean(metric)
        failed = np.isnan(mean)
        frame = pd.DataFrame({"failed": failed, "resource": 0.0, "score": -mean})
        if self.resources is not None:
            frame["resource"] = -self.resources
        frame.loc[failed, ["resource", "score"]] = 0.0  # so that all failed candidates share a rank
        ordered = frame.sort_values(["failed", "resource", "score"], kind="stable")
        is_new = ordered.ne(ordered.shift()).any(axis=1).to_numpy()
        rank = np.empty(len(self), dtype=int)
        rank[ordered.index] = (np.flatnonzero(is_new) + 1)[np.cumsum(is_new) - 1]
        return rank

    def order(self, metric: str | None = None) -> np.ndarray:
        """Get the numbers of the candidates from best to worst; failed candidates come last.

        Candidates with equal ranks stay in the order of the search.
        """
        return np.argsort(self.rank(metric), kind="stable")

    def best_so_far(self, metric: str | None = None, rows: Any = slice(None)) -> np.ndarray:
        """Get, after each candidate of `rows`, the mean score of the best candidate until then.

        The value may fall when the first candidate with a larger resource has a lower score than
        earlier candidates. It is NaN before the first finite score.
        """
        amounts = np.zeros(len(self)) if self.resources is None else self.resources
        chosen, best = (-np.inf, np.nan), []
        for amount, mean in zip(amounts[rows], self.mean(metric)[rows], strict=True):
            if np.isfinite(mean) and (amount, mean) > chosen:
                chosen = (amount, mean)
            best.append(chosen[1])
        return np.array(best)

    def best(self, metric: str | None = None) -> int:
        """Get the number of the best candidate; raise `ValueError` if every candidate failed."""
        first = int(self.order(metric)[0])
        if np.isnan(self.mean(metric)[first]):
            reason = next((f": {error}" for error in self.errors if error), "")
            raise ValueError(f"every candidate of the search failed{reason}")
        return first
