import pickle
import sys
import warnings

import numpy as np
import pytest
from scipy.stats import loguniform, norm, randint
from scipy.stats import uniform as scipy_uniform
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from kerasearch import (
    BayesSearchCV,
    HyperbandSearchCV,
    KerasClassifier,
    choice,
    integers,
    layer_sizes,
    log_integers,
    log_uniform,
    merge_searches,
    to_optuna_study,
    uniform,
)
from kerasearch._utils.values import identity
from kerasearch.search.optuna_space import TrialSpace
from kerasearch.space.scipy_distributions import Quantiles

from .conftest import Learner

optuna = pytest.importorskip("optuna")


def bayes(space=None, estimator=None, **settings):
    settings = {"n_iter": 5, "cv": 3, "random_state": 0, **settings}
    return BayesSearchCV(estimator or Learner(), space or {"quality": uniform(0, 1)}, **settings)


def random_sampler():
    return optuna.samplers.RandomSampler(seed=0)


# ---------------------------------------------------------------- spaces

DISTRIBUTIONS = {
    "uniform": uniform(0.5, 2),
    "log_uniform": log_uniform(1e-4, 1),
    "integers": integers(4, 64, step=4),
    "log_integers": log_integers(2, 300),
    "list": [1, 2.5, "x", None],
    "clashing": [True, 1, 1.0, False, 0],
    "objects": [(64,), (64, 64), np.mean, {"a": 1}],
    "weighted": choice(["a", "b"], p=[0.9, 0.1]),
    "array": np.array([1, 2, 3]),
    "nan": [float("nan"), 1.0],
    "free": layer_sizes((0, 3), (4, 64)),
    "constant": layer_sizes((1, 3), (4, 64), "constant"),
    "funnel": layer_sizes((1, 3), (4, 64), "funnel"),
    "scipy_log": loguniform(1e-3, 10),
    "scipy_uniform": scipy_uniform(-1, 3),
    "scipy_int": randint(3, 9),
    "scipy_norm": norm(2, 1),
    "part_of_scipy_norm": Quantiles(norm(2, 1), 0.25, 0.5),
}


@pytest.mark.parametrize("name", list(DISTRIBUTIONS))
def test_candidates_are_pythons_own_values_and_survive_the_way_back(name):
    space = TrialSpace({"p": DISTRIBUTIONS[name]})
    study = optuna.create_study(sampler=random_sampler())
    seen = set()
    for _ in range(60):
        trial = study.ask()
        params = space.suggest(trial)
        study.tell(trial, 0.0)
        assert not isinstance(params["p"], np.generic)
        assert identity(space.suggest(study.trials[-1])) == identity(params)  # as stored
        back = space.suggest(optuna.trial.FixedTrial(space.encode(params)))
        if name.endswith("scipy_norm"):
            assert back["p"] == pytest.approx(params["p"])
        else:
            assert identity(back) == identity(params)
        seen.add(identity(params))
    listed = DISTRIBUTIONS[name]
    if isinstance(listed, list | np.ndarray):
        assert seen == {identity({"p": value}) for value in list(listed)}


@pytest.mark.parametrize(
    ("distribution", "value"),
    [
        (uniform(0, 1), 1.5),
        (uniform(0, 1), "a"),
        (integers(4, 64, step=4), 6),
        (integers(4, 64), True),
        ([1, 2], 3),
        ([1, 2], True),
        (layer_sizes((1, 2), (4, 8)), (4, 4, 4)),
        (layer_sizes((1, 2), (4, 8)), (16,)),
        (layer_sizes((1, 2), (4, 8)), 7),
        (layer_sizes((1, 2), (4, 8), "constant"), (4, 5)),
        (layer_sizes((3, 3), (4, 64), "funnel"), (64, 60, 4)),
        (layer_sizes((1, 3), (4, 64), "funnel"), (8, 16)),
        (Quantiles(norm(2, 1), 0.25, 0.5), 3.0),
    ],
)
def test_a_value_outside_has_no_code(distribution, value):
    assert TrialSpace({"p": distribution}).encode({"p": value}) is None


def test_a_list_of_dicts_has_a_branch_and_names_of_its_own(iris):
    space = [{"kernel": ["rbf"], "C": [1, 2]}, {"kernel": ["poly"], "degree": [2, 3], "C": [5]}]
    search = bayes(space, SVC(), n_iter=4).fit(*iris)
    found = {identity(params) for params in search.cv_results_["params"]}
    assert len(found) == 4
    assert search.cv_results_["param_degree"].mask.sum() == 2
    names = {name for trial in search.study_.trials for name in trial.params}
    assert names == {"branch", "0:kernel", "0:C", "1:kernel", "1:degree", "1:C"}


def conditional(trial):
    params = {"kernel": trial.suggest_categorical("kernel", ["rbf", "poly"])}
    if params["kernel"] == "poly":
        params["degree"] = trial.suggest_int("degree", 2, 4)
    return params


def test_a_function_may_be_the_space(iris):
    search = bayes(conditional, SVC(), n_iter=4, batch_size=2).fit(*iris)
    found = [identity(params) for params in search.cv_results_["params"]]
    assert len(set(found)) == len(found)
    assert search.best_params_.keys() <= {"kernel", "degree"}
    exhausted = bayes(conditional, SVC(), n_iter=50).fit(*iris)
    assert exhausted.stop_reason_ == "exhausted"
    assert len(exhausted.cv_results_["params"]) == 4


def test_a_function_that_returns_no_dict_or_wrong_names_is_an_error(iris):
    with pytest.raises(TypeError, match="must return a dict"):
        bayes(lambda trial: 3).fit(*iris)
    with pytest.raises(ValueError, match="qualty"):
        bayes(lambda trial: {"qualty": 3}).fit(*iris)
    assert not Learner.log


def test_a_small_space_is_tried_whole_once_with_a_warning(iris):
    with pytest.warns(UserWarning, match="6 candidate.s., fewer than n_iter=40"):
        search = bayes({"quality": [0.1, 0.2, 0.3], "tag": ["a", (1,)]}, n_iter=40).fit(*iris)
    assert len(search.cv_results_["params"]) == 6
    assert len({identity(p) for p in search.cv_results_["params"]}) == 6
    assert len(Learner.log) == 6 * 3 + 1
    assert search.stop_reason_ == "finished"


def test_a_sampler_without_more_candidates_ends_the_search(iris):
    sampler = optuna.samplers.GridSampler({"quality": [0.1, 0.5, 0.9]}, seed=0)
    search = bayes(n_iter=10, sampler=sampler).fit(*iris)
    assert sorted(search.cv_results_["param_quality"]) == [0.1, 0.5, 0.9]
    assert search.stop_reason_ == "exhausted"


@pytest.mark.slow
def test_a_keras_network_with_layers_in_a_pipeline(iris):
    network = KerasClassifier(epochs=15, batch_size=16, random_state=0)
    space = {
        "kerasclassifier__model__hidden_layer_sizes": layer_sizes((1, 2), (4, 16)),
        "kerasclassifier__optimizer__learning_rate": log_uniform(1e-2, 1e-1),
        "kerasclassifier__model__activation": ["relu", "rleu"],
    }
    search = bayes(space, make_pipeline(StandardScaler(), network), n_iter=6, cv=2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        search.fit(*iris)
    assert search.best_score_ > 0.85
    messages = search.cv_results_["error_messages"]
    wrong = search.cv_results_["param_kerasclassifier__model__activation"] == "rleu"
    wrong = wrong.tolist()
    assert ["activation='rleu' is not in keras" in message for message in messages] == wrong
    assert any(wrong)


# ---------------------------------------------------------------- the study


def test_it_finds_more_than_random_search(iris):
    scores = {}
    for sampler in (None, random_sampler()):
        search = bayes({f"{n}": uniform(0, 1) for n in ("quality",)}, n_iter=40, sampler=sampler)
        scores[sampler is None] = search.fit(*iris).cv_results_["param_quality"][20:].mean()
    assert scores[True] > scores[False] + 0.2


def test_a_seed_gives_the_same_search_and_none_does_not(iris):
    a, b, c = (bayes(random_state=s).fit(*iris).cv_results_["params"] for s in (7, 7, None))
    assert a == b
    assert a != c


def test_the_study_has_scores_names_and_best_of_the_search(iris):
    search = bayes({"C": loguniform(0.01, 100), "gamma": [0.1, 1.0]}, SVC(), n_iter=6).fit(*iris)
    assert search.study_.best_value == search.best_score_
    assert search.study_.best_params == search.best_params_
    assert to_optuna_study(search) is search.study_
    assert len(optuna.importance.get_param_importances(search.study_)) == 2


def test_a_sampler_is_copied_and_a_study_is_gone_on_with(iris):
    sampler = random_sampler()
    first = bayes(sampler=sampler).fit(*iris).cv_results_["params"]
    assert bayes(sampler=sampler).fit(*iris).cv_results_["params"] == first
    study = optuna.create_study(direction="maximize", sampler=random_sampler())
    bayes(study=study, n_iter=3).fit(*iris)
    search = bayes(study=study, n_iter=7).fit(*iris)
    assert len(study.trials) == 7
    assert len(search.cv_results_["params"]) == 7
    assert len(Learner.log) == 2 * (5 * 3 + 1) + 7 * 3 + 2


def test_trials_of_other_origin_teach_the_sampler_and_stay_out_of_the_table(iris):
    study = optuna.create_study(direction="maximize")
    study.optimize(lambda trial: trial.suggest_float("quality", 0, 1), n_trials=12)
    search = bayes(study=study, n_iter=3).fit(*iris)
    assert len(search.cv_results_["params"]) == 3
    assert len(study.trials) == 15


def test_optunas_log_is_silent_and_its_verbosity_put_back(iris, capfd):
    before = optuna.logging.get_verbosity()
    bayes().fit(*iris)
    assert optuna.logging.get_verbosity() == before
    captured = capfd.readouterr()
    assert "study" not in captured.err + captured.out
    with pytest.raises(ValueError):
        bayes(cv=1000).fit(*iris)
    assert optuna.logging.get_verbosity() == before


# ---------------------------------------------------------------- storage


def storages(tmp_path):
    return {"sqlite": f"sqlite:///{tmp_path}/s.db", "journal": tmp_path / "s.log"}


def stops(X):
    if len(Learner.log) > 10:
        raise KeyboardInterrupt


@pytest.mark.filterwarnings("ignore:.*have no finite score")
@pytest.mark.parametrize("kind", ["sqlite", "journal"])
@pytest.mark.slow
def test_a_stopped_search_is_completed_by_the_same_call(iris, tmp_path, kind):
    space = {"quality": uniform(0, 1), "tag": [(1,), "b"], "fail": [stops]}
    settings = {"storage": storages(tmp_path)[kind], "return_train_score": True, "refit": False}
    first = bayes(space, n_iter=8, **settings).fit(*iris)
    assert (first.stop_reason_, len(first.cv_results_["params"])) == ("interrupted", 3)
    Learner.log.clear()
    space["fail"] = [stops]
    second = bayes(space, n_iter=6, **settings).fit(*iris)
    assert len(Learner.log) == 3 * 3
    assert second.cv_results_["params"][:3] == first.cv_results_["params"]
    for name in ("split2_test_score", "mean_train_score", "mean_fit_time"):
        np.testing.assert_array_equal(second.cv_results_[name][:3], first.cv_results_[name])
    third = bayes(space, n_iter=6, **settings).fit(*iris)
    assert len(Learner.log) == 9
    assert third.best_params_ == second.best_params_
    assert third.best_score_ == second.best_score_


def test_a_search_with_nothing_left_to_do_has_everything(iris, tmp_path):
    settings = {"storage": storages(tmp_path)["sqlite"], "scoring": ["accuracy", "f1_macro"]}
    settings |= {"refit": "f1_macro", "n_iter": 4}
    space = {"C": log_uniform(0.01, 10)}
    first = bayes(space, SVC(), **settings).fit(*iris)
    again = bayes(space, SVC(), **settings).fit(*iris)
    for name in ("best_params_", "best_score_", "best_index_", "n_splits_", "multimetric_"):
        assert getattr(again, name) == getattr(first, name)
    assert again.score(*iris) == first.score(*iris)
    np.testing.assert_array_equal(again.predict(iris[0]), first.predict(iris[0]))
    assert again.cv_results_.keys() == first.cv_results_.keys()


@pytest.mark.filterwarnings("ignore")
def test_failed_candidates_are_remembered_with_their_message(iris, tmp_path):
    space = {"quality": [0.1, 0.9], "fail": [None, "x"]}
    first = bayes(space, n_iter=4, storage=tmp_path / "s.log").fit(*iris)
    again = bayes(space, n_iter=4, storage=tmp_path / "s.log").fit(*iris)
    assert list(again.cv_results_["error_messages"]) == list(first.cv_results_["error_messages"])
    assert sum(map(bool, again.cv_results_["error_messages"])) == 2


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"scoring": "f1_macro"}, "scores of scoring=None"),
        ({"cv": 4}, "4 folds"),
        ({"space": {"quality": ["a"]}}, "does not fit the space"),
    ],
)
@pytest.mark.filterwarnings("ignore:the space has")
def test_a_study_of_another_search_is_an_error(iris, tmp_path, changed, message):
    bayes(n_iter=2, storage=tmp_path / "s.log").fit(*iris)
    Learner.log.clear()
    with pytest.raises(ValueError, match=message):
        bayes(storage=tmp_path / "s.log", **changed).fit(*iris)
    assert not Learner.log


# ---------------------------------------------------------------- earlier results


def test_earlier_results_teach_and_do_not_count(iris):
    earlier = RandomizedSearchCV(
        Learner(), {"quality": scipy_uniform(0, 1)}, n_iter=20, cv=3, random_state=0
    ).fit(*iris)
    for source in (earlier, earlier.cv_results_, [earlier]):
        search = bayes(warm_start=source, n_iter=4).fit(*iris)
        assert len(search.cv_results_["params"]) == 4
        assert len(search.study_.trials) == 24
    assert search.cv_results_["param_quality"].mean() > 0.7


def test_candidates_outside_the_space_are_left_out_with_a_warning(iris):
    earlier = GridSearchCV(Learner(), {"quality": [0.2, 0.4, 3.0]}, cv=3).fit(*iris)
    with pytest.warns(UserWarning, match="1 of 3 candidates are not in the space"):
        search = bayes(warm_start=earlier).fit(*iris)
    assert len(search.study_.trials) == 7


def test_enqueued_candidates_come_first(iris):
    space = {"quality": uniform(0, 1), "tag": [(1,), (2,)]}
    queue = [{"quality": 0.25, "tag": (2,)}, {"quality": 0.75}]
    found = bayes(space, enqueue=queue).fit(*iris).cv_results_["params"]
    assert found[0] == queue[0]
    assert found[1]["quality"] == 0.75


# ---------------------------------------------------------------- wrong settings


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"n_iter": 0}, ValueError, "n_iter=0 must be an integer of at least 1"),
        ({"n_iter": 2.5}, ValueError, "n_iter=2.5 must be"),
        ({"n_iter": True}, ValueError, "n_iter=True must be"),
        ({"batch_size": 0}, ValueError, "batch_size=0 must be"),
        ({"sampler": "tpe"}, TypeError, "sampler=.tpe. must be"),
        ({"storage": "sqlite:////no/such/folder/s.db"}, ValueError, "could not be opened"),
        ({"storage": "nosuch://x"}, ValueError, "could not be opened"),
        ({"storage": "/no/such/folder/s.log"}, ValueError, "could not be opened"),
        ({"warm_start": 3}, TypeError, "warm_start: expected a fitted search"),
        ({"warm_start": GridSearchCV(Learner(), {})}, NotFittedError, "warm_start: this Grid"),
        ({"enqueue": [{"quality": 3}]}, ValueError, "not in the space"),
        ({"enqueue": [{"tag": 3}]}, ValueError, "not in the space"),
        ({"enqueue": [{"qualty": 3}]}, ValueError, "quality"),
        ({"enqueue": [3]}, TypeError, "enqueue must be"),
    ],
)
def test_wrong_settings_are_errors_before_the_first_fit(iris, settings, error, message):
    with pytest.raises(error, match=message):
        bayes(**settings).fit(*iris)
    assert not Learner.log


@pytest.mark.parametrize("directions", [["minimize"], ["maximize", "maximize"]])
def test_a_study_must_maximize_one_score(iris, directions):
    with pytest.raises(ValueError, match="scores are maximized"):
        bayes(study=optuna.create_study(directions=directions)).fit(*iris)


def test_study_and_storage_exclude_each_other(iris, tmp_path):
    study = optuna.create_study(direction="maximize")
    with pytest.raises(ValueError, match="exclude each other"):
        bayes(study=study, storage=tmp_path / "x").fit(*iris)


def test_without_optuna_the_error_says_how_to_install_it(iris, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ImportError, match=r"pip install 'kerasearch\[bayes\]'"):
        bayes().fit(*iris)
    with pytest.raises(ImportError, match=r"pip install 'kerasearch\[bayes\]'"):
        to_optuna_study(GridSearchCV(Learner(), {}))


def test_the_gaussian_process_sampler_says_that_it_needs_torch(iris):
    from importlib.util import find_spec

    if find_spec("torch"):
        pytest.skip("torch is there")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            sampler = optuna.samplers.GPSampler(seed=0)
        except ImportError:
            pytest.skip("this Optuna says so itself")
    with pytest.raises(ImportError, match="needs torch; install it: pip install torch"):
        bayes(sampler=sampler).fit(*iris)


@pytest.mark.filterwarnings("ignore")
def test_the_package_that_a_sampler_lacks_is_named_when_it_shows_late(iris):
    class Late(optuna.samplers.RandomSampler):
        def sample_independent(self, *args):
            raise ImportError("No module named 'nosuch'")

    with pytest.raises(ImportError, match="Late needs a package that is not installed"):
        bayes(sampler=Late()).fit(*iris)


def test_a_study_as_a_parameter_can_be_cloned_and_pickled(iris):
    search = bayes(study=optuna.create_study(direction="maximize"))
    assert clone(search).fit(*iris).study_ is not search.study
    assert not search.study.trials
    pickle.loads(pickle.dumps(search)).fit(*iris)


# ---------------------------------------------------------------- studies of other searches


@pytest.mark.filterwarnings("ignore")
def test_any_finished_search_becomes_a_study(iris):
    space = [
        {"quality": [0.1, 0.5], "tag": ["a", None, (1, 2)]},
        {"quality": [0.9], "epochs": [1, 1000], "fail": [None, "x"]},
    ]
    search = GridSearchCV(Learner(), space, cv=3).fit(*iris)
    study = to_optuna_study(search)
    states = [trial.state.name for trial in study.trials]
    assert states.count("FAIL") == 2
    assert study.best_value == search.best_score_
    assert study.best_trial.user_attrs["candidate"] == search.best_index_
    assert study.trials[2].params == {"quality": 0.1, "tag": "(1, 2)"}
    assert study.trials[0].distributions["quality"].high == 0.9
    assert study.best_trial.distributions["epochs"].log
    assert to_optuna_study(search.cv_results_).best_value == search.best_score_


def test_a_study_of_one_of_several_metrics(iris):
    search = GridSearchCV(
        SVC(), {"C": [0.1, 1]}, scoring=["accuracy", "f1_macro"], refit="f1_macro"
    ).fit(*iris)
    assert to_optuna_study(search).best_value == search.best_score_
    best = search.cv_results_["mean_test_accuracy"].max()
    assert to_optuna_study(search, metric="accuracy").best_value == best
    with pytest.raises(ValueError, match="metric='f1': the search has accuracy, f1_macro"):
        to_optuna_study(search, metric="f1")
    with pytest.raises(NotFittedError, match="is not fitted: call fit first"):
        to_optuna_study(GridSearchCV(SVC(), {}))
    with pytest.raises(TypeError, match="expected a fitted search"):
        to_optuna_study(3)


@pytest.mark.parametrize("kind", ["sqlite", "journal"])
def test_a_study_of_other_data_or_another_estimator_is_refused_before_a_fit(iris, tmp_path, kind):
    X, y = iris
    settings = {"storage": storages(tmp_path)[kind], "n_iter": 2}
    bayes(**settings).fit(X, y)
    Learner.log.clear()
    changed = X.copy()
    changed[0, 0] += 1e-9
    for data in [(changed, y), (X, y[::-1]), (X[:-1], y[:-1])]:
        with pytest.raises(ValueError, match="scores of other data; use another study_name"):
            bayes(**settings).fit(*data)
    with pytest.raises(ValueError, match="scores of another estimator"):
        bayes(estimator=Learner(tag="other"), **settings).fit(X, y)
    with pytest.raises(ValueError, match="searched quality, but this space has quality, tag; use"):
        bayes({"quality": uniform(0, 1), "tag": ["a", "b"]}, **settings).fit(X, y)
    assert Learner.log == []
    # what is searched is the study's, and the space may grow
    wider = {"quality": uniform(0, 2), "tag": ["a", "b"]}
    again = bayes(wider, estimator=Learner(quality=0.1), study_name="another", **settings)
    assert len(again.fit(X, y).cv_results_["params"]) == 2
    assert len(bayes(**settings).fit(X.copy(), y).cv_results_["params"]) == 2


def test_it_learns_from_a_merged_table_in_which_some_candidates_have_no_rung(iris):
    space = {"quality": uniform(0, 1)}
    rungs = HyperbandSearchCV(
        Learner(), space, max_resources=4, factor=2, cv=3, random_state=0
    ).fit(*iris)
    drawn = RandomizedSearchCV(Learner(), space, n_iter=3, cv=3, random_state=0).fit(*iris)
    merged = merge_searches(rungs, drawn)
    n_whole = int((rungs.cv_results_["n_resources"] == 4).sum())
    for table in (merged, [merged]):
        search = bayes(space, n_iter=2, warm_start=table).fit(*iris)
        assert len(search.study_.trials) == n_whole + 3 + 2
