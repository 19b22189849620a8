"""Optuna's side of Bayesian search: studies, and asking them for candidates that are new."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import product
from os import PathLike, fspath
from typing import Any

from .._utils.values import identity
from .checks import check_candidate
from .optuna_space import TrialSpace, optuna

FOLDS = "kerasearch:folds"  # the user attribute of a trial that has what its fits gave
_REPEATS = 5  # candidates that were there already, in a row, before the space is looked through
_MOST_LISTED = 100_000


class Asking:
    """Asking the study for candidates that are new, and telling it their scores."""

    def __init__(
        self,
        study: Any,
        space: TrialSpace,
        estimator: Any,
        make_sampler: Callable[[int], Any] | None,
    ) -> None:
        self.study = study
        self.space = space
        self.estimator = estimator
        self.make_sampler = make_sampler
        self.seen: set[int] = set()  # numbers of trials that are in the results
        self.scores: dict[Any, float] = {}  # of candidates, NaN where there is none
        self.is_over = False
        self.states = optuna().trial.TrialState

    def ask(self, n: int) -> tuple[list[Any], list[dict[str, Any]]]:
        """Ask for up to `n` candidates that were not evaluated before."""
        trials: list[Any] = []
        candidates: list[dict[str, Any]] = []
        pending: set[Any] = set()
        repeats = 0
        while len(trials) < n and not self.is_over:
            if repeats >= _REPEATS and not self._enqueue_untried(pending, repeats):
                break
            trial = self._ask()
            try:
                params = self._suggest(trial)
            except BaseException:
                self.give_up(trial)
                raise
            key = identity(params)
            if key in self.scores or key in pending:
                repeats += 1
                self._told(trial, self.scores.get(key, math.nan))
                continue
            repeats = 0
            pending.add(key)
            trials.append(trial)
            candidates.append(params)
        return trials, candidates

    def _ask(self) -> Any:
        trial = self.study.ask()
        self.seen.add(trial.number)
        if self.make_sampler is not None:  # its number is no other process's
            self.study.sampler = self.make_sampler(trial.number)
            self.make_sampler = None
        return trial

    def _suggest(self, trial: Any) -> dict[str, Any]:
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

    def tell(self, trial: Any, params: Mapping[str, Any], score: float) -> None:
        """Tell the study the score of a candidate; without one it failed."""
        self.remember(trial.number, params, score)
        self._told(trial, score)

    def give_up(self, trial: Any) -> None:
        """Mark a trial as failed that was never finished."""
        self._told(trial, math.nan)

    def remember(self, number: int, params: Mapping[str, Any], score: float) -> None:
        """Do not evaluate a candidate again."""
        self.seen.add(number)
        self.scores[identity(params)] = score

    def finished_elsewhere(self) -> Iterator[tuple[int, dict[str, Any], list[Any], float]]:
        """Find finished trials with folds' scores that are not in the results."""
        for trial in self.study.get_trials(
            deepcopy=False, states=(self.states.COMPLETE, self.states.FAIL)
        ):
            folds = trial.user_attrs.get(FOLDS)
            if trial.number in self.seen or folds is None:
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

    def _told(self, trial: Any, score: float) -> None:
        try:
            if math.isfinite(score):
                self.study.tell(trial, float(score))
            else:
                self.study.tell(trial, state=self.states.FAIL)
        except RuntimeError as error:  # what a sampler does that has no more candidates
            if "Study.stop" not in str(error):
                raise
            self.is_over = True

    def _enqueue_untried(self, pending: set[Any], repeats: int) -> bool:
        """Put a candidate of a small space in the queue that was not tried; False if none is left.

        Without this, a sampler may take for ever to hit upon the last ones. In a large space, or
        one that is a function, the sampler is shaken awake, and given up after a while.
        """
        if self.space.n_values > _MOST_LISTED:
            self.study.sampler.reseed_rng()
            return repeats < 10 * _REPEATS
        untried = [
            params
            for branch in self.space.branches
            for values in product(*map(_listed, branch.values()))
            for params in [dict(zip(branch, values, strict=True))]
            if identity(params) not in self.scores and identity(params) not in pending
        ]
        if not untried:
            return False
        encoded = self.space.encode(untried[len(untried) // 2])
        self.study.enqueue_trial(encoded)
        return True


def propose(
    space: Any, results: Sequence[tuple[Mapping[str, Any], float]], n: int, seed: int
) -> list[dict[str, Any]]:
    """Let TPE propose candidates, from results alone.

    Parameters
    ----------
    space : dict or list of dict
        Distributions by parameter name.
    results : list of (dict, float)
        Candidates with their scores.
    n : int
        How many to propose.
    seed : int
        Seeds the sampler.

    Returns
    -------
    candidates : list of dict of length n
    """
    trial_space = TrialSpace(space)
    module = optuna()
    with quiet(0):
        sampler = module.samplers.TPESampler(seed=seed, n_startup_trials=0)
        study = module.create_study(direction="maximize", sampler=sampler)
        trials = [trial_space.finished_trial(params, score) for params, score in results]
        study.add_trials([trial for trial in trials if trial is not None])
        return [trial_space.suggest(study.ask()) for _ in range(n)]


def create_study(storage: Any, name: str) -> Any:
    """Make a study, or load the one of that name from a storage."""
    module = optuna()
    if storage is None:
        return module.create_study(direction="maximize")
    for attempts_left in (2, 1, 0):
        try:
            return module.create_study(
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


def check_sampler(sampler: Any) -> None:
    """Say which package a sampler lacks, before it is first used in the middle of a search."""
    module = optuna()
    if sampler is not None and not isinstance(sampler, module.samplers.BaseSampler):
        raise TypeError(f"sampler must be one of optuna.samplers, an instance; got {sampler!r}")
    for kind, package, install in (
        ("GPSampler", "torch", "pip install torch"),
        ("CmaEsSampler", "cmaes", "pip install cmaes"),
    ):
        if type(sampler).__name__ == kind and find_spec(package) is None:
            raise ImportError(f"sampler: Optuna's {kind} needs {package}, {install}")


@contextmanager
def quiet(verbose: int) -> Iterator[None]:
    """Keep Optuna's log to warnings for a while, unless it is asked to speak."""
    logging = optuna().logging
    before = logging.get_verbosity()
    if verbose < 2:
        logging.set_verbosity(max(before, logging.WARNING))
    try:
        yield
    finally:
        logging.set_verbosity(before)


def _listed(values: Any) -> list[Any]:
    return list(values)
