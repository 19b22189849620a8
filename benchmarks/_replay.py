"""Replay searches on a table of fits, to see what each search finds with a number of epochs.

A search is an iterator of steps. A step is a candidate and the rung up to which the candidate is
trained. A search sees only validation scores. A step costs only the epochs by which it continues
the earlier training of its candidate.
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
N_TRIALS = 96  # the number of candidates in the grid
_REPEATS = 5  # after so many known candidates in a row, TPE gets a random new candidate


def grid(table: Table, seed: int) -> Steps:
    """Run the whole grid in a random order, which is better for the grid than its own order."""
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
    """Ask Optuna for candidates. A candidate that Optuna proposes again costs nothing.

    Optuna sees the index of a number in its list, and not the number itself.
    """
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
    """Train 27 candidates for one epoch, the best nine for three epochs, and so on; then repeat.

    This is the schedule of scikit-learn's halving and the widest bracket of Hyperband.
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
    """Return the candidates of a grid."""
    places = [[SPACE[name].index(value) for value in levels[name]] for name in SPACE]
    return np.array([index(point) for point in product(*places)])


def index(places: Any) -> int:
    """Return the candidate whose values have these indices in the lists of `SPACE`."""
    return int(np.ravel_multi_index(tuple(places), SHAPE))


def curves(table: Table, method: str, seeds: range, n_trials: int) -> np.ndarray:
    """Score the picked candidate after budgets of 1, 2, ... full trainings.

    Returns
    -------
    ndarray of shape (n_seeds, 2, n_trials)
        The validation score and the test score of the picked candidate. Among the candidates
        with the most epochs, a search picks the candidate with the best validation score. A score
        that is worse than the score of a constant guess is replaced by the score of the guess. A
        search that has no more candidates keeps its pick.
    """
    return np.array([curve(table, METHODS[method](table, seed), n_trials) for seed in seeds])


def curve(table: Table, steps: Steps, n_trials: int) -> np.ndarray:
    """Return the scores of one search, which are one row of `curves`."""
    decisive = np.nan_to_num(table.validation, nan=-np.inf)
    had: dict[int, int] = {}
    spent, best = 0, (-1, -np.inf)
    picks: list[tuple[int, int]] = []  # the picked candidate and rung after each full budget
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
    """Run brackets of Hyperband again and again."""
    from kerasearch import hyperband_schedule

    schedule = hyperband_schedule(max_resources=EPOCHS[LAST], factor=3)
    draws = np.random.default_rng(seed)
    for _ in count():
        for bracket in which:
            rungs = schedule[schedule["bracket"] == bracket]
            first = draws.choice(math.prod(SHAPE), rungs["n_candidates"].iloc[0], replace=False)
            yield from bracket_of(table, rungs, first)


def bracket_of(table: Table, rungs: pd.DataFrame, alive: np.ndarray) -> Steps:
    """Run one bracket, which begins with the candidates `alive`."""
    scores = np.nan_to_num(table.validation, nan=-np.inf)
    for n, epochs in zip(rungs["n_candidates"], rungs["n_resources"], strict=True):
        rung = EPOCHS.index(epochs)
        if len(alive) > n:
            alive = alive[np.argsort(-scores[alive, rung - 1], kind="stable")[:n]]
        for candidate in alive:
            yield int(candidate), rung
