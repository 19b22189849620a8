"""The candidates of a search and their scores: what compares, what is best, what it cost."""

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

# The names under which a scorer returns how many epochs a fit ran: that is a cost, not a score.
EPOCH_COUNTS = ("epochs", "n_epochs")


def scores_among(metrics: Iterable[str]) -> list[str]:
    """List the metrics that are scores, the first of which a search goes by unless told."""
    metrics = list(metrics)
    return [metric for metric in metrics if metric not in EPOCH_COUNTS] or metrics


def default_metric(metrics: Iterable[str], refit: Any) -> str:
    """Tell which of several metrics a search goes by: the one that `refit` names, or the first."""
    scores = scores_among(metrics)
    return refit if isinstance(refit, str) and refit in scores else scores[0]


@dataclass(frozen=True, eq=False)
class SearchResults:
    """The candidates of a search and what they scored. Higher scores are better.

    A candidate's number is its place in ``cv_results_``; all arrays are in that order.

    Attributes
    ----------
    params : list of dict
        Each candidate's parameters by full name; those that it does not have are absent.
    names : dict of str to str
        Full name to short name (the last routed part; the full one where two would clash).
    metrics : list of str
        Names of the scores; ``["score"]`` for a search of one metric.
    extras : dict of str to ndarray of shape (n_candidates,)
        Further columns, such as ``iter``, ``n_resources``, ``bracket``, ``rung``, ``search``.
    messages : list of str
        Why a candidate failed, where the search kept it; else ``""``.
    default_metric : str
        The score that the search refitted by, or else the first one; a count of epochs is none.
    cv, estimator, search : object or None
        What the search has; None for a bare ``cv_results_``. ``search`` is the search itself.
    statistics : dict of str to ndarray of shape (n_candidates,)
        The columns ``mean_...``, ``std_...`` and ``rank_...``, as floats.
    folds : dict of str to ndarray of shape (n_candidates, n_folds)
        The scores of folds by part and metric, such as ``"test_score"``.
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
        """How many fits a candidate had; 0 where the source has no scores of folds."""
        return max((scores.shape[1] for scores in self.folds.values()), default=0)

    def metric(self, name: str | None = None) -> str:
        """Check the name of a metric; None is the default one."""
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
        """Name a metric for people: what a search of one metric calls ``"score"`` by its name."""
        name = self.metric(name)
        scoring = getattr(self.search, "scoring", None)
        return scoring if name == "score" and isinstance(scoring, str) else name

    def parameter(self, name: str) -> str:
        """Find the full name of a parameter given by its full or its short name."""
        if name in self.names:
            return name
        full = [full for full in self.names if last_part(full) == name]
        if len(full) == 1:
            return full[0]
        if full:
            raise ValueError(f"parameter {name!r} may be any of {listed(full)}: give the full name")
        near = did_you_mean(str(name), dict.fromkeys([*self.names, *self.names.values()]))
        raise ValueError(
            f"no parameter {name!r} in the search, which has {listed(self.names)}{near}"
        )

    def values(self, name: str) -> list[Any]:
        """Get a parameter's value of each candidate, ``MISSING`` where it has none."""
        full = self.parameter(name)
        return [params.get(full, MISSING) for params in self.params]

    def labels(self, name: str) -> list[str]:
        """Write a parameter's value of each candidate as text, different values differently."""
        return labels(self.values(name))

    def parameters(self, taken: Iterable[str] = ()) -> pd.DataFrame:
        """Get a column for each parameter, by short names that are not ``taken``.

        Dtypes are those of the values, objects are text, and what is missing is NA.
        """
        names = short_names(list(self.names), taken)
        columns = {short: column(self.values(full)) for full, short in names.items()}
        return pd.DataFrame(columns, index=pd.RangeIndex(len(self), name="candidate"))

    def numbers(self, name: str) -> np.ndarray | None:
        """Get a parameter's values as floats, NaN where missing; None if it is not numeric."""
        return numeric(self.values(name))

    def varying(self) -> list[str]:
        """List the full names of the parameters that have more than one value."""
        return [name for name in self.names if len(set(map(identity, self.values(name)))) > 1]

    def scores(self, metric: str | None = None) -> np.ndarray:
        """Test scores, shape (n_candidates, n_folds); NaN where a fit failed."""
        return self.folds.get(f"test_{self.metric(metric)}", np.empty((len(self), 0)))

    def mean(self, metric: str | None = None) -> np.ndarray:
        """Mean test score over folds; NaN where a fold failed."""
        return self.statistics[f"mean_test_{self.metric(metric)}"]

    def std(self, metric: str | None = None) -> np.ndarray:
        """Standard deviation over folds, of the population (``ddof=0``) as in ``cv_results_``."""
        known = self.statistics.get(f"std_test_{self.metric(metric)}")
        if known is not None:
            return known
        scores = self.scores(metric)
        return scores.std(axis=1) if scores.shape[1] else np.full(len(self), np.nan)

    def train_mean(self, metric: str | None = None) -> np.ndarray | None:
        """Mean training score over folds, where the search kept it."""
        return self.statistics.get(f"mean_train_{self.metric(metric)}")

    def time(self, part: str, total: bool = False) -> np.ndarray | None:
        """Seconds of ``part`` ("fit" or "score") of one fold, or of all; None where not known."""
        mean = self.statistics.get(f"mean_{part}_time")
        return mean * max(self.n_folds, 1) if total and mean is not None else mean

    @cached_property
    def epochs(self) -> np.ndarray | None:
        """Mean number of epochs that a fold ran, where a scorer, the search or the store knows."""
        for name in EPOCH_COUNTS:
            if f"mean_test_{name}" in self.statistics:
                return self.statistics[f"mean_test_{name}"]
            if name in self.extras:
                return self.extras[name].astype(float)
        stored = self._stored_outcomes
        return None if stored is None or np.isnan(stored.epochs).all() else stored.epochs

    @property
    def all_epochs(self) -> np.ndarray | None:
        """The same, where no candidate with a score lacks them: only then there is a sum."""
        epochs = self.epochs
        if epochs is None or np.isnan(epochs[np.isfinite(self.mean())]).any():
            return None
        return epochs

    @cached_property
    def errors(self) -> list[str]:
        """Why each candidate failed, where the search or the store knows; else ``""``."""
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
        """What each candidate was given in successive halving or Hyperband; None elsewhere.

        Where a merged table has no ``n_resources`` for a candidate, another search evaluated it
        with all that it was to have: that counts as the most there is.
        """
        if "n_resources" not in self.extras:
            return None
        column = pd.Series(self.extras["n_resources"], dtype="Float64")
        amounts = column.to_numpy(dtype=float, na_value=np.nan)
        return np.nan_to_num(amounts, nan=np.nanmax(amounts, initial=0))

    @property
    def comparable(self) -> np.ndarray:
        """The same as ``comparable_by()``: by the default metric."""
        return self.comparable_by()

    def comparable_by(self, metric: str | None = None) -> np.ndarray:
        """Tell which candidates' scores compare with the best one's, bool of (n_candidates,).

        In successive halving and Hyperband, scores of different resources do not compare. Those
        compare that had the largest resource with which any candidate has a score, failed ones
        among them. Where no resource is recorded, all do.
        """
        if self.resources is None:
            return np.ones(len(self), dtype=bool)
        with_score = self.resources[~np.isnan(self.mean(metric))]
        most = (with_score if len(with_score) else self.resources).max()
        return self.resources == most

    def n_failed(self, metric: str | None = None) -> np.ndarray:
        """How many folds of each candidate have no score."""
        return np.isnan(self.scores(metric)).sum(axis=1)

    def rank(self, metric: str | None = None) -> np.ndarray:
        """Rank of each candidate, int; 1 is best, ties have the same, failed ones come last.

        Candidates of a larger resource come first: so the best is one of `comparable_by`, whose
        scores alone compare with its own.
        """
        mean = self.mean(metric)
        failed = np.isnan(mean)
        frame = pd.DataFrame({"failed": failed, "resource": 0.0, "score": -mean})
        if self.resources is not None:
            frame["resource"] = -self.resources
        frame.loc[failed, ["resource", "score"]] = 0.0  # which all failed ones share
        ordered = frame.sort_values(["failed", "resource", "score"], kind="stable")
        is_new = ordered.ne(ordered.shift()).any(axis=1).to_numpy()
        rank = np.empty(len(self), dtype=int)
        rank[ordered.index] = (np.flatnonzero(is_new) + 1)[np.cumsum(is_new) - 1]
        return rank

    def order(self, metric: str | None = None) -> np.ndarray:
        """Candidates' numbers, best first, failed ones last; ties in the order of the search."""
        return np.argsort(self.rank(metric), kind="stable")

    def best_so_far(self, metric: str | None = None, rows: Any = slice(None)) -> np.ndarray:
        """Get after each candidate of `rows` the mean score of the one that would be chosen then.

        It falls where the first candidate with a larger resource scores less than those before it.
        NaN before the first finite score.
        """
        amounts = np.zeros(len(self)) if self.resources is None else self.resources
        chosen, best = (-np.inf, np.nan), []
        for amount, mean in zip(amounts[rows], self.mean(metric)[rows], strict=True):
            if np.isfinite(mean) and (amount, mean) > chosen:
                chosen = (amount, mean)
            best.append(chosen[1])
        return np.array(best)

    def best(self, metric: str | None = None) -> int:
        """Get the number of the best candidate."""
        first = int(self.order(metric)[0])
        if np.isnan(self.mean(metric)[first]):
            reason = next((f": {error}" for error in self.errors if error), "")
            raise ValueError(f"every candidate of the search failed{reason}")
        return first
