"""Refits, splits, callbacks, warnings and metrics: as in scikit-learn's own searches."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.model_selection._search import BaseSearchCV
from sklearn.svm import SVC

from kerasearch import (
    BayesSearchCV,
    HyperbandSearchCV,
    ManualSearchCV,
    one_standard_error,
    uniform,
)

from .conftest import Learner


class Target(ClassifierMixin, BaseEstimator):
    """Calls its target so, and returns nothing."""

    def __init__(self, label=1, epochs=1):
        self.label = label
        self.epochs = epochs

    def fit(self, X, target):
        self.classes_ = np.unique(target)

    def predict(self, X):
        return np.full(len(X), self.label)


class Bound(Target):
    """Returns something other than itself."""

    def fit(self, X, target):
        super().fit(X, target)
        return {"loss": [1.0]}


def bayes(estimator, space, **settings):
    pytest.importorskip("optuna")
    settings = {"n_iter": 3, "cv": 3, "random_state": 0} | settings
    return BayesSearchCV(estimator, space, **settings)


def hyperband(estimator, space, **settings):
    settings = {"max_resources": 9, "cv": 3, "random_state": 0} | settings
    return HyperbandSearchCV(estimator, space, **settings)


class WithTrials(ManualSearchCV):
    """Makes some trials at once, to stand beside searches that choose themselves."""

    def fit(self, X, y=None, **params):
        super().fit(X, y, **params)
        for quality in (0.2, 0.8, 0.5):
            self.trial(quality=quality)
        return self


# ---------------------------------------------------------------- the last fit


@pytest.mark.parametrize("kind", [Target, Bound])
@pytest.mark.filterwarnings("ignore:the space has")
def test_the_target_goes_by_position_and_the_estimator_is_what_was_fitted(kind, iris, tmp_path):
    manual = ManualSearchCV(kind(), cv=3, verbose=0).fit(*iris)
    manual.trial(label=2)
    searches = [manual, hyperband(kind(), {"label": [2]}, max_resources=3).fit(*iris)]
    for _ in range(2):  # the second search finds the study finished
        settings = {"storage": tmp_path / "study.log", "n_iter": 1}
        searches.append(bayes(kind(), {"label": [2]}, **settings).fit(*iris))
    for search in searches:
        assert type(search.best_estimator_) is kind
        assert search.predict(iris[0]).tolist() == [2] * 150


# ---------------------------------------------------------------- splits


@pytest.mark.parametrize("kind", [lambda s: iter(list(s)), lambda s: (each for each in s), list])
def test_an_iterator_of_splits_is_read_once_for_all_trials(kind, iris):
    splits = list(KFold(4, shuffle=True, random_state=0).split(*iris))
    search = ManualSearchCV(SVC(), cv=kind(splits), verbose=0).fit(*iris)
    expected = GridSearchCV(SVC(), {"C": [0.1, 1, 10]}, cv=splits).fit(*iris)
    scores = [search.trial(C=C) for C in (0.1, 1, 10)]
    assert scores == expected.cv_results_["mean_test_score"].tolist()
    assert search.n_splits_ == 4
    assert search.predict(iris[0][:1]).shape == (1,)


def test_an_iterator_that_was_read_before_is_an_error_before_a_trial(iris):
    search = ManualSearchCV(SVC(), cv=KFold(3).split(*iris), verbose=0).fit(*iris)
    with pytest.raises(ValueError, match="read before; pass a list"):
        search.fit(*iris)


# ---------------------------------------------------------------- callbacks and subclasses


def test_callbacks_of_a_manual_search_hear_of_each_trial(iris):
    if not hasattr(BaseSearchCV, "set_callbacks"):
        pytest.skip("scikit-learn 1.9 and later")
    heard = []

    class Callback:
        def setup(self, estimator, context):
            heard.append("setup")

        def teardown(self, estimator, context):
            heard.append("teardown")

        def on_fit_task_begin(self, estimator, context):
            heard.append(context.task_name)

        def on_fit_task_end(self, estimator, context): ...

    search = ManualSearchCV(SVC(), cv=3, verbose=0).set_callbacks(Callback()).fit(*iris)
    assert heard == []
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*does not support callbacks")
        search.trial(C=1)
        once = list(heard)
        search.trial(C=2)
    assert once[:3] == ["setup", "fit", "search"]
    assert once[-1] == "teardown"
    assert once.count("candidate-split-evaluation") == 3
    assert heard == once * 2


def test_a_subclass_may_have_parameters_of_its_own(iris):
    class Noted(ManualSearchCV):
        def __init__(self, estimator, *, author="me", cv=None, verbose=0):
            super().__init__(estimator, cv=cv, verbose=verbose)
            self.author = author

    search = Noted(SVC(), author="you", cv=3).fit(*iris)
    assert search.trial(C=1) == search.best_score_ > 0.9
    assert search.get_params(deep=False)["author"] == "you"


def test_who_wraps_the_fit_of_scikit_learns_grid_search_hears_of_ours(iris, monkeypatch):
    """As ``mlflow.sklearn.autolog`` does, for what is a `GridSearchCV`."""
    fitted, original = [], GridSearchCV.fit

    def fit(self, *args, **kwargs):
        found = original(self, *args, **kwargs)
        fitted.append((type(self).__name__, len(self.cv_results_["params"]), self.best_params_))
        return found

    monkeypatch.setattr(GridSearchCV, "fit", fit)
    searches = [
        bayes(Learner(), {"quality": uniform(0, 1)}),
        hyperband(Learner(), {"quality": uniform(0, 1)}, max_resources=3),
        WithTrials(Learner(), cv=3, verbose=0),
    ]
    for search in searches:
        assert isinstance(search.fit(*iris), GridSearchCV)
        assert "param_grid" not in search.get_params()
    names = [name for name, _, _ in fitted]
    assert names == ["BayesSearchCV", "HyperbandSearchCV", *["Trial"] * 3]
    assert fitted[0][1:] == (3, searches[0].best_params_)


# ---------------------------------------------------------------- failures


@pytest.mark.filterwarnings("ignore:.*fit removes the")
def test_without_the_printed_line_a_trial_that_fails_is_a_warning(iris, capsys):
    search = ManualSearchCV(Learner(), cv=3, verbose=0).fit(*iris)
    with pytest.warns(FitFailedWarning, match="told to fail: so"):
        assert np.isnan(search.trial(fail="so"))

    def sometimes(X):
        if X[0, 0] == iris[0][0, 0]:
            raise ValueError("not this fold")

    with pytest.warns(FitFailedWarning, match="not this fold"):
        assert np.isnan(search.trial(fail=sometimes))
    search.set_params(scoring=lambda estimator, X, y: np.nan)
    with pytest.warns(UserWarning, match="no finite score"):
        search.fit(*iris).trial()
    assert capsys.readouterr().out == ""


def test_the_printed_line_stands_for_the_warning(iris, capsys):
    search = ManualSearchCV(Learner(), cv=3).fit(*iris)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        search.trial(fail="so")
    assert "told to fail: so" in capsys.readouterr().out


# ---------------------------------------------------------------- metrics


def two(estimator, X, y):
    return {"epochs": 100 - estimator.quality, "accuracy": estimator.quality}


@pytest.mark.parametrize("refit", ["acuracy", True, "score"])
@pytest.mark.parametrize("kind", ["bayes", "hyperband", "manual"])
def test_a_refit_that_names_no_metric_of_a_callable_scorer_is_told_the_metrics(kind, refit, iris):
    settings = {"scoring": two, "refit": refit}
    space = {"quality": uniform(0, 1)}
    search = {
        "bayes": lambda: bayes(Learner(), space, **settings),
        "hyperband": lambda: hyperband(Learner(), space, **settings),
        "manual": lambda: WithTrials(Learner(), cv=3, verbose=0, **settings),
    }[kind]()
    near = "; did you mean accuracy" if refit == "acuracy" else ""
    with pytest.raises(ValueError, match=f"refit={refit!r} must be .*epochs, accuracy{near}"):
        search.fit(*iris)
    assert len(Learner.log) == 3  # of the first candidate


@pytest.mark.parametrize("refit", ["accuracy", False])
def test_a_count_of_epochs_is_no_score_to_go_by(refit, iris):
    search = bayes(Learner(), {"quality": uniform(0, 1)}, scoring=two, refit=refit).fit(*iris)
    told = [trial.value for trial in search.study_.trials]
    assert told == pytest.approx(search.cv_results_["mean_test_accuracy"])


# ---------------------------------------------------------------- what is shown as best


class Overrated(Learner):
    """Scores better with fewer epochs, and fails with the most if told so."""

    def fit(self, X, y, sample_weight=None):
        if self.epochs == 9 and self.tag == "fail":
            raise ValueError("too long")
        return super().fit(X, y)

    def score(self, X, y, sample_weight=None):
        return self.quality / self.epochs


@pytest.mark.parametrize("tag", [None, "fail"])
def test_hyperbands_line_ends_on_the_best_score(tag, iris, capsys):
    space = {"quality": uniform(0.1, 1)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        search = hyperband(Overrated(tag=tag), space, verbose=1).fit(*iris)
    lines = capsys.readouterr().out.splitlines()
    assert f"best {search.best_score_:.6g}," in lines[-1]
    assert search.best_score_ < max(search.cv_results_["mean_test_score"])
    assert search.best_params_["epochs"] == (9 if tag is None else 3)


@pytest.mark.filterwarnings("ignore:.*have no finite score")
def test_a_refit_rule_chooses_where_all_candidates_of_the_largest_rung_failed(iris):
    settings = {"refit": one_standard_error("-quality")}
    with pytest.warns(FitFailedWarning):
        search = hyperband(Overrated(tag="fail"), {"quality": uniform(0, 1)}, **settings).fit(*iris)
    assert search.best_params_["epochs"] == 3
