"""The replay that compares searches, on tables whose answers are known."""

import math
from itertools import islice, product

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import HalvingRandomSearchCV

from benchmarks import search_quality
from benchmarks._replay import LAST, METHODS, bracket_of, curve, curves, index, points
from benchmarks._table import _COLUMNS, EPOCHS, GRID, SHAPE, SPACE, Table, _file, _write
from kerasearch import HyperbandSearchCV, hyperband_schedule

N = math.prod(SHAPE)
FULL = EPOCHS[LAST]


def table(validation, test=None, floor=-np.inf):
    """A table of these scores: (n_candidates,) or (n_candidates, n_rungs)."""
    validation, test = (
        np.array(np.broadcast_to(s[:, None] if s.ndim == 1 else s, (N, len(EPOCHS))), dtype=float)
        for s in (validation, validation if test is None else test)
    )
    params = [dict(zip(SPACE, point, strict=True)) for point in product(*SPACE.values())]
    return Table("made", params, validation, test, floor, floor)


def shuffled(seed=0):
    return np.random.default_rng(seed).permutation(N) + 1.0


class Lookup(BaseEstimator):
    """Scores what the table says of its parameters after so many epochs."""

    def __init__(self, table=None, epochs=FULL, **params):
        self.table, self.epochs = table, epochs
        for name in SPACE:
            setattr(self, name, params.get(name))

    @classmethod
    def _get_param_names(cls):
        return ["table", "epochs", *SPACE]

    def __sklearn_clone__(self):
        return Lookup(**self.get_params(deep=False))

    def fit(self, X, y=None):
        return self

    def score(self, X, y=None):
        place = index([SPACE[name].index(getattr(self, name)) for name in SPACE])
        return self.table.validation[place, EPOCHS.index(self.epochs)]


# ---------------------------------------------------------------- what is found


def test_random_finds_the_best_of_draws_without_replacement():
    found = curves(table(shuffled()), "random", range(200), 64)[:, 0]
    for k in (1, 8, 64):
        expected = k * (N + 1) / (k + 1)
        error = found[:, k - 1].std() / math.sqrt(200)
        assert abs(found[:, k - 1].mean() - expected) < 4 * error


def test_the_whole_grid_gives_its_best_point_in_any_order():
    scores = shuffled()
    found = curves(table(scores), "grid", range(5), 96)[:, 0]
    assert len(points(GRID)) == 96
    assert (found[:, -1] == scores[points(GRID)].max()).all()
    assert len(set(found[:, 0])) > 1


def test_the_pick_is_made_on_validation_and_reported_on_test():
    validation, test = shuffled(0), shuffled(1)
    for pick, tested in curves(table(validation, test), "random", range(3), 16)[:, :, -1]:
        assert tested == test[validation == pick].item()


@pytest.mark.parametrize("method", METHODS)
def test_a_search_never_loses_what_it_had_on_validation(method):
    if method == "TPE":
        pytest.importorskip("optuna")
    found = curves(table(shuffled()), method, range(2), 40)[:, 0]
    assert found.shape == (2, 40)
    assert (np.diff(found) >= 0).all()


@pytest.mark.long
@pytest.mark.slow
def test_tpe_proposes_nothing_twice_and_beats_random_where_there_is_order():
    pytest.importorskip("optuna")
    places = np.array(list(product(*map(range, SHAPE))))
    smooth = table(-(((places - places.max(axis=0) // 2) / np.array(SHAPE)) ** 2).sum(axis=1))
    steps = list(islice(METHODS["TPE"](smooth, 0), 96))
    assert len(set(steps)) == 96
    tpe, random = (curves(smooth, m, range(4), 64)[:, 0, -1].mean() for m in ("TPE", "random"))
    assert tpe > random


def test_a_diverged_candidate_is_never_picked_and_a_bad_pick_counts_as_a_guess():
    scores = shuffled()
    scores[::2] = np.nan
    for method in METHODS:
        if method != "TPE" or pytest.importorskip("optuna"):
            assert np.isfinite(curves(table(scores, floor=0.0), method, range(2), 16)).all()
    nothing = curves(table(np.full(N, np.nan), floor=0.5), "random", range(1), 4)
    assert (nothing == 0.5).all()


# ---------------------------------------------------------------- epochs


def test_a_trial_is_charged_all_its_epochs_and_a_survivor_only_new_ones():
    rising = np.arange(N)[:, None] + np.array([0.0, 0.25, 0.5, 0.75])
    steps = [(5, 0), (4, 0), (5, 1), (5, 2), (5, LAST), (9, LAST)]  # 28 epochs, then 27
    found = curve(table(rising), iter(steps), 3)[0]
    # After 27 epochs candidate 5 has had 9, and one more is due to candidate 4.
    assert found.tolist() == [5.5, 5.75, 9.75]


def test_what_is_not_paid_for_is_not_found():
    found = curve(table(np.arange(N)), iter([(1, LAST), (2, LAST), (3, LAST)]), 2)[0]
    assert found.tolist() == [1, 2]


def test_a_pass_of_hyperband_costs_what_schedule_says():
    schedule = hyperband_schedule(FULL, 3)
    runs = int(schedule["n_candidates"].sum())
    steps = list(islice(METHODS["Hyperband"](table(shuffled()), 0), runs))
    assert [EPOCHS[rung] for _, rung in steps] == [
        epochs
        for n, epochs in zip(schedule["n_candidates"], schedule["n_resources"], strict=True)
        for _ in range(n)
    ]
    had, spent = {}, 0
    for candidate, rung in steps:
        spent += max(EPOCHS[rung] - had.get(candidate, 0), 0)
        had[candidate] = max(EPOCHS[rung], had.get(candidate, 0))
    drawn_twice = 49 - len(had)
    assert drawn_twice <= 3
    assert spent <= schedule["n_new_resources"].sum() == 357
    assert spent == 357 or drawn_twice


# ---------------------------------------------------------------- as the real searches do


def test_schedule_are_run_as_the_real_search_runs_them():
    rising = np.random.default_rng(0).normal(size=(N, len(EPOCHS))).cumsum(axis=1)
    made = table(rising)
    search = HyperbandSearchCV(
        Lookup(made), SPACE, max_resources=FULL, cv=2, refit=False, random_state=0
    ).fit(np.zeros((4, 1)))
    results = pd.DataFrame(search.cv_results_)
    results["candidate"] = [index([SPACE[n].index(p[n]) for n in SPACE]) for p in results["params"]]
    for bracket, rows in results.groupby("bracket"):
        rungs = search.schedule_[search.schedule_["bracket"] == bracket]
        first = rows.loc[rows["rung"] == 0, "candidate"].to_numpy()
        replayed = [(c, EPOCHS[rung]) for c, rung in bracket_of(made, rungs, first)]
        assert replayed == list(zip(rows["candidate"], rows["n_resources"], strict=True))


def test_halving_has_the_schedule_of_scikit_learn():
    settings = {"resource": "epochs", "min_resources": 1, "max_resources": FULL, "factor": 3}
    search = HalvingRandomSearchCV(
        Lookup(table(shuffled())), SPACE, cv=2, refit=False, random_state=0, **settings
    ).fit(np.zeros((4, 1)), np.zeros(4))
    widest = hyperband_schedule(FULL, 3).query("bracket == bracket.max()")
    assert search.n_candidates_ == widest["n_candidates"].tolist() == [27, 9, 3, 1]
    assert search.n_resources_ == widest["n_resources"].tolist() == list(EPOCHS)


# ---------------------------------------------------------------- what is said of it


def test_draws_until_an_even_chance():
    assert search_quality._draws(2016, 1008, 0.5) == 1
    assert search_quality._draws(2016, 1, 0.1) == 202  # a tenth of the table
    assert search_quality._draws(2016, 1, 0.5) is None  # more than is followed


@pytest.mark.long
@pytest.mark.slow
def test_what_alone_matters_explains_all_the_variance():
    places = np.array(list(product(*map(range, SHAPE))))
    row = search_quality.what_matters(table(places[:, 0].astype(float)))
    assert (row["learning_rate"], row["units"], row["together"]) == ("100%", "0%", "0%")
    assert row["importance"] == "20 of 20"


@pytest.mark.long
@pytest.mark.slow
def test_what_two_explain_together_is_told_apart():
    places = np.array(list(product(*map(range, SHAPE))))
    pair = (places[:, 0] - 3.0) * (places[:, -1] - 0.5)
    row = search_quality.what_matters(table(pair))
    assert (row["together"], row["learning_rate and optimizer"]) == ("100%", "100%")


def test_the_budget_at_which_a_goal_is_reached():
    rising = np.tile(np.arange(1.0, 11), (50, 1))
    assert search_quality._reached(np.full(50, 4.0), rising, 27, 0) == "108 (108 to 108)"
    assert search_quality._reached(np.full(50, 99.0), rising, 0.5, 1) == ">5 (>5 to >5)"


def test_a_difference_has_the_interval_of_both():
    found = {
        m: np.random.default_rng(i).normal(i, 1, (400, 2, 64))
        for i, m in enumerate(["random", "TPE"])
    }
    mean, half = search_quality.tpe_and_random("made", found)["test, 16 trials"].split(" ± ")
    assert float(mean) == pytest.approx(1, abs=0.3)
    assert float(half) == pytest.approx(1.96 * math.sqrt(2 / 400), rel=0.15)


# ---------------------------------------------------------------- the table


@pytest.fixture
def folder(tmp_path):
    frame = pd.DataFrame(list(product(*SPACE.values())), columns=list(SPACE))
    for i, column in enumerate(_COLUMNS):
        frame[column] = np.arange(N) + i / 100
    _write(frame.sample(frac=1, random_state=0), _file(tmp_path, "wine"))
    return tmp_path


def test_a_table_is_read_in_the_order_of_the_space(folder):
    read = Table.read(folder, "wine")
    assert read.validation[:, 0].tolist() == list(range(N))
    assert read.params[index([0, 0, 0, 0, 0, 0, 0, 1])] == {
        **{name: values[0] for name, values in SPACE.items()},
        "optimizer": "sgd",
    }


def test_swapped_parts_and_negative_losses(folder):
    read, swapped = Table.read(folder, "wine"), Table.read(folder, "wine", swap=True)
    assert (read.test == swapped.validation).all()
    assert (read.validation == swapped.test).all()
    assert (read.validation_floor, read.test_floor) == (
        swapped.test_floor,
        swapped.validation_floor,
    )
    losses = Table.read(folder, "wine", by="loss")
    column = _COLUMNS.index("val_l_1") / 100
    np.testing.assert_allclose(losses.validation[:, 0], -(np.arange(N) + column), rtol=1e-4)
    assert losses.validation_floor == pytest.approx(-1.09, abs=0.02)  # three classes, guessed


def test_a_whole_table_is_not_trained_again(folder, monkeypatch):
    monkeypatch.setattr("benchmarks._table._train", None)
    before = _file(folder, "wine").read_bytes()
    from benchmarks._table import make

    make(folder, ("wine",), 1)
    assert _file(folder, "wine").read_bytes() == before
