"""Searches replayed on a table of trainings: what each would have found after so many epochs.

A search is an iterator of steps, a candidate and the rung it is trained up to. It sees validation
scores alone, and no step costs epochs that its candidate had before.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import count, product
from typing import Any

import numpy as np
import pandas as pd

from ._table import EPOCHS, GRID, SHAPE, SPACE, Table

Steps = Iterator[tuple[int, int]]
LAST = len(EPOCHS) - 1
N_TRIALS = 96  # as many as the grid has
_REPEATS = 5  # proposals in a row that were tried before, until TPE gets one drawn at random


def grid(table: Table, seed: int) -> Steps:
    """Run the whole grid in a random order, which is kinder to it than its own."""
    return _in_order(np.random.default_rng(seed).permutation(points(GRID)))


def random(table: Table, seed: int) -> Steps:
    return _in_order(np.random.default_rng(seed).permutation(math.prod(SHAPE)))


def sobol(table: Table, seed: int) -> Steps:
    from kerasearch import sobol

    design = sobol(SPACE, 128, random_state=seed)
    return _in_order(
        np.array([index([SPACE[n].index(c[n][0]) for n in SPACE]) for c in design[:N_TRIALS]])
    )


def tpe(table: Table, seed: int) -> Steps:
    """Ask Optuna, whose numbers are places in the lists; what it proposes twice costs nothing."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.TPESampler(seed=seed)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    others = random(table, seed)
    tried: set[int] = set()
    repeats = 0
    while True:
        trial = study.ask()
        candidate = index(
            [
                values.index(trial.suggest_categorical(name, values))
                if isinstance(values[0], str)
                else trial.suggest_int(name, 0, len(values) - 1)
                for name, values in SPACE.items()
            ]
        )
        score = table.validation[candidate, LAST]
        if np.isfinite(score):
            study.tell(trial, score)
        else:
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
        if candidate not in tried:
            tried.add(candidate)
            repeats = 0
            yield candidate, LAST
        elif repeats < _REPEATS:
            repeats += 1
        else:
            drawn = table.params[next(other for other, _ in others if other not in tried)]
            study.enqueue_trial(
                {n: v if isinstance(v, str) else SPACE[n].index(v) for n, v in drawn.items()}
            )


def halving(table: Table, seed: int) -> Steps:
    """27 candidates with one epoch, the best nine with three, and so on; and once more.

    This is the schedule of scikit-learn's halving, and the widest bracket of Hyperband.
    """
    return _brackets(table, seed, [LAST])


def hyperband(table: Table, seed: int) -> Steps:
    return _brackets(table, seed, range(LAST, -1, -1))


METHODS: dict[str, Callable[[Table, int], Steps]] = {
    "grid": grid,
    "random": random,
    "Sobol": sobol,
    "TPE": tpe,
    "halving": halving,
    "Hyperband": hyperband,
}


def points(levels: dict[str, list[Any]]) -> np.ndarray:
    """The candidates of a grid."""
    places = [[SPACE[name].index(value) for value in levels[name]] for name in SPACE]
    return np.array([index(point) for point in product(*places)])


def index(places: Any) -> int:
    """The candidate with these places in the lists of `SPACE`."""
    return int(np.ravel_multi_index(tuple(places), SHAPE))


def curves(table: Table, method: str, seeds: range, n_trials: int) -> np.ndarray:
    """Validation and test score of the pick after 1, 2, ... times the most epochs.

    Returns
    -------
    ndarray of shape (n_seeds, 2, n_trials)
        The pick is the best of those with the most epochs. What is worse than a constant guess
        counts as that guess; a search that ran out keeps its pick.
    """
    return np.array([curve(table, METHODS[method](table, seed), n_trials) for seed in seeds])


def curve(table: Table, steps: Steps, n_trials: int) -> np.ndarray:
    """One row of `curves`."""
    decisive = np.nan_to_num(table.validation, nan=-np.inf)
    had: dict[int, int] = {}
    spent, best = 0, (-1, -np.inf)
    picks: list[tuple[int, int]] = []  # after each unit of epochs
    pick = (0, 0)
    for candidate, rung in steps:
        before = had.get(candidate, 0)
        had[candidate] = max(EPOCHS[rung], before)
        spent += had[candidate] - before
        picks += [pick] * (min(-(-spent // EPOCHS[LAST]) - 1, n_trials) - len(picks))
        if len(picks) == n_trials:
            break
        if (rung, decisive[candidate, rung]) > best:
            best, pick = (rung, decisive[candidate, rung]), (candidate, rung)
    picks += [pick] * (n_trials - len(picks))
    chosen = tuple(np.array(picks).T)
    return np.array(
        [
            np.fmax(table.validation[chosen], table.validation_floor),
            np.fmax(table.test[chosen], table.test_floor),
        ]
    )


def _in_order(candidates: np.ndarray) -> Steps:
    return ((int(candidate), LAST) for candidate in candidates)


def _brackets(table: Table, seed: int, which: Any) -> Steps:
    """Run brackets of Hyperband, round after round."""
    from kerasearch import hyperband_schedule

    schedule = hyperband_schedule(max_resources=EPOCHS[LAST], factor=3)
    draws = np.random.default_rng(seed)
    for _ in count():
        for bracket in which:
            rungs = schedule[schedule["bracket"] == bracket]
            first = draws.choice(math.prod(SHAPE), rungs["n_candidates"].iloc[0], replace=False)
            yield from bracket_of(table, rungs, first)


def bracket_of(table: Table, rungs: pd.DataFrame, alive: np.ndarray) -> Steps:
    """Run one bracket, from the candidates of its first rung on."""
    scores = np.nan_to_num(table.validation, nan=-np.inf)
    for n, epochs in zip(rungs["n_candidates"], rungs["n_resources"], strict=True):
        rung = EPOCHS.index(epochs)
        if len(alive) > n:
            alive = alive[np.argsort(-scores[alive, rung - 1], kind="stable")[:n]]
        for candidate in alive:
            yield int(candidate), rung
