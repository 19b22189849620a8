"""Every form in which a search comes is read alike; what is no search is told so."""

from __future__ import annotations

import functools
import importlib.util
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.tree import DecisionTreeClassifier

from kerasearch._utils.names import short_names
from kerasearch.cv_results.reading import read
from kerasearch.cv_results.values import MISSING, column, is_log_spread, readable

from .tables import cv_results, through_csv, through_parquet

HAS_PYARROW = importlib.util.find_spec("pyarrow") is not None
CONDITIONAL = [
    {"net__units": 32, "net__hidden": (64, 64), "net__optimizer": "adam", "net__norm": True},
    {"net__units": 64, "net__hidden": (8,), "net__optimizer": "sgd", "net__rate": 0.1},
    {"net__hidden": (), "net__optimizer": "sgd", "net__rate": 1e-3, "net__norm": False},
]
SCORES = [[0.9, 0.8, 0.7], [0.5, 0.6, 0.7], [0.9, np.nan, 0.9]]


@pytest.fixture(scope="module")
def search():
    from sklearn.datasets import load_iris

    grid = [{"max_depth": [1, 2]}, {"criterion": ["entropy"], "min_samples_leaf": [1, 5]}]
    tree = DecisionTreeClassifier(random_state=0)
    return GridSearchCV(tree, grid, cv=3, return_train_score=True).fit(*load_iris(return_X_y=True))


@pytest.mark.filterwarnings("ignore:a Parquet file does not distinguish")
def test_a_search_its_results_and_tables_of_them_read_alike(search, tmp_path):
    expected = read(search)
    table = search.cv_results_
    assert expected.params == table["params"]
    frame = pd.DataFrame(table)
    stored = through_csv(table, tmp_path)
    forms = [table, frame, stored, stored.drop(columns="params")]
    if HAS_PYARROW:
        forms.append(through_parquet(table, tmp_path))
    for form in forms:
        found = read(form)
        assert list(found.names) == ["max_depth", "criterion", "min_samples_leaf"]
        for name in found.names:
            pd.testing.assert_series_equal(found.parameters()[name], expected.parameters()[name])
        assert np.array_equal(found.scores(), expected.scores())
        assert np.array_equal(found.folds["train_score"], expected.folds["train_score"])
        assert found.n_folds == 3
        assert found.search is None
    assert expected.search is search
    assert expected.cv == 3


def test_conditional_parameters_come_back_from_files_with_their_dtypes(tmp_path):
    table = cv_results(CONDITIONAL, SCORES)
    for form in (table, pd.DataFrame(table), through_csv(table, tmp_path)):
        found = read(form)
        assert found.params == CONDITIONAL
        assert found.parameters()["units"].tolist() == [32, 64, pd.NA]
        assert str(found.parameters()["units"].dtype) == "Int64"
        assert str(found.parameters()["norm"].dtype) == "boolean"
        assert found.parameters()["rate"].dtype == float
        assert found.parameters()["hidden"].tolist() == ["(64, 64)", "(8,)", "()"]
        assert found.values("rate")[0] is MISSING


def test_without_params_the_columns_of_a_csv_file_are_enough(tmp_path):
    found = read(through_csv(cv_results(CONDITIONAL, SCORES), tmp_path).drop(columns="params"))
    assert found.params == CONDITIONAL


@pytest.mark.filterwarnings("ignore:a Parquet file does not distinguish")
def test_a_parquet_file_gives_sequences_as_tuples_and_keeps_what_is_missing(tmp_path):
    pytest.importorskip("pyarrow")
    frame = through_parquet(cv_results(CONDITIONAL, SCORES), tmp_path)
    found = read(frame)
    assert found.values("hidden") == [(64, 64), (8,), ()]
    assert str(found.parameters()["units"].dtype) == "Int64"
    assert found.parameters()["optimizer"].tolist() == ["adam", "sgd", "sgd"]


def test_numpy_scalars_in_the_params_of_a_csv_file_are_read(tmp_path):
    params = [{"rate": np.float64(0.25), "units": np.int64(3)}, {"rate": 1e-7, "units": 4}]
    found = read(through_csv(cv_results(params, np.ones((2, 2))), tmp_path))
    assert found.params == [{"rate": 0.25, "units": 3}, {"rate": 1e-7, "units": 4}]


def test_a_csv_file_of_callables_falls_back_to_its_columns(tmp_path):
    params = [{"activation": np.tanh, "units": 3}, {"activation": len, "units": 4}]
    found = read(through_csv(cv_results(params, np.ones((2, 2))), tmp_path))
    assert found.values("units") == [3, 4]
    assert found.values("activation") == ["tanh", "len"]


def test_none_is_told_from_a_gap_in_a_csv_file_also_beside_callables(tmp_path):
    params = [{"depth": None, "f": np.mean}, {"depth": 3, "f": lambda x: x}, {"f": dict}]
    for each in (params, [{"depth": p["depth"]} if "depth" in p else {"w": 1} for p in params]):
        table = cv_results(each, np.ones((3, 2)))
        found, direct = read(through_csv(table, tmp_path)), read(table)
        for name in direct.names:
            texts = found.parameters()[name], direct.parameters()[name]
            pd.testing.assert_series_equal(*texts, check_dtype=name != "f")


def test_tuples_of_tuples_come_back_from_a_parquet_file(tmp_path):
    pytest.importorskip("pyarrow")
    params = [{"kernels": ((3, 3), (5, 5))}, {"kernels": ((3, 3),)}]
    frame = through_parquet(cv_results(params, np.ones((2, 2))), tmp_path)
    assert read(frame).params == params
    assert read(frame.drop(columns="params")).params == params


@pytest.mark.parametrize("values", [[None, 3, 4], [0.5, None, None], [None, 1.0, 2]])
def test_none_among_numbers_in_a_parquet_file_is_lost_with_a_warning(values, tmp_path):
    pytest.importorskip("pyarrow")
    table = cv_results([{"depth": value, "w": 1} for value in values], np.ones((3, 2)))
    with pytest.warns(UserWarning, match="None in depth is read as an absent parameter"):
        found = read(through_parquet(table, tmp_path))
    given = [MISSING if value is None else value for value in values]
    assert found.values("depth") == given
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read(through_csv(table, tmp_path)).values("depth") == values
        whole = cv_results([{"depth": n, "tag": None} for n in (1, 2)], np.ones((2, 2)))
        assert read(through_parquet(whole, tmp_path)).values("tag") == [None, None]


def test_a_polars_frame_is_read():
    pytest.importorskip("pyarrow")  # by which polars makes a pandas frame
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame({"param_a": [1, 2], "mean_test_score": [0.1, 0.2]})
    assert read(frame).params == [{"a": 1}, {"a": 2}]


def test_none_is_a_value_and_not_missing():
    found = read(cv_results([{"depth": None}, {"depth": 3}, {}], np.ones((3, 2))))
    assert found.parameters()["depth"].tolist()[:2] == [None, 3]
    assert found.parameters()["depth"].isna().tolist() == [True, False, True]
    assert found.values("depth") == [None, 3, MISSING]


def test_short_names_stay_full_where_they_clash_or_are_taken():
    names = ["a__units", "b__units", "model__rank", "rank", "model__rate"]
    assert short_names(names[:2]) == {"a__units": "a__units", "b__units": "b__units"}
    assert short_names([names[2], names[4]], taken=["rank"]) == {
        "model__rank": "model__rank",
        "model__rate": "rate",
    }
    assert short_names(["rank"], taken=["rank"]) == {"rank": "param_rank"}


def test_ranks_have_ties_and_failed_candidates_last():
    found = read(cv_results([{"a": i} for i in range(4)], [[1, 1], [np.nan, 2], [3, 3], [1, 1]]))
    assert found.rank().tolist() == [2, 4, 1, 2]
    assert found.order().tolist() == [2, 0, 3, 1]
    assert found.best() == 2
    assert found.n_failed().tolist() == [0, 1, 0, 0]


def test_the_largest_resource_ranks_first_in_successive_halving():
    table = cv_results([{"a": i} for i in range(4)], [[9, 9], [1, 1], [2, 2], [np.nan, 1]])
    table["n_resources"] = np.array([10, 30, 30, 30])
    assert read(table).order().tolist() == [2, 1, 0, 3]


def test_a_largest_resource_with_which_all_failed_is_not_what_others_compare_with():
    table = cv_results([{"a": i} for i in range(4)], [[5, 5], [1, 1], [2, 2], [np.nan, 1]])
    table["n_resources"] = np.array([10, 30, 30, 90])
    found = read(table)
    assert found.comparable.tolist() == [False, True, True, False]
    assert found.order().tolist() == [2, 1, 0, 3]
    assert found.comparable[found.best()]
    nothing = np.full((4, 2), np.nan)
    failed = cv_results([{"a": i} for i in range(4)], nothing, n_resources=table["n_resources"])
    assert read(failed).comparable.tolist() == [False, False, False, True]


def test_each_metric_has_its_own_comparable_candidates():
    params = [{"a": 1}, {"a": 2}]
    table = cv_results(params, [[1, 1], [2, 2]], "acc")
    table |= cv_results(params, [[1, 1], [np.nan, 2]], "auc", n_resources=np.array([10, 30]))
    found = read(table)
    assert found.comparable_by("acc").tolist() == [False, True]
    assert found.comparable_by("auc").tolist() == [True, False]
    assert [found.best("acc"), found.best("auc")] == [1, 0]


def test_the_metric_is_that_of_refit_and_a_wrong_one_is_told():
    table = cv_results([{"a": 1}], [[1, 2]], "f1") | cv_results([{"a": 1}], [[3, 4]], "acc")
    found = read(table)
    assert found.metrics == ["f1", "acc"]
    assert found.default_metric == "f1"
    with pytest.raises(ValueError, match="metric='ac': the search has f1, acc; did you mean acc"):
        found.metric("ac")


def test_epochs_that_a_scorer_counts_are_no_score():
    table = cv_results([{"a": 1}], [[7, 9]], "epochs") | cv_results([{"a": 1}], [[3, 4]], "acc")
    found = read(table)
    assert found.metrics == ["acc"]
    assert found.default_metric == found.metric() == "acc"
    assert found.metric("epochs") == "epochs"  # which can be asked for
    assert found.epochs.tolist() == [8]
    counted = cv_results([{"a": 1}], [[7, 9]], "n_epochs")
    assert read(counted).default_metric == "n_epochs"  # where there is nothing else


def test_an_unknown_parameter_is_told_with_the_nearest():
    found = read(cv_results([{"a__units": 1, "b__units": 2, "c__rate": 1}], [[1]]))
    assert found.parameter("rate") == "c__rate"
    with pytest.raises(ValueError, match="is ambiguous; use the full name, a__units, b__units"):
        found.parameter("units")
    with pytest.raises(ValueError, match="no parameter 'rat'; .* did you mean rate"):
        found.parameter("rat")


def test_what_is_no_search_is_told():
    with pytest.raises(NotFittedError, match="this GridSearchCV is not fitted: call fit first"):
        read(GridSearchCV(DecisionTreeClassifier(), {}))
    with pytest.raises(TypeError, match="DecisionTreeClassifier is not a search"):
        read(DecisionTreeClassifier())
    with pytest.raises(TypeError, match="expected a fitted search.* got int"):
        read(3)
    with pytest.raises(ValueError, match="cv_results_ must have a column mean_test_"):
        read({"fit_time": [1]})
    with pytest.raises(ValueError, match="neither a column params nor a column param_"):
        read({"mean_test_score": [1]})
    with pytest.raises(ValueError, match="no candidates"):
        read(pd.DataFrame({"param_a": [], "mean_test_score": []}))


def test_the_result_of_cross_validate_is_no_search(iris):
    with pytest.raises(ValueError, match="cv_results_ must have a column mean_test_"):
        read(cross_validate(DecisionTreeClassifier(), *iris))


class Layer:
    pass


def relu(x):
    return x


def test_values_are_readable():
    assert readable(relu) == "relu"
    assert readable([relu, 3]) == "[relu, 3]"
    assert readable((64,)) == "(64,)"
    assert readable(functools.partial(relu, x=2)) == "partial(relu, x=2)"
    assert readable(Layer) == "Layer"
    assert readable(Layer()) == "Layer()"
    assert readable(np.array([1, 2])) == "[1, 2]"
    assert readable({"a": relu}) == "{a: relu}"
    assert readable("a b") == "a b"
    assert len(readable(list(range(1000)))) == 60


def test_missing_stays_one_object_through_pickle():
    assert pickle.loads(pickle.dumps(MISSING)) is MISSING


def test_numbers_too_wide_for_an_array_stay_what_they_are():
    assert column([2**70, 1]).tolist() == [2**70, 1]


def test_log_spread_is_told_from_linear():
    rng = np.random.default_rng(0)
    assert is_log_spread(np.array([1e-3, 1e-2, 1e-1]))
    assert is_log_spread(np.array([16, 32, 64, 128]))
    assert is_log_spread(10 ** rng.uniform(-4, -1, 50))
    assert not is_log_spread(rng.uniform(1, 100, 50))
    assert not is_log_spread(np.array([0.0, 0.1, 0.2]))
    assert not is_log_spread(np.array([5.0, np.nan]))


@settings(deadline=None, max_examples=50)
@given(
    st.lists(
        st.one_of(
            st.just(MISSING), st.integers(-(2**40), 2**40), st.floats(allow_nan=False),
            st.booleans(), st.text(max_size=3), st.none(), st.tuples(st.integers()),
        ),
        min_size=1,
        max_size=8,
    )
)  # fmt: skip
def test_a_column_keeps_every_plain_value_and_writes_out_the_rest(values):
    found = column(values)
    assert len(found) == len(values)
    as_text = any(isinstance(value, tuple) for value in values)
    for cell, value in zip(found.tolist(), values, strict=True):
        if value is MISSING or value is None:
            assert pd.isna(cell)
        elif as_text:
            assert cell == readable(value)
        else:
            assert cell == value
