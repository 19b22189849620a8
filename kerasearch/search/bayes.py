"""Bayesian search: Optuna proposes candidates, and scikit-learn evaluates them."""

from __future__ import annotations

import copy
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

import joblib
import numpy as np
from sklearn.utils import check_random_state

from .._utils.checks import check_integer
from .._utils.json_values import as_json
from .._utils.names import last_part
from .._utils.plain_values import as_python
from .._utils.user_warnings import warn
from .._utils.values import unique
from ..cv_results.reading import read
from .base import IncrementalSearchCV
from .checks import check_candidate, check_space, check_timeout, warn_of_small_space
from .evaluations import Batch, Evaluation
from .optuna_import import import_optuna, optuna_warnings_only
from .optuna_owner import Owner
from .optuna_proposals import SeededProposals
from .optuna_space import TrialSpace
from .optuna_storage import create_study, masked
from .optuna_study import AskAndTell, add_earlier, check_sampler

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler
    from optuna.storages import BaseStorage
    from optuna.study import Study
    from optuna.trial import FrozenTrial, Trial

    from ..space.branches import Space

# user attributes of a study, which describe its scores
_SCORING = "kerasearch:scoring"
_PROBLEM = "kerasearch:problem"
_SECONDS_BETWEEN_LOOKS = 0.1  # between two reads of the results of other processes
_CHANGE_NO_SCORE = {"n_jobs", "verbose", "store"}  # estimator parameters that change no score


class BayesSearchCV(IncrementalSearchCV):
    """Search with Optuna: each new candidate depends on the scores of the earlier candidates.

    The search needs the extra ``bayes``: ``pip install 'kerasearch[bayes]'``.

    Parameters
    ----------
    estimator : estimator
        The estimator to tune.
    space : dict, list of dict or callable
        Lists or distributions by parameter name, as in `RandomizedSearchCV`. A list of dicts gives
        alternatives. A function of an Optuna trial that returns the parameters allows conditions of
        any depth. The sampler does not use the weights of a weighted `choice`.
    n_iter : int, default=50
        The total number of candidates. It includes the candidates of this search that a given or
        stored study already has, so that the same call completes a search that was stopped.
    timeout : float, default=None
        The time in seconds after which no new candidate is started. The best candidate so far is
        then trained on all rows.
    sampler : optuna.samplers.BaseSampler, default=None
        The source of the candidates, which is copied. None is Optuna's TPE, seeded with
        `random_state`. With any other sampler, a search that continues after a kill may propose
        other candidates. Optuna's Gaussian process needs torch. It draws a parameter at random if
        not all dicts of a list have this parameter.
    study : optuna.study.Study, default=None
        A study to continue, which gets the new trials. Its direction must be "maximize".
    storage : str, path or Optuna storage, default=None
        The storage of the study, such as a database, ``"sqlite:///search.db"``, or the path of a
        journal file. None keeps the study in memory. A search with the same storage continues the
        study, also after a kill. With the default sampler and a `random_state` it gives the same
        numbers, because a candidate depends only on the seed and on the results before it. Several
        processes may share a storage at the same time. Together they evaluate `n_iter` candidates,
        none twice, and each process waits until the others have finished. It is an error if the
        data, the estimator or the scoring differ from the study's.
    study_name : str, default="kerasearch"
        The name of the study in the storage.
    batch_size : int, default=1
        The number of candidates to choose at a time. If `n_jobs` is larger than the number of
        folds, a larger batch keeps all workers busy, but candidates of one batch cannot use each
        other's scores.
    warm_start : finished search, its ``cv_results_``, or a list of them, default=None
        Earlier results from which the sampler learns. They do not count as candidates.
    enqueue : list of dict, default=None
        Candidates to evaluate first. The sampler adds the parameters that a dict lacks.
    scoring, n_jobs, refit, cv, verbose, pre_dispatch, error_score, return_train_score
        As in `RandomizedSearchCV`. With several metrics, the metric that `refit` names is
        maximized, or else the first metric. ``verbose=1`` prints a line after each batch;
        ``verbose=2`` also shows Optuna's log.
    random_state : int, RandomState instance or None, default=None
        The seed of the default sampler.

    Attributes
    ----------
    cv_results_, best_estimator_, best_params_, best_score_, best_index_, scorer_, n_splits_
        As in `RandomizedSearchCV`. ``cv_results_["error_messages"]`` has the errors of failed
        candidates, and ``cv_results_["warning_messages"]`` the warnings of fits in worker
        processes.
    study_ : optuna.study.Study
        The study, for Optuna's plots and dashboard. If a value is a tuple or an object, the trial
        has its index in the list of values. A candidate without a finite score is a failed trial.
    stop_reason_ : str
        ``"finished"``, ``"timeout"``, ``"interrupted"``, or ``"exhausted"`` if the space or the
        sampler has no more candidates.

    References
    ----------
    T. Akiba, S. Sano, T. Yanase, T. Ohta and M. Koyama, "Optuna: A Next-generation Hyperparameter
    Optimization Framework", KDD 2019.

    Examples
    --------
    >>> from kerasearch import BayesSearchCV, log_uniform
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.svm import SVC
    >>> X, y = load_iris(return_X_y=True)
    >>> search = BayesSearchCV(SVC(), {"C": log_uniform(1e-2, 1e2)}, n_iter=12, random_state=0)
    >>> bool(search.fit(X, y).best_score_ > 0.96)
    True
    """

    def __init__(
        self,
        estimator: Any,
        space: Space | Callable[[Trial], Mapping[str, Any]],
        *,
        n_iter: int = 50,
        timeout: float | None = None,
        sampler: BaseSampler | None = None,
        study: Study | None = None,
        storage: str | PathLike[str] | BaseStorage | None = None,
        study_name: str = "kerasearch",
        batch_size: int = 1,
        warm_start: Any = None,
        enqueue: Sequence[Mapping[str, Any]] | None = None,
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
        self.n_iter = n_iter
        self.timeout = timeout
        self.sampler = sampler
        self.study = study
        self.storage = storage
        self.study_name = study_name
        self.batch_size = batch_size
        self.warm_start = warm_start
        self.enqueue = enqueue
        self.random_state = random_state

    def _check_settings(self) -> None:
        super()._check_settings()
        import_optuna()  # the error message says how to install Optuna
        check_integer("n_iter", self.n_iter, 1)
        check_integer("batch_size", self.batch_size, 1)
        check_timeout(self.timeout)
        space = TrialSpace(self.space)
        if not callable(self.space):
            check_space(self.estimator, self.space)
        if space.n_values < self.n_iter:
            warn_of_small_space(
                space.n_values, f"n_iter={self.n_iter}", "each candidate is evaluated once"
            )
        first = self._first(space)
        earlier = _earlier_trials(space, self.warm_start)
        check_sampler(self.sampler)
        if self.study is not None and self.storage is not None:
            raise ValueError(
                "study and storage exclude each other, because a study has a storage; pass only one"
            )
        with optuna_warnings_only(self.verbose):
            self._opened = self._open_study()
            is_new = add_earlier(self._opened, earlier)
            if is_new and not self._is_seeded:
                for params in first:
                    self._opened.enqueue_trial(params)

    @property
    def _is_seeded(self) -> bool:
        """Whether the candidates come from the default sampler."""
        return self.sampler is None and self.study is None

    def _first(self, space: TrialSpace) -> list[dict[str, Any]]:
        return unique(_encoded(space, params, self.estimator) for params in self.enqueue or [])

    def _open_study(self) -> Study:
        """Get the given study, load the stored study, or create a study."""
        study = self.study
        if study is None:
            study = create_study(self.storage, self.study_name)
        directions = [direction.name for direction in study.directions]
        if directions != ["MAXIMIZE"]:
            raise ValueError(
                f"the study's direction is {', '.join(directions)}, but scores are maximized; use "
                "optuna.create_study(direction='maximize')"
            )
        scoring = _scoring_name(self.scoring, self.refit)
        if study.user_attrs.get(_SCORING, scoring) != scoring:
            raise ValueError(
                f"the study has scores of scoring={study.user_attrs[_SCORING]}, but the search "
                f"has scoring={scoring}; use another study_name"
            )
        study.set_user_attr(_SCORING, scoring)
        if self.sampler is not None:
            study.sampler = copy.deepcopy(self.sampler)
        return study

    def _proposals(self, space: TrialSpace) -> SeededProposals:
        """Create the default sampler."""
        if self.random_state is None:
            seed = np.random.SeedSequence().generate_state(1)[0]
        else:
            seed = check_random_state(self.random_state).randint(2**31 - 1)
        return SeededProposals(space, int(seed), self._first(space))

    def _n_planned(self) -> int:
        return int(min(self.n_iter, TrialSpace(self.space).n_values))

    def _check_problem(self, study: Study) -> None:
        """Raise `ValueError` if the scores of a study are of another estimator or other data."""
        if self.study is None and self.storage is None:
            return
        searched = TrialSpace(self.space).names
        found = {
            "searched": ", ".join(sorted(searched)) or "a function",
            "other data": joblib.hash((self._running.X, self._running.y)),
            "another estimator": _digest(self.estimator, searched),
        }
        known = study.user_attrs.get(_PROBLEM, found)
        other = [what for what in found if known[what] != found[what]]
        if not other:
            study.set_user_attr(_PROBLEM, found)
            return
        reason = f"has scores of {' and '.join(other)}"
        if "searched" in other:  # then the fixed parameters differ as well
            reason = f"searched {known['searched']}, but this space has {found['searched']}"
        raise ValueError(
            f"the study {reason}; use another study_name, and pass the earlier search as "
            "warm_start= to learn from its results"
        )

    def _batches(self) -> Iterator[Batch]:
        self._check_problem(self._opened)
        self.study_ = self._opened
        del self._opened
        space = TrialSpace(self.space)
        proposals = self._proposals(space) if self._is_seeded else None
        n_planned = self._n_planned()
        with optuna_warnings_only(self.verbose), Owner() as owner:
            optimizer = AskAndTell(self.study_, space, self.estimator, n_planned, owner, proposals)
            while len(self._restore(optimizer)) < n_planned:
                trials = optimizer.next_batch(self.batch_size)
                if trials:
                    yield from self._evaluated(optimizer, trials)
                elif optimizer.is_exhausted and not optimizer.is_waiting:
                    self._restore(optimizer)
                    break
                elif self._running.evaluations and self._running.is_late:
                    self.stop_reason_ = "timeout"
                    return
                else:
                    time.sleep(_SECONDS_BETWEEN_LOOKS)
        if optimizer.is_exhausted and len(self._running.evaluations) < n_planned:
            self.stop_reason_ = "exhausted"

    def _evaluated(self, optimizer: AskAndTell, trials: Sequence[FrozenTrial]) -> Iterator[Batch]:
        """Evaluate trials, and tell the study their scores, even if the search is stopped."""
        begin = len(self._running.evaluations)
        try:
            yield Batch([optimizer.params(trial) for trial in trials])
        finally:
            evaluations = self._running.evaluations[begin:]
            for trial, evaluation in zip(trials, evaluations, strict=False):
                folds = [_plain_fold(fold) for fold in evaluation.folds]
                optimizer.tell(trial, folds, self._mean_score(evaluation))
            for trial in trials[len(evaluations) :]:
                optimizer.give_back(trial)
            self._put_in_order(optimizer)

    def _restore(self, optimizer: AskAndTell) -> list[Evaluation]:
        """Add the results of an earlier search with the study, and of other processes."""
        found = []
        for number, params, folds in optimizer.new_results():
            if self._running.cv is not None:
                self._running.cv.n_expected = len(folds)
            found.append(Evaluation(params, folds))
            optimizer.numbers.append(number)
        if found:
            self._running.evaluations.extend(found)
            self._update_results(self._running.evaluations)
            self._put_in_order(optimizer)
        return self._running.evaluations

    def _put_in_order(self, optimizer: AskAndTell) -> None:
        """Sort the results in the order in which their candidates were proposed."""
        evaluations = self._running.evaluations
        order = np.argsort(optimizer.numbers)
        if len(order) == len(evaluations) and np.any(order[1:] < order[:-1]):
            evaluations[:] = [evaluations[i] for i in order]
            optimizer.numbers.sort()
            self._update_results(evaluations)

    def __repr__(self, *args: Any, **kwargs: Any) -> str:
        return super(BayesSearchCV, self._shown()).__repr__(*args, **kwargs)

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, str]:
        return super(BayesSearchCV, self._shown())._repr_mimebundle_(**kwargs)

    def _repr_html_inner(self) -> str:
        return super(BayesSearchCV, self._shown())._repr_html_inner()

    def _shown(self) -> BayesSearchCV:
        """Get a copy of the search for display, without the password of a database."""
        twin = copy.copy(self)
        if isinstance(self.storage, str):
            twin.storage = masked(self.storage, self.storage)
        return twin


def _digest(estimator: Any, searched: set[str]) -> str:
    """Digest the parameters that are not searched, to detect another estimator."""
    fixed = {
        name: as_json(value)
        for name, value in estimator.get_params(deep=True).items()
        if name not in searched and last_part(name) not in _CHANGE_NO_SCORE
    }
    return joblib.hash((type(estimator).__qualname__, sorted(fixed.items(), key=str)))


def _encoded(space: TrialSpace, params: Any, estimator: Any) -> dict[str, Any]:
    """Encode a candidate for Optuna's queue, or raise an error that says what is wrong with it."""
    if not isinstance(params, Mapping):
        raise TypeError(f"enqueue must be a list of dicts of parameters; got {params!r} in it")
    check_candidate(estimator, params)
    encoded = space.encode(params, partial=True)
    if not encoded or (space.function is None and not params.keys() <= space.names):
        raise ValueError(f"enqueue: {dict(params)!r} is not in the space")
    return encoded


def _earlier_trials(space: TrialSpace, searches: Any) -> list[FrozenTrial]:
    """Make trials from the results of earlier searches, if they are in the space."""
    if searches is None or searches is False:  # scikit-learn's `warm_start` may be False
        return []
    trials = []
    for search in searches if isinstance(searches, list | tuple) else [searches]:
        try:
            results = read(search)
        except (TypeError, ValueError) as error:
            raise type(error)(f"warm_start: {error}") from None
        scores = results.mean()
        # scores of candidates with different numbers of epochs, for example, are not comparable
        for i in np.flatnonzero(results.comparable):
            trials.append(space.finished_trial(results.params[i], scores[i]))
    kept = [trial for trial in trials if trial is not None]
    if len(kept) < len(trials):
        warn(
            f"warm_start: {len(trials) - len(kept)} of {len(trials)} candidates are not in the "
            "space and are ignored"
        )
    return kept


def _scoring_name(scoring: Any, refit: Any) -> str:
    """Describe the score that the study gets, to detect another scoring."""
    if isinstance(scoring, Mapping | list | tuple | set):
        name = f"{sorted(map(str, scoring))}"
        return f"{name}, refit={refit!r}" if isinstance(refit, str) else name
    return getattr(scoring, "__name__", None) or re.sub(" at 0x[0-9a-fA-F]+", "", str(scoring))


def _plain_fold(fold: Mapping[str, Any]) -> dict[str, Any]:
    """Convert the results of a fit to plain numbers, which each storage can keep."""
    names = ("fit_error", "test_scores", "train_scores", "n_test_samples", "fit_time", "score_time")
    return {name: _plain_scores(fold[name]) for name in names if name in fold}


def _plain_scores(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: as_python(score) for name, score in value.items()}
    return as_python(value)
