"""The base class of the searches: scikit-learn's search, one batch of candidates at a time.

Only this module uses protected members of scikit-learn's searches: ``_run_search``,
``evaluate_candidates``, ``_format_results``, ``_select_best_index``, ``_get_scorers``,
``_get_routed_params_for_fit``, ``_validate_params`` and ``_skl_callbacks`` of ``BaseSearchCV``, and
the members of ``BaseSuccessiveHalving`` that `halving_schedule` calls. Canary tests in
``tests/search/test_base.py`` fail if scikit-learn changes them. Checked with versions 1.6 to 1.9.
scikit-learn makes the splits, fits, scores, formats and refits. This module adds three things.
Each finished batch is in ``cv_results_`` at once. If all fits of a candidate fail, the search
continues and keeps the error message. A search that is stopped by a time budget or by Ctrl-C keeps
its results.
"""

from __future__ import annotations

import inspect
import math
import time
import warnings
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from numbers import Real
from typing import Any, TypeVar

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import GridSearchCV, check_cv
from sklearn.model_selection._search import BaseSearchCV
from sklearn.utils import indexable

from .._utils.names import did_you_mean
from .._utils.text import duration, listed, time_left
from .._utils.user_warnings import warn
from ..cv_results.reading import read
from .checks import check_data
from .dask_data import SentData
from .evaluations import (
    Batch,
    Evaluation,
    score_to_refit_by,
    warning_message,
    with_error_score,
)
from .fit_errors import all_failed_text, error_message, read_all_failed, warn_text
from .fixed_splits import FixedSplits, fixed_splits
from .worker_warnings import Warned, brought_back

_Search = TypeVar("_Search", bound="IncrementalSearchCV")

_ATTEMPTS = 5  # at a batch, if its data are lost because the workers that had them died

# Workers get a copy of a running search. It has the private attributes with these prefixes, and it
# does not have the values of these parameters.
_SCIKIT_LEARNS = ("_skl", "_parent_callback")
_NOT_FOR_WORKERS = ("cv", "study", "sampler", "storage", "warm_start", "enqueue", "space")


class NoNewCandidates(Exception):
    """Raised if the search has no new candidates to evaluate, but has results from before."""


class _RunningSearch:
    """The state of a search while it runs."""

    def __init__(
        self, X: Any, y: Any, cv: FixedSplits | None, sent: SentData, timeout: float | None
    ) -> None:
        self.X, self.y = X, y
        self.cv, self.sent = cv, sent
        self.evaluations: list[Evaluation] = []
        self.batch = Batch([])
        self.warned: set[Warned] = set()
        self.n_seen = 0  # candidates in scikit-learn's own list
        self.begin = time.monotonic()
        self.deadline = None if timeout is None else self.begin + timeout

    @property
    def is_late(self) -> bool:
        return self.seconds_left <= 0

    @property
    def seconds_left(self) -> float:
        return math.inf if self.deadline is None else self.deadline - time.monotonic()


class IncrementalSearchCV(GridSearchCV):
    """A search that evaluates the batches of its generator `_batches`.

    It is a subclass of `GridSearchCV` for one reason: `mlflow.sklearn.autolog` logs each candidate
    as a separate run only if the search is an instance of `GridSearchCV`. Checked with mlflow 3.17.

    A subclass implements the generator `_batches`. When the generator resumes after a batch, the
    results of this batch are in ``self._running.evaluations``. The generator is closed when the
    search is stopped.

    Attributes
    ----------
    stop_reason_ : str
        The reason why the search ended: ``"finished"``, ``"timeout"``, ``"interrupted"`` (Ctrl-C),
        or a reason that a subclass adds.
    """

    def __init__(self, estimator: Any, **settings: Any) -> None:
        BaseSearchCV.__init__(self, estimator, **settings)  # without a grid

    @abstractmethod
    def _batches(self) -> Iterator[Batch]: ...

    def _check_settings(self) -> None:
        """Raise if a setting is wrong, before anything is fitted. Subclasses add their checks."""
        self._validate_params()

    @abstractmethod
    def _n_planned(self) -> int | None:
        """Get the maximal number of candidates; None if it is not known."""

    def fit(self, X: Any, y: Any = None, **params: Any) -> Any:
        """Run the search, then train the best candidate on all the data.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            The data.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            The target.
        **params : dict
            Parameters for the estimator's ``fit``, the splitter and the scorer, as in
            scikit-learn's searches.

        Returns
        -------
        self : object
            The fitted search.

        Raises
        ------
        ValueError
            If a setting is wrong, or if all fits failed.
        KeyboardInterrupt
            At Ctrl-C before the first candidate has finished; the search is then not fitted. Also
            at Ctrl-C during the refit on all rows; the results are then available.
        """
        self._check_settings()
        check_data(X, y, self.scoring)
        self._drop_results()
        sent = self._sent_data()
        cv = fixed_splits(self.cv, y, self.estimator, sent)
        self._running = _RunningSearch(X, y, cv, sent, getattr(self, "timeout", None))
        try:
            try:
                with sent.in_use(X, y), brought_back():
                    super().fit(X, y, **params)
            except NoNewCandidates:
                self._set_best()
                self._refit(X, y, params)
            except KeyboardInterrupt:
                if not self._running.evaluations:
                    self._drop_results()
                raise
        finally:
            del self._running
        return self

    def _sent_data(self) -> SentData:
        """Get the record of the data that workers have. Most searches have one for each ``fit``."""
        return SentData()

    def _drop_results(self) -> None:
        """Remove the results of an earlier fit, because this fit may end without results."""
        for name in list(vars(self)):
            if name.endswith("_") and not name.startswith("_"):
                delattr(self, name)

    def _run_search(self, evaluate_candidates: Any, *, callback_ctx: Any = None) -> None:
        """Evaluate the batches, until there are no more or the search must stop."""
        running = self._running
        if running.cv is None and hasattr(self, "_checked_cv_orig"):  # scikit-learn 1.7 and later
            running.cv = FixedSplits(self._checked_cv_orig, running.sent)  # cv is an iterator
        self.stop_reason_ = "finished"
        batches = self._batches()
        try:
            with _task(self, callback_ctx, "search") as context, self._lower_verbosity():
                for batch in self._until_late(batches):
                    self._evaluate(batch, evaluate_candidates, context)
        except KeyboardInterrupt:
            self.stop_reason_ = "interrupted"
        finally:
            batches.close()  # type: ignore[attr-defined]
        if not running.evaluations:
            if self.stop_reason_ == "interrupted":
                raise KeyboardInterrupt(
                    "stopped before a candidate was finished, so there is no result"
                )
            raise ValueError("the search had no candidate to evaluate")
        if not any(evaluation.succeeded for evaluation in running.evaluations):
            raise ValueError(all_failed_text([each.folds for each in running.evaluations]))
        self._warn_of_missing_scores()
        if running.n_seen == 0:  # scikit-learn cannot continue without a new candidate
            raise NoNewCandidates

    def _until_late(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """Yield batches until the time is up. The first batch is always evaluated."""
        while not (self._running.evaluations and self._running.is_late):
            try:
                yield next(batches)
            except StopIteration:
                return
        self.stop_reason_ = "timeout"

    def _evaluate(self, batch: Batch, evaluate_candidates: Any, context: Any) -> None:
        running = self._running
        running.batch = batch
        candidates = [{**params, **batch.unrecorded} for params in batch.candidates]
        begin = time.monotonic()
        try:
            for attempts_left in reversed(range(_ATTEMPTS)):
                more: dict[str, Any] = {"cv": running.cv}
                try:
                    with _task(self, context, "batch", sequential=False) as inner:
                        if inner is not None:  # scikit-learn 1.9 and later
                            more["callback_ctx"] = inner
                        evaluate_candidates(candidates, **more)
                    break
                except Exception as error:
                    if not (attempts_left and running.sent.send_again(error)):
                        raise
        except ValueError as error:
            failure = read_all_failed(str(error))
            if failure is None:
                raise
            self._add_failed_batch(*failure, time.monotonic() - begin)
        if self._verbose:
            print(self._progress_line(), flush=True)

    def _format_results(
        self, candidate_params: Any, n_splits: int, out: Any, more_results: Any = None
    ) -> dict[str, Any]:
        """Add the new results of scikit-learn's lists; return the table of all results."""
        running = self._running
        new = range(running.n_seen, len(candidate_params))
        running.n_seen = len(candidate_params)
        self._add_evaluations([out[i * n_splits : (i + 1) * n_splits] for i in new])
        return self.cv_results_

    def _add_failed_batch(self, n_fits: int, details: str, seconds: float) -> None:
        """Record the candidates of a batch without a successful fit.

        For such a batch scikit-learn raises one error. It does not say which candidate had which
        error, so that all candidates of the batch get the same text.
        """
        warn(warn_text(n_fits, self.error_score, details), FitFailedWarning)
        fold = {
            "fit_error": details,
            "test_scores": None,
            "train_scores": None,
            "n_test_samples": 0,
            "fit_time": seconds / n_fits,
            "score_time": 0.0,
        }
        candidates = self._running.batch.candidates
        n_splits = n_fits // len(candidates)
        self._add_evaluations([[dict(fold) for _ in range(n_splits)] for _ in candidates])

    def _add_evaluations(self, outs: Sequence[Sequence[dict[str, Any]]]) -> None:
        batch = self._running.batch
        for i, (params, folds) in enumerate(zip(batch.candidates, outs, strict=True)):
            columns = {name: values[i] for name, values in batch.columns.items()}
            self._running.evaluations.append(Evaluation(params, list(folds), columns))
        self._warn_as_workers([fold for folds in outs for fold in folds])
        self._update_results(self._running.evaluations)

    def _warn_as_workers(self, folds: Sequence[Mapping[str, Any]]) -> None:
        """Repeat the warnings of fits in other processes, each once in a search."""
        for one in (one for fold in folds for one in fold.get("warnings", ())):
            if one not in self._running.warned:
                self._running.warned.add(one)
                warn(one.message, one.category)

    def _update_results(self, evaluations: Sequence[Evaluation]) -> None:
        """Update ``cv_results_`` in place, because scikit-learn's `fit` uses the same dict."""
        sizes = {len(evaluation.folds) for evaluation in evaluations}
        if len(sizes) > 1:
            raise ValueError(f"candidates have different numbers of folds: {sorted(sizes)}")
        scored = next(
            (fold for e in evaluations for fold in e.folds if not fold["fit_error"]), None
        )
        if scored is None:
            return  # the names of the metrics are not known yet
        self._check_refit(scored["test_scores"])
        folds = [
            with_error_score(fold, scored, self.error_score, self.return_train_score)
            for evaluation in evaluations
            for fold in evaluation.folds
        ]
        names = dict.fromkeys(name for e in evaluations for name in e.columns)
        columns = {name: [e.columns.get(name) for e in evaluations] for name in names}
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "One or more of the .* scores are non-finite")
            table = super()._format_results(
                [evaluation.params for evaluation in evaluations], sizes.pop(), folds, columns
            )
        messages = [error_message(evaluation.folds) for evaluation in evaluations]
        table["error_messages"] = np.array(messages, dtype=object)
        messages = [warning_message(evaluation.folds) for evaluation in evaluations]
        if any(messages):
            table["warning_messages"] = np.array(messages, dtype=object)
        if not hasattr(self, "cv_results_"):
            self.cv_results_: dict[str, Any] = {}
        self.cv_results_.update(table)

    def _check_refit(self, scores: Any) -> None:
        """Check `refit` when a callable scorer has returned several metrics.

        Raises
        ------
        ValueError
            If `refit` is not the name of one of the metrics, a function or False.
        """
        if not isinstance(scores, Mapping) or not self.refit or callable(self.refit):
            return
        if not isinstance(self.refit, str) or self.refit not in scores:
            near = did_you_mean(str(self.refit), scores)
            raise ValueError(
                f"refit={self.refit!r} must be the name of a metric: the scorer returns "
                f"{listed(scores)}{near}; or pass a function of cv_results_, or False"
            )

    def _mean_score(self, evaluation: Evaluation) -> float:
        """Average the score of the search's metric over the folds."""
        return float(np.mean(self._fold_scores(evaluation)))

    def _fold_scores(self, evaluation: Evaluation) -> list[float]:
        failed = float(self.error_score) if isinstance(self.error_score, Real) else np.nan
        scores = [score_to_refit_by(fold["test_scores"], self.refit) for fold in evaluation.folds]
        return [failed if score is None else float(score) for score in scores]

    def _select_best_index(  # type: ignore[override]
        self, refit: Any, refit_metric: str, results: Mapping[str, Any]
    ) -> int:
        if callable(refit):
            return super()._select_best_index(refit, refit_metric, results)
        # in Hyperband, the best of the candidates with the largest resource
        return int(read(results).order(refit_metric)[0])

    def _set_best(self) -> None:
        """Set the attributes about the best candidate as scikit-learn's `fit` does."""
        scorers, metric = self._get_scorers()
        self.scorer_ = getattr(scorers, "_scorers", scorers)
        self.multimetric_ = "mean_test_score" not in self.cv_results_
        self.n_splits_ = len(
            {k.partition("_")[0] for k in self.cv_results_ if k.startswith("split")}
        )
        if self.multimetric_:
            metric = self.refit
        if self.refit or not self.multimetric_:
            self.best_index_ = self._select_best_index(self.refit, metric, self.cv_results_)
            self.best_params_ = self.cv_results_["params"][self.best_index_]
            if not callable(self.refit):
                self.best_score_ = self.cv_results_[f"mean_test_{metric}"][self.best_index_]

    def _refit(self, X: Any, y: Any, params: Mapping[str, Any]) -> None:
        """Train the best candidate on all the data as scikit-learn's `fit` does."""
        if not self.refit:
            return
        begin = time.monotonic()
        self.best_estimator_ = self._fit_best(X, y, params)
        self.refit_time_ = time.monotonic() - begin
        if hasattr(self.best_estimator_, "feature_names_in_"):
            self.feature_names_in_ = self.best_estimator_.feature_names_in_

    def _fit_best(self, X: Any, y: Any, params: Mapping[str, Any]) -> Any:
        X, y = indexable(X, y)
        routed = self._get_routed_params_for_fit(dict(params))
        best = clone(self.estimator).set_params(**clone(self.best_params_, safe=False))
        best.fit(X, *(() if y is None else (y,)), **routed.estimator.fit)
        return best

    def _as_search(self, kind: type[_Search], **changes: Any) -> _Search:
        """Make a search of another class with the settings of this search and some changes."""
        names = inspect.signature(BaseSearchCV).parameters
        search = kind(**{name: getattr(self, name) for name in names} | changes)
        if callbacks := getattr(self, "_skl_callbacks", ()):  # scikit-learn 1.9 and later
            search.set_callbacks(*callbacks)
        return search

    def _warn_of_missing_scores(self) -> None:
        means = [self._mean_score(evaluation) for evaluation in self._running.evaluations]
        missing = int((~np.isfinite(means)).sum())
        if missing:
            warn(
                f"{missing} of {len(means)} candidates have no finite score; "
                "cv_results_['error_messages'] says why"
            )

    @contextmanager
    def _lower_verbosity(self) -> Iterator[None]:
        """Suppress scikit-learn's line for each batch. With verbose > 1 it prints each fit."""
        verbose = int(self.verbose)  # type: ignore[has-type]
        self._verbose = verbose
        try:
            self.verbose = verbose if verbose > 1 else 0
            yield
        finally:
            self.verbose = verbose
            del self._verbose

    def _progress_line(self) -> str:
        evaluations = self._running.evaluations
        total = self._n_planned()
        scores = [self._mean_score(evaluation) for evaluation in evaluations]
        last = scores[-len(self._running.batch.candidates) :]
        shown = f"{len(scores)}" if total is None else f"{len(scores)}/{total}"
        best = "none yet"
        if hasattr(self, "cv_results_") and np.isfinite(scores).any():
            # in Hyperband, the best of the candidates with the largest resource
            best = f"{read(self).best_so_far()[-1]:.6g}"
        these = ", ".join("failed" if np.isnan(score) else f"{score:.6g}" for score in last)
        seconds = time.monotonic() - self._running.begin
        parts = [f"{shown} candidates, best {best}, last {these}", f"{duration(seconds)} spent"]
        parts.append(time_left(*self._work_done(), seconds, self._running.seconds_left))
        return ", ".join(filter(None, parts))

    def _work_done(self) -> tuple[float, float]:
        """Get the finished work and the total work; both are 0 if the total is not known."""
        total = self._n_planned()
        return (0, 0) if total is None else (len(self._running.evaluations), total)

    def __getstate__(self) -> dict[str, Any]:
        """Omit attributes that workers do not need from the pickle of a running search.

        scikit-learn sends the search with each fit, and only its callbacks use it. Earlier results,
        splits and the password of a database should not be sent with each task.
        """
        state = super().__getstate__()
        if "_running" in state:
            names = self._get_param_names()
            kept = {n: v for n, v in state.items() if n in names or n.startswith(_SCIKIT_LEARNS)}
            return {**kept, **{name: None for name in _NOT_FOR_WORKERS if name in kept}}
        return state


def halving_schedule(search: Any) -> list[tuple[int, int]]:
    """Compute the rungs of scikit-learn's successive halving. Nothing is trained.

    The resource must be a parameter, because with ``n_samples`` the rungs depend on the data.

    Returns
    -------
    rungs : list of (int, int)
        The number of candidates and the amount of the resource for each candidate, for each rung.

    Raises
    ------
    ValueError
        If the settings conflict with each other. It is the error of the search's ``fit``.
    """
    # with a fixed seed, because drawing the candidates would change NumPy's global generator
    probe: Any = clone(search).set_params(verbose=0, random_state=0)
    probe._checked_cv_orig, probe.n_splits_ = check_cv(probe.cv), 1
    probe._check_input_parameters(X=None, y=None, split_params={})
    has_callbacks = "callback_ctx" in inspect.signature(probe._run_search).parameters
    context = {"callback_ctx": _NoCallbacks()} if has_callbacks else {}  # scikit-learn 1.9
    probe._run_search(_all_equally_good, **context)
    return list(zip(probe.n_candidates_, probe.n_resources_, strict=True))


def _all_equally_good(
    candidates: Sequence[Any], cv: Any, more_results: Mapping[str, Any], **context: Any
) -> dict[str, Any]:
    """Replace the evaluation of candidates: return the results that halving uses, all equal."""
    return {**more_results, "params": candidates, "mean_test_score": np.zeros(len(candidates))}


class _NoCallbacks:
    """Replace scikit-learn's callback context."""

    def subcontext(self, **settings: Any) -> _NoCallbacks:
        return self

    def call_on_fit_task_begin(self, **settings: Any) -> _NoCallbacks:
        return self

    def call_on_fit_task_end(self, **settings: Any) -> None: ...


@contextmanager
def _task(search: Any, parent: Any, name: str, sequential: bool = True) -> Iterator[Any]:
    """Notify scikit-learn's callbacks, if there are any, of the begin and end of a task."""
    if parent is None:
        yield None
        return
    context = parent.subcontext(task_name=name, max_subtasks=None, sequential_subtasks=sequential)
    context.call_on_fit_task_begin(estimator=search)
    try:
        yield context
    finally:
        context.call_on_fit_task_end(estimator=search)
