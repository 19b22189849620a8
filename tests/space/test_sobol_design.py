"""Sobol designs: even, distinct, of any space, and taken by a grid search."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV, ParameterGrid
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from kerasearch import (
    KerasClassifier,
    choice,
    integers,
    layer_sizes,
    log_integers,
    log_uniform,
    param_distributions,
    sobol,
    uniform,
    when,
)

SPACE = {
    "rate": log_uniform(1e-4, 1),
    "share": uniform(0, 0.5),
    "sizes": layer_sizes(),
    "batch": log_integers(8, 512),
    "count": integers(1, 9),
    "name": choice(["a", "b"], p=[0.75, 0.25]),
    "listed": [1, 2],
    "scipy": stats.norm(0, 1),
}


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 40), st.integers(0, 2**31))
def test_there_are_as_many_as_asked_for_and_all_differ(n, seed):
    design = sobol(SPACE, n, random_state=seed)
    assert len(design) == n
    assert len({repr(candidate) for candidate in design}) == n
    assert len(ParameterGrid(design)) == n
    assert all(list(candidate) == list(SPACE) for candidate in design)


def test_the_same_seed_gives_the_same_design_and_another_another():
    designs = [sobol(SPACE, 8, random_state=seed) for seed in (0, 0, 1)]
    assert designs[0] == designs[1] != designs[2]
    assert sobol(SPACE, 8, random_state=np.random.RandomState(0)) == designs[0]


def test_each_sixteenth_of_a_range_has_one_of_sixteen_points():
    design = sobol({"x": uniform(0, 16), "y": log_uniform(1, 2**16)}, 16, random_state=0)
    assert sorted(int(c["x"][0]) for c in design) == list(range(16))
    assert sorted(int(np.log2(c["y"][0])) for c in design) == list(range(16))


def test_probabilities_are_kept():
    drawn = Counter(candidate["name"][0] for candidate in sobol(SPACE, 64, random_state=0))
    assert drawn["a"] == 48


def test_conditional_parameters_are_there_where_they_belong():
    space = param_distributions(
        KerasClassifier(),
        optimizer=["adam", when("sgd", momentum=uniform(0, 1))],
        learning_rate=log_uniform(1e-4, 1),
    )
    design = sobol(space, 32, random_state=0)
    has_momentum = Counter((c["optimizer"][0], "optimizer__momentum" in c) for c in design)
    assert has_momentum == {("adam", False): 16, ("sgd", True): 16}


def test_a_small_space_is_searched_whole():
    with pytest.warns(UserWarning, match="n=9 candidates were requested, but only 6 different"):
        design = sobol({"a": [1, 2, 3], "b": choice(["x", "y"])}, 9)
    assert len({(c["a"][0], c["b"][0]) for c in design}) == 6
    assert len(sobol({"a": [1, 2, 3], "b": choice(["x", "y"])}, 6)) == 6


def test_values_that_are_nearly_never_drawn_do_not_go_on_for_ever():
    with pytest.warns(UserWarning, match="different ones were found"):
        sobol([{"a": choice([1, 2, 3, 4], p=[0.9999, 1e-4, 0, 0])}], 3, random_state=0)


@pytest.mark.parametrize("n", [0, -1, 2.5, True, "3"])
def test_a_wrong_number_is_refused(n):
    with pytest.raises(ValueError, match="must be an integer of at least 1"):
        sobol(SPACE, n)


@pytest.mark.parametrize(
    ("space", "says"),
    [
        (3, "space=3 must be a dict"),
        ([], "must be a dict"),
        ([3], "3 is not a dict"),
        ({3: [1]}, "parameter names must be strings, but 3 is not"),
        ({"a": "relu"}, "a: 'relu' is one string"),
        ({"a": 3}, "a: 3 is not a list"),
    ],
)
def test_what_is_no_space_is_refused(space, says):
    with pytest.raises(TypeError, match=says):
        sobol(space, 4)


@pytest.mark.slow
def test_a_grid_search_runs_the_design():
    X, y = load_iris(return_X_y=True)
    network = make_pipeline(StandardScaler(), KerasClassifier(epochs=2, random_state=0))
    space = param_distributions(
        network, learning_rate=log_uniform(1e-3, 1e-1), hidden_layer_sizes=layer_sizes(units=(2, 8))
    )
    design = sobol(space, 4, random_state=0)
    search = GridSearchCV(network, design, cv=2, error_score="raise").fit(X[::3], y[::3])
    assert search.cv_results_["params"] == list(ParameterGrid(design))
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
