"""The candidates of a search in a study: of this process, of other processes, and of dead ones.

A candidate is one trial. Its mark says which search evaluates it, and how many candidates were
finished before its batch. A trial is added in one step, so that a kill leaves no incomplete trial.
It counts as a candidate as soon as it is added. Another process evaluates the trials of a dead
process and keeps their numbers.
"""

from __future__ import annotations

import itertools
import math
import random
import time
from collections.abc import Hashable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from .._utils.values import candidate_identity
from .checks import check_candidate
from .optuna_import import import_optuna
from .optuna_owner import Owner, is_alive
from .optuna_proposals import MOST_REPEATS, REPEATS, SeededProposals
from .optuna_space import TrialSpace

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial, Trial

# user attributes of a trial
_CANDIDATE = "kerasearch:candidate"  # its owner, and the candidates finished before its batch
_FOLD_RESULTS = "kerasearch:folds"  # the results of its fits
_EARLIER = "kerasearch:earlier"  # its index in the earlier results, which are not candidates


class AskAndTell:
    """Get trials to evaluate, and tell the study their scores.

    Parameters
    ----------
    study : optuna.study.Study
        The study with the trials.
    space : TrialSpace
        The search space.
    estimator : estimator
        The estimator whose parameters the candidates set.
    n_planned : int
        The total number of candidates.
    owner : Owner
        The search that owns new trials.
    proposals : SeededProposals or None
        The source of new candidates; None is the study's sampler.

    Attributes
    ----------
    numbers : list of int
        The numbers of the trials in the results, in the order of the results.
    is_exhausted : bool
        Whether the sampler has no more candidates.
    """

    def __init__(
        self,
        study: Study,
        space: TrialSpace,
        estimator: Any,
        n_planned: int,
        owner: Owner,
        proposals: SeededProposals | None,
    ) -> None:
        self.study = study
        self.space = space
        self.estimator = estimator
        self.n_planned = n_planned
        self.owner = owner
        self.proposals = proposals
        self.numbers: list[int] = []
        self.is_exhausted = False
        self._candidate_of: dict[int, tuple[dict[str, Any], Hashable]] = {}  # by trial number
        self._states = import_optuna().trial.TrialState

    def next_batch(self, size: int) -> list[FrozenTrial]:
        """Get up to `size` trials: first the trials of dead processes, then new trials."""
        self._fail_repeated()
        trials = self._take_up(size)
        n_finished = sum(trial.state.is_finished() for trial in self._candidates())
        if trials and trials[0].user_attrs.get(_CANDIDATE, {}).get("finished", 0) < n_finished:
            return trials  # the others of their batch have been evaluated
        try:
            while len(trials) < size and (trial := self._new_trial(n_finished)) is not None:
                trials.append(trial)
        except BaseException:
            for trial in trials:
                self.give_back(trial)
            raise
        return trials

    @property
    def is_waiting(self) -> bool:
        """Whether other processes evaluate candidates."""
        planned = self._candidates()[: self.n_planned]
        return not all(trial.state.is_finished() for trial in planned)

    def params(self, trial: FrozenTrial) -> dict[str, Any]:
        """Get a trial's candidate."""
        return self._read(trial)[0]

    def tell(self, trial: FrozenTrial, folds: Sequence[Any], score: float) -> None:
        """Tell the study the results of a candidate. Without a finite score, the trial failed."""
        self.numbers.append(trial.number)
        if self._write(trial, _FOLD_RESULTS, folds):
            self._finish(trial, score)

    def give_back(self, trial: FrozenTrial) -> None:
        """Release a trial that was not evaluated, so that another process may evaluate it."""
        if isinstance(self.study._storage, import_optuna().storages.InMemoryStorage):
            self._finish(trial, math.nan)
            return
        self._write(trial, _CANDIDATE, {**trial.user_attrs[_CANDIDATE], "pid": None})

    def new_results(self) -> Iterator[tuple[int, dict[str, Any], list[Any]]]:
        """Find evaluated candidates that the results lack: trial number, parameters and folds."""
        for trial in self._candidates():
            if trial.state.is_finished() and trial.number not in self.numbers:
                yield trial.number, self.params(trial), trial.user_attrs[_FOLD_RESULTS]

    def _candidates(self) -> list[FrozenTrial]:
        """Get the first trial of each candidate, in order. Only these trials count."""
        return self._first_of_each(self._attempts())

    def _first_of_each(self, attempts: Sequence[FrozenTrial]) -> list[FrozenTrial]:
        first: dict[Hashable, FrozenTrial] = {}
        for trial in attempts:
            first.setdefault(self._key(trial), trial)
        return list(first.values())

    def _attempts(self) -> list[FrozenTrial]:
        """Get the trials that have results or are being evaluated.

        Two processes may add the same candidate at the same time. The later process then marks its
        own trial as failed, unless it is killed before.
        """
        return [
            trial
            for trial in self.study.get_trials(deepcopy=False)
            if _FOLD_RESULTS in trial.user_attrs
            or (trial.state == self._states.RUNNING and _CANDIDATE in trial.user_attrs)
        ]

    def _fail_repeated(self) -> None:
        """Mark repeated trials of killed processes as failed, so that no sampler learns from them.

        The study is read only once. With a second read, a trial that another process adds between
        the two reads would be marked as failed.
        """
        attempts = self._attempts()
        numbers = {trial.number for trial in self._first_of_each(attempts)}
        for trial in attempts:
            if trial.number not in numbers and not trial.state.is_finished():
                self._finish(trial, math.nan)

    def _take_up(self, size: int) -> list[FrozenTrial]:
        """Take over trials that no process evaluates any more.

        If this is not known for a trial, it is taken over only when there is no other work. It is
        harmless to evaluate a trial twice, because the first result is kept.
        """
        candidates = self._candidates()
        planned = candidates[: self.n_planned]  # a killed process may have added one too many
        running = [trial for trial in planned if not trial.state.is_finished()]
        alive = [is_alive(trial.user_attrs.get(_CANDIDATE, {})) for trial in running]
        left = [trial for trial, known in zip(running, alive, strict=True) if known is False]
        nothing_new = self.is_exhausted or len(candidates) >= self.n_planned
        if not left and nothing_new and True not in alive:
            left = running
        return [trial for trial in left[:size] if self._write(trial, *self._claim(trial))]

    def _claim(self, trial: FrozenTrial) -> tuple[str, dict[str, Any]]:
        return _CANDIDATE, {**trial.user_attrs.get(_CANDIDATE, {}), **self.owner.mark}

    def _new_trial(self, n_finished: int) -> FrozenTrial | None:
        """Add a candidate that no process added before; None if there are enough candidates."""
        mark = {**self.owner.mark, "finished": n_finished}
        for attempt in itertools.count(1):
            known = self._known()
            if self.is_exhausted or len(known) >= self.n_planned:
                return None
            new = self._ask(known, mark) if self.proposals is None else self._propose(known, mark)
            if new is None:
                self.is_exhausted = True
                return None
            planned = self._candidates()[: self.n_planned]
            if new.number in (trial.number for trial in planned):
                return new
            self._finish(new, math.nan)  # another process has added the same candidate before
            # The same seed and results give the same proposal. A random pause avoids that both
            # processes propose at the same time again.
            time.sleep(random.SystemRandom().uniform(0, min(2, 0.05 * 2 ** min(attempt, 9))))
        raise AssertionError("unreachable")

    def _propose(self, known: Mapping[Hashable, FrozenTrial], mark: Any) -> FrozenTrial | None:
        """Add a trial with the next candidate of the seeded proposals."""
        assert self.proposals is not None
        proposed = self.proposals.propose(len(known), self._teaching(), known)
        if proposed is None:
            return None
        self._check(self.space.suggest(proposed), known)
        trial = import_optuna().trial.create_trial(
            state=self._states.RUNNING,
            params=proposed.params,
            distributions=proposed.distributions,
            user_attrs={**proposed.user_attrs, _CANDIDATE: mark},
        )
        storage = self.study._storage
        return storage.get_trial(storage.create_new_trial(self.study._study_id, trial))

    def _teaching(self) -> list[FrozenTrial]:
        """Get the trials from which proposals learn, without the results of single fits.

        A process may be killed while it adds earlier results, and another process may add them
        again. Only the first trial of each earlier result is therefore used.
        """
        trials, earlier = [], set()
        for trial in self.study.get_trials(deepcopy=False):
            index = trial.user_attrs.get(_EARLIER)
            if trial.state == self._states.WAITING or index in earlier:
                continue
            if index is not None:
                earlier.add(index)
            if trial.state == self._states.RUNNING and _CANDIDATE not in trial.user_attrs:
                continue
            trials.append(
                import_optuna().trial.create_trial(
                    state=trial.state,
                    params=trial.params,
                    distributions=trial.distributions,
                    value=trial.value,
                )
            )
        return trials

    def _ask(self, known: Mapping[Hashable, FrozenTrial], mark: Any) -> FrozenTrial | None:
        """Ask the study for a new candidate. If a candidate is known, the study gets its score."""
        repeats = 0
        while not self.is_exhausted and (repeats < REPEATS or self._help_on(known, repeats)):
            trial = self.study.ask()
            try:
                params = self._suggest(trial)
                self._check(params, known)
            except BaseException:
                self._finish(trial, math.nan)
                raise
            repeated = known.get(candidate_identity(params))
            if repeated is None:
                trial.set_user_attr(_CANDIDATE, mark)
                return self.study._storage.get_trial(trial._trial_id)
            repeats += 1
            self._finish(trial, math.nan if repeated.value is None else repeated.value)
        return None

    def _help_on(self, known: Mapping[Hashable, FrozenTrial], repeats: int) -> bool:
        """Put an untried candidate of a small space in the queue; False if there is none.

        Otherwise a sampler may need a very long time to find the last candidates. If the space is
        large or a function, the sampler gets another seed, at most `MOST_REPEATS` times.
        """
        untried = self.space.untried(known)
        if untried is None:
            self.study.sampler.reseed_rng()
            return repeats < MOST_REPEATS
        if untried:
            encoded = self.space.encode(untried[len(untried) // 2])
            assert encoded is not None, "each listed candidate can be encoded"
            self.study.enqueue_trial(encoded)
        return bool(untried)

    def _suggest(self, trial: Trial) -> dict[str, Any]:
        try:
            return self.space.suggest(trial)
        except ImportError as error:
            raise ImportError(
                f"{type(self.study.sampler).__name__} needs a package that is not installed: "
                f"{error}"
            ) from error

    def _check(self, params: Mapping[str, Any], known: Mapping[Hashable, FrozenTrial]) -> None:
        """Check the first candidate of a space that is a function; other spaces were checked."""
        if self.space.function is not None and not known:
            check_candidate(self.estimator, params)

    def _known(self) -> dict[Hashable, FrozenTrial]:
        return {self._key(trial): trial for trial in self._candidates()}

    def _key(self, trial: FrozenTrial) -> Hashable:
        return self._read(trial)[1]

    def _read(self, trial: FrozenTrial) -> tuple[dict[str, Any], Hashable]:
        """Get the candidate of a trial and its identity. Both are computed once for each trial."""
        if trial.number not in self._candidate_of:
            try:
                params = self.space.suggest(trial)
            except (ValueError, KeyError) as error:
                raise ValueError(
                    f"trial {trial.number} of the study does not fit the space ({error}); use "
                    "another study_name for another space"
                ) from None
            self._candidate_of[trial.number] = params, candidate_identity(params)
        return self._candidate_of[trial.number]

    def _write(self, trial: FrozenTrial, name: str, value: Any) -> bool:
        """Write on a trial; False if another process has finished it."""
        try:
            self.study._storage.set_trial_user_attr(trial._trial_id, name, value)
        except RuntimeError:
            return False
        return True

    def _finish(self, trial: FrozenTrial | Trial, score: float) -> None:
        outcome: dict[str, Any] = {"state": self._states.FAIL}
        if math.isfinite(score):
            outcome = {"values": float(score)}
        try:
            self.study.tell(trial.number, skip_if_finished=True, **outcome)
        except RuntimeError as error:
            if "Study.stop" in str(error):  # a sampler without further candidates stops the study
                self.is_exhausted = True
            elif not self.study.trials[trial.number].state.is_finished():
                raise
            # otherwise two processes took over the same trial, and the other one has finished first


def add_earlier(study: Study, trials: Sequence[FrozenTrial]) -> bool:
    """Add earlier results to a new study; return False if the study is not new.

    A study is new as long as it has only earlier results. If a process was killed while it added
    them, the next process adds the missing results.
    """
    there = [trial.user_attrs.get(_EARLIER) for trial in study.get_trials(deepcopy=False)]
    if None in there:
        return False
    for i, trial in enumerate(trials):
        if i not in there:
            trial.set_user_attr(_EARLIER, i)
            study.add_trial(trial)
    return True


def check_sampler(sampler: object) -> None:
    """Check a sampler and the packages that it needs, before the search starts.

    Raises
    ------
    TypeError
        If `sampler` is not an Optuna sampler.
    ImportError
        If a package that the sampler needs is not installed. The message names it.
    """
    optuna = import_optuna()
    if sampler is not None and not isinstance(sampler, optuna.samplers.BaseSampler):
        raise TypeError(f"sampler={sampler!r} must be an instance of a class in optuna.samplers")
    for kind, package, install in (
        ("GPSampler", "torch", "pip install torch"),
        ("CmaEsSampler", "cmaes", "pip install cmaes"),
    ):
        if type(sampler).__name__ == kind and find_spec(package) is None:
            raise ImportError(f"sampler: Optuna's {kind} needs {package}; install it: {install}")
