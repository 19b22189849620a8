"""Several searches of one problem as one."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, RandomizedSearchCV
from sklearn.tree import DecisionTreeClassifier

from kerasearch import compare, merge_searches, summarize, zoom

from ..cv_results.tables import cv_results


def search(iris, grid, kind=GridSearchCV, **options):
    return kind(DecisionTreeClassifier(random_state=0), grid, **{"cv": 3} | options).fit(*iris)


@pytest.fixture(scope="module")
def coarse(iris):
    return search(iris, {"max_depth": [1, 3]})


@pytest.fixture(scope="module")
def fine(iris):
    space = {"max_depth": [2, 3], "criterion": ["gini"]}
    return search(iris, space, RandomizedSearchCV, n_iter=2, return_train_score=True)


def test_it_is_the_cv_results_of_one_search(coarse, fine):
    merged = merge_searches(coarse=coarse, fine=fine)
    assert set(coarse.cv_results_) | set(fine.cv_results_) <= set(merged)
    assert merged["params"] == coarse.cv_results_["params"] + fine.cv_results_["params"]
    for name in ("mean_test_score", "split1_test_score", "std_test_score", "mean_fit_time"):
        both = np.concatenate([coarse.cv_results_[name], fine.cv_results_[name]])
        assert np.array_equal(merged[name], both)
    assert merged["search"].tolist() == ["coarse", "coarse", "fine", "fine"]
    assert np.isnan(merged["mean_train_score"]).tolist() == [True, True, False, False]
    assert np.isnan(merged["split0_train_score"]).tolist() == [True, True, False, False]
    assert merged["param_criterion"].mask.tolist() == [True, True, False, False]
    assert merged["rank_test_score"].dtype == np.int32
    expected = pd.Series(-merged["mean_test_score"]).rank(method="min").tolist()
    assert merged["rank_test_score"].tolist() == expected
    assert all(len(values) == 4 for values in merged.values())


def test_one_search_merged_is_itself(coarse):
    merged = merge_searches(coarse)
    for name, values in coarse.cv_results_.items():
        assert np.array_equal(np.asarray(merged[name]), np.asarray(values)), name
    assert merged["search"].tolist() == ["1", "1"]


def test_searches_of_different_scoring_do_not_merge(iris, coarse):
    tree = DecisionTreeClassifier(random_state=0)
    space = {"max_depth": [1, 3]}
    first, second = (
        GridSearchCV(tree, space, cv=3, scoring=scoring).fit(*iris)
        for scoring in ("accuracy", "f1_macro")
    )
    with pytest.raises(ValueError, match="'1' has scoring='accuracy', '2' has scoring='f1_macro'"):
        merge_searches(first, second)
    assert len(merge_searches(first, first)["params"]) == 4


def test_no_search_is_lost_to_another_of_its_name(coarse, fine):
    with pytest.raises(ValueError, match="two searches have the name '1'"):
        merge_searches(coarse, **{"1": fine})


def test_overlapping_candidates_are_marked_and_stay():
    first = cv_results([{"a": 1, "b": (1, 2)}, {"a": 2, "b": None}], [[1, 2], [3, 4]])
    second = cv_results(
        [{"a": 1.0, "b": [1, 2]}, {"a": True, "b": (1, 2)}, {"a": 2}], np.arange(6).reshape(3, 2)
    )
    merged = merge_searches(first, second)
    assert merged["duplicate"].tolist() == [False, False, True, False, False]
    assert len(summarize(merged)) == 5


@pytest.mark.filterwarnings("ignore:.* cannot decide between")
def test_everything_reads_it(coarse, fine, tmp_path):
    merged = merge_searches(coarse, fine)
    table = summarize(merged)
    assert table["search"].tolist().count("1") == 2
    assert set(table.columns) >= {"rank", "max_depth", "criterion", "search", "duplicate"}
    assert str(table["max_depth"].dtype) == "int64"
    assert len(compare(merged, test_fraction=1 / 3)) == 4
    pd.DataFrame(merged).to_csv(tmp_path / "merged.csv", index=False)
    again = summarize(pd.read_csv(tmp_path / "merged.csv"))
    assert again["rank"].tolist() == table["rank"].tolist()


def test_a_merge_of_a_merge_keeps_every_name(coarse, fine):
    merged = merge_searches(before=merge_searches(coarse, fine), now=coarse)
    assert merged["search"].tolist() == ["before.1"] * 2 + ["before.2"] * 2 + ["now"] * 2
    assert merged["duplicate"].tolist()[4:] == [True, True]
    assert list(merged).count("search") == 1


def test_rungs_and_messages_stay_and_are_missing_elsewhere(iris, coarse):
    halving = search(iris, {"max_depth": [1, 2, 3]}, HalvingGridSearchCV, min_resources=50)
    merged = merge_searches(coarse, halving)
    assert np.isnan(merged["n_resources"][:2]).all()
    assert merged["n_resources"][2:].tolist() == halving.cv_results_["n_resources"].tolist()
    failed = cv_results([{"max_depth": 9}], [[np.nan] * 3], error_messages=["boom"])
    merged = merge_searches(coarse, failed)
    assert merged["error_messages"].tolist() == ["", "", "boom"]
    assert summarize(merged)["error"].tolist() == ["", "", "boom"]


def test_several_metrics_merge_with_the_default_one_first(iris):
    options = {"scoring": ["accuracy", "f1_macro"], "refit": "f1_macro"}
    one = search(iris, {"max_depth": [1]}, **options)
    merged = merge_searches(one, search(iris, {"max_depth": [2]}, **options))
    first = [name for name in merged if name.startswith("mean_test_")][0]  # noqa: RUF015
    assert first == "mean_test_f1_macro"
    assert merged["rank_test_accuracy"].tolist() == [2, 1]


def test_searches_that_do_not_compare_are_refused(iris, coarse):
    with pytest.raises(ValueError, match="folds: '1' has 3, '2' has 4"):
        merge_searches(coarse, search(iris, {"max_depth": [1]}, cv=4))
    with pytest.raises(ValueError, match="metrics: 'a' has score, 'b' has f1"):
        merge_searches(a=coarse, b=cv_results([{"a": 1}], [[1, 2, 3]], "f1"))
    with pytest.raises(ValueError, match="at least one search"):
        merge_searches()


@pytest.mark.filterwarnings("ignore:.* cannot decide between")
@pytest.mark.filterwarnings("ignore:the space has")
@pytest.mark.filterwarnings("ignore:.*the range now")
def test_candidates_of_other_searches_stand_beside_the_last_rung(iris, coarse):
    halving = search(
        iris,
        {"max_depth": [1, 2, 3, 4]},
        HalvingGridSearchCV,
        resource="max_features",
        max_resources=4,
        min_resources=1,
        factor=2,
    )
    merged = merge_searches(halving=halving, coarse=coarse)
    table = summarize(merged)
    last = halving.cv_results_["n_resources"] == halving.cv_results_["n_resources"].max()
    n_whole = int(last.sum()) + len(coarse.cv_results_["params"])
    assert set(table["search"].iloc[:n_whole]) == {"halving", "coarse"}
    assert len(compare(merged, test_fraction=1 / 3)) == n_whole
    space = {"max_depth": [1, 2, 3, 4]}
    best = table["max_depth"].iloc[0]
    assert best in zoom(merged, space, keep=0.01)["max_depth"]
