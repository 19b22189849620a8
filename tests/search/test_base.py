"""What all our searches do, shown on Bayesian search with the plainest learner."""

import inspect
import pickle
import re
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import uniform as scipy_uniform
from sklearn.base import clone
from sklearn.exceptions import FitFailedWarning, NotFittedError
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    ShuffleSplit,
    cross_val_score,
)
from sklearn.model_selection._search import BaseSearchCV
from sklearn.model_selection._validation import _warn_or_raise_about_fit_failures
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.utils.estimator_checks import check_estimator

from kerasearch import (
    BayesSearchCV,
    HyperbandSearchCV,
    ManualSearchCV,
    TimeBudget,
    log_uniform,
    uniform,
)
from kerasearch.search import base, fit_errors

from .conftest import Learner

pytest.importorskip("optuna")

ROOT = Path(__file__).parents[2]


def bayes(space=None, estimator=None, **settings):
    settings = {"n_iter": 5, "cv": 3, "random_state": 0, **settings}
    return BayesSearchCV(estimator or Learner(), space or {"quality": uniform(0, 1)}, **settings)


# ---------------------------------------------------------------- scikit-learn's protected side


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("_run_search", ["self", "evaluate_candidates"]),
        ("_format_results", ["self", "candidate_params", "n_splits", "out", "more_results"]),
        ("_select_best_index", ["refit", "refit_metric", "results"]),
        ("_get_scorers", ["self"]),
        ("_get_routed_params_for_fit", ["self", "params"]),
    ],
)
def test_scikit_learn_still_has_the_hooks_that_base_uses(name, expected):
    hook = getattr(BaseSearchCV, name, None)
    found = [] if hook is None else list(inspect.signature(hook).parameters)
    assert [p for p in found if p != "callback_ctx"] == expected, (
        f"scikit-learn changed BaseSearchCV.{name}: adapt kerasearch/search/base.py"
    )


def test_scikit_learn_still_calls_the_hooks_as_base_expects(iris):
    seen = {}

    class Probe(GridSearchCV):
        def _run_search(self, evaluate_candidates, *, callback_ctx=None):
            seen["evaluate"] = list(inspect.signature(evaluate_candidates).parameters)
            super()._run_search(evaluate_candidates, callback_ctx=callback_ctx) if (
                callback_ctx is not None
            ) else super()._run_search(evaluate_candidates)

        def _format_results(self, candidate_params, n_splits, out, more_results=None):
            seen["out"] = set(out[0])
            seen["rows"] = (len(candidate_params), n_splits, len(out))
            seen["results"] = super()._format_results(candidate_params, n_splits, out, more_results)
            return seen["results"]

    search = Probe(Learner(), {"quality": [0.1, 0.2]}, cv=3, return_train_score=True).fit(*iris)
    advice = "scikit-learn changed its search: adapt kerasearch/search/base.py"
    assert seen["evaluate"][:3] == ["candidate_params", "cv", "more_results"], advice
    names = {"fit_error", "test_scores", "train_scores", "n_test_samples", "fit_time", "score_time"}
    assert seen["out"] == names, advice
    assert seen["rows"] == (2, 3, 6), advice
    assert search.cv_results_ is seen["results"], advice


def test_scikit_learns_halving_still_has_the_hooks_that_base_uses(iris):
    from sklearn.model_selection._search_successive_halving import HalvingGridSearchCV

    search = HalvingGridSearchCV(
        Learner(), {"quality": [0.1, 0.2, 0.3]}, resource="epochs", max_resources=9, cv=3
    )
    advice = "scikit-learn changed its halving: adapt halving_schedule in kerasearch/search/base.py"
    try:
        told = base.halving_schedule(search)
    except (AttributeError, TypeError, KeyError) as error:
        pytest.fail(f"{advice} ({error})")
    search.fit(*iris)
    assert told == list(zip(search.n_candidates_, search.n_resources_, strict=True)), advice


def test_scikit_learn_still_words_the_failure_of_all_fits_the_same():
    out = [{"fit_error": "Traceback (most recent call last):\n  x\nValueError: no\n"}] * 3
    with pytest.raises(ValueError) as caught:
        _warn_or_raise_about_fit_failures(out, np.nan)
    message = str(caught.value)
    advice = "scikit-learn changed its message: adapt kerasearch/search/fit_errors.py"
    n_fits, details = fit_errors.read_all_failed(message) or pytest.fail(advice)
    assert n_fits == 3, advice
    assert fit_errors.count_errors(message) == {"ValueError: no": 3}, advice
    assert fit_errors.error_message([{"fit_error": details}]) == "ValueError: no", advice
    assert fit_errors.all_failed_text([[{"fit_error": details}] * 3]) == message, advice
    with pytest.warns(FitFailedWarning) as warned:
        _warn_or_raise_about_fit_failures([*out, {"fit_error": None}], np.nan)
    assert fit_errors.count_errors(str(warned[0].message)) == {"ValueError: no": 3}, advice


# ---------------------------------------------------------------- results


def test_the_table_is_that_of_grid_search(iris):
    space = {"C": [0.1, 1.0, 10.0]}
    ours = BayesSearchCV(SVC(), space, n_iter=3, cv=3, return_train_score=True).fit(*iris)
    grid = GridSearchCV(SVC(), space, cv=3, return_train_score=True).fit(*iris)
    order = np.argsort(ours.cv_results_["param_C"].astype(float))
    assert set(grid.cv_results_) | {"error_messages"} == set(ours.cv_results_)
    for name, column in grid.cv_results_.items():
        if "time" not in name and name != "params":
            np.testing.assert_array_equal(np.asarray(ours.cv_results_[name])[order], column)
    assert ours.best_params_ == grid.best_params_
    assert ours.best_score_ == grid.best_score_
    assert ours.score(*iris) == grid.score(*iris)
    assert ours.n_splits_ == 3
    assert ours.stop_reason_ == "finished"


def test_a_failing_candidate_costs_itself_and_keeps_its_message(iris):
    search = bayes({"quality": [0.1, 0.9], "fail": [None, "so"]}, n_iter=4)
    with (
        pytest.warns(FitFailedWarning, match="3 fits failed"),
        pytest.warns(UserWarning, match="2"),
    ):
        search.fit(*iris)
    results = search.cv_results_
    fails = [params["fail"] for params in results["params"]]
    messages = dict(zip(fails, results["error_messages"], strict=True))
    assert messages == {None: "", "so": "ValueError: told to fail: so"}
    assert np.isnan(search.cv_results_["mean_test_score"]).sum() == 2
    assert search.best_params_ == {"quality": 0.9, "fail": None}
    assert search.cv_results_["rank_test_score"].max() == 3


def fails_in_one_fold(X):
    if X[0, 0] == X_FIRST:
        raise RuntimeError("this fold")


X_FIRST = 5.1


@pytest.mark.filterwarnings("ignore")
def test_a_candidate_that_fails_in_one_fold_has_a_message_and_no_score(iris):
    search = bayes({"fail": [None, fails_in_one_fold]}, n_iter=2, cv=KFold(3)).fit(*iris)
    row = search.cv_results_["params"].index({"fail": fails_in_one_fold})
    assert search.cv_results_["error_messages"][row] == "RuntimeError: this fold"
    assert np.isnan(search.cv_results_["mean_test_score"][row])
    assert search.best_params_ == {"fail": None}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("n_jobs", [None, pytest.param(2, marks=pytest.mark.slow)])
def test_a_batch_that_fails_as_a_whole_is_in_the_table(iris, n_jobs):
    search = bayes({"quality": uniform(0, 1), "fail": ["a", "b", "c", None]}, n_iter=12)
    search.set_params(batch_size=3, n_jobs=n_jobs, return_train_score=True, error_score=-1)
    results = search.fit(*iris).cv_results_
    failed = np.array([p["fail"] is not None for p in results["params"]])
    assert (results["mean_test_score"][failed] == -1).all()
    assert (results["mean_train_score"][failed] == -1).all()
    assert all(results["error_messages"][failed])
    assert not any(results["error_messages"][~failed])


@pytest.mark.filterwarnings("ignore")
def test_every_fit_failing_raises_scikit_learns_error(iris):
    with pytest.raises(ValueError, match=r"All the 15 fits failed(.|\n)*told to fail: x"):
        bayes({"quality": uniform(0, 1), "fail": ["x"]}).fit(*iris)


def test_error_score_raise_raises_the_fits_own_error(iris):
    with pytest.raises(ValueError, match="^told to fail: x$"):
        bayes({"fail": ["x"]}, n_iter=1, error_score="raise").fit(*iris)


class FailsOnAll(Learner):
    def fit(self, X, y, sample_weight=None):
        if len(X) == 150:
            raise KeyboardInterrupt if self.tag == "interrupt" else RuntimeError("in the refit")
        return super().fit(X, y)


@pytest.mark.parametrize(("tag", "error"), [("interrupt", KeyboardInterrupt), ("", RuntimeError)])
def test_a_refit_that_fails_or_is_interrupted_loses_nothing(iris, tag, error):
    search = bayes(estimator=FailsOnAll(tag=tag))
    with pytest.raises(error):
        search.fit(*iris)
    assert len(search.cv_results_["params"]) == 5
    assert search.best_params_ == search.cv_results_["params"][search.best_index_]
    assert search.best_score_ == max(search.cv_results_["mean_test_score"])


def interrupts(X):
    if len(Learner.log) > 7:
        raise KeyboardInterrupt


def test_ctrl_c_keeps_what_is_finished_and_trains_the_best(iris):
    space = {"quality": uniform(0, 1), "fail": [interrupts]}
    search = bayes(space, n_iter=50, refit=False).fit(*iris)
    assert search.stop_reason_ == "interrupted"
    assert len(search.cv_results_["params"]) == 2
    assert [trial.state.name for trial in search.study_.trials] == ["COMPLETE", "COMPLETE", "FAIL"]


def interrupts_at_once(X):
    raise KeyboardInterrupt


def grid_of(kind, **space):
    """A search of a kind over lists."""
    settings = {"hyperband": {"max_resources": 4, "factor": 2}, "bayes": {"n_iter": 1}}[kind]
    classes = {"hyperband": HyperbandSearchCV, "bayes": BayesSearchCV}
    return classes[kind](Learner(), space, cv=3, random_state=0, **settings)


@pytest.mark.parametrize("kind", ["bayes", "hyperband"])
def test_ctrl_c_before_the_first_candidate_stops_the_script_too(iris, kind, recwarn):
    search = grid_of(kind, quality=[0.5])
    search.fit(*iris)
    search.set_params(space={"fail": [interrupts_at_once]})
    with pytest.raises(KeyboardInterrupt, match="before a candidate was finished"):
        search.fit(*iris)
    assert not any(name.endswith("_") for name in vars(search))  # nor an earlier fit's results
    with pytest.raises(NotFittedError):
        search.predict(iris[0])
    assert not [warning for warning in recwarn if "no result" in str(warning.message)]


def test_the_time_budget_ends_the_search_after_a_candidate_or_more(iris):
    search = bayes(n_iter=10_000, timeout=0.3).fit(*iris)
    assert search.stop_reason_ == "timeout"
    assert 1 <= len(search.cv_results_["params"]) < 10_000
    assert search.predict(iris[0]).shape == (150,)
    assert len(bayes(n_iter=10, timeout=1e-9).fit(*iris).cv_results_["params"]) == 1


def test_a_second_fit_that_fails_leaves_no_old_results(iris):
    search = bayes().fit(*iris)
    with pytest.raises(ValueError):
        search.set_params(cv=200).fit(*iris)
    assert not hasattr(search, "cv_results_")
    assert not hasattr(search, "best_params_")


def test_all_candidates_see_the_same_folds_of_a_splitter_that_draws(iris):
    space = {"C": [1.0, 1.0000001, 1.0000002, 1.0000003]}
    search = BayesSearchCV(SVC(), space, n_iter=4, cv=ShuffleSplit(4, test_size=0.3)).fit(*iris)
    for k in range(4):
        assert len(set(search.cv_results_[f"split{k}_test_score"])) == 1


@pytest.mark.parametrize("make", [list, iter])
def test_cv_may_be_a_list_of_splits_or_an_iterator(iris, make):
    splits = make(list(KFold(4, shuffle=True, random_state=0).split(*iris)))
    assert bayes(cv=splits).fit(*iris).n_splits_ == 4


# ---------------------------------------------------------------- settings of scikit-learn


@pytest.mark.parametrize("n_jobs", [None, 2])
@pytest.mark.slow
def test_several_metrics_and_the_one_to_refit(iris, n_jobs):
    search = BayesSearchCV(
        SVC(),
        {"C": log_uniform(1e-3, 1e3)},
        n_iter=6,
        cv=3,
        scoring=["accuracy", "f1_macro"],
        refit="f1_macro",
        n_jobs=n_jobs,
        random_state=0,
    ).fit(*iris)
    assert search.best_score_ == search.cv_results_["mean_test_f1_macro"].max()
    assert search.study_.best_value == search.best_score_
    assert search.multimetric_
    assert set(search.scorer_) == {"accuracy", "f1_macro"}


def test_refit_may_choose_by_itself_or_be_off(iris):
    def last(results):
        return len(results["params"]) - 1

    search = bayes(refit=last).fit(*iris)
    assert search.best_index_ == 4
    assert not hasattr(search, "best_score_")
    search = bayes(refit=False, scoring={"a": "accuracy", "b": "f1_macro"}).fit(*iris)
    assert not hasattr(search, "best_estimator_")
    assert "mean_test_b" in search.cv_results_


def two_scores(estimator, X, y):
    return {"good": estimator.quality, "bad": -estimator.quality}


@pytest.mark.filterwarnings("ignore")
def test_a_scorer_that_returns_several_scores_and_failing_fits(iris):
    search = bayes({"quality": uniform(0, 1), "fail": ["x", None]}, n_iter=10)
    search.set_params(scoring=two_scores, refit="bad").fit(*iris)
    failed = np.array([p["fail"] == "x" for p in search.cv_results_["params"]])
    assert 0 < failed.sum() < 10
    assert np.isnan(search.cv_results_["mean_test_good"][failed]).all()
    assert search.best_score_ == np.nanmax(search.cv_results_["mean_test_bad"])


def fails_to_score(estimator, X, y):
    return np.nan if estimator.quality < 0.5 else estimator.quality


@pytest.mark.filterwarnings("ignore")
def test_a_score_that_is_not_a_number_is_a_failed_trial_with_a_message(iris):
    search = bayes(n_iter=8, scoring=fails_to_score).fit(*iris)
    failed = [p["quality"] < 0.5 for p in search.cv_results_["params"]]
    assert [bool(m) for m in search.cv_results_["error_messages"]] == failed
    assert [t.state.name == "FAIL" for t in search.study_.trials] == failed


def test_groups_and_sample_weight_go_where_they_belong(iris):
    X, y = iris
    weights, groups = np.ones(150), np.arange(150) % 5
    search = bayes(cv=GroupKFold(3)).fit(X, y, groups=groups, sample_weight=weights)
    assert search.best_estimator_.weighted_


def test_metadata_routing(iris):
    from sklearn import config_context

    X, y = iris
    with config_context(enable_metadata_routing=True):
        learner = (
            Learner().set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        )
        search = bayes(estimator=learner, cv=GroupKFold(3))
        search.fit(X, y, groups=np.arange(150) % 5, sample_weight=np.ones(150))
    assert search.best_estimator_.weighted_


def test_clone_pickle_and_nesting(iris):
    search = bayes().fit(*iris)
    loaded = pickle.loads(pickle.dumps(search))
    assert loaded.best_params_ == search.best_params_
    assert len(loaded.study_.trials) == 5
    assert clone(search).get_params(deep=False).keys() == search.get_params(deep=False).keys()
    assert cross_val_score(bayes(), *iris, cv=3).shape == (3,)
    pipeline = make_pipeline(StandardScaler(), bayes()).fit(*iris)
    assert len(pipeline[-1].cv_results_["params"]) == 5
    outer = GridSearchCV(bayes(n_iter=2), {"n_iter": [1, 2]}, cv=2).fit(*iris)
    assert outer.best_estimator_.best_params_


def failed_checks(estimator):
    results = check_estimator(estimator, on_fail=None)
    return {result["check_name"] for result in results if result["status"] == "failed"}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", [BayesSearchCV, HyperbandSearchCV])
def test_scikit_learns_own_checks_pass_as_they_do_for_its_searches(kind):
    known = failed_checks(GridSearchCV(Ridge(), {"alpha": [0.1, 1.0]}, cv=2))
    if kind is BayesSearchCV:
        search = kind(Ridge(), {"alpha": log_uniform(0.1, 1)}, n_iter=2, cv=2, random_state=0)
    else:
        settings = {
            "max_resources": 2,
            "factor": 2,
            "cv": 2,
            "random_state": 0,
        }
        search = kind(
            LogisticRegression(), {"C": log_uniform(0.1, 1)}, resource="max_iter", **settings
        )
    assert failed_checks(search) <= known


def test_verbose_prints_a_line_a_candidate_and_silence_is_the_default(iris, capsys):
    bayes().fit(*iris)
    assert capsys.readouterr() == ("", "")
    search = bayes(verbose=1).fit(*iris)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5
    assert lines[-1].startswith("5/5 candidates, best 0.")
    assert lines[-1].endswith(" s spent")
    assert all(re.search(r" s spent, about [\d.]+ s left$", line) for line in lines[:-1])
    assert search.verbose == 1


@pytest.mark.filterwarnings("ignore:the space has")
def test_scikit_learns_progress_bar_and_time_budget(iris):
    callback = pytest.importorskip("sklearn.callback")
    search = bayes()
    assert search.set_callbacks(callback.ProgressBar()).fit(*iris) is search
    grid = GridSearchCV(Learner(), {"quality": np.linspace(0, 1, 200), "fail": [slow]}, cv=2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        grid.set_callbacks(TimeBudget(0.3)).fit(*iris)
    scored = np.isfinite(grid.cv_results_["mean_test_score"])
    assert 0 < scored.sum() < 100
    assert scored[grid.best_index_]


def slow(X):
    import time

    time.sleep(0.01)


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_real_ctrl_c_with_workers_keeps_what_is_finished():
    code = (
        "import sys; from tests.search.conftest import Learner\n"
        "from tests.search.test_base import bayes, slow, iris_data, uniform\n"
        "space = {'quality': uniform(0, 1), 'fail': [slow]}\n"
        "search = bayes(space, n_iter=100_000, n_jobs=2, verbose=1).fit(*iris_data())\n"
        "print('ended', search.stop_reason_, len(search.cv_results_['params']) > 1,"
        " search.best_estimator_.quality == search.best_params_['quality'])"
    )
    command = [sys.executable, "-c", code]
    search = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    lines = [search.stdout.readline() for _ in range(3)]
    assert lines[2].startswith("3/100000 candidates")
    search.send_signal(signal.SIGINT)
    out, err = search.communicate(timeout=60)
    assert out.splitlines()[-1] == "ended interrupted True True", err


def iris_data():
    from sklearn.datasets import load_iris

    return load_iris(return_X_y=True)


@pytest.mark.slow
def test_importing_the_searches_needs_neither_keras_nor_optuna():
    code = (
        "import sys, kerasearch.search\n"
        "assert not {'keras', 'tensorflow', 'scikeras', 'optuna'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


# ---------------------------------------------------------------- wrong settings


@pytest.mark.parametrize(
    ("space", "error", "message"),
    [
        ({}, ValueError, "space has an empty dict"),
        ([], TypeError, r"space=\[\] must be a dict"),
        ("quality", TypeError, "space='quality' must be a dict"),
        ({"quality": 3}, TypeError, "quality"),
        ({"quality": "abc"}, TypeError, "quality"),
        ({"quality": []}, ValueError, "quality"),
        ({"qualty": [1]}, ValueError, "quality"),
        ({3: [1]}, TypeError, "must be strings"),
        ([{"quality": [1]}, 5], TypeError, "list of dicts"),
    ],
)
@pytest.mark.parametrize("kind", [BayesSearchCV, HyperbandSearchCV])
def test_a_wrong_space_is_an_error_before_the_first_fit(iris, kind, space, error, message):
    with pytest.raises(error, match=message):
        kind(Learner(), space).fit(*iris)
    assert not Learner.log


@pytest.mark.parametrize("timeout", [0, -1, "1", True, np.inf])
def test_a_wrong_time_budget_is_an_error(iris, timeout):
    with pytest.raises(ValueError, match="timeout=.* must be None or a positive number of seconds"):
        bayes(timeout=timeout).fit(*iris)
    with pytest.raises(ValueError, match="seconds=.* must be a positive number of seconds"):
        TimeBudget(timeout)


def test_scipys_distributions_are_taken(iris):
    assert 0 <= bayes({"quality": scipy_uniform(0, 1)}).fit(*iris).best_params_["quality"] <= 1


def test_a_score_that_refuses_the_target_is_an_error_before_the_first_fit(iris):
    y = np.zeros((150, 2, 2))
    with pytest.raises(ValueError, match=r"scoring='r2' .* a y with 3 axes; omit scoring"):
        bayes(scoring="r2").fit(iris[0], y)
    with pytest.raises(ValueError, match="omit scoring"):
        ManualSearchCV(Learner(), scoring="accuracy").fit(iris[0], y)
