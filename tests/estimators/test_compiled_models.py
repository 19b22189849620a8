"""Models that come compiled: they keep what they have, and what cannot reach them is refused."""

from __future__ import annotations

import functools
import pickle

import keras
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.ensemble import BaggingClassifier
from sklearn.model_selection import GridSearchCV, cross_validate

from kerasearch import KerasClassifier, KerasRegressor, mlp, param_grid
from tests import builders
from tests.slow import long_but

OWN_NAMES = KerasClassifier()._get_param_names()
RATE = "optimizer__learning_rate"


def quick(model=builders.create_model, **params):
    return KerasClassifier(model, **{"epochs": 1, "random_state": 0, **params})


def test_a_compiled_model_keeps_its_optimizer(iris):
    fitted = quick().fit(*iris)
    assert type(fitted.model_.optimizer) is keras.optimizers.RMSprop
    assert float(fitted.model_.optimizer.learning_rate.numpy()) == 0.5
    template = quick(builders.create_model("sgd", 0.25)).fit(*iris)
    assert type(template.model_.optimizer) is keras.optimizers.SGD


@pytest.mark.parametrize(
    "estimator", [KerasClassifier, pytest.param(KerasRegressor, marks=pytest.mark.slow)]
)
def test_without_an_optimizer_a_model_is_compiled_with_adam(estimator, iris):
    X, y = iris
    default = estimator(epochs=2, random_state=0)
    assert default.optimizer is None
    named = clone(default).set_params(optimizer="adam")
    assert type(default.fit(X, y).model_.optimizer) is keras.optimizers.Adam
    np.testing.assert_array_equal(default.predict(X), named.fit(X, y).predict(X))
    assert default.history_ == named.history_


def test_without_an_optimizer_a_fit_is_found_in_the_store_under_adam(iris, tmp_path):
    def fit(**params):
        return quick(mlp, store=tmp_path, **params).fit(*iris).n_epochs_trained_

    assert [fit(optimizer="adam"), fit(), fit(**{RATE: 0.001}), fit(**{RATE: 0.5})] == [1, 0, 0, 1]


def test_arguments_of_adam_are_listed_without_an_optimizer():
    for estimator in (KerasClassifier(), quick()):
        assert estimator.get_params()["optimizer__beta_1"] == 0.9
        assert param_grid(estimator, beta_1=[0.5]) == {"optimizer__beta_1": [0.5]}
    with pytest.raises(ValueError, match="Did you mean 'optimizer__learning_rate'"):
        KerasClassifier().set_params(optimizer__learing_rate=0.1)


def test_builders_get_an_optimizer_where_the_parameter_is_none(iris):
    seen = {}

    def build(meta, compile_kwargs, params):
        seen.update(compile_kwargs=compile_kwargs, params=params)
        return builders.build_with_compile_kwargs(meta, compile_kwargs)

    loss = "sparse_categorical_crossentropy"
    fitted = quick(build, loss=loss, **{RATE: 0.25}).fit(*iris)
    assert fitted.model_.optimizer is seen["compile_kwargs"]["optimizer"]
    assert float(fitted.model_.optimizer.learning_rate.numpy()) == 0.25
    assert type(fitted.model_.optimizer) is keras.optimizers.Adam
    assert seen["params"]["optimizer"] == "adam"


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("optimizer", "rmsprop"),  # what the model has
        ("optimizer", "adam"),
        ("optimizer", keras.optimizers.RMSprop(0.5)),
        (RATE, 0.5),  # what the model has
        (RATE, 0.001),  # Adam's default
        ("optimizer__beta_1", 0.9),
        ("loss", "sparse_categorical_crossentropy"),  # what the model has
        ("loss", keras.losses.SparseCategoricalCrossentropy),
        ("metrics", ["accuracy"]),
        ("compile__loss_weights", [1.0]),
        ("jit_compile", False),
        ("run_eagerly", True),
    ],
)
@pytest.mark.parametrize("template", [False, True])
def test_what_a_compiled_model_would_ignore_is_an_error(iris, setting, value, template):
    model = builders.create_model() if template else builders.create_model
    advice = "Pass the model uncompiled" if template else "compile_kwargs"
    with pytest.raises(ValueError, match=rf"(?s){setting}=.* would be ignored.*{advice}") as error:
        quick(model, **{setting: value}).fit(*iris)
    argument = setting.rpartition("__")[2]
    named = argument in ("optimizer", "learning_rate", "loss") and not template
    assert (f"use model__{argument}" in str(error.value)) is named


@pytest.mark.parametrize("setting", [{"optimizer": ["adam", "rmsprop"]}, {RATE: [0.5, 0.001]}])
def test_every_candidate_that_a_compiled_model_would_ignore_fails(iris, setting):
    search = GridSearchCV(quick(), setting, cv=2)
    with pytest.raises(ValueError, match=r"(?s)All the 4 fits failed.*would be ignored"):
        search.fit(*iris)


def test_a_builder_whose_kwargs_bring_the_settings_may_use_them(iris):
    def uses(meta, **kwargs):
        model = builders.build(meta)
        model.compile(kwargs["compile_kwargs"].pop("optimizer"), "sparse_categorical_crossentropy")
        return model

    assert type(quick(uses, optimizer="sgd").fit(*iris).model_.optimizer) is keras.optimizers.SGD
    with pytest.raises(ValueError, match="optimizer='sgd' would be ignored"):
        quick(lambda meta, **kwargs: builders.create_model(), optimizer="sgd").fit(*iris)


def test_an_argument_called_like_a_setting_is_searched_by_its_full_name(iris):
    grid = {"model__optimizer": ["adam", "rmsprop"], "model__learning_rate": [0.1, 0.01]}
    search = GridSearchCV(quick(), grid, cv=2, error_score="raise").fit(*iris)
    best = search.best_estimator_
    optimizer = best.model_.optimizer
    assert type(optimizer).__name__.lower() == search.best_params_["model__optimizer"]
    assert float(optimizer.learning_rate.numpy()) == pytest.approx(
        search.best_params_["model__learning_rate"]
    )
    loaded = pickle.loads(pickle.dumps(best))
    np.testing.assert_array_equal(loaded.predict_proba(iris[0]), best.predict_proba(iris[0]))


@pytest.mark.parametrize("name", OWN_NAMES)
def test_an_argument_and_a_parameter_of_one_name_are_kept_apart(name):
    full, builder = f"model__{name}", builders.build_named_like_parameters
    given = {} if name == "model" else {name: "the estimator's"}
    estimator = KerasClassifier(builder, **{full: 3}, **given)
    by_set_params = KerasClassifier(builder).set_params(**given).set_params(**{full: 3})
    by_attribute = KerasClassifier(builder)
    setattr(by_attribute, full, 3)
    if given:
        setattr(by_attribute, name, "the estimator's")
    for one in (estimator, by_set_params, by_attribute, clone(by_attribute)):
        params = one.get_params()
        assert (params[full], params[name]) == (3, given.get(name, builder))
        assert getattr(one, full) == 3
        assert params == estimator.get_params()


@pytest.mark.parametrize(
    "name", long_but([*OWN_NAMES, "optimizer, compiled", "epochs, compiled"], "optimizer, compiled")
)
def test_an_argument_called_like_a_parameter_reaches_the_builder(iris, name):
    X, y = iris
    name, _, compiled = name.partition(", ")
    full = f"model__{name}"
    builder = functools.partial(builders.build_named_like_parameters, compiled=bool(compiled))
    search = GridSearchCV(quick(builder), {full: [1, 3]}, cv=2, error_score="raise").fit(X, y)
    best = search.best_estimator_
    assert best.model_.layers[1].units == 4 + (search.best_params_[full] == 3)
    loaded = pickle.loads(pickle.dumps(best))
    assert loaded.get_params()[full] == search.best_params_[full]
    np.testing.assert_array_equal(loaded.predict_proba(X), best.predict_proba(X))

    estimator = quick(builder).set_params(**{full: 3})
    fitted = cross_validate(estimator, X, y, cv=2, return_estimator=True, error_score="raise")
    assert [one.model_.layers[1].units for one in fitted["estimator"]] == [5] * 2
    bagged = BaggingClassifier(estimator, 2, random_state=0).fit(X, y).estimators_
    width = 4 if name == "random_state" else 5  # scikit-learn seeds all that is called so
    assert [one.model_.layers[1].units for one in bagged] == [width] * 2
