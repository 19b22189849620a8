"""The table of a search."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.base import BaseEstimator
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, make_scorer, mean_absolute_error
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV
from sklearn.tree import DecisionTreeClassifier

from kerasearch import summarize

from ..cv_results.tables import cv_results


def test_a_row_has_the_statistics_of_its_folds():
    scores = np.array([[0.7, 0.8, 0.9], [0.6, 0.6, 0.9]])
    table = summarize(cv_results([{"net__units": 8}, {"net__units": 16}], scores))
    assert table.index.tolist() == [0, 1]
    assert table.index.name == "candidate"
    first = table.loc[0]
    assert first["rank"] == 1
    assert first["units"] == 8
    assert first["mean"] == pytest.approx(0.8)
    assert first["std"] == pytest.approx(np.std(scores[0]))
    assert first["sem"] == pytest.approx(stats.sem(scores[0]))
    interval = stats.t.interval(0.95, 2, loc=0.8, scale=stats.sem(scores[0]))
    assert (first["ci_low"], first["ci_high"]) == pytest.approx(interval)
    assert table["difference"].tolist() == pytest.approx([0, -0.1])
    assert table["fit_time"].tolist() == [1, 2]
    assert table["total_fit_time"].tolist() == [3, 6]
    assert table["total_score_time"].tolist() == [1.5, 1.5]
    assert table["failed_folds"].tolist() == [0, 0]
    assert "train_mean" not in table
    assert "error" not in table


def test_failed_candidates_come_last_and_never_drop_out():
    scores = [[np.nan, np.nan], [0.2, 0.4], [np.nan, 1.0], [0.2, 0.4], [0.5, 0.5]]
    errors = np.array(["ValueError: no", "", "OSError: disk", None, ""], dtype=object)
    table = summarize(cv_results([{"a": i} for i in range(5)], scores, error_messages=errors))
    assert table["rank"].tolist() == [1, 2, 2, 4, 4]
    assert table.index.tolist() == [4, 1, 3, 0, 2]
    assert table["failed_folds"].tolist() == [0, 0, 0, 2, 1]
    assert table["mean"].isna().tolist() == [False, False, False, True, True]
    assert table["error"].tolist() == ["", "", "", "ValueError: no", "OSError: disk"]


def test_all_failed_is_a_table_too():
    table = summarize(cv_results([{"a": 1}, {"a": 2}], np.full((2, 3), np.nan)))
    assert table["rank"].tolist() == [1, 1]
    assert table["failed_folds"].tolist() == [3, 3]


def test_one_candidate_and_one_fold():
    table = summarize(cv_results([{"a": 1}], [[0.5]]))
    assert table.loc[0, ["rank", "mean", "difference"]].tolist() == [1, 0.5, 0]
    assert np.isnan(table.loc[0, "sem"])
    assert np.isnan(table.loc[0, "ci_low"])


def test_dtypes_are_those_of_the_values():
    params = [
        {"n": 1, "x": 0.5, "b": True, "s": "a", "some": 3, "f": np.tanh, "l": [1, 2]},
        {"n": 2, "x": 1, "b": False, "s": "b", "f": len, "l": [3]},
    ]
    table = summarize(cv_results(params, [[1, 2], [0, 1]]))
    names = ["n", "x", "b", "some"]
    assert table[names].dtypes.astype(str).tolist() == ["int64", "float64", "bool", "Int64"]
    assert table["some"].tolist() == [3, pd.NA]
    assert table["f"].tolist() == ["tanh", "len"]
    assert table["l"].tolist() == ["[1, 2]", "[3]"]
    assert table["rank"].dtype.kind == table["failed_folds"].dtype.kind == "i"


def test_a_parameter_with_the_name_of_a_statistic_keeps_its_own_column():
    table = summarize(cv_results([{"net__mean": 1, "rank": 2}], [[0.5, 0.5]]))
    assert table.columns.is_unique
    assert table.loc[0, ["rank", "net__mean", "param_rank", "mean"]].tolist() == [1, 1, 2, 0.5]


def test_several_metrics_train_scores_and_epochs(iris):
    def scoring(estimator, X, y):
        return {"acc": estimator.score(X, y), "nloss": -estimator.get_depth(), "epochs": 7}

    tree = DecisionTreeClassifier(random_state=0)
    search = GridSearchCV(
        tree, {"max_depth": [1, 3]}, scoring=scoring, refit="nloss", return_train_score=True, cv=3
    ).fit(*iris)
    table = summarize(search)
    assert table.index.tolist() == [0, 1]
    assert table["mean"].tolist() == [-1, -3]
    assert table["epochs"].tolist() == [7, 7]
    assert table["rank_acc"].tolist() == [2, 1]
    assert table["mean_acc"].tolist() == search.cv_results_["mean_test_acc"].tolist()
    assert "mean_epochs" not in table
    by_accuracy = summarize(search, metric="acc")
    assert by_accuracy.index.tolist() == [1, 0]
    expected = search.cv_results_["mean_train_acc"] - search.cv_results_["mean_test_acc"]
    assert by_accuracy["gap"].tolist() == pytest.approx(expected[[1, 0]].tolist())


def test_halving_keeps_its_columns_and_its_winner_is_first(iris):
    search = HalvingGridSearchCV(
        LogisticRegression(), {"C": [1e-4, 1e-2, 1, 100]}, cv=3, random_state=0
    ).fit(*iris)
    table = summarize(search)
    assert table.index[0] == search.best_index_
    assert table["n_resources"].is_monotonic_decreasing
    assert {"iter", "n_resources"} <= set(table)


def test_top_keeps_the_best():
    results = cv_results([{"a": i} for i in range(5)], np.arange(10).reshape(5, 2))
    assert summarize(results, top=2)["a"].tolist() == [4, 3]
    assert len(summarize(results, top=9)) == 5
    for wrong in (0, -1, 1.5, True, "3"):
        with pytest.raises(ValueError, match="top="):
            summarize(results, top=wrong)


def test_a_table_in_a_notebook_is_short():
    results = cv_results([{"a": i} for i in range(500)], np.random.rand(500, 3))
    assert len(summarize(results)._repr_html_()) < 30_000


def test_the_source_is_left_as_it_was():
    results = cv_results([{"a": 1}, {"a": 2}], [[1, 2], [3, 4]])
    before = {name: np.array(values, dtype=object) for name, values in results.items()}
    table = summarize(results)
    table.loc[0, "mean"] = 5
    for name, values in results.items():
        assert np.array_equal(np.array(values, dtype=object), before[name])


def test_a_summary_is_not_a_search():
    table = summarize(cv_results([{"a": 1}], [[1, 2]]))
    with pytest.raises(ValueError, match="cv_results_ must have a column mean_test_"):
        summarize(table)


def test_a_notebook_shows_ten_rows_and_names_what_is_left_out():
    scores = np.linspace(0.5, 0.9, 60)[:, None] + [[0, 0.01, 0.02]]
    table = summarize(cv_results([{"net__units": n} for n in range(60)], scores))
    page = table._repr_html_()
    assert page.count("<tr") == 1 + 1 + 10  # names, the index' name, rows
    assert "50 more rows" in page
    assert "sem, ci_low, ci_high, total_fit_time, total_score_time, failed_folds" in page
    assert ">ci_low<" not in page
    assert ">units<" in page


def test_a_notebook_shows_failures_and_text_as_text():
    table = summarize(cv_results([{"f": "<b>"}, {"f": "x"}], [[0.1, np.nan], [0.2, 0.3]]))
    page = table._repr_html_()
    assert ">failed_folds<" in page
    assert "&lt;b&gt;" in page


def test_what_is_made_from_the_table_is_an_ordinary_frame():
    table = summarize(cv_results([{"a": 1}, {"a": 2}], [[0.1, 0.2], [0.2, 0.3]]))
    assert isinstance(table, pd.DataFrame)
    for made in (table.head(1), table.copy(), table[["rank"]], table.sort_index()):
        assert type(made) is pd.DataFrame
    pd.testing.assert_frame_equal(pickle.loads(pickle.dumps(table)), table)


def test_scores_come_right_after_the_rank_and_parameters_after_them():
    table = summarize(
        cv_results(
            [{"net__units": 8, "net__act": "relu"}, {"net__units": 16, "net__act": "tanh"}],
            [[0.7, 0.8], [0.6, 0.6]],
            bracket=np.array([1, 0]),
        )
    )
    assert table.columns.tolist() == [
        *("rank", "mean", "std", "sem", "ci_low", "ci_high", "difference"),
        *("units", "act", "bracket", "failed_folds"),
        *("fit_time", "total_fit_time", "score_time", "total_score_time"),
    ]


def test_no_rest_of_rounding_stands_where_nothing_differs():
    scores = np.array([[0.1, 0.7, 0.3], [0.3, 0.7, 0.1], [0.1, 0.1, 0.1]])
    results = cv_results([{"a": i} for i in range(3)], scores)
    results["mean_train_score"] = results["mean_test_score"] + [1e-16, -1e-16, 0.1]
    results["std_test_score"][2] = 1.4e-17
    table = summarize(results)
    assert np.ptp(results["mean_test_score"][:2]) > 0
    assert table["difference"].tolist()[:2] == [0, 0]
    assert table["difference"].iloc[2] == pytest.approx(scores[2].mean() - scores[0].mean())
    assert table.loc[[0, 1], "gap"].tolist() == [0, 0]
    assert table.loc[2, ["std", "sem"]].tolist() == [0, 0]


class Scored(BaseEstimator):
    """Scores what it is told to."""

    def __init__(self, kind="classifier", a=0):
        self.kind, self.a = kind, a

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.estimator_type = self.kind
        return tags


def scored(scoring, scores, metric="score", kind="classifier"):
    search = GridSearchCV(Scored(kind), {"a": [1]}, scoring=scoring)
    search.cv_results_ = cv_results([{"a": 1}], [scores], metric)
    return search


@pytest.mark.parametrize(
    ("search", "low", "high"),
    [
        (scored("accuracy", [0.7, 1.0]), 0, 1),
        (scored("roc_auc_ovr", [0.7, 1.0]), 0, 1),
        (scored("f1_macro", [0.1, 0.9]), 0, 1),
        (scored(None, [0.7, 1.0]), 0, 1),
        (scored(None, [0.7, 1.0], kind="regressor"), None, 1),
        (scored("r2", [-0.2, 0.9]), None, 1),
        (scored("neg_mean_squared_error", [-0.1, -4]), None, 0),
        (scored("matthews_corrcoef", [-0.5, 0.9]), -1, 1),
        (scored(make_scorer(f1_score), [0.1, 0.9]), 0, 1),
        (scored(make_scorer(mean_absolute_error, greater_is_better=False), [-3, -0.1]), None, 0),
        (scored({"it": "accuracy"}, [0.1, 0.9], "it"), 0, 1),
        (scored(["recall", "r2"], [0.1, 0.9], "recall"), 0, 1),
        (cv_results([{"a": 1}], [[0.1, 0.9]], "balanced_accuracy"), 0, 1),
        # not known, or not what the name says
        (cv_results([{"a": 1}], [[0.1, 0.9]]), None, None),
        (scored("accuracy", [0.1, 90]), None, None),
        (scored(lambda *given: 0, [0.1, 0.9]), None, None),
        (scored("max_error", [0.1, 0.9]), None, None),
        (scored(None, [0.1, 0.9], kind="clusterer"), None, None),
    ],
)
def test_the_interval_of_a_score_ends_where_the_score_does(search, low, high):
    table = summarize(search)
    whole = stats.t.interval(0.95, 1, loc=table.loc[0, "mean"], scale=table.loc[0, "sem"])
    expected = [whole[0] if low is None else low, whole[1] if high is None else high]
    assert table.loc[0, ["ci_low", "ci_high"]].tolist() == pytest.approx(expected)
