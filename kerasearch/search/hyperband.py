"""Hyperband: many candidates with few epochs, and more epochs for the better candidates."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import joblib
import numpy as np
import pandas as pd
from sklearn.model_selection import ParameterSampler
from sklearn.utils import check_random_state

from .._utils.checks import as_integer, check_integer
from ..space.branches import Space, as_branches, as_distributions, n_candidates
from ..space.names import full_name
from ..store import FitStore
from .base import IncrementalSearchCV
from .checks import check_space, check_timeout, warn_of_small_space
from .evaluations import Batch
from .optuna_import import import_optuna
from .optuna_proposals import propose


def hyperband_schedule(max_resources: int = 81, factor: int = 3) -> pd.DataFrame:
    """Compute the schedule of Hyperband: its brackets and rungs.

    Parameters
    ----------
    max_resources : int, default=81
        The largest number of epochs of a candidate (R in the paper).
    factor : int, default=3
        One in `factor` candidates of a rung survives, and gets `factor` times as many epochs (η in
        the paper).

    Returns
    -------
    schedule : DataFrame
        A row for each rung, in the order of the search. The columns are ``bracket`` (s in the
        paper), ``rung`` (i), ``n_candidates`` (the number of candidates), ``n_resources`` (the
        total number of epochs of each candidate at the end of the rung) and ``n_new_resources``
        (the number of epochs that the rung trains for all candidates together, if survivors
        continue their training). With cross-validation, multiply by the number of folds.

    Raises
    ------
    ValueError
        If `factor` is not an integer of at least 2, or if `max_resources` is not an integer of at
        least `factor`.

    References
    ----------
    L. Li, K. Jamieson, G. DeSalvo, A. Rostamizadeh and A. Talwalkar, "Hyperband: A Novel
    Bandit-Based Approach to Hyperparameter Optimization", JMLR 18 (185), 2018, Algorithm 1. Numbers
    of epochs that are not integers are rounded down. The paper's Table 1 differs from its Algorithm
    1: three of the five brackets begin with fewer candidates (27, 9 and 6; not 34, 15 and 8). This
    function follows Algorithm 1.

    Examples
    --------
    >>> from kerasearch import hyperband_schedule
    >>> hyperband_schedule(max_resources=9, factor=3)
       bracket  rung  n_candidates  n_resources  n_new_resources
    0        2     0             9            1                9
    1        2     1             3            3                6
    2        2     2             1            9                6
    3        1     0             5            3               15
    4        1     1             1            9                6
    5        0     0             3            9               27
    """
    factor = check_integer("factor", factor, 2)
    max_resources = check_integer("max_resources", max_resources, 1)
    if max_resources < factor:
        raise ValueError(
            f"max_resources={max_resources} must be at least factor={factor}: otherwise the "
            "schedule has only one rung, which is a random search"
        )
    last = 0
    while factor ** (last + 1) <= max_resources:
        last += 1
    rows = []
    for bracket in range(last, -1, -1):
        n_first = -(-(last + 1) * factor**bracket // (bracket + 1))  # rounded up
        had = 0
        for rung in range(bracket + 1):
            n, epochs = n_first // factor**rung, max_resources // factor ** (bracket - rung)
            rows.append((bracket, rung, n, epochs, n * (epochs - had)))
            had = epochs
    names = ["bracket", "rung", "n_candidates", "n_resources", "n_new_resources"]
    return pd.DataFrame(rows, columns=names)


def planned_rungs(
    max_resources: int, factor: int, n_possible: float = math.inf
) -> list[tuple[int, int]]:
    """List the number of candidates and their resource for each rung.

    `n_possible` is the number of distinct candidates in the space.
    """
    schedule = hyperband_schedule(max_resources, factor)
    names = ["rung", "n_candidates", "n_resources"]
    rungs, n = [], 0
    for rung, n_wanted, amount in schedule[names].to_numpy().tolist():
        n = n // factor if rung else int(min(n_wanted, n_possible))
        rungs += [(n, amount)] if n else []
    return rungs


class HyperbandSearchCV(IncrementalSearchCV):
    """Search with Hyperband, with cross-validation in each rung.

    Candidates are drawn at random. All candidates of a bracket start with few epochs. The better
    candidates get `factor` times as many epochs, until the last candidates have `max_resources`
    epochs. Early scores can be misleading. Therefore the brackets start with different numbers of
    candidates and epochs.

    A Keras estimator with an integer ``random_state`` continues its training from one rung to the
    next. For this purpose, it gets a fit store during the search, unless it has a store. Any other
    estimator is trained from the start in each rung.

    Scores with few epochs are not comparable with scores with many epochs. The best candidate is
    therefore chosen among the candidates that have a score with the largest number of epochs.
    ``rank_test_score`` ranks all candidates. A callable `refit` may choose any candidate.

    Parameters
    ----------
    estimator : estimator
        The estimator to tune.
    space : dict or list of dict
        Lists or distributions by parameter name, as in `RandomizedSearchCV`. The resource must not
        be a parameter of the space.
    max_resources : int, default=81
        The largest number of epochs of a candidate.
    factor : int, default=3
        One in `factor` candidates of a rung survives. `hyperband_schedule` shows the resulting
        schedule.
    resource : str, default="epochs"
        The name of the integer parameter that counts epochs, such as ``"epochs"``, ``"max_iter"``
        or ``"n_estimators"``. In a pipeline, ``"epochs"`` also finds ``"clf__epochs"``.
    sampler : {"random", "bayes"}, default="random"
        The source of the candidates. With ``"bayes"``, Optuna's TPE proposes two thirds of the
        candidates from the second bracket on. TPE learns from the first rungs of earlier brackets.
        It uses the largest number of epochs with which at least ten candidates have a score (or
        twice the number of parameters, if this is more). ``"bayes"`` needs the extra ``bayes``.
    timeout : float, default=None
        The time in seconds after which no new candidate is started. The best candidate so far is
        then trained on all rows.
    scoring, n_jobs, refit, cv, verbose, pre_dispatch, error_score, return_train_score
        As in `RandomizedSearchCV`. With several metrics, the metric that `refit` names, or else the
        first metric, selects the survivors. ``verbose=1`` prints a line after each batch of
        candidates.
    random_state : int, RandomState instance or None, default=None
        The seed for the draw of candidates. The estimator has its own `random_state`.

    Attributes
    ----------
    cv_results_ : dict
        A row for each candidate and rung. In addition to scikit-learn's columns it has ``bracket``,
        ``rung``, ``n_resources`` and ``error_messages``.
    best_estimator_, best_params_, best_score_, best_index_, scorer_, n_splits_, refit_time_
        As in `RandomizedSearchCV`. ``best_params_`` includes the resource.
    resource_ : str
        The full name of the resource.
    schedule_ : DataFrame
        The schedule, as from `hyperband_schedule`.
    stop_reason_ : str
        ``"finished"``, ``"timeout"`` or ``"interrupted"``.

    See Also
    --------
    hyperband_schedule : The schedule of a search, before it runs.

    References
    ----------
    L. Li, K. Jamieson, G. DeSalvo, A. Rostamizadeh and A. Talwalkar, "Hyperband: A Novel
    Bandit-Based Approach to Hyperparameter Optimization", JMLR 18 (185), 2018, Algorithm 1.

    S. Falkner, A. Klein and F. Hutter, "BOHB: Robust and Efficient Hyperparameter Optimization at
    Scale", ICML 2018, for ``sampler="bayes"``.

    Examples
    --------
    >>> from kerasearch import HyperbandSearchCV
    >>> from scipy.stats import loguniform
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import SGDClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> search = HyperbandSearchCV(
    ...     SGDClassifier(tol=None, random_state=0),
    ...     {"alpha": loguniform(1e-5, 1)},
    ...     resource="max_iter",
    ...     max_resources=9,
    ...     cv=3,
    ...     random_state=0,
    ... ).fit(X, y)
    >>> search.best_params_["max_iter"]
    9
    >>> len(search.cv_results_["params"])
    22
    """

    def __init__(
        self,
        estimator: Any,
        space: Space,
        *,
        max_resources: int = 81,
        factor: int = 3,
        resource: str = "epochs",
        sampler: str = "random",
        timeout: float | None = None,
        scoring: Any = None,
        n_jobs: int | None = None,
        refit: bool | str | Callable[[Mapping[str, Any]], int] = True,
        cv: Any = None,
        verbose: int = 0,
        pre_dispatch: int | str = "2*n_jobs",
        random_state: int | np.random.RandomState | None = None,
        error_score: float | str = np.nan,
        return_train_score: bool = False,
    ) -> None:
        super().__init__(
            estimator=estimator,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            error_score=error_score,
            return_train_score=return_train_score,
        )
        self.space = space
        self.max_resources = max_resources
        self.factor = factor
        self.resource = resource
        self.sampler = sampler
        self.timeout = timeout
        self.random_state = random_state

    def _check_settings(self) -> None:
        super()._check_settings()
        schedule = hyperband_schedule(self.max_resources, self.factor)
        check_timeout(self.timeout)
        if self.sampler not in ("random", "bayes"):
            raise ValueError(f"sampler={self.sampler!r} must be 'random' or 'bayes'")
        if self.sampler == "bayes":
            import_optuna()  # the error message says how to install Optuna
        resource = _resource_name(self.estimator, self.resource)
        for branch in as_branches(self.space):
            if resource in branch:
                raise ValueError(
                    f"space has {resource!r}, but Hyperband sets this resource; remove it from "
                    "space, or pass another resource"
                )
        check_space(self.estimator, self.space)
        n = n_candidates(as_distributions(self.space))
        widest = int(schedule["n_candidates"].max())
        if n < widest:
            warn_of_small_space(
                n,
                f"the {widest} candidates that a bracket begins with",
                "such a bracket evaluates each candidate of the space once",
            )

    def _n_planned(self) -> int:
        n_possible = n_candidates(as_distributions(self.space))
        return sum(n for n, _ in planned_rungs(self.max_resources, self.factor, n_possible))

    def _work_done(self) -> tuple[float, float]:
        plan = self.schedule_  # the work of a candidate is its number of epochs
        done = sum(each.columns["n_resources"] for each in self._running.evaluations)
        return done, float((plan["n_candidates"] * plan["n_resources"]).sum())

    def _batches(self) -> Iterator[Batch]:
        """Run Algorithm 1. Comments have the names of its variables."""
        self.resource_ = _resource_name(self.estimator, self.resource)
        self.schedule_ = hyperband_schedule(self.max_resources, self.factor)
        rng = check_random_state(self.random_state)
        unrecorded = {**self._store_for_rungs(), **self._one_path_for_rungs()}
        for bracket in self.schedule_["bracket"].unique().tolist():  # s
            rungs = self.schedule_[self.schedule_["bracket"] == bracket]
            candidates = self._draw_candidates(int(rungs["n_candidates"].iloc[0]), rng)  # T
            for rung, epochs in zip(rungs["rung"], rungs["n_resources"], strict=True):  # i, r_i
                columns = {"bracket": bracket, "rung": rung, "n_resources": epochs}
                begin = len(self._running.evaluations)
                yield from self._rung_batches(candidates, columns, unrecorded)
                candidates = self._survivors(candidates, begin)
                if not candidates:
                    break

    def _draw_candidates(self, n: int, rng: np.random.RandomState) -> list[dict[str, Any]]:
        """Draw candidates, some of them from TPE if `sampler` is "bayes".

        If all parameters have lists, no candidate is drawn twice at random.
        """
        # if the space is small, all its candidates are drawn
        n = int(min(n, n_candidates(as_distributions(self.space))))
        known = self._scored_first_rungs() if self.sampler == "bayes" else []
        if known:
            proposed = propose(self.space, known, n - n // 3, int(rng.randint(2**31 - 1)))
            return proposed + list(ParameterSampler(self.space, n // 3, random_state=rng))
        return list(ParameterSampler(self.space, n, random_state=rng))

    def _scored_first_rungs(self) -> list[tuple[dict[str, Any], float]]:
        """List candidates and scores for the largest number of epochs that has enough candidates.

        Only first rungs are used, because later rungs have no bad candidates to learn from.
        """
        enough = max(10, 2 * max(map(len, as_branches(self.space))))
        by_epochs: dict[int, list[tuple[dict[str, Any], float]]] = {}
        for evaluation in self._running.evaluations:
            score = self._mean_score(evaluation)
            if evaluation.columns["rung"] == 0 and np.isfinite(score):
                same = by_epochs.setdefault(evaluation.columns["n_resources"], [])
                same.append((evaluation.params, score))
        usable = [epochs for epochs, found in by_epochs.items() if len(found) >= enough]
        return by_epochs[max(usable)] if usable else []

    def _rung_batches(
        self, candidates: list[dict[str, Any]], columns: dict[str, int], unrecorded: dict[str, Any]
    ) -> Iterator[Batch]:
        """Evaluate candidates in small batches, so that a search that is stopped has results."""
        n_jobs = joblib.effective_n_jobs(self.n_jobs)
        size = 1 if n_jobs == 1 else 2 * n_jobs
        epochs = {self.resource_: columns["n_resources"]}
        for i in range(0, len(candidates), size):
            batch = [{**candidate, **epochs} for candidate in candidates[i : i + size]]
            filled = {name: [value] * len(batch) for name, value in columns.items()}
            yield Batch(batch, filled, unrecorded)

    def _survivors(self, candidates: list[dict[str, Any]], begin: int) -> list[dict[str, Any]]:
        """Keep one in `factor` candidates: the best candidates that have a score."""
        scores = [self._mean_score(evaluation) for evaluation in self._running.evaluations[begin:]]
        ranked = np.argsort([-score for score in scores], kind="stable")  # NaN comes last
        kept = ranked[: len(candidates) // self.factor]
        return [candidates[i] for i in kept if not np.isnan(scores[i])]

    def _store_for_rungs(self) -> dict[str, Any]:
        """Get a fit store for the estimator, unless it has a store or cannot use a store."""
        prefix = self.resource_.removesuffix("epochs")
        store = f"{prefix}store"
        known = self.estimator.get_params(deep=True)
        seed = known.get(f"{prefix}random_state")
        if known.get(store, "") is not None or as_integer(seed) is None:
            return {}
        return {store: FitStore()}

    def _one_path_for_rungs(self) -> dict[str, Any]:
        """Make an estimator with ``jit_compile="auto"`` use the same training path in all rungs.

        Its path depends on its epochs. It is set to the path for `max_resources` epochs. Otherwise
        a rung might not be able to continue the previous rung.
        """
        name = self.resource_.removesuffix("epochs") + "jit_compile"
        searched = any(name in branch for branch in as_branches(self.space))
        if searched or self.estimator.get_params(deep=True).get(name) != "auto":
            return {}
        return {name: ("auto", self.max_resources)}


def _resource_name(estimator: Any, resource: Any) -> str:
    """Find the full name of the resource, also in a pipeline."""
    if not isinstance(resource, str):
        raise TypeError(f"resource must be the name of a parameter; got {resource!r}")
    try:
        return full_name(estimator, resource)
    except ValueError as error:
        raise ValueError(f"resource={resource!r}: {error}") from None
