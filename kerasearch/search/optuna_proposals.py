"""The default proposals of Bayesian search: each follows from the seed and the results before it.

Optuna's TPE is asked in a study of its own in memory, made from the results, and with a seed for
each candidate. So neither the process that asks nor what happened to earlier processes matters.
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

REPEATS = 5  # candidates that were there already, in a row, before the space is looked through
MOST_REPEATS = 50  # where it cannot be looked through


class SeededProposals:
    """Propose candidates.

    Parameters
    ----------
    space : TrialSpace
        What is searched.
    seed : int
        Of the search.
    first : list of dict
        Trials' parameters with which to begin; what one lacks, the sampler adds.
    """

    def __init__(self, space: TrialSpace, seed: int, first: Sequence[Mapping[str, Any]]) -> None:
        self.space = space
        self.seed = seed
        self.first = first

    def propose(
        self, k: int, trials: Sequence[FrozenTrial], known: Container[Hashable]
    ) -> BaseTrial | None:
        """Propose candidate number `k`; None where there are no more.

        Parameters
        ----------
        k : int
            How many candidates there are.
        trials : list of FrozenTrial
            What the sampler learns from; those that run count as bad ones.
        known : container of hashable
            Identities of the candidates that there are.
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
        """Make the sampler; after some repeats one at random, which finds what TPE shuns."""
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
    """Let TPE propose `n` candidates of a space, from candidates with their scores alone."""
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
    """Ask a study of its own that has these trials."""
    with optuna_warnings_only():
        study = import_optuna().create_study(direction="maximize", sampler=sampler)
        study.add_trials(trials)
        if first is not None:
            study.enqueue_trial(dict(first))
        return study.ask()
