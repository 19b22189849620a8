"""Optuna's side of Bayesian search: studies, and asking them for candidates that are new."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any

from .._utils.values import candidate_identity
from ..space.branches import Space, cartesian
from .checks import check_candidate
from .optuna_import import import_optuna, optuna_warnings_only
from .optuna_space import TrialSpace

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler
    from optuna.study import Study
    from optuna.trial import Trial

FOLD_RESULTS = "kerasearch:folds"  # the user attribute of a trial that has what its fits gave
_REPEATS = 5  # candidates that were there already, in a row, before the space is looked through
_MOST_LISTED = 100_000


class AskAndTell:
    """Ask a study for candidates that are new, and tell it their scores.

    `make_sampler` makes the study's sampler from the number of the first trial; None keeps the
    study's own. `is_exhausted` is True once the sampler has no more candidates.
    """

    def __init__(
        self,
        study: Study,
        space: TrialSpace,
        estimator: Any,
        make_sampler: Callable[[int], BaseSampler] | None,
    ) -> None:
        self.study = study
        self.space = space
        self.estimator = estimator
        self.make_sampler = make_sampler
        self.known_trials: set[int] = set()  # numbers of trials that are in the results
        self.scores: dict[Hashable, float] = {}  # of candidates, NaN where there is none
        self.is_exhausted = False
        self.states = import_optuna().trial.TrialState

    def ask(self, n: int) -> tuple[list[Trial], list[dict[str, Any]]]:
        """Ask for up to `n` candidates that were not evaluated before."""
        trials: list[Trial] = []
        candidates: list[dict[str, Any]] = []
        pending: set[Hashable] = set()
        repeats = 0
        while len(trials) < n and not self.is_exhausted:
            if repeats >= _REPEATS and not self._enqueue_untried(pending, repeats):
                break
            trial = self._ask()
            try:
                params = self._suggest(trial)
            except BaseException:
                self.fail(trial)
                raise
            key = candidate_identity(params)
            if key in self.scores or key in pending:
                repeats += 1
                self._finish(trial, self.scores.get(key, math.nan))
                continue
            repeats = 0
            pending.add(key)
            trials.append(trial)
            candidates.append(params)
        return trials, candidates

    def _ask(self) -> Trial:
        trial = self.study.ask()
        self.known_trials.add(trial.number)
        if self.make_sampler is not None:  # its number is no other process's
            self.study.sampler = self.make_sampler(trial.number)
            self.make_sampler = None
        return trial

    def _suggest(self, trial: Trial) -> dict[str, Any]:
        try:
            params = self.space.suggest(trial)
        except ImportError as error:
            raise ImportError(
                f"{type(self.study.sampler).__name__} needs a package that is not installed: "
                f"{error}"
            ) from error
        if self.space.function is not None and not self.scores:
            check_candidate(self.estimator, params)
        return params

    def tell(self, trial: Trial, params: Mapping[str, Any], score: float) -> None:
        """Tell the study the score of a candidate; without one it failed."""
        self.remember(trial.number, params, score)
        self._finish(trial, score)

    def fail(self, trial: Trial) -> None:
        """Mark a trial as failed that was never finished."""
        self._finish(trial, math.nan)

    def remember(self, number: int, params: Mapping[str, Any], score: float) -> None:
        """Do not evaluate a candidate again."""
        self.known_trials.add(number)
        self.scores[candidate_identity(params)] = score

    def new_results(self) -> Iterator[tuple[int, dict[str, Any], list[Any], float]]:
        """Find finished trials with folds' scores that are not in the results."""
        for trial in self.study.get_trials(
            deepcopy=False, states=(self.states.COMPLETE, self.states.FAIL)
        ):
            folds = trial.user_attrs.get(FOLD_RESULTS)
            if trial.number in self.known_trials or folds is None:
                continue
            try:
                params = self.space.suggest(trial)
            except (ValueError, KeyError) as error:
                raise ValueError(
                    f"trial {trial.number} of the study does not fit the space ({error}); use "
                    "another study_name for another space"
                ) from None
            value = trial.value if trial.state == self.states.COMPLETE else None
            yield trial.number, params, folds, math.nan if value is None else value

    def _finish(self, trial: Trial, score: float) -> None:
        try:
            if math.isfinite(score):
                self.study.tell(trial, float(score))
            else:
                self.study.tell(trial, state=self.states.FAIL)
        except RuntimeError as error:  # what a sampler does that has no more candidates
            if "Study.stop" not in str(error):
                raise
            self.is_exhausted = True

    def _enqueue_untried(self, pending: set[Hashable], repeats: int) -> bool:
        """Put an untried candidate of a small space in the queue; False if none is left.

        Without this, a sampler may take for ever to hit upon the last ones. In a large space, or
        one that is a function, the sampler gets another seed, and after a while it is given up.
        """
        if self.space.n_values > _MOST_LISTED:
            self.study.sampler.reseed_rng()
            return repeats < 10 * _REPEATS
        untried = [
            params
            for branch in self.space.branches
            for params in cartesian(branch)
            if (key := candidate_identity(params)) not in self.scores and key not in pending
        ]
        if not untried:
            return False
        encoded = self.space.encode(untried[len(untried) // 2])
        assert encoded is not None, "a space encodes what it lists"
        self.study.enqueue_trial(encoded)
        return True


def propose(
    space: Space, results: Sequence[tuple[Mapping[str, Any], float]], n: int, seed: int
) -> list[dict[str, Any]]:
    """Let TPE propose `n` candidates of a space, from candidates with their scores alone."""
    trial_space = TrialSpace(space)
    optuna = import_optuna()
    with optuna_warnings_only():
        sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=0)
        study = optuna.create_study(direction="maximize", sampler=sampler)
        trials = [trial_space.finished_trial(params, score) for params, score in results]
        study.add_trials([trial for trial in trials if trial is not None])
        return [trial_space.suggest(study.ask()) for _ in range(n)]


def create_study(storage: Any, name: str) -> Study:
    """Make a study, or load the one of that name from a storage."""
    optuna = import_optuna()
    if storage is None:
        return optuna.create_study(direction="maximize")
    attempts_left = 3
    while True:
        attempts_left -= 1
        try:
            return optuna.create_study(
                storage=_opened(storage), study_name=name, load_if_exists=True, direction="maximize"
            )
        except Exception as error:
            if attempts_left and re.search("UNIQUE constraint|already exists", str(error)):
                time.sleep(0.5)  # another process is making the same tables
                continue
            first = str(error).partition("\n")[0]
            raise ValueError(
                f"storage={storage!r} could not be opened: {first}. It is a URL such as "
                "'sqlite:///search.db', or the path of a journal file"
            ) from error


def _opened(storage: Any) -> Any:
    if not isinstance(storage, str | PathLike):
        return storage
    path = fspath(storage)
    if "://" in path:
        return path
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    return JournalStorage(JournalFileBackend(path))


def check_sampler(sampler: object) -> None:
    """Say which package a sampler lacks, before it is first used in the middle of a search."""
    optuna = import_optuna()
    if sampler is not None and not isinstance(sampler, optuna.samplers.BaseSampler):
        raise TypeError(f"sampler must be one of optuna.samplers, an instance; got {sampler!r}")
    for kind, package, install in (
        ("GPSampler", "torch", "pip install torch"),
        ("CmaEsSampler", "cmaes", "pip install cmaes"),
    ):
        if type(sampler).__name__ == kind and find_spec(package) is None:
            raise ImportError(f"sampler: Optuna's {kind} needs {package}, {install}")
