"""What our searches share: scikit-learn's search, one batch of candidates at a time.

This module alone touches the protected side of scikit-learn's ``BaseSearchCV``: ``_run_search``,
``evaluate_candidates``, ``_format_results``, ``_select_best_index``, ``_get_scorers`` and
``_get_routed_params_for_fit``. scikit-learn makes the splits, fits, scores, formats and refits.
What is added: each finished batch is in ``cv_results_`` at once, a candidate all of whose fits fail
costs itself alone and keeps its message, and a time budget or Ctrl-C ends the search, not the
results.
"""

from __future__ import annotations

import inspect
import re
import time
import warnings
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import check_cv
from sklearn.model_selection._search import BaseSearchCV

_ALL_FAILED = re.compile(r"\s*All the (\d+) fits failed")
_DETAILS = "Below are more details about the failures:\n"
_ONE_ERROR = re.compile(r"^\d+ fits failed with the following error:\n", re.MULTILINE)
_TRACEBACK = "Traceback (most recent call last):\n"


@dataclass
class Batch:
    """Candidates to evaluate together.

    Attributes
    ----------
    candidates : list of dict
        Parameters to set on the estimator.
    columns : dict of str to list
        More columns of ``cv_results_``, one value a candidate.
    unrecorded : dict
        Parameters to set beside the candidates' own, which are no part of the results.
    """

    candidates: list[dict[str, Any]]
    columns: dict[str, list[Any]] = field(default_factory=dict)
    unrecorded: dict[str, Any] = field(default_factory=dict)


@dataclass
class Evaluation:
    """One candidate with what its fits gave: a row of ``cv_results_``.

    Attributes
    ----------
    params : dict
        The candidate.
    folds : list of dict
        For each fold, what scikit-learn's ``_fit_and_score`` returns: ``test_scores``,
        ``train_scores`` where asked for, ``n_test_samples``, ``fit_time``, ``score_time``,
        ``fit_error``. The scores are None where every fit of the batch failed.
    columns : dict
        More columns.
    """

    params: dict[str, Any]
    folds: list[dict[str, Any]]
    columns: dict[str, Any] = field(default_factory=dict)

    @property
    def succeeded(self) -> bool:
        """Whether a fold or more was fitted."""
        return any(fold["fit_error"] is None for fold in self.folds)


class NothingFinished(Exception):
    """Raised to end a search that was interrupted too early for any result."""


class NoNewCandidates(Exception):
    """The search had nothing left to evaluate, and has results from before."""


class _Run:
    """What a search knows while it runs."""

    def __init__(self, X: Any, y: Any, cv: FixedSplits | None, timeout: float | None) -> None:
        self.X, self.y = X, y
        self.cv = cv
        self.evaluations: list[Evaluation] = []
        self.batch = Batch([])
        self.n_seen = 0  # candidates in scikit-learn's own list
        self.begin = time.monotonic()
        self.deadline = None if timeout is None else self.begin + timeout

    @property
    def is_late(self) -> bool:
        return self.deadline is not None and time.monotonic() >= self.deadline


class IncrementalSearchCV(BaseSearchCV):
    """A search that evaluates what its `_batches` yields.

    A subclass implements `_batches`, a generator; when it is resumed, its last batch is in
    ``self._run.evaluations``. It is closed when the search is stopped. `_check` raises for wrong
    settings, before anything is fitted.

    Attributes
    ----------
    stop_reason_ : str
        Why the search ended: ``"finished"``, ``"timeout"``, ``"interrupted"`` (Ctrl-C), or what a
        subclass adds.
    """

    @abstractmethod
    def _batches(self) -> Iterator[Batch]: ...

    @abstractmethod
    def _check(self) -> None: ...

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
            The search, fitted; not fitted, after a warning, where Ctrl-C came before the first
            candidate was finished.

        Raises
        ------
        ValueError
            If the settings are wrong, or if every fit failed.
        KeyboardInterrupt
            At Ctrl-C in the last fit, on all rows; the results are there.
        """
        self._check()
        forget(self)
        cv = fixed_splits(self.cv, y, self.estimator)
        self._run = _Run(X, y, cv, getattr(self, "timeout", None))
        try:
            try:
                super().fit(X, y, **params)
            except NoNewCandidates:
                self._choose()
                self._refit(X, y, params)
            except NothingFinished as end:
                forget(self)
                warnings.warn(f"{type(self).__name__}: {end}", UserWarning, stacklevel=2)
        finally:
            del self._run
        return self

    def _run_search(self, evaluate_candidates: Any, *, callback_ctx: Any = None) -> None:
        """Evaluate batch after batch, until there are no more or the search is to stop."""
        run = self._run
        self.stop_reason_ = "finished"
        batches = self._batches()
        try:
            with _task(self, callback_ctx, "search") as context, self._own_progress():
                for batch in self._in_time(batches):
                    self._evaluate(batch, evaluate_candidates, context)
        except KeyboardInterrupt:
            self.stop_reason_ = "interrupted"
        finally:
            batches.close()  # type: ignore[attr-defined]
        if not run.evaluations:
            _raise_nothing(self.stop_reason_)
        if not any(evaluation.succeeded for evaluation in run.evaluations):
            raise ValueError(_all_failed(run.evaluations))
        self._warn_of_missing_scores()
        if run.n_seen == 0:  # scikit-learn has nothing to go on with
            raise NoNewCandidates

    def _in_time(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """Pass batches on until the time is up; the first is evaluated whatever happens."""
        while not (self._run.evaluations and self._run.is_late):
            try:
                yield next(batches)
            except StopIteration:
                return
        self.stop_reason_ = "timeout"

    def _evaluate(self, batch: Batch, evaluate_candidates: Any, context: Any) -> None:
        run = self._run
        run.batch = batch
        candidates = [{**params, **batch.unrecorded} for params in batch.candidates]
        more: dict[str, Any] = {} if run.cv is None else {"cv": run.cv}
        begin = time.monotonic()
        with _task(self, context, "batch", sequential=False) as inner:
            if inner is not None:  # scikit-learn 1.9 and later
                more["callback_ctx"] = inner
            try:
                evaluate_candidates(candidates, **more)
            except ValueError as error:
                if not _ALL_FAILED.match(str(error)):
                    raise
                self._take_failures(str(error), time.monotonic() - begin)
        if self._verbose:
            print(self._progress_line(), flush=True)

    def _format_results(
        self, candidate_params: Any, n_splits: int, out: Any, more_results: Any = None
    ) -> dict[str, Any]:
        """Take what is new in scikit-learn's lists, and give the table of all there is."""
        run = self._run
        new = range(run.n_seen, len(candidate_params))
        run.n_seen = len(candidate_params)
        self._add([out[i * n_splits : (i + 1) * n_splits] for i in new])
        return self.cv_results_

    def _take_failures(self, message: str, seconds: float) -> None:
        """Keep candidates for which scikit-learn only has an error, as no fit succeeded.

        It does not say which error was whose: in a batch of several they share the text.
        """
        found = _ALL_FAILED.match(message)
        n_fits = int(found[1]) if found else len(self._run.batch.candidates)
        n_splits = n_fits // len(self._run.batch.candidates)
        details = message.partition(_DETAILS)[2]
        warnings.warn(
            f"\n{n_fits} fits failed out of a total of {n_fits}.\nThe score of these candidates "
            f"will be set to {self.error_score}.\n\n{_DETAILS}{details}",
            FitFailedWarning,
            stacklevel=2,
        )
        fold = {
            "fit_error": details,
            "test_scores": None,
            "train_scores": None,
            "n_test_samples": 0,
            "fit_time": seconds / n_fits,
            "score_time": 0.0,
        }
        self._add([[dict(fold) for _ in range(n_splits)] for _ in self._run.batch.candidates])

    def _add(self, outs: Sequence[Sequence[dict[str, Any]]]) -> None:
        batch = self._run.batch
        for i, (params, folds) in enumerate(zip(batch.candidates, outs, strict=True)):
            columns = {name: values[i] for name, values in batch.columns.items()}
            self._run.evaluations.append(Evaluation(params, list(folds), columns))
        self._publish(self._run.evaluations)

    def _publish(self, evaluations: Sequence[Evaluation]) -> None:
        """Bring ``cv_results_`` up to date, in place: scikit-learn's `fit` holds the same dict."""
        sizes = {len(evaluation.folds) for evaluation in evaluations}
        if len(sizes) > 1:
            raise ValueError(f"candidates have different numbers of folds: {sorted(sizes)}")
        scored = next(
            (fold for e in evaluations for fold in e.folds if not fold["fit_error"]), None
        )
        if scored is None:
            return  # the names of the scores are not known yet
        folds = [
            _completed(fold, scored, self.error_score, self.return_train_score)
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
        table["error_messages"] = _objects([error_message(e.folds) for e in evaluations])
        if not hasattr(self, "cv_results_"):
            self.cv_results_: dict[str, Any] = {}
        self.cv_results_.update(table)

    def _mean_score(self, evaluation: Evaluation) -> float:
        """Average the score that steers the search: the one `refit` names, or else the first."""
        return float(np.mean(self._fold_scores(evaluation)))

    def _fold_scores(self, evaluation: Evaluation) -> list[float]:
        failed = float(self.error_score) if isinstance(self.error_score, Real) else np.nan
        scores = [_steering(fold["test_scores"], self.refit) for fold in evaluation.folds]
        return [failed if score is None else float(score) for score in scores]

    def _comparable(self, results: Mapping[str, Any]) -> np.ndarray:
        """Tell which candidates the best one is chosen among."""
        return np.ones(len(results["params"]), dtype=bool)

    def _select_best_index(  # type: ignore[override]
        self, refit: Any, refit_metric: str, results: Mapping[str, Any]
    ) -> int:
        if callable(refit):
            return super()._select_best_index(refit, refit_metric, results)
        scores = np.asarray(results[f"mean_test_{refit_metric}"], dtype=float)
        usable = self._comparable(results) & ~np.isnan(scores)
        if not usable.any():
            return int(np.argmax(self._comparable(results)))
        return int(np.argmax(np.where(usable, scores, -np.inf)))

    def _choose(self) -> None:
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
        self.best_estimator_ = self._refitted(X, y, params)
        self.refit_time_ = time.monotonic() - begin
        if hasattr(self.best_estimator_, "feature_names_in_"):
            self.feature_names_in_ = self.best_estimator_.feature_names_in_

    def _refitted(self, X: Any, y: Any, params: Mapping[str, Any]) -> Any:
        routed = self._get_routed_params_for_fit(dict(params))
        best = clone(self.estimator).set_params(**clone(self.best_params_, safe=False))
        return best.fit(X, **({} if y is None else {"y": y}), **routed.estimator.fit)

    def _warn_of_missing_scores(self) -> None:
        means = [self._mean_score(evaluation) for evaluation in self._run.evaluations]
        missing = int((~np.isfinite(means)).sum())
        if missing:
            warnings.warn(
                f"{missing} of {len(means)} candidates have no finite score; "
                "cv_results_['error_messages'] says why",
                UserWarning,
                stacklevel=2,
            )

    @contextmanager
    def _own_progress(self) -> Iterator[None]:
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
        evaluations = self._run.evaluations
        total = self._n_planned()
        scores = [self._mean_score(evaluation) for evaluation in evaluations]
        last = scores[-len(self._run.batch.candidates) :]
        shown = f"{len(scores)}" if total is None else f"{len(scores)}/{total}"
        best = f"{np.nanmax(scores):.6g}" if not np.isnan(scores).all() else "none yet"
        these = ", ".join("failed" if np.isnan(score) else f"{score:.6g}" for score in last)
        seconds = time.monotonic() - self._run.begin
        return f"{shown} candidates, best {best}, last {these}, {seconds:.0f} s"

    def __getstate__(self) -> dict[str, Any]:
        """Leave the running search out of what scikit-learn sends to its workers with each fit."""
        state = super().__getstate__()
        if "_run" in state:
            kept = {name: v for name, v in state.items() if name != "_run" and name[-1] != "_"}
            return {**kept, **{name: None for name in ("study", "sampler") if name in kept}}
        return state


class FixedSplits:
    """A splitter that splits once: all candidates of a search see the same folds."""

    def __init__(self, cv: Any) -> None:
        self.cv = cv
        self.expected: int | None = None  # folds of candidates that are there already
        self._splits: list[Any] | None = None

    def get_n_splits(self, X: Any = None, y: Any = None, **params: Any) -> int:
        """How many folds there are."""
        return self.cv.get_n_splits(X, y, **params)

    def split(self, X: Any, y: Any = None, **params: Any) -> list[Any]:
        """The same splits at every call."""
        if self._splits is None:
            self._splits = list(self.cv.split(X, y, **params))
        if self.expected not in (None, len(self._splits)):
            raise ValueError(
                f"cv makes {len(self._splits)} folds, and the study's candidates have "
                f"{self.expected}; use the same cv, or another study_name"
            )
        return self._splits


def fixed_splits(cv: Any, y: Any, estimator: Any) -> FixedSplits | None:
    """Make `cv` split once; None for an iterator of splits, which needs no such care."""
    if hasattr(cv, "__next__"):
        return None  # scikit-learn reads it once, and so has the same splits each time
    return FixedSplits(check_cv(cv, y, classifier=is_classifier(estimator)))


def forget(search: Any) -> None:
    """Drop the results of an earlier fit: this one may end before it has any."""
    for name in list(vars(search)):
        if name.endswith("_") and not name.startswith("_"):
            delattr(search, name)


def halving_schedule(search: Any) -> list[tuple[int, int]]:
    """Let scikit-learn's successive halving compute its rungs, and train nothing.

    Parameters
    ----------
    search : HalvingGridSearchCV or HalvingRandomSearchCV
        One whose resource is a parameter: with ``n_samples`` the rungs depend on the data. It is
        not changed.

    Returns
    -------
    rungs : list of (int, int)
        For each rung, how many candidates there are and what each of them gets.

    Raises
    ------
    ValueError
        If the settings do not go together; the message is that of the search's own ``fit``.
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


def _raise_nothing(stop_reason: str) -> None:
    if stop_reason == "interrupted":
        raise NothingFinished("stopped before a candidate was finished: there is no result")
    raise ValueError("there was no candidate to evaluate")


def _all_failed(evaluations: Sequence[Evaluation]) -> str:
    """Write scikit-learn's message for a search without a successful fit."""
    n_fits = sum(len(evaluation.folds) for evaluation in evaluations)
    blocks: dict[str, int] = {}
    for evaluation in evaluations:
        details = evaluation.folds[0]["fit_error"]
        for count, text in _blocks(details, len(evaluation.folds)):
            blocks[text] = blocks.get(text, 0) + count
    listed = "\n".join(
        f"{'-' * 80}\n{count} fits failed with the following error:\n{text}"
        for text, count in blocks.items()
    )
    return (
        f"\nAll the {n_fits} fits failed.\nIt is very likely that your model is misconfigured.\n"
        f"You can try to debug the error by setting error_score='raise'.\n\n{_DETAILS}{listed}"
    )


def _blocks(details: str, n_folds: int) -> list[tuple[int, str]]:
    """Take the details of a message apart: how many fits had which traceback."""
    texts = [text.strip("-\n") + "\n" for text in _ONE_ERROR.split(details)[1:]]
    counts = [int(head.split()[0]) for head in _ONE_ERROR.findall(details)]
    return list(zip(counts, texts, strict=True)) or [(n_folds, details)]


def _completed(
    fold: Mapping[str, Any], scored: Mapping[str, Any], error_score: Any, with_train: bool
) -> dict[str, Any]:
    """Give a failed fold the scores that scikit-learn would have put there."""
    known = scored["test_scores"]
    failed = dict.fromkeys(known, error_score) if isinstance(known, dict) else error_score
    done = {name: fold[name] for name in ("fit_error", "n_test_samples", "fit_time", "score_time")}
    for name in ("test_scores", "train_scores") if with_train else ("test_scores",):
        scores = fold.get(name)
        done[name] = failed if scores is None else scores
    return done


def _steering(scores: Any, refit: Any) -> float | None:
    if not isinstance(scores, Mapping):
        return scores
    return scores[refit] if refit in scores else next(iter(scores.values()))


def error_message(folds: Sequence[Mapping[str, Any]]) -> str:
    """Say in a line or a few why folds have no score; empty where all have."""
    messages: dict[str, None] = {}
    for fold in folds:
        if fold["fit_error"]:
            for _, text in _blocks(fold["fit_error"], 1):
                messages[_last_error(text)] = None
        elif np.isnan(_values(fold["test_scores"])).any():
            messages["the score is not a number"] = None
    return "; ".join(messages)


def _last_error(text: str) -> str:
    """Find what the exception says: what follows the indented lines of the last traceback."""
    lines = text.rpartition(_TRACEBACK)[2].splitlines()
    first = next((i for i, line in enumerate(lines) if line and not line.startswith(" ")), 0)
    return "\n".join(lines[first:]).strip()


def _values(scores: Any) -> np.ndarray:
    return np.asarray(list(scores.values()) if isinstance(scores, Mapping) else scores, dtype=float)


def _objects(values: Sequence[Any]) -> np.ndarray:
    array = np.empty(len(values), dtype=object)
    array[:] = list(values)
    return array
