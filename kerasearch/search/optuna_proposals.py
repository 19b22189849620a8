"""The default proposals of Bayesian search: each depends only on the seed and earlier results.

Each candidate comes from Optuna's TPE with a new seed, in a temporary study in memory that is made
from the results. Thus a proposal depends neither on the process nor on the history of earlier
processes.
"""

from __future__ import annotations

import warnings
from collections.abc import Container, Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .._utils.values import candidate_identity
from ..space.branches import Space
from .optuna_import import import_optuna, optuna_warnings_only
from .optuna_space import TrialSpace

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler
    from optuna.trial import BaseTrial, FrozenTrial

REPEATS = 5  # known candidates in a row, before the untried candidates of the space are listed
MOST_REPEATS = 50  # known candidates in a row, if the candidates of the space cannot be listed


class SeededProposals:
    """Propose candidates.

    Parameters
    ----------
    space : TrialSpace
        The search space.
    seed : int
        The seed of the search.
    first : list of dict
        Parameters of the first trials. The sampler adds the parameters that a dict lacks.
    """

    def __init__(self, space: TrialSpace, seed: int, first: Sequence[Mapping[str, Any]]) -> None:
        self.space = space
        self.seed = seed
        self.first = first

    def propose(
        self, k: int, trials: Sequence[FrozenTrial], known: Container[Hashable]
    ) -> BaseTrial | None:
        """Propose candidate number `k` (from 0); None if there are no more candidates.

        Parameters
        ----------
        k : int
            The number of candidates so far.
        trials : list of FrozenTrial
            The trials from which the sampler learns. A running trial counts as a bad trial.
        known : container of hashable
            Identities of the candidates so far.
        """
        for attempt in range(MOST_REPEATS):
            if attempt == REPEATS and (untried := self.space.untried(known)) is not None:
                return self.space.trial_of(untried[len(untried) // 2]) if untried else None
            first = self.first[k] if k < len(self.first) and attempt < REPEATS else None
            trial = _ask(trials, self._sampler(k, attempt), first)
            if candidate_identity(self.space.suggest(trial)) not in known:
                return trial
        return None

    def _sampler(self, k: int, attempt: int) -> BaseSampler:
        """Make the sampler: TPE, or a random sampler after `REPEATS` attempts."""
        optuna = import_optuna()
        seed = int(np.random.SeedSequence([self.seed, k, attempt]).generate_state(1)[0])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            if attempt >= REPEATS:
                return optuna.samplers.RandomSampler(seed=seed)
            return optuna.samplers.TPESampler(seed=seed, constant_liar=True)


def propose(
    space: Space, results: Sequence[tuple[Mapping[str, Any], float]], n: int, seed: int
) -> list[dict[str, Any]]:
    """Propose `n` candidates of a space with TPE, which learns from candidates and their scores."""
    trial_space = TrialSpace(space)
    optuna = import_optuna()
    with optuna_warnings_only():
        sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=0)
        study = optuna.create_study(direction="maximize", sampler=sampler)
        trials = [trial_space.finished_trial(params, score) for params, score in results]
        study.add_trials([trial for trial in trials if trial is not None])
        return [trial_space.suggest(study.ask()) for _ in range(n)]


def _ask(
    trials: Sequence[FrozenTrial], sampler: BaseSampler, first: Mapping[str, Any] | None
) -> BaseTrial:
    """Ask a temporary study that has these trials for a new trial."""
    with optuna_warnings_only():
        study = import_optuna().create_study(direction="maximize", sampler=sampler)
        study.add_trials(trials)
        if first is not None:
            study.enqueue_trial(dict(first))
        return study.ask()
