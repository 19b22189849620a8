"""Candidates against the best: the corrected resampled t-test."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn.datasets import make_moons
from sklearn.model_selection import (
    GridSearchCV,
    GroupShuffleSplit,
    KFold,
    LeaveOneGroupOut,
    LeaveOneOut,
    PredefinedSplit,
    RepeatedStratifiedKFold,
    ShuffleSplit,
    StratifiedShuffleSplit,
    TimeSeriesSplit,
)
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from kerasearch import compare
from kerasearch.results.comparison import _holm, _ratio_of

from ..cv_results.tables import cv_results


def naive(differences, test_fraction):
    """Formula (5) of Nadeau & Bengio, one number at a time."""
    n = len(differences)
    mean = sum(differences) / n
    variance = sum((d - mean) ** 2 for d in differences) / (n - 1)
    t = mean / ((1 / n + test_fraction / (1 - test_fraction)) * variance) ** 0.5
    return t, 2 * stats.t.sf(abs(t), n - 1)


@pytest.mark.slow
def test_scikit_learns_published_example_comes_out():
    """Its "Statistical comparison of models using grid search": t 0.750, one-sided p 0.227."""
    X, y = make_moons(noise=0.352, random_state=1, n_samples=100)
    grid = [{"kernel": ["linear"]}, {"kernel": ["poly"], "degree": [2, 3]}, {"kernel": ["rbf"]}]
    cv = RepeatedStratifiedKFold(n_splits=10, n_repeats=10, random_state=0)
    search = GridSearchCV(SVC(random_state=0), grid, scoring="roc_auc", cv=cv).fit(X, y)
    table = compare(search).set_index("kernel", append=True)
    assert table.index.get_level_values("kernel").tolist() == ["rbf", "linear", "poly", "poly"]
    t, p = table[["t", "p"]].iloc[1]
    assert t == pytest.approx(-0.750, abs=5e-4)
    assert p / 2 == pytest.approx(0.227, abs=5e-4)
    # its table of all pairs: 1.657 and 4.565 against rbf
    assert table["t"].tolist()[2:] == pytest.approx([-1.657, -4.565], abs=5e-4)
    assert table["tied_with_best"].tolist() == [True, True, True, False]


def test_each_row_is_the_formula():
    scores = np.random.default_rng(0).normal([[0.9], [0.85], [0.5], [0.88]], 0.05, (4, 6))
    table = compare(cv_results([{"a": i} for i in range(4)], scores), test_fraction=0.25)
    best = table.index[0]
    for i in table.index[1:]:
        t, p = naive(scores[i] - scores[best], 0.25)
        assert table.loc[i, "t"] == pytest.approx(t)
        assert table.loc[i, "p"] == pytest.approx(p)
    assert np.isnan(table.loc[best, "p"])
    assert table.loc[best, "tied_with_best"]


def test_holm_adjusts_as_the_procedure_says():
    p = np.array([0.01, 0.04, 0.03, 0.005])
    assert _holm(p) == pytest.approx([0.03, 0.06, 0.06, 0.02])  # Holm 1979 by hand
    assert _holm(np.array([0.9, 0.8])).tolist() == [1, 1]
    assert _holm(np.array([])).tolist() == []


@pytest.mark.parametrize(
    ("cv", "ratio"),
    [
        (None, 1 / 4),
        (10, 1 / 9),
        (KFold(4), 1 / 3),
        (RepeatedStratifiedKFold(n_splits=10, n_repeats=3), 1 / 9),
        (ShuffleSplit(), 0.1 / 0.9),
        (GroupShuffleSplit(), 0.2 / 0.8),
        (StratifiedShuffleSplit(test_size=0.25), 1 / 3),
        (ShuffleSplit(train_size=0.75), 1 / 3),
        (ShuffleSplit(test_size=0.1, train_size=0.4), 1 / 4),
        (ShuffleSplit(test_size=10, train_size=50), 1 / 5),
        (ShuffleSplit(test_size=10), None),
        (ShuffleSplit(test_size=10, train_size=0.5), None),
        (TimeSeriesSplit(), None),
        (PredefinedSplit([0, 0, 1, 1, -1, -1]), 1 / 2),
        (
            [(np.arange(6), np.arange(6, 8)), (np.arange(8) > 3, np.arange(8) < 2)],
            (2 / 6 + 0.5) / 2,
        ),
        (np.array([[np.arange(6), np.arange(6, 9)]], dtype=object), 3 / 6),
        (LeaveOneOut(), 1 / 8),
        (LeaveOneGroupOut(), 1 / 8),
        (iter([]), None),
    ],
    ids=lambda value: repr(value).partition(" at 0x")[0],
)
def test_the_share_of_the_test_folds_is_read_off_the_splitter(cv, ratio):
    found = _ratio_of(5 if cv is None else cv, n_folds=9)
    assert found == (None if ratio is None else pytest.approx(ratio))


def test_it_asks_where_nothing_tells(iris):
    results = cv_results([{"a": 1}, {"a": 2}], [[1, 2], [2, 4]])
    with pytest.raises(ValueError, match="not known from cv_results_ alone; pass test_fraction"):
        compare(results)
    tree = DecisionTreeClassifier(random_state=0)
    search = GridSearchCV(tree, {"max_depth": [1, 2]}, cv=ShuffleSplit(3, test_size=30)).fit(*iris)
    with pytest.raises(ValueError, match=r"cv=ShuffleSplit.* pass test_fraction"):
        compare(search)
    assert len(compare(search, test_fraction=0.2)) == 2
    for wrong in (0, 1, -0.2, 20, "a"):
        with pytest.raises(ValueError, match="test_fraction="):
            compare(search, test_fraction=wrong)


@pytest.mark.filterwarnings("ignore:.* cannot decide between")
def test_equal_folds_tie_and_constant_differences_are_certain():
    scores = np.array([[0.9, 0.8, 0.7], [0.9, 0.8, 0.7], [0.8, 0.7, 0.6], [0.8, 0.8, 0.8]])
    table = compare(cv_results([{"a": i} for i in range(4)], scores), test_fraction=0.2)
    assert table.loc[1, ["t", "p"]].tolist() == [0, 1]
    assert table.loc[2, "p"] == 0
    assert table.loc[3, "p"] == pytest.approx(1)
    assert table["tied_with_best"].to_dict() == {0: True, 1: True, 3: True, 2: False}


def test_failed_candidates_are_listed_and_not_tested():
    scores = [[0.9, 0.8, 0.8], [np.nan, 0.9, 0.9], [0.7, 0.9, 0.8]]
    table = compare(cv_results([{"a": i} for i in range(3)], scores), test_fraction=0.2)
    assert table.index.tolist() == [0, 2, 1]
    assert np.isnan(table.loc[1, "p_adjusted"])
    assert not table.loc[1, "tied_with_best"]
    assert table.loc[2, "p"] == table.loc[2, "p_adjusted"]  # the only test


@pytest.mark.filterwarnings("error")
def test_an_infinite_score_is_not_tested_and_does_not_count():
    scores = [[0.9, 0.8, 0.8], [-np.inf, 0.9, 0.9], [0.7, 0.9, 0.8]]
    with np.errstate(invalid="ignore"):
        table = cv_results([{"a": i} for i in range(3)], scores)
    table = compare(table, test_fraction=0.2)
    assert table.loc[2, "p"] == table.loc[2, "p_adjusted"]  # the only test
    assert not table.loc[1, "tied_with_best"]


def test_a_long_cv_is_cut_in_the_message(iris):
    splits = iter(list(KFold(3, shuffle=True, random_state=0).split(*iris)))
    tree = DecisionTreeClassifier(random_state=0)
    search = GridSearchCV(tree, {"max_depth": [1, 2]}, cv=splits).fit(*iris)
    with pytest.raises(ValueError, match="pass test_fraction") as caught:
        compare(search)
    assert len(str(caught.value)) < 200


def test_one_candidate_is_its_own_set_and_one_fold_is_an_error():
    table = compare(cv_results([{"a": 1}], [[1, 2]]), test_fraction=0.5)
    assert table["tied_with_best"].tolist() == [True]
    with pytest.raises(ValueError, match="at least two folds; the search has 1"):
        compare(cv_results([{"a": 1}], [[1]]), test_fraction=0.5)
    with pytest.raises(ValueError, match="every candidate of the search failed: boom"):
        compare(cv_results([{"a": 1}], [[np.nan, 1]], error_messages=["boom"]), test_fraction=0.5)
    with pytest.raises(ValueError, match="alpha=5"):
        compare(cv_results([{"a": 1}], [[1, 2]]), test_fraction=0.5, alpha=5)


@pytest.mark.filterwarnings("ignore:.* cannot decide between")
def test_rungs_below_the_last_are_left_out():
    table = cv_results([{"a": i} for i in range(3)], [[9, 8], [1, 2], [2, 4]])
    table["n_resources"] = np.array([10, 30, 30])
    assert compare(table, test_fraction=0.2).index.tolist() == [2, 1]


def test_a_rung_in_which_all_failed_hides_no_candidate_of_the_rung_below():
    scores = [[0.6, 0.7, 0.8], [0.5, 0.6, 0.65], [np.nan, np.nan, np.nan]]
    table = cv_results([{"a": i} for i in range(3)], scores, n_resources=np.array([10, 10, 30]))
    compared = compare(table, test_fraction=0.2)
    assert compared.index.tolist() == [0, 1]
    assert compared["tied_with_best"].iloc[0]


def undecided(n_folds, n_candidates):
    """Scores of a search in which one candidate is far worse than the others."""
    rng = np.random.default_rng(0)
    scores = rng.normal(0.95, 0.03, (n_candidates, n_folds))
    scores[-1] -= 0.5
    return cv_results([{"a": i} for i in range(n_candidates)], scores)


@pytest.mark.parametrize(
    ("n_folds", "n_candidates", "times", "advice"),
    [
        (3, 30, "22", "10 folds it would be 2 times"),
        (2, 3, "31", "5 folds it would be 2.3 times"),
        (5, 100, "6.9", "10 folds it would be 2.4 times"),
    ],
)
def test_folds_too_few_to_decide_are_told_with_how_many_would(n_folds, n_candidates, times, advice):
    with pytest.warns(UserWarning, match=f"{n_folds} folds cannot decide between") as caught:
        compare(undecided(n_folds, n_candidates), test_fraction=1 / n_folds)
    text = str(caught[0].message)
    assert f"{n_candidates} candidates" in text
    assert f"difference of {times} times" in text
    assert f"with {advice}" in text
    assert caught[0].filename == __file__


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("n_folds", "n_candidates"), [(10, 30), (5, 10), (3, 2)])
def test_folds_that_can_decide_are_not_warned_of(n_folds, n_candidates):
    compare(undecided(n_folds, n_candidates), test_fraction=1 / n_folds)


@pytest.mark.filterwarnings("error")
def test_few_folds_that_tell_every_candidate_apart_are_not_warned_of():
    scores = np.array([[0.9], [0.5], [0.1]]) + [[0, 0.01, 0.02]]
    table = compare(cv_results([{"a": i} for i in range(3)], scores), test_fraction=1 / 3)
    assert table["tied_with_best"].tolist() == [True, False, False]


def test_the_interval_of_the_difference_is_that_of_the_same_test():
    scores = np.random.default_rng(0).normal([[0.9], [0.85], [0.5], [0.88]], 0.05, (4, 6))
    table = compare(cv_results([{"a": i} for i in range(4)], scores), test_fraction=0.25)
    for i in table.index[1:]:
        differences = scores[i] - scores[table.index[0]]
        error = np.sqrt((1 / 6 + 1 / 3) * differences.var(ddof=1))
        expected = stats.t.interval(0.95, 5, loc=differences.mean(), scale=error)
        found = table.loc[i, ["difference_low", "difference_high"]].tolist()
        assert found == pytest.approx(expected)
        assert (found[0] < 0 < found[1]) == (table.loc[i, "p"] > 0.05)
    assert np.isnan(table["difference_low"].iloc[0])
    narrower = compare(
        cv_results([{"a": i} for i in range(4)], scores), test_fraction=0.25, alpha=0.5
    )
    assert (narrower["difference_low"] > table["difference_low"]).iloc[1:].all()


@pytest.mark.filterwarnings("ignore:.* cannot decide between")
def test_the_interval_of_a_difference_of_accuracies_ends_at_1():
    scores = [[0.95, 0.99], [0.1, 0.9]]
    table = compare(cv_results([{"a": 1}, {"a": 2}], scores, "accuracy"), test_fraction=0.5)
    assert table["difference_low"].iloc[1] == -1
    assert table["difference_high"].iloc[1] == 1


@pytest.mark.filterwarnings("ignore:.* cannot decide between")
def test_what_differs_by_rounding_alone_is_a_tie():
    scores = np.array([[0.3, 0.6, 0.9], [0.3, 0.6, 0.9], [0.1, 0.2, 0.1]])
    scores[0] = np.nextafter(scores[1], 1)
    table = compare(cv_results([{"a": i} for i in range(3)], scores), test_fraction=1 / 3)
    assert table["difference"].tolist()[:2] == [0, 0]
    assert table.loc[1, ["t", "p"]].tolist() == [0, 1]
    assert table.loc[1, "tied_with_best"]
