import numpy as np
import pandas as pd
import pytest
from scipy.stats import loguniform
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import SGDClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from kerasearch import (
    HyperbandSearchCV,
    KerasClassifier,
    choice,
    hyperband_schedule,
    log_uniform,
    one_standard_error,
    uniform,
)

from ..slow import long_but
from .conftest import Learner


def hyperband(space=None, estimator=None, **settings):
    settings = {"max_resources": 9, "cv": 3, "random_state": 0, **settings}
    return HyperbandSearchCV(
        Learner() if estimator is None else estimator,
        space or {"quality": uniform(0, 1)},
        **settings,
    )


# ---------------------------------------------------------------- the schedule


def rungs_by_bracket(schedule):
    return {
        s: list(zip(rungs["n_candidates"], rungs["n_resources"], strict=True))
        for s, rungs in schedule.groupby("bracket", sort=False)
    }


def test_schedule_are_those_of_the_papers_algorithm_1():
    found = rungs_by_bracket(hyperband_schedule(max_resources=81, factor=3))
    assert found == {
        4: [(81, 1), (27, 3), (9, 9), (3, 27), (1, 81)],
        3: [(34, 3), (11, 9), (3, 27), (1, 81)],
        2: [(15, 9), (5, 27), (1, 81)],
        1: [(8, 27), (2, 81)],
        0: [(5, 81)],
    }
    assert list(found) == [4, 3, 2, 1, 0]


def test_the_papers_table_1_differs_in_how_many_begin_three_of_the_brackets():
    # its numbers are floor((s_max + 1) / (s + 1)) eta^s, where Algorithm 1 rounds up at the end
    table = {
        4: [(81, 1), (27, 3), (9, 9), (3, 27), (1, 81)],
        3: [(27, 3), (9, 9), (3, 27), (1, 81)],
        2: [(9, 9), (3, 27), (1, 81)],
        1: [(6, 27), (2, 81)],
        0: [(5, 81)],
    }
    found = rungs_by_bracket(hyperband_schedule(max_resources=81, factor=3))
    for s, rungs in table.items():
        assert [epochs for _, epochs in found[s]] == [epochs for _, epochs in rungs]
        assert rungs[0][0] == 5 // (s + 1) * 3**s
        assert found[s][-1][0] == rungs[-1][0]
    assert [s for s in table if found[s] != table[s]] == [3, 2, 1]


def test_new_epochs_are_those_beyond_the_rung_before():
    schedule = hyperband_schedule(9, 3)
    assert schedule["n_new_resources"].tolist() == [9, 6, 6, 15, 6, 27]


@pytest.mark.parametrize(
    ("most", "factor", "epochs"),
    [(100, 3, [1, 3, 11, 33, 100]), (243, 3, [1, 3, 9, 27, 81, 243]), (8, 2, [1, 2, 4, 8])],
)
def test_epochs_that_are_not_whole_are_rounded_down(most, factor, epochs):
    schedule = hyperband_schedule(most, factor)
    first = schedule[schedule["bracket"] == schedule["bracket"].max()]
    assert first["n_resources"].tolist() == epochs
    assert (schedule.groupby("bracket")["n_resources"].max() == most).all()


@pytest.mark.parametrize(
    ("most", "factor", "message"),
    [
        (2, 3, "must be at least factor=3"),
        (0, 3, "max_resources=0 must be an integer of at least 1"),
        (81, 1, "factor=1 must be an integer of at least 2"),
        (81, 3.0, "factor=3.0 must be"),
        ("81", 3, "max_resources='81' must be"),
        (True, 3, "max_resources=True must be"),
    ],
)
def test_a_schedule_that_cannot_be_is_an_error(iris, most, factor, message):
    with pytest.raises(ValueError, match=message):
        hyperband_schedule(most, factor)
    with pytest.raises(ValueError, match=message):
        hyperband(max_resources=most, factor=factor).fit(*iris)


# ---------------------------------------------------------------- the search


def test_each_rung_has_its_candidates_its_epochs_and_the_best_of_the_one_before(iris):
    search = hyperband(max_resources=27).fit(*iris)
    table = pd.DataFrame(search.cv_results_)
    counts = table.groupby(["bracket", "rung"], sort=False).size().tolist()
    assert counts == search.schedule_["n_candidates"].tolist()
    assert table["n_resources"].tolist() == table["param_epochs"].tolist()
    for _, bracket in table.groupby("bracket"):
        for rung in range(1, bracket["rung"].max() + 1):
            before = bracket[bracket["rung"] == rung - 1]
            now = bracket[bracket["rung"] == rung]
            best = before.nlargest(len(now), "mean_test_score")["param_quality"]
            assert set(now["param_quality"]) == set(best)
    assert search.best_params_["epochs"] == 27
    last = table[table["n_resources"] == 27]
    assert search.best_score_ == last["mean_test_score"].max()


def misleading(estimator, X, y):
    return estimator.quality / estimator.epochs  # few epochs look better


def test_the_best_is_chosen_among_those_with_the_most_epochs(iris):
    search = hyperband(scoring=misleading).fit(*iris)
    assert search.cv_results_["n_resources"][search.best_index_] == 9
    assert search.best_score_ < search.cv_results_["mean_test_score"].max()
    several = hyperband(scoring={"a": misleading, "b": "accuracy"}, refit="a").fit(*iris)
    assert several.best_params_ == search.best_params_


def only_short(X):
    if Learner.log[-1]["epochs"] == 9:
        raise ValueError("too long")


@pytest.mark.filterwarnings("ignore")
def test_without_a_score_at_the_most_epochs_the_next_ones_count(iris):
    search = hyperband({"quality": uniform(0, 1), "fail": [only_short]}).fit(*iris)
    assert search.best_params_["epochs"] == 3
    assert np.isfinite(search.best_score_)


@pytest.mark.filterwarnings("ignore")
def test_one_standard_error_chooses_among_the_most_epochs_that_have_a_score(iris):
    space = {"quality": uniform(0, 1), "fail": [only_short]}
    search = hyperband(space, refit=one_standard_error("quality")).fit(*iris)
    assert search.best_params_["epochs"] == 3


@pytest.mark.filterwarnings("ignore")
def test_failed_candidates_do_not_go_on(iris):
    search = hyperband({"quality": uniform(0, 1), "fail": ["x", None]}, max_resources=27).fit(*iris)
    table = pd.DataFrame(search.cv_results_)
    assert (table.loc[table["rung"] > 0, "error_messages"] == "").all()
    assert (table["error_messages"] != "").any()


def test_a_small_space_is_drawn_whole_and_lists_of_dicts_work(iris):
    search = hyperband([{"quality": [0.1, 0.2]}, {"quality": [0.9], "tag": ["x", None]}])
    with pytest.warns(UserWarning, match="4 candidate.* fewer than the 9 candidates that"):
        search.fit(*iris)
    first = search.cv_results_["bracket"] == 2
    assert (first & (search.cv_results_["rung"] == 0)).sum() == 4
    assert search.best_params_["quality"] == 0.9


@pytest.mark.parametrize("resource", ["max_iter", "sgdclassifier__max_iter"])
def test_the_resource_is_found_in_a_pipeline(iris, resource):
    pipeline = make_pipeline(StandardScaler(), SGDClassifier(tol=None, random_state=0))
    space = {"sgdclassifier__alpha": loguniform(1e-5, 1)}
    search = hyperband(space, pipeline, resource=resource, n_jobs=2).fit(*iris)
    assert search.resource_ == "sgdclassifier__max_iter"
    assert search.best_params_["sgdclassifier__max_iter"] == 9
    assert search.best_score_ > 0.9


@pytest.mark.filterwarnings("ignore:the space has")
def test_the_number_of_trees_may_be_the_resource(iris):
    forest = RandomForestClassifier(random_state=0)
    search = hyperband({"max_depth": [1, 2, 3]}, forest, resource="n_estimators").fit(*iris)
    assert len(search.best_estimator_.estimators_) == 9


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"resource": "epoch"}, ValueError, "did you mean epochs"),
        ({"resource": "zzz"}, ValueError, "there is no such parameter"),
        ({"resource": 3}, TypeError, "name of a parameter"),
        ({"space": {"epochs": [1, 2]}}, ValueError, "Hyperband sets this"),
        ({"sampler": "tpe"}, ValueError, "'random' or 'bayes'"),
    ],
)
def test_wrong_settings_are_errors_before_the_first_fit(iris, settings, error, message):
    with pytest.raises(error, match=message):
        hyperband(**settings).fit(*iris)
    assert not Learner.log


def test_a_resource_that_two_steps_have_must_be_told_apart(iris):
    pipeline = make_pipeline(Learner(), Learner())
    with pytest.raises(ValueError, match="learner-1__epochs or learner-2__epochs"):
        hyperband({"learner-1__quality": [1]}, pipeline).fit(*iris)


def interrupts(X):
    if len(Learner.log) > 16:
        raise KeyboardInterrupt


def test_ctrl_c_within_a_rung_keeps_what_the_rung_has(iris):
    search = hyperband({"quality": uniform(0, 1), "fail": [interrupts]}, refit=False).fit(*iris)
    assert search.stop_reason_ == "interrupted"
    assert len(search.cv_results_["params"]) == 5
    assert search.best_score_ == search.cv_results_["mean_test_score"].max()


def later_candidates(iris, sampler, seed):
    search = hyperband(max_resources=27, sampler=sampler, random_state=seed).fit(*iris)
    table = pd.DataFrame(search.cv_results_)
    return table[(table["rung"] == 0) & (table["bracket"] < 3)]["param_quality"].tolist()


@pytest.mark.slow
def test_bayesian_proposals_after_the_first_bracket_are_better_than_random_ones(iris):
    pytest.importorskip("optuna")
    means = {
        sampler: np.mean([later_candidates(iris, sampler, seed) for seed in range(3)])
        for sampler in ("bayes", "random")
    }
    assert means["bayes"] > means["random"] + 0.1
    assert later_candidates(iris, "bayes", 1) == later_candidates(iris, "bayes", 1)


# ---------------------------------------------------------------- continuing, with Keras


def network():
    return make_pipeline(
        StandardScaler(),
        KerasClassifier(hidden_layer_sizes=(4,), epochs=5, batch_size=64, random_state=0),
    )


SPACE = {
    "kerasclassifier__optimizer__learning_rate": log_uniform(1e-3, 1e-1),
    "kerasclassifier__model__activation": choice(["relu", "tanh"]),
}


def trained(estimator, X, y):
    return {"accuracy": estimator.score(X, y), "trained": estimator[-1].n_epochs_trained_}


@pytest.mark.slow
@pytest.mark.parametrize("n_jobs", long_but([None, 2], None))
def test_survivors_are_continued_through_a_store_of_the_searchs_own(iris, n_jobs):
    estimator = network()
    search = hyperband(SPACE, estimator, scoring=trained, refit="accuracy", cv=2, n_jobs=n_jobs)
    if n_jobs:
        search.set_params(max_resources=4, factor=4)
    search.fit(*iris)
    table = pd.DataFrame(search.cv_results_)
    spent = table.groupby(["bracket", "rung"], sort=False)["mean_test_trained"].sum()
    assert spent.tolist() == search.schedule_["n_new_resources"].tolist()
    assert estimator[-1].store is None
    assert search.best_estimator_[-1].store is None
    assert not any("store" in name for params in table["params"] for name in params)


@pytest.mark.slow
def test_in_threads_survivors_are_continued_too(iris):
    import joblib

    with joblib.parallel_config("threading", n_jobs=2):
        search = hyperband(SPACE, network(), scoring=trained, refit="accuracy", cv=2)
        search.set_params(max_resources=4, factor=4).fit(*iris)
    spent = search.cv_results_["mean_test_trained"].sum()
    assert spent == search.schedule_["n_new_resources"].sum()


def test_a_store_of_the_users_is_used(iris, tmp_path):
    estimator = network().set_params(kerasclassifier__store=tmp_path / "fits")
    hyperband(SPACE, estimator, cv=2, max_resources=2, factor=2).fit(*iris)
    assert any((tmp_path / "fits").iterdir())


def test_without_an_integer_seed_each_rung_trains_from_the_start(iris):
    estimator = network().set_params(kerasclassifier__random_state=None)
    search = hyperband(
        SPACE, estimator, scoring=trained, refit=False, cv=2, max_resources=2, factor=2
    ).fit(*iris)
    assert (search.cv_results_["mean_test_trained"] == search.cv_results_["n_resources"]).all()


def test_a_short_name_in_a_space_is_answered_with_the_full_one(iris):
    pipeline = make_pipeline(StandardScaler(), SGDClassifier())
    search = hyperband({"alpha": uniform(0, 1)}, pipeline, resource="max_iter")
    with pytest.raises(ValueError, match=r"\]; did you mean sgdclassifier__alpha\?"):
        search.fit(*iris)


def test_the_time_left_counts_what_candidates_get(iris, capsys, monkeypatch):
    done = []
    line = HyperbandSearchCV._progress_line

    def noted(search):
        done.append(search._work_done())
        return line(search)

    monkeypatch.setattr(HyperbandSearchCV, "_progress_line", noted)
    plan = hyperband(verbose=1).fit(*iris).schedule_
    assert done[0] == (1, (plan["n_candidates"] * plan["n_resources"]).sum())
    assert done[-1][0] == done[-1][1]
    lines = capsys.readouterr().out.splitlines()
    assert " left" in lines[0]
    assert " left" not in lines[-1]
