"""What our searches share: scikit-learn's search, one batch of candidates at a time.

This module alone touches the protected side of scikit-learn's searches: ``_run_search``,
``evaluate_candidates``, ``_format_results``, ``_select_best_index``, ``_get_scorers``,
``_get_routed_params_for_fit``, ``_validate_params`` and ``_skl_callbacks`` of ``BaseSearchCV``, and
what `halving_schedule` calls of ``BaseSuccessiveHalving``. Canary tests in
``tests/search/test_base.py`` fail when scikit-learn changes them; it was checked with 1.6 to 1.9.

scikit-learn makes the splits, fits, scores, formats and refits. What is added: each finished batch
is in ``cv_results_`` at once, a candidate all of whose fits fail costs itself alone and keeps its
message, and a time budget or Ctrl-C ends the search, not the results.
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

_ATTEMPTS = 5  # at a batch whose data are lost with the workers that had them

# of a running search's state: what its workers get of the private part, and what they do not get
_SCIKIT_LEARNS = ("_skl", "_parent_callback")
_NOT_FOR_WORKERS = ("cv", "study", "sampler", "storage", "warm_start", "enqueue", "space")


class NoNewCandidates(Exception):
    """The search had nothing left to evaluate, and has results from before."""


class _RunningSearch:
    """What a search knows while it runs."""

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
    """A search that evaluates what its `_batches` yields.

    A grid search in name alone: `mlflow.sklearn.autolog` logs candidates as runs of their own for
    instances of `GridSearchCV`, through whose ``fit`` it goes; checked with mlflow 3.17.

    A subclass implements `_batches`, a generator; when it is resumed, its last batch is in
    ``self._running.evaluations``. It is closed when the search is stopped.

    Attributes
    ----------
    stop_reason_ : str
        Why the search ended: ``"finished"``, ``"timeout"``, ``"interrupted"`` (Ctrl-C), or what a
        subclass adds.
    """

    def __init__(self, estimator: Any, **settings: Any) -> None:
        BaseSearchCV.__init__(self, estimator, **settings)  # without a grid

    @abstractmethod
    def _batches(self) -> Iterator[Batch]: ...

    def _check_settings(self) -> None:
        """Raise for wrong settings, before anything is fitted; subclasses check their own too."""
        self._validate_params()

    @abstractmethod
    def _n_planned(self) -> int | None:
        """Tell how many candidates there will be at most; None where unknown."""

    def fit(self, X: Any, y: Any = None, **params: Any) -> Any:
        """Search, then train the best candidate on all the data.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            The data.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            The target.
        **params : dict
            For the estimator's ``fit``, the splitter and the scorer, as in scikit-learn's
            searches.

        Returns
        -------
        self : object
            The search, fitted.

        Raises
        ------
        ValueError
            If the settings are wrong, or if every fit failed.
        KeyboardInterrupt
            At Ctrl-C before the first candidate was finished: the search is not fitted; or in the
            last fit, on all rows: the results are there.
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
        """Get what keeps count of the data that workers have: of one fit, in most searches."""
        return SentData()

    def _drop_results(self) -> None:
        """Drop the results of an earlier fit, as this one may end before it has any."""
        for name in list(vars(self)):
            if name.endswith("_") and not name.startswith("_"):
                delattr(self, name)

    def _run_search(self, evaluate_candidates: Any, *, callback_ctx: Any = None) -> None:
        """Evaluate batch after batch, until there are no more or the search is to stop."""
        running = self._running
        if running.cv is None and hasattr(self, "_checked_cv_orig"):  # from scikit-learn 1.7 on
            running.cv = FixedSplits(self._checked_cv_orig, running.sent)  # of an iterator
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
                raise KeyboardInterrupt("before a candidate was finished: there is no result")
            raise ValueError("there was no candidate to evaluate")
        if not any(evaluation.succeeded for evaluation in running.evaluations):
            raise ValueError(all_failed_text([each.folds for each in running.evaluations]))
        self._warn_of_missing_scores()
        if running.n_seen == 0:  # scikit-learn has nothing to go on with
            raise NoNewCandidates

    def _until_late(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """Pass batches on until the time is up; the first is evaluated whatever happens."""
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
        """Take what is new in scikit-learn's lists, and give the table of all there is."""
        running = self._running
        new = range(running.n_seen, len(candidate_params))
        running.n_seen = len(candidate_params)
        self._add_evaluations([out[i * n_splits : (i + 1) * n_splits] for i in new])
        return self.cv_results_

    def _add_failed_batch(self, n_fits: int, details: str, seconds: float) -> None:
        """Keep candidates for which scikit-learn only has an error, as no fit succeeded.

        It does not say which error was whose: in a batch of several they share the text.
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
        """Warn of what fits in other processes warned of, once in a search."""
        for one in (one for fold in folds for one in fold.get("warnings", ())):
            if one not in self._running.warned:
                self._running.warned.add(one)
                warn(one.message, one.category)

    def _update_results(self, evaluations: Sequence[Evaluation]) -> None:
        """Bring ``cv_results_`` up to date, in place: scikit-learn's `fit` holds the same dict."""
        sizes = {len(evaluation.folds) for evaluation in evaluations}
        if len(sizes) > 1:
            raise ValueError(f"candidates have different numbers of folds: {sorted(sizes)}")
        scored = next(
            (fold for e in evaluations for fold in e.folds if not fold["fit_error"]), None
        )
        if scored is None:
            return  # the names of the scores are not known yet
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
        """Raise unless `refit` names one of several scores, once a callable scorer gave them."""
        if not isinstance(scores, Mapping) or not self.refit or callable(self.refit):
            return
        if not isinstance(self.refit, str) or self.refit not in scores:
            near = did_you_mean(str(self.refit), scores)
            raise ValueError(
                f"refit={self.refit!r} must name the metric to choose by: the scorer returns "
                f"{listed(scores)}{near}; or be a function of cv_results_, or False"
            )

    def _mean_score(self, evaluation: Evaluation) -> float:
        """Average the score that the search goes by."""
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
        return int(read(results).order(refit_metric)[0])  # of the most resources, in Hyperband

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
        """Make a search of another class with these settings, but for the changes."""
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
        """Keep scikit-learn from announcing each batch; more than 1 has it report each fit."""
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
            best = f"{read(self).best_so_far()[-1]:.6g}"  # of the most resources, in Hyperband
        these = ", ".join("failed" if np.isnan(score) else f"{score:.6g}" for score in last)
        seconds = time.monotonic() - self._running.begin
        parts = [f"{shown} candidates, best {best}, last {these}", f"{duration(seconds)} spent"]
        parts.append(time_left(*self._work_done(), seconds, self._running.seconds_left))
        return ", ".join(filter(None, parts))

    def _work_done(self) -> tuple[float, float]:
        """How much of the search is done, and how much there is in all; 0 of 0 if not known."""
        total = self._n_planned()
        return (0, 0) if total is None else (len(self._running.evaluations), total)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what workers have no use for, as scikit-learn sends the search with each fit.

        Its callbacks get to see it, and nobody else. Earlier results, splits and the password of a
        database are not for every task.
        """
        state = super().__getstate__()
        if "_running" in state:
            names = self._get_param_names()
            kept = {n: v for n, v in state.items() if n in names or n.startswith(_SCIKIT_LEARNS)}
            return {**kept, **{name: None for name in _NOT_FOR_WORKERS if name in kept}}
        return state


def halving_schedule(search: Any) -> list[tuple[int, int]]:
    """Let scikit-learn's successive halving compute its rungs, and train nothing.

    For each rung: how many candidates there are, and what each of them gets. The resource must be
    a parameter, since with ``n_samples`` the rungs depend on the data. Settings that do not go
    together are the `ValueError` that the search's own ``fit`` raises.
    """
    # a seed of its own, or drawing the candidates would move NumPy's global generator
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
    """Stand in for the evaluation of candidates: the results that halving looks at."""
    return {**more_results, "params": candidates, "mean_test_score": np.zeros(len(candidates))}


class _NoCallbacks:
    """Stand in for scikit-learn's context of callbacks."""

    def subcontext(self, **settings: Any) -> _NoCallbacks:
        return self

    def call_on_fit_task_begin(self, **settings: Any) -> _NoCallbacks:
        return self

    def call_on_fit_task_end(self, **settings: Any) -> None: ...


@contextmanager
def _task(search: Any, parent: Any, name: str, sequential: bool = True) -> Iterator[Any]:
    """Tell scikit-learn's callbacks, where there are any, that a task begins and ends."""
    if parent is None:
        yield None
        return
    context = parent.subcontext(task_name=name, max_subtasks=None, sequential_subtasks=sequential)
    context.call_on_fit_task_begin(estimator=search)
    try:
        yield context
    finally:
        context.call_on_fit_task_end(estimator=search)
