"""The refit rule: the simplest candidate within one standard error of the best."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.tree import DecisionTreeClassifier

from kerasearch import one_standard_error

from ..cv_results.tables import cv_results

# the best mean is 0.9, its standard error 0.0289: 0.88 is within, 0.86 is not
FOLDS = {"best": [0.85, 0.9, 0.95], "close": [0.88, 0.88, 0.88], "worse": [0.86, 0.86, 0.86]}


def choose(rule, *candidates):
    params, folds = zip(*candidates, strict=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return rule(cv_results(list(params), [FOLDS[each] for each in folds]))


def test_the_simplest_of_those_within_one_standard_error_is_chosen():
    rule = one_standard_error("units")
    three = [({"m__units": 64}, "best"), ({"m__units": 32}, "close"), ({"m__units": 8}, "worse")]
    assert choose(rule, *three) == 1
    assert choose(rule, three[0], three[2]) == 0
    assert choose(rule, ({"units": 8}, "best"), ({"units": 9}, "close")) == 0


def test_the_floor_itself_is_within():
    scores = [[0.8, 1.0], [0.8, 0.8]]  # mean 0.9, standard error 0.1
    assert one_standard_error(["a"])(cv_results([{"a": 2}, {"a": 1}], np.array(scores))) == 1


def test_the_order_is_lexicographic_and_a_minus_turns_it():
    candidates = [
        ({"units": 32, "dropout": 0.1}, "best"),
        ({"units": 32, "dropout": 0.5}, "close"),
        ({"units": 64, "dropout": 0.9}, "close"),
    ]
    assert choose(one_standard_error(["units", "-dropout"]), *candidates) == 1
    assert choose(one_standard_error(["-dropout", "units"]), *candidates) == 2
    assert choose(one_standard_error(["-units"]), *candidates) == 2
    assert choose(one_standard_error(["units"]), *candidates) == 0  # equally simple: the better


def test_the_default_order_knows_common_names():
    rule = one_standard_error()
    base = {"hidden_layer_sizes": (64, 64), "epochs": 10, "dropout": 0.0, "optimizer": "adam"}
    for simpler in (
        {"hidden_layer_sizes": (100,)},
        {"hidden_layer_sizes": (64, 32)},
        {"hidden_layer_sizes": 500},
        {"hidden_layer_sizes": ()},
        {"epochs": 5},
        {"dropout": 0.2},
    ):
        assert choose(rule, (base, "best"), (base | simpler, "close")) == 1, simpler
        assert choose(rule, (base, "close"), (base | simpler, "best")) == 1, simpler
    fewer_but_longer = base | {"hidden_layer_sizes": (64,), "epochs": 100}
    assert choose(rule, (base, "best"), (fewer_but_longer, "close")) == 1


def test_none_and_what_is_not_there_are_nothing():
    rule = one_standard_error(["-l2", "units"])
    assert choose(rule, ({"l2": None, "units": 1}, "best"), ({"l2": 0.1, "units": 9}, "close")) == 1
    assert choose(rule, ({"units": 9}, "best"), ({"l2": 0.0, "units": 3}, "close")) == 1


@pytest.mark.slow
def test_it_works_in_scikit_learns_searches_and_pickles(iris):
    tree = DecisionTreeClassifier(random_state=0)
    rule = one_standard_error(["max_depth"])
    space = {"max_depth": list(range(1, 9))}
    for search in (
        GridSearchCV(tree, space, refit=rule, cv=5),
        RandomizedSearchCV(tree, space, refit=rule, cv=5, n_iter=8, n_jobs=2),
    ):
        search.fit(*iris)
        means = search.cv_results_["mean_test_score"]
        folds = np.array([search.cv_results_[f"split{k}_test_score"] for k in range(5)])
        best = means.argmax()
        floor = means[best] - folds[:, best].std(ddof=1) / np.sqrt(5)
        depths = np.array([params["max_depth"] for params in search.cv_results_["params"]])
        assert search.best_params_["max_depth"] == depths[means >= floor].min()
        assert hasattr(search, "best_estimator_")
    again = pickle.loads(pickle.dumps(rule))
    assert again(search.cv_results_) == search.best_index_


def test_it_takes_the_metric_that_is_named(iris):
    tree = DecisionTreeClassifier(random_state=0)
    search = GridSearchCV(
        tree,
        {"max_depth": [1, 2, 3, 4]},
        scoring=["accuracy", "f1_macro"],
        refit=one_standard_error("max_depth", metric="f1_macro"),
    ).fit(*iris)
    assert search.best_params_["max_depth"] > 1
    with pytest.warns(
        UserWarning, match="the search has the metrics accuracy, f1_macro; 'accuracy' is used"
    ):
        one_standard_error("max_depth")(search.cv_results_)


def test_a_name_that_is_not_there_warns_and_never_loses_the_search():
    results = cv_results([{"units": 64}, {"units": 32}], [FOLDS["best"], FOLDS["close"]])
    with pytest.warns(UserWarning, match="no parameter 'unit'; .* did you mean units"):
        assert one_standard_error(["unit"])(results) == 0
    with pytest.warns(UserWarning, match="'unit'"):
        assert one_standard_error(["unit", "units"])(results) == 1
    renamed = cv_results([{"kernel": "a"}, {"kernel": "b"}], [FOLDS["close"], FOLDS["best"]])
    with pytest.warns(UserWarning, match=r"\(kernel\) is known .*; pass order="):
        assert one_standard_error()(renamed) == 1
    with pytest.warns(UserWarning, match="the values of 'kernel' have no order"):
        assert one_standard_error("kernel")(renamed) == 1


def test_failed_candidates_one_fold_and_lower_rungs_are_never_chosen():
    rule = one_standard_error("a")
    failed = cv_results([{"a": 1}, {"a": 2}, {"a": 3}], [[np.nan, 1], [0.5, 0.7], [0.6, 0.7]])
    assert rule(failed) == 1
    assert rule(cv_results([{"a": 1}, {"a": 2}], [[0.5], [0.6]])) == 1
    assert rule(cv_results([{"a": 1}], [[np.nan, np.nan]])) == 0
    halved = cv_results([{"a": 1}, {"a": 2}], [[0.6, 0.7], [0.6, 0.7]])
    assert rule(halved | {"n_resources": np.array([10, 30])}) == 1
    rungs = {"n_resources": np.array([10, 10, 30])}
    last_failed = cv_results([{"a": 2}, {"a": 1}, {"a": 0}], [[0.6, 0.7], [0.6, 0.7], [np.nan] * 2])
    assert rule(last_failed | rungs) == 1


def test_an_order_that_is_not_made_of_names_is_refused():
    for wrong in ({"units": "low"}, 3, [3], ["units", "-"], [], [""]):
        with pytest.raises(TypeError, match="order="):
            one_standard_error(wrong)
