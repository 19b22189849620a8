"""Grids and distributions: names found, conditions expanded, mistakes named."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from keras.callbacks import EarlyStopping, ReduceLROnPlateau
from keras.losses import Huber
from keras.metrics import Mean
from keras.optimizers.schedules import ExponentialDecay
from scipy import stats
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.datasets import load_iris
from sklearn.ensemble import VotingClassifier
from sklearn.model_selection import GridSearchCV, ParameterGrid, RandomizedSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from kerasearch import (
    KerasClassifier,
    KerasRegressor,
    choice,
    common_space,
    integers,
    layer_sizes,
    log_integers,
    log_uniform,
    param_distributions,
    param_grid,
    uniform,
    when,
)
from tests.slow import long_but

RATE = "optimizer__learning_rate"


class MeanHuber(Mean):
    def __init__(self, delta=1.0, name="mean_huber"):
        super().__init__(name=name)
        self.delta = delta


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True)
    return X[::3], y[::3]


@pytest.fixture
def pipeline():
    return make_pipeline(StandardScaler(), KerasClassifier(epochs=2, random_state=0))


def needs_units(meta, units, **others):
    raise NotImplementedError


# ---------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("estimator", "name", "full"),
    [
        (KerasClassifier(), "learning_rate", RATE),
        (KerasClassifier(), "optimizer__learning_rate", RATE),
        (KerasClassifier(), "dropout", "model__dropout"),
        (KerasClassifier(), "epochs", "epochs"),
        (make_pipeline(KerasClassifier()), "learning_rate", f"kerasclassifier__{RATE}"),
        (make_pipeline(KerasClassifier()), f"kerasclassifier__{RATE}", f"kerasclassifier__{RATE}"),
        (make_pipeline(StandardScaler()), "with_mean", "standardscaler__with_mean"),
        (
            TransformedTargetRegressor(make_pipeline(StandardScaler(), KerasRegressor())),
            "learning_rate",
            f"regressor__kerasregressor__{RATE}",
        ),
        (
            VotingClassifier([("net", KerasClassifier()), ("svc", SVC())]),
            "learning_rate",
            f"net__{RATE}",
        ),
        (
            VotingClassifier([("a", KerasClassifier()), ("b", make_pipeline(KerasClassifier()))]),
            "b__learning_rate",
            f"b__kerasclassifier__{RATE}",
        ),
        (
            make_pipeline(
                ColumnTransformer([("numbers", StandardScaler(), [0])]), KerasClassifier()
            ),
            "with_std",
            "columntransformer__numbers__with_std",
        ),
        (SVC(), "C", "C"),
    ],
)
def test_a_short_name_is_found_however_deep(estimator, name, full):
    assert param_grid(estimator, **{name: [1]}) == {full: [1]}
    assert param_distributions(estimator, **{name: uniform(0, 1)}) == {full: uniform(0, 1)}


def test_an_argument_without_default_is_found():
    assert param_grid(KerasClassifier(needs_units), units=[1]) == {"model__units": [1]}
    deep = TransformedTargetRegressor(make_pipeline(KerasRegressor(needs_units)))
    assert list(param_grid(deep, units=[1])) == ["regressor__kerasregressor__model__units"]


def test_names_that_the_searched_model_and_optimizer_have_are_found(pipeline):
    def other(meta, filters=3):
        raise NotImplementedError

    found = param_grid(pipeline, filters=[8], momentum=[0.9], optimizer=["sgd"], model=[other])
    assert list(found) == [
        f"kerasclassifier__{name}"
        for name in ("model__filters", "optimizer__momentum", "optimizer", "model")
    ]


def test_parameters_of_a_replaced_step_are_found():
    steps = Pipeline([("scale", StandardScaler()), ("clf", SVC())])
    assert param_grid(steps, clf=[KerasClassifier()], learning_rate=[0.1])[f"clf__{RATE}"] == [0.1]


def test_the_estimator_is_not_changed(pipeline):
    before = {k: repr(v) for k, v in pipeline.get_params().items()}
    param_grid(pipeline, optimizer=["sgd"], momentum=[0.9], learning_rate=[0.1])
    assert {k: repr(v) for k, v in pipeline.get_params().items()} == before


@pytest.mark.parametrize(
    ("specs", "says"),
    [
        ({"learning_rte": [1]}, "learning_rte: there is no such parameter; did you mean learning"),
        ({"zzz": [1]}, "zzz: there is no such parameter in Pipeline"),
        ({"learning_rate": [1], RATE: [2]}, "learning_rate and optimizer__learning_rate are the s"),
        (
            {"optimizer": ["adam", "sgd"], "momentum": [0.9]},
            "momentum: there is no such parameter with optimizer=adam",
        ),
        ({"momentum": [0.9]}, "momentum: there is no such parameter"),
    ],
)
def test_a_name_that_is_not_there_is_refused(pipeline, specs, says):
    for make in (param_grid, param_distributions):
        with pytest.raises(ValueError, match=says):
            make(pipeline, **specs)


def test_a_name_that_could_be_two_lists_both():
    ensemble = VotingClassifier([("a", KerasClassifier()), ("b", KerasClassifier())])
    with pytest.raises(
        ValueError, match=f"learning_rate is ambiguous; use the full name, a__{RATE} or b__{RATE}"
    ):
        param_grid(ensemble, learning_rate=[1])


@pytest.mark.parametrize("estimator", [KerasClassifier, None, "svc"])
def test_what_is_no_estimator_is_refused(estimator):
    with pytest.raises(TypeError, match="must be an instance of an estimator"):
        param_grid(estimator, C=[1])


# ---------------------------------------------------------------- values


@pytest.mark.parametrize(
    "values",
    [[1, 2], (1, 2), range(1, 3), np.array([1, 2]), pd.Series([1, 2], index=[5, 7])],
)
def test_lists_of_all_kinds_become_lists_of_pythons_numbers(values):
    found = param_grid(SVC(), C=values)["C"]
    assert (found, [type(value) for value in found]) == ([1, 2], [int, int])


def test_values_of_all_types_are_kept():
    values = [None, True, 1, 1.0, "1", (1,), [1], np.nan]
    found = param_grid(SVC(), C=values)["C"]
    assert list(map(repr, found)) == list(map(repr, values))


def test_values_given_twice_are_dropped_with_a_warning_at_the_users_line():
    with pytest.warns(UserWarning, match="C: repeated values are searched only once") as caught:
        found = param_grid(SVC(), C=[1, 2, 1, np.int64(2)])
    assert found == {"C": [1, 2]}
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    ("values", "error", "says"),
    [
        ([], ValueError, "C: the list of values is empty"),
        ("auto", TypeError, r"C: 'auto' is one string; pass a list, \['auto'\]"),
        (0.1, TypeError, "C: 0.1 is not a list of values"),
        ({1, 2}, TypeError, "C: a set has no order"),
        (np.eye(2), TypeError, "C: an array of values must have one axis"),
        (uniform(0, 1), TypeError, r"C: uniform\(0.0, 1.0\) is a distribution"),
        (stats.uniform(0, 1), TypeError, "is a distribution, but a grid accepts only lists"),
        (iter([1]), TypeError, "C: list_iterator is not a list"),
    ],
)
def test_wrong_values_of_a_grid_name_the_parameter(values, error, says):
    with pytest.raises(error, match=says):
        param_grid(SVC(), C=values)


@pytest.mark.parametrize(
    ("spec", "error", "says"),
    [
        (stats.loguniform(1, 0.1), ValueError, r"distribution loguniform\(1, 0.1\) has no values"),
        (stats.uniform(0, -1), ValueError, "C: the SciPy distribution uniform"),
        (stats.uniform(loc=0, scale=-1), ValueError, r"C: the SciPy distribution uniform\(0, -1\)"),
        (stats.loguniform, TypeError, "C: the SciPy distribution loguniform has no parameters yet"),
        (
            (0.1, 1.0),
            TypeError,
            r"C=\(0.1, 1.0\) is ambiguous: it could mean two values or a range",
        ),
        (3, TypeError, "C: 3 is not a list"),
        (
            choice([1, when(2, gamma=[1])]),
            TypeError,
            "C: when.. can be an entry of a list, but not of choice",
        ),
    ],
)
def test_wrong_specs_of_distributions_name_the_parameter(spec, error, says):
    with pytest.raises(error, match=says):
        param_distributions(SVC(), C=spec)


def test_nothing_to_search_is_refused():
    for make in (param_grid, param_distributions):
        with pytest.raises(TypeError, match="pass a parameter and its values"):
            make(SVC())


# ---------------------------------------------------------------- conditions


def test_momentum_is_searched_with_sgd_alone(pipeline):
    space = param_grid(
        pipeline, optimizer=["adam", when("sgd", momentum=[0.0, 0.9])], learning_rate=[0.1, 0.01]
    )
    prefix = "kerasclassifier__optimizer"
    assert space == [
        {prefix: ["adam"], f"{prefix}__learning_rate": [0.1, 0.01]},
        {prefix: ["sgd"], f"{prefix}__learning_rate": [0.1, 0.01], f"{prefix}__momentum": [0, 0.9]},
    ]
    assert len(ParameterGrid(space)) == 6


def test_units_of_a_layer_are_searched_only_where_there_is_that_layer():
    def build(meta, depth=1, units_1=8, units_2=8):
        raise NotImplementedError

    space = param_grid(
        KerasClassifier(build),
        depth=[when(1, units_1=[4, 8]), when(2, units_1=[4, 8], units_2=[4, 8])],
    )
    assert [sorted(candidate) for candidate in ParameterGrid(space)] == [
        *[["model__depth", "model__units_1"]] * 2,
        *[["model__depth", "model__units_1", "model__units_2"]] * 4,
    ]


def test_children_take_the_place_of_what_is_given_beside_and_may_have_conditions():
    space = param_grid(
        SVC(),
        kernel=[
            "linear",
            when("rbf", "sigmoid", gamma=[0.1]),
            when("poly", C=[9], degree=[2, when(3, coef0=[0.0, 1.0])]),
        ],
        C=[1, 2],
    )
    assert space == [
        {"kernel": ["linear"], "C": [1, 2]},
        {"kernel": ["rbf", "sigmoid"], "C": [1, 2], "gamma": [0.1]},
        {"kernel": ["poly"], "C": [9], "degree": [2]},
        {"kernel": ["poly"], "C": [9], "degree": [3], "coef0": [0.0, 1.0]},
    ]


def test_two_conditions_are_combined():
    space = param_grid(SVC(), kernel=["linear", when("rbf", gamma=[1])], C=[1, when(2, tol=[0.1])])
    assert [sorted(branch) for branch in space] == [
        ["C", "kernel"],
        ["C", "kernel", "tol"],
        ["C", "gamma", "kernel"],
        ["C", "gamma", "kernel", "tol"],
    ]


def test_each_value_is_drawn_equally_often_whatever_it_opens():
    space = param_distributions(SVC(), kernel=["linear", "rbf", when("poly", degree=[2, 3])])
    assert [branch["kernel"] for branch in space] == [["linear"], ["rbf"], ["poly"]]
    assert space[2]["degree"] == [2, 3]


def test_candidates_of_two_branches_are_searched_once():
    opened = [when("poly", degree=[2]), when("poly", degree=[2, 3])]
    with pytest.warns(UserWarning, match="1 candidate of one branch also occurred in another"):
        space = param_grid(SVC(), kernel=opened)
    assert space == [{"kernel": ["poly"], "degree": [2]}, {"kernel": ["poly"], "degree": [3]}]


@pytest.mark.parametrize("arguments", [((), {"degree": [2]}), (("poly",), {})])
def test_a_condition_needs_a_value_and_a_child(arguments):
    with pytest.raises(TypeError, match="pass a value and the parameters that it makes active"):
        when(*arguments[0], **arguments[1])


def test_a_condition_is_readable():
    assert repr(when("sgd", momentum=[0.9])) == "when('sgd', momentum=[0.9])"


# ---------------------------------------------------------------- in searches


def test_a_grid_search_of_a_pipeline_takes_them(pipeline, iris):
    space = param_grid(
        pipeline,
        optimizer=["adam", when("sgd", momentum=[0.0, 0.9])],
        hidden_layer_sizes=[(4,)],
        with_mean=[True],
    )
    search = GridSearchCV(pipeline, space, cv=2, error_score="raise").fit(*iris)
    assert len(search.cv_results_["params"]) == 3
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


@pytest.mark.slow
def test_a_random_search_of_a_pipeline_takes_them(pipeline, iris):
    space = param_distributions(
        pipeline,
        learning_rate=log_uniform(1e-3, 1e-1),
        dropout=uniform(0, 0.5),
        batch_size=integers(8, 32, step=8),
        epochs=log_integers(1, 3),
        activation=choice(["relu", "tanh"], p=[0.7, 0.3]),
        hidden_layer_sizes=layer_sizes(depth=(0, 2), units=(2, 6)),
        l2=stats.loguniform(1e-6, 1e-2),
    )
    results = [
        RandomizedSearchCV(
            pipeline, space, n_iter=4, cv=2, random_state=1, error_score="raise"
        ).fit(*iris)
        for _ in range(2)
    ]
    assert results[0].cv_results_["params"] == results[1].cv_results_["params"]
    scores = [search.cv_results_["mean_test_score"] for search in results]
    np.testing.assert_array_equal(*scores)


# ---------------------------------------------------------------- common_space


@pytest.mark.parametrize("size", long_but(["small", "medium", "large"], "small"))
@pytest.mark.slow
def test_common_ranges_are_of_parameters_that_there_are_and_train(pipeline, iris, size):
    space = common_space(pipeline, size)
    known = pipeline.get_params().keys() | {"kerasclassifier__optimizer__momentum"}
    branches = space if isinstance(space, list) else [space]
    assert all(branch.keys() <= known for branch in branches)
    for branch in branches:
        branch.pop("kerasclassifier__epochs", None)
    search = RandomizedSearchCV(
        pipeline, space, n_iter=2, cv=2, random_state=0, error_score="raise"
    )
    assert np.isfinite(search.fit(*iris).cv_results_["mean_test_score"]).all()


def test_a_larger_size_searches_more():
    counts = [len(common_space(KerasClassifier(), size)) for size in ("small", "medium")]
    assert counts == [3, 6]
    large = common_space(KerasClassifier(), "large")
    assert [len(branch) for branch in large] == [8, 8, 9]
    assert large[2]["optimizer"] == ["sgd"]
    assert large[2][RATE] == log_uniform(1e-4, 1)


def test_a_builder_is_searched_by_the_names_that_it_has():
    def build(meta, n_units=8, n_layers=1, dropout_rate=0.0, other=3):
        raise NotImplementedError

    names = {name.rpartition("__")[2] for name in common_space(KerasClassifier(build))}
    assert names == {"learning_rate", "batch_size", "n_units", "n_layers", "dropout_rate"}


def test_every_network_of_an_ensemble_is_searched_and_nothing_else():
    ensemble = VotingClassifier(
        [("a", KerasClassifier()), ("b", KerasClassifier()), ("svc", SVC())]
    )
    space = common_space(ensemble, "small")
    assert {name.partition("__")[0] for name in space} == {"a", "b"}
    assert len(space) == 6


def test_rates_of_sgd_are_higher_and_schedules_stay_as_they_are():
    import keras

    assert common_space(KerasClassifier(optimizer="sgd"))[RATE] == log_uniform(1e-3, 1)
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)
    assert RATE not in common_space(KerasClassifier(optimizer__learning_rate=schedule))


def test_wrong_input_of_common_space_is_refused():
    with pytest.raises(ValueError, match="size='lage' must be one of .*; did you mean large"):
        common_space(KerasClassifier(), "lage")
    with pytest.raises(ValueError, match="estimator=SVC contains no Keras estimator"):
        common_space(SVC())
    with pytest.raises(TypeError, match="must be an instance"):
        common_space(KerasClassifier)


def test_none_of_them_warns_without_a_reason(pipeline):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        common_space(pipeline, "large")
        param_grid(
            pipeline, learning_rate=[1, 1.0, True], optimizer=["sgd", when("adam", beta_1=[0.9])]
        )


# ---------------------------------------------------------------- names of several callbacks


def _patient(callbacks, **routed):
    return KerasClassifier(callbacks=callbacks, **routed)


def _with_patience(patience=1):
    raise NotImplementedError


@pytest.mark.parametrize(
    ("estimator", "name", "several"),
    [
        (_patient([EarlyStopping, ReduceLROnPlateau]), "patience", "callbacks__[01]__patience"),
        (_patient({"a": EarlyStopping, "b": ReduceLROnPlateau}), "min_delta", "callbacks__[ab]__"),
        (
            _patient({"a": EarlyStopping, "b": ReduceLROnPlateau}, callbacks__a__patience=2),
            "patience",
            "callbacks__[ab]__patience",
        ),
        (
            KerasClassifier(loss=Huber, metrics={"out": [MeanHuber]}),
            "delta",
            "(loss__delta|metrics__)",
        ),
        (
            KerasClassifier(_with_patience, callbacks=EarlyStopping),
            "patience",
            "(model|callbacks)__patience",
        ),
    ],
)
@pytest.mark.parametrize("prefix", ["", "kerasclassifier__"])
def test_a_name_that_several_parts_of_a_network_take_is_an_error(estimator, name, several, prefix):
    if prefix:
        estimator = make_pipeline(StandardScaler(), estimator)
    says = f"{name} is ambiguous; use the full name, {prefix}{several}.* or {prefix}{several}.*"
    for make in (param_grid, param_distributions):
        with pytest.raises(ValueError, match=says):
            make(estimator, **{name: [1, 3]})


def test_arguments_of_a_schedule_are_found_where_its_class_is_searched():
    decay = ExponentialDecay
    network = KerasClassifier()
    expected = {RATE: [decay], f"{RATE}__decay_rate": [0.5, 0.9]}
    for name in ("decay_rate", f"{RATE}__decay_rate"):
        assert param_grid(network, learning_rate=[decay], **{name: [0.5, 0.9]}) == expected
        entries = [0.01, when(decay, **{name: [0.5, 0.9]})]
        assert param_grid(network, learning_rate=entries) == [{RATE: [0.01]}, expected]
        assert param_distributions(network, learning_rate=entries) == [{RATE: [0.01]}, expected]
    in_pipeline = make_pipeline(StandardScaler(), network)
    grid = param_grid(in_pipeline, learning_rate=[decay], decay_steps=[10])
    assert grid == {
        f"kerasclassifier__{n}": v for n, v in {RATE: [decay], f"{RATE}__decay_steps": [10]}.items()
    }
    with pytest.raises(ValueError, match=r"decay_rate: there is no such parameter with .*=0\.01"):
        param_grid(network, learning_rate=[decay, 0.01], decay_rate=[0.5])
    with pytest.raises(ValueError, match="decay_rat: there is no such parameter"):
        param_grid(network, learning_rate=[decay], decay_rat=[0.5])


def test_a_name_that_one_callback_takes_is_found():
    both = {"a": EarlyStopping, "b": ReduceLROnPlateau}
    assert param_grid(_patient(both), cooldown=[1]) == {"callbacks__b__cooldown": [1]}
    assert param_grid(_patient(EarlyStopping), patience=[1]) == {"callbacks__patience": [1]}
    assert param_grid(_patient(both), callbacks__patience=[1]) == {"callbacks__patience": [1]}
    set_for_all = _patient(both, callbacks__patience=2)
    assert param_grid(set_for_all, patience=[1]) == {"callbacks__patience": [1]}
    assert param_grid(_patient(both), learning_rate=[1.0]) == {RATE: [1.0]}
