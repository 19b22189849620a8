"""Zooming in: ranges narrow in their own scale, and go on where the best is at an edge."""

from __future__ import annotations

import math
import re
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import (
    GridSearchCV,
    HalvingRandomSearchCV,
    ParameterSampler,
    RandomizedSearchCV,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from kerasearch import (
    BayesSearchCV,
    HyperbandSearchCV,
    KerasClassifier,
    choice,
    integers,
    layer_sizes,
    log_integers,
    log_uniform,
    param_distributions,
    param_grid,
    search_cost,
    to_optuna_study,
    uniform,
    when,
    zoom,
)
from kerasearch.cv_results.values import is_log_spread
from kerasearch.space import Integers, LayerSizes


def results(scores, **values):
    """Results of a search of one candidate a score."""
    n = len(scores)
    params = [{name: values[name][i] for name in values} for i in range(n)]
    return {"params": params, "mean_test_score": np.asarray(scores, dtype=float)}


def best_at(values, best):
    return results([float(value == best) for value in values], a=values)


RATES = [1e-4, 1e-3, 1e-2, 1e-1]


# ---------------------------------------------------------------- numbers


@pytest.mark.parametrize(
    ("spec", "tried", "best", "narrower"),
    [
        (log_uniform(1e-5, 1e-1), RATES, 1e-3, log_uniform(1e-4, 1e-2)),
        (stats.loguniform(1e-5, 1e-1), RATES, 1e-3, log_uniform(1e-4, 1e-2)),
        (uniform(0, 8), [1, 3, 5, 7], 3, uniform(1, 5)),
        (stats.uniform(0, 8), [1, 3, 5, 7], 3, uniform(1, 5)),
        (integers(0, 8), [1, 3, 5, 7], 3, integers(1, 5)),
        (stats.randint(0, 9), [1, 3, 5, 7], 3, integers(1, 5)),
        (integers(16, 128, 16), [16, 64, 128], 64, integers(32, 96, 16)),
        (log_integers(1, 256), [1, 16, 256], 16, log_integers(4, 64)),
        ([1e-4, 1e-3, 1e-2], RATES[:3], 1e-3, [0.000316, 0.001, 0.00317]),
        ([1, 16, 256], [1, 16, 256], 16, [4, 16, 64]),
        ([0.0, 0.2, 0.4], [0.0, 0.2, 0.4], 0.2, [0.1, 0.2, 0.3]),
    ],
)
def test_a_range_narrows_round_the_best_in_its_own_scale(spec, tried, best, narrower):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = zoom(best_at(tried, best), {"a": spec})["a"]
    assert found == narrower or found == pytest.approx(narrower, rel=0.01)


@pytest.mark.parametrize(
    ("spec", "best", "narrower", "says"),
    [
        (log_uniform(1e-4, 1e-2), 1e-2, log_uniform(0.00316, 0.0317), "now ends at 0.031.*0.01"),
        (log_uniform(1e-4, 1e-2), 1e-4, log_uniform(3.16e-5, 3.17e-4), "now begins at 3.1"),
        (
            uniform(1, 9),
            9,
            uniform(7, 11),
            "a: the range now ends at 11.0, above 9.0, because the best",
        ),
        (integers(1, 9), 9, integers(7, 11), "now ends at 11, above 9"),
        (integers(1, 3), 3, integers(2, 4), "now ends at 4, above 3"),
        (log_integers(4, 64), 64, log_integers(32, 128), "now ends at 128, above 64"),
        ([1, 2, 3], 3, [2, 3, 4], "now ends at 4, above 3"),
        (uniform(0, 0.5), 0.5, uniform(0.375, 0.625), "now ends at 0.625, above 0.5"),
        (uniform(0, 0.9), 0.9, uniform(0.675, 0.95), "now ends at 0.95"),
    ],
)
def test_a_best_value_at_an_edge_extends_the_range_and_says_so(spec, best, narrower, says):
    ends = [*spec[:1], spec[-1]] if isinstance(spec, list) else list(spec.support())
    other = ends[0] if best == ends[1] else ends[1]
    with pytest.warns(UserWarning, match=says):
        found = zoom(best_at([other, best], best), {"a": spec})["a"]
    if isinstance(found, list):
        assert found == narrower
    else:
        assert type(found) is type(narrower)
        assert found.support() == pytest.approx(narrower.support(), rel=0.01)


@pytest.mark.parametrize(
    ("spec", "best", "narrower"),
    [
        (uniform(0, 0.5), 0.0, uniform(0, 0.25)),
        (uniform(0, 1), 1.0, uniform(0.5, 1)),
        (integers(0, 8), 0, integers(0, 4)),
        (integers(1, 5), 1, integers(1, 3)),
        ([0.0, 0.2, 0.4], 0.0, [0.0, 0.1, 0.2]),
    ],
)
def test_a_range_ends_where_nature_ends_it(spec, best, narrower):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = zoom(best_at([best, 0.25], best), {"a": spec})["a"]
    assert found == narrower


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(
        [
            uniform(-3, 5),
            log_uniform(1e-6, 10),
            integers(3, 40),
            integers(16, 256, 16),
            log_integers(1, 900),
            layer_sizes((0, 4), (3, 99)),
            layer_sizes(2, 8),
            layer_sizes((1, 3), (1, 64), "funnel"),
        ]
    ),
    st.integers(0, 1000),
    st.integers(1, 30),
    st.sampled_from([0.01, 0.25, 1.0]),
    st.sampled_from([0.1, 0.5, 0.9]),
)
@pytest.mark.filterwarnings("ignore:.*the range now")
def test_the_best_is_always_in_the_narrower_range(spec, seed, n, keep, factor):
    rng = np.random.RandomState(seed)
    tried = [spec.rvs(rng) for _ in range(n)]
    scores = rng.permutation(n)
    narrower = zoom(results(scores, a=tried), {"a": spec}, keep=keep, factor=factor)["a"]
    best = tried[int(np.argmax(scores))]
    assert isinstance(narrower, type(spec))
    if isinstance(spec, LayerSizes):
        assert narrower.depth[0] <= len(best) <= narrower.depth[1]
        assert narrower.shape == spec.shape
        return
    low, high = narrower.support()
    assert low <= best <= high
    if spec == uniform(-3, 5):
        assert high - low <= max(8, factor * 8 + 1e-9) * 1.01 + 8 * factor
    assert narrower.log == spec.log
    assert low > 0 or not spec.log
    if isinstance(spec, Integers):
        assert (best - low) % narrower.step == 0


def test_a_parameter_that_made_no_difference_keeps_its_range():
    rng = np.random.RandomState(0)
    a, b = rng.uniform(0, 1, 200), rng.uniform(0, 1, 200)
    space = zoom(
        results(-((b - 0.5) ** 2), a=a.tolist(), b=b.tolist()),
        {"a": uniform(0, 1), "b": uniform(0, 1)},
        factor=0.1,
    )
    assert space["a"].high - space["a"].low > 0.9
    assert space["b"].low == pytest.approx(0.375, abs=0.05)
    assert space["b"].high == pytest.approx(0.625, abs=0.05)


def test_any_distribution_of_scipys_narrows_in_its_quantiles():
    tried = [-1.0, 0.0, 1.0]
    found = zoom(best_at(tried, 0.0), {"a": stats.norm(0, 1)})["a"]
    assert found.support() == pytest.approx(stats.norm(0, 1).ppf([0.25, 0.75]))
    assert {abs(found.rvs(seed)) < 0.68 for seed in range(50)} == {True}
    assert list(ParameterSampler({"a": found}, 2, random_state=0))


def test_what_has_no_quantiles_stays():
    class Drawn:
        def rvs(self, random_state=None):
            return 1

    spec = Drawn()
    assert zoom(best_at([1, 2], 1), {"a": spec})["a"] is spec


def test_layers_narrow_in_depth_and_units():
    tried = [(16,), (32, 64), (128, 32, 16), (64, 64)]
    found = zoom(best_at(tried, (32, 64)), {"a": layer_sizes((1, 5), (8, 512))})["a"]
    assert found.depth == (1, 3)
    assert 8 < found.units[0] <= 32
    assert 64 <= found.units[1] < 512
    with pytest.warns(UserWarning, match="a, number of layers: the range now ends at 4, above 3"):
        zoom(best_at(tried, (128, 32, 16)), {"a": layer_sizes((1, 3), (8, 512))})


# ---------------------------------------------------------------- lists of numbers


@pytest.mark.parametrize(
    ("values", "scores", "narrower", "says"),
    [
        ([1, 2, 3], [0.5, 0.7, 0.9], [2, 3, 4], "now ends at 4, above 3"),
        ([1, 2, 3], [0.8, 0.1, 0.9], [1, 2, 3, 4], "now ends at 4, above 3"),
        ([1, 2, 3], [0.9, 0.2, 0.1], [1, 2], None),
        ([16, 32, 64, 128], [0.9, 0.8, 0.3, 0.2], [8, 16, 32], "now begins at 8, below 16"),
        ([128, 16, 64, 32], [0.2, 0.9, 0.3, 0.8], [8, 16, 32], "now begins at 8, below 16"),
        ([16, 32, 64, 128], [0.2, 0.3, 0.8, 0.9], [64, 128, 256], "now ends at 256, above 128"),
        ([16, 32, 64, 128], [0.2, 0.9, 0.3, 0.1], [16, 32, 64], None),
        ([2, 4, 8], [0.9, 0.2, 0.1], [1, 2, 4], "now begins at 1, below 2"),
        ([1, 10, 100], [0.1, 0.9, 0.2], [1, 10, 100], None),
        ([1, 10, 100], [0.1, 0.2, 0.9], [10, 100, 1000], "now ends at 1000, above 100"),
        ([10, 20, 30, 40], [0.2, 0.9, 0.3, 0.1], [10, 20, 30], None),
        ([32, 64, 96], [0.1, 0.2, 0.9], [64, 96, 128], "now ends at 128, above 96"),
        ([10, 20, 50, 100], [0.9, 0.2, 0.1, 0.1], [10, 20], None),
        ([5, 7, 11, 13], [0.1, 0.1, 0.9, 0.8], [9, 11, 13], None),
        ([-2, 0, 2], [0.9, 0.1, 0.1], [-4, -2, 0], "now begins at -4, below -2"),
        ([1e-4, 1e-3, 1e-2, 1e-1], [0.2, 0.3, 0.9, 0.8], [0.00316, 0.01, 0.0316, 0.1], None),
    ],
)
def test_a_list_stays_within_its_kind_and_keeps_its_best_values(values, scores, narrower, says):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = zoom(results(scores, a=values), {"a": values})["a"]
    assert found == narrower
    assert [type(value) for value in found] == [type(values[0])] * len(found)
    told = [str(warning.message) for warning in caught]
    assert len(told) == (says is not None)
    assert says is None or says in told[0]


@settings(deadline=None, max_examples=80)
@given(
    st.sampled_from(
        [[1, 2, 3], [16, 32, 64, 128], [10, 20, 50, 100], [3, 9, 27, 81], [0, 5, 10, 40, 45]]
    ),
    st.integers(0, 1000),
    st.sampled_from([0.01, 0.25, 0.6, 1.0]),
    st.sampled_from([0.1, 0.5, 0.9]),
)
@pytest.mark.filterwarnings("ignore:.*the range now")
def test_whole_numbers_keep_to_the_steps_of_their_list(values, seed, keep, factor):
    scores = np.random.RandomState(seed).permutation(len(values)) / len(values)
    found = zoom(results(scores, a=values), {"a": values}, keep=keep, factor=factor)["a"]
    n_best = max(1, int(np.ceil(keep * len(values))))
    assert {values[i] for i in np.argsort(-scores)[:n_best]} <= set(found)
    assert found == sorted(set(found))
    assert all(type(value) is int and (value > 0 or values[0] <= 0) for value in found)
    ratio = {16: 2, 3: 3}.get(values[0])
    if ratio:
        steps = [np.log(value / values[0]) / np.log(ratio) for value in found]
        np.testing.assert_allclose(steps, np.round(steps), atol=1e-9)
    else:
        step = np.gcd.reduce(np.diff(values))
        assert all((value - values[0]) % step == 0 for value in found)


@pytest.mark.filterwarnings("ignore:.*the range now")
def test_the_number_of_values_that_did_nearly_as_well_is_bounded_by_the_better_half():
    values = [16, 32, 64, 128, 256, 512]
    found = zoom(results([0.9, 0.89, 0.88, 0.87, 0.86, 0.1], a=values), {"a": values}, keep=0.1)
    assert {16, 32, 64} <= set(found["a"])
    assert 512 not in found["a"]


@pytest.mark.parametrize(
    ("values", "scores", "left"),
    [
        (["relu", "tanh", "elu"], [0.91, 0.9, 0.5], ["relu", "tanh"]),
        ([(8,), (16,), (8, 8), (64, 64)], [0.3, 0.9, 0.2, 0.8], [(16,), (64, 64)]),
        ([None, "a", True, 0.5], [0.2, 0.9, 0.9, 0.9], ["a", True, 0.5]),
        ([True, False], [0.9, 0.9], [True, False]),
        ([32, 64], [0.9, 0.1], [32]),
    ],
)
def test_any_list_keeps_the_values_that_did_nearly_as_well(values, scores, left):
    found = results(scores, a=values)
    assert repr(zoom(found, {"a": values})["a"]) == repr(left)
    assert zoom(found, {"a": choice(values)})["a"] == choice(left)


def test_values_that_did_equally_well_stay():
    found = zoom(results([0.5] * 4, a=[10, 20, 30, 40]), {"a": [10, 20, 30, 40]})["a"]
    assert {10, 20, 30, 40} <= set(found)


@pytest.mark.parametrize("values", [np.array([16, 32, 64]), np.array([1e-4, 1e-3, 1e-2])])
def test_scalars_of_numpy_are_numbers_of_python_in_the_list_and_in_the_warning(values):
    with pytest.warns(
        UserWarning, match=re.escape(f"because the best value is {values[0].item()!r}")
    ):
        found = zoom(results([0.9, 0.2, 0.1], a=list(values)), {"a": list(values)})["a"]
    assert {type(value) for value in found} == {type(values[0].item())}


def test_scores_with_fewer_resources_make_no_value_a_good_one():
    found = results([0.95, 0.94, 0.5, 0.4], a=[16, 32, 64, 128])
    found["n_resources"] = [1, 1, 9, 9]
    assert 16 not in zoom(found, {"a": [16, 32, 64, 128]}, keep=0.1)["a"]


@pytest.mark.parametrize("values", [[0.001, 0.01, 0.1], [10, 20, 30], [16, 32, 64, 128], [1, 100]])
def test_a_study_goes_by_the_one_rule_of_logarithmic_scales(values):
    pytest.importorskip("optuna")
    study = to_optuna_study(results(range(len(values)), a=values))
    log = is_log_spread(np.asarray(values, dtype=float))
    assert study.trials[0].distributions["a"].log is log


# ---------------------------------------------------------------- other values


def test_values_that_never_did_well_drop_out_and_those_not_tried_stay():
    scores = [0.9, 0.8, 0.1, 0.2, np.nan]
    found = results(scores, a=["x", "y", "z", "x", "v"])
    space = {"a": ["x", "y", "z", "w", "v"]}
    assert zoom(found, space, keep=0.5) == {"a": ["x", "y", "w"]}
    weighted = {"a": choice(["x", "y", "z"], p=[0.2, 0.3, 0.5])}
    assert zoom(found, weighted, keep=0.5) == {"a": choice(["x", "y"], p=[0.4, 0.6])}


@pytest.mark.parametrize("values", [[True, 1], [None, "a"], [(8,), (8, 8)], [[8], [8, 8]]])
def test_values_of_any_type_are_told_apart(values):
    found = zoom(results([1, 0], a=values), {"a": values})
    assert list(map(repr, found["a"])) == [repr(values[0])]


def test_branches_that_never_did_well_drop_out():
    space = [
        {"o": ["adam"], "r": log_uniform(1e-4, 1e-2)},
        {"o": ["sgd"], "r": log_uniform(1e-3, 1)},
        {"o": ["sgd"], "r": log_uniform(1e-3, 1), "m": uniform(0, 1)},
        {"o": ["never"], "z": [1]},
    ]
    params = [
        {"o": "adam", "r": 1e-3},
        {"o": "sgd", "r": 1e-2},
        {"o": "sgd", "r": 1e-1, "m": 0.5},
    ]
    found = {"params": params, "mean_test_score": [0.9, 0.1, 0.8]}
    narrower = zoom(found, space, keep=0.6)
    assert [branch["o"] for branch in narrower] == [["adam"], ["sgd"], ["never"]]
    assert narrower[1]["m"] == uniform(0.25, 0.75)


def test_a_value_in_two_types_of_number_is_the_same_in_no_way():
    found = zoom(results([1, 0, 0], a=[1, 1.0, True]), {"a": [1.0, True, "x", 1]})
    assert list(map(repr, found["a"])) == ["'x'", "1"]


# ---------------------------------------------------------------- results


def test_scores_that_are_not_finite_do_not_count():
    found = results([np.nan, 0.5, np.inf, -np.inf], a=[0.1, 0.5, 0.7, 0.9])
    assert zoom(found, {"a": uniform(0, 1)}) == {"a": uniform(0.25, 0.75)}


def test_candidates_with_more_resources_are_better():
    found = results([0.9, 0.6, 0.5], a=[0.1, 0.5, 0.8])
    found["n_resources"] = [1, 9, 3]
    assert zoom(found, {"a": uniform(0, 1)}, keep=0.1) == {"a": uniform(0.25, 0.75)}


def test_a_candidate_of_several_rungs_counts_once():
    found = results([0.5, 0.8, 0.9, 0.4], a=[0.5, 0.5, 0.5, 0.9], epochs=[1, 3, 9, 1])
    found["n_resources"] = [1, 3, 9, 1]
    assert zoom(found, {"a": uniform(0, 1)}, keep=0.5) == {"a": uniform(0.25, 0.75)}


def test_the_metric_is_the_one_that_refit_names_or_that_is_given():
    found = {
        "params": [{"a": 0.3}, {"a": 0.7}],
        "mean_test_accuracy": [1, 0],
        "mean_test_loss": [0, 1],
    }

    class Search:
        cv_results_ = found
        refit = "loss"

    space = {"a": uniform(0, 1)}
    assert zoom(Search(), space) == {"a": uniform(0.45, 0.95)}
    assert zoom(Search(), space, metric="accuracy") == {"a": uniform(0.05, 0.55)}
    assert zoom(found, space) == zoom(Search(), space, metric="accuracy")
    with pytest.raises(ValueError, match="metric='acc': the search has accuracy, loss"):
        zoom(found, space, metric="acc")


def test_results_of_several_searches_may_lie_outside_of_the_space():
    found = results([0.9, 0.8, 0.1, 0.1], a=[0.01, 0.02, 1.0, 2.0], b=[1, 1, 1, 1])
    with pytest.warns(UserWarning, match="now begins at"):
        narrower = zoom(found, {"a": log_uniform(0.1, 10)})
    assert narrower["a"].low <= 0.01


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ((3, {"a": [1]}), TypeError, "expected a fitted search, its cv_results_"),
        ((GridSearchCV(None, {}), {"a": [1]}), NotFittedError, "is not fitted: call fit first"),
        ((results([np.nan], a=[1]), {"a": [1]}), ValueError, "no candidate .* finite score"),
        ((results([1], a=[1]), {"b": [1]}), ValueError, "has the parameters of the space: b"),
        ((results([1], a=[1]), 3), TypeError, "space=3 must be a dict"),
        ((results([1], a=[1]), {"a": [1]}, 0), ValueError, r"keep=0 must be .* in \(0, 1\]"),
        ((results([1], a=[1]), {"a": [1]}, 2), ValueError, "keep=2 must be"),
        ((results([1], a=[1]), {"a": [1]}, True), ValueError, "keep=True must be"),
        ((results([1], a=[1]), {"a": [1]}, 1, 1), ValueError, r"factor=1 must be in \(0, 1\)"),
    ],
)
def test_wrong_input_is_refused(arguments, error, says):
    with pytest.raises(error, match=says):
        zoom(*arguments)


# ---------------------------------------------------------------- real searches


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True)
    return X[::3], y[::3]


@pytest.fixture
def pipeline():
    return make_pipeline(StandardScaler(), KerasClassifier(epochs=2, random_state=0))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*the range now")
def test_a_grid_search_is_followed_by_a_finer_one(pipeline, iris):
    space = param_grid(pipeline, learning_rate=[1e-4, 1e-3, 1e-2], activation=["relu", "tanh"])
    search = GridSearchCV(pipeline, space, cv=2).fit(*iris)
    narrower = zoom(search, space, keep=0.1)
    assert narrower["kerasclassifier__model__activation"] == [
        search.best_params_["kerasclassifier__model__activation"]
    ]
    again = GridSearchCV(pipeline, narrower, cv=2, error_score="raise").fit(*iris)
    assert again.best_score_ >= search.best_score_  # the best candidate is among them


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*the range now")
def test_a_random_search_is_followed_by_a_narrower_one(pipeline, iris):
    space = param_distributions(
        pipeline,
        optimizer=["adam", when("sgd", momentum=uniform(0, 0.9))],
        learning_rate=log_uniform(1e-3, 1e-1),
        hidden_layer_sizes=layer_sizes((1, 2), (2, 8)),
    )
    search = RandomizedSearchCV(pipeline, space, n_iter=6, cv=2, random_state=0).fit(*iris)
    narrower = zoom(search, space)
    again = RandomizedSearchCV(
        pipeline, narrower, n_iter=2, cv=2, random_state=0, error_score="raise"
    ).fit(*iris)
    assert math.isfinite(again.best_score_)


@pytest.mark.filterwarnings("ignore:.*the range now")
@pytest.mark.slow
def test_a_halving_search_is_followed_by_a_narrower_one(pipeline, iris):
    space = param_distributions(pipeline, learning_rate=log_uniform(1e-3, 1e-1))
    search = HalvingRandomSearchCV(
        pipeline,
        space,
        resource="kerasclassifier__epochs",
        max_resources=4,
        min_resources=1,
        factor=2,
        cv=2,
        random_state=0,
    ).fit(*iris)
    narrower = zoom(search, space, keep=0.1)
    rate = search.best_params_["kerasclassifier__optimizer__learning_rate"]
    low, high = narrower["kerasclassifier__optimizer__learning_rate"].support()
    assert low < rate < high


@pytest.mark.filterwarnings("ignore:.*the range now")
@pytest.mark.parametrize("kind", ["hyperband", "bayes"])
def test_our_own_searches_are_followed_by_a_narrower_one(pipeline, iris, kind):
    space = param_distributions(pipeline, learning_rate=log_uniform(1e-3, 1e-1))
    if kind == "hyperband":
        search = HyperbandSearchCV(pipeline, space, max_resources=3, cv=2, random_state=0)
    else:
        pytest.importorskip("optuna")
        search = BayesSearchCV(pipeline, space, n_iter=4, cv=2, random_state=0)
    told = search_cost(search)
    search.fit(*iris)
    assert told.n_fits == 2 * len(search.cv_results_["params"]) + 1
    rate = search.best_params_["kerasclassifier__optimizer__learning_rate"]
    narrower = zoom(search, space, keep=0.1)
    assert list(narrower) == ["kerasclassifier__optimizer__learning_rate"]
    low, high = narrower["kerasclassifier__optimizer__learning_rate"].support()
    assert low < rate < high
