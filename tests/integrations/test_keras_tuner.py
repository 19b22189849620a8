"""KerasTuner's spaces and build functions, used unchanged."""

from __future__ import annotations

import pickle
import subprocess
import sys

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.model_selection import ParameterSampler, RandomizedSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from kerasearch import (
    KerasClassifier,
    from_keras_tuner,
    integers,
    keras_tuner_model,
    log_integers,
    log_uniform,
    param_distributions,
    uniform,
)
from kerasearch.space.scipy_distributions import as_distribution

keras_tuner = pytest.importorskip("keras_tuner")


def build(hp):
    """As in KerasTuner's guide: dynamic layers, a conditional scope, a compiled model."""
    import keras

    inputs = hidden = keras.Input((4,))
    for i in range(hp.Int("num layers", 1, 3)):
        hidden = keras.layers.Dense(hp.Int(f"units/{i}", 4, 16, step=4), "relu")(hidden)
    kind = hp.Choice("optimizer", ["adam", "sgd"])
    rate = hp.Float("learning_rate", 1e-3, 1e-1, sampling="log", default=1e-2)
    with hp.conditional_scope("optimizer", ["sgd"]):
        momentum = hp.Float("momentum", 0.0, 0.9)
    if hp.Boolean("dropout"):
        hidden = keras.layers.Dropout(hp.Float("rate", 0.1, 0.5))(hidden)
    model = keras.Model(inputs, keras.layers.Dense(3, "softmax")(hidden))
    optimizer = (
        keras.optimizers.Adam(rate)
        if kind == "adam"
        else keras.optimizers.SGD(rate, momentum=momentum)
    )
    model.compile(optimizer, "sparse_categorical_crossentropy")
    return model


@pytest.fixture(scope="module")
def model():
    return keras_tuner_model(build)


def test_hyperparameters_become_arguments_with_their_defaults(model):
    params = KerasClassifier(model).get_params()
    found = {k.removeprefix("model__"): v for k, v in params.items() if k.startswith("model__")}
    assert found == {
        "num_layers": 1,
        "units_0": 4,
        "units_1": 4,
        "units_2": 4,
        "optimizer": "adam",
        "learning_rate": 0.01,
        "momentum": 0.0,
        "dropout": False,
        "rate": 0.1,
    }


def test_values_reach_the_function(model):
    built = model(num_layers=2, units_0=8, units_1=16, optimizer="sgd", momentum=0.5)
    assert [layer.units for layer in built.layers[1:]] == [8, 16, 3]
    assert built.optimizer.momentum == 0.5
    assert [layer.units for layer in model().layers[1:]] == [4, 3]


def test_finding_hyperparameters_leaves_the_random_state_alone():
    np.random.seed(0)
    keras_tuner_model(build)
    after = np.random.rand()
    np.random.seed(0)
    assert after == np.random.rand()


@pytest.mark.slow
def test_the_space_of_a_build_function_is_searched_in_a_pipeline(model):
    network = make_pipeline(StandardScaler(), KerasClassifier(model, epochs=3, random_state=0))
    space = from_keras_tuner(model.hyperparameters, network)
    assert [branch["kerasclassifier__model__optimizer"] for branch in space] == [["adam"], ["sgd"]]
    assert space[1]["kerasclassifier__model__momentum"] == uniform(0, 0.9)
    assert "kerasclassifier__model__momentum" not in space[0]
    X, y = load_iris(return_X_y=True)
    search = RandomizedSearchCV(network, space, n_iter=3, cv=2, random_state=0, error_score="raise")
    results = search.fit(X, y).cv_results_
    assert np.isfinite(results["mean_test_score"]).all()
    fitted = search.best_estimator_[-1].model_
    assert len(fitted.layers) >= search.best_params_["kerasclassifier__model__num_layers"] + 2


def test_names_are_found_as_arguments_of_the_model_even_beside_the_optimizers_own(model):
    network = KerasClassifier(model)
    spaces = from_keras_tuner(model, network)
    assert spaces[0]["model__learning_rate"] == log_uniform(1e-3, 1e-1)
    assert param_distributions(network, **from_keras_tuner(model)[0]) == spaces[0]


def test_a_model_is_cloned_by_reference_and_pickles(model):
    assert clone(KerasClassifier(model)).model is model
    twin = pickle.loads(pickle.dumps(model))
    assert [layer.units for layer in twin(units_0=12).layers[1:]] == [12, 3]


def test_a_hypermodel_serves_too():
    class Hyper(keras_tuner.HyperModel):
        def build(self, hp):
            return build(hp)

    assert KerasClassifier(keras_tuner_model(Hyper())).get_params()["model__units_0"] == 4


def test_every_kind_of_hyperparameter_has_its_distribution():
    hp = keras_tuner.HyperParameters()
    hp.Int("a", 1, 5)
    hp.Int("b", 6, 13, step=3)
    hp.Int("c", 1, 100, sampling="log")
    hp.Int("d", 2, 32, step=2, sampling="log")
    hp.Int("e", 7, 7)
    hp.Float("f", 0.0, 1.0)
    hp.Float("g", 0.0, 1.0, step=0.25)
    hp.Float("h", 1e-4, 1.0, sampling="log")
    hp.Float("i", 1e-2, 1.0, step=10, sampling="log")
    hp.Choice("k", ["x", "y"])
    hp.Boolean("l")
    hp.Fixed("m", 3.5)
    space = from_keras_tuner(hp)
    assert {name.removeprefix("model__"): spec for name, spec in space.items()} == {
        "a": integers(1, 5),
        "b": integers(6, 12, step=3),
        "c": log_integers(1, 100),
        "d": [2, 4, 8, 16, 32],
        "e": [7],
        "f": uniform(0, 1),
        "g": [0.0, 0.25, 0.5, 0.75, 1.0],
        "h": log_uniform(1e-4, 1),
        "i": pytest.approx([0.01, 0.1, 1.0]),
        "k": ["x", "y"],
        "l": [True, False],
        "m": [3.5],
    }
    assert all(type(value) is int for value in space["model__d"])


@pytest.mark.parametrize("kind", ["Float", "Int"])
def test_sampling_in_the_reversed_logarithm_has_keras_tuners_quantiles(kind):
    hp = keras_tuner.HyperParameters()
    getattr(hp, kind)("x", 1, 1000, sampling="reverse_log")
    spec = from_keras_tuner(hp)["model__x"]
    q = np.linspace(0.01, 0.99, 25)
    expected = [hp.space[0].prob_to_value(x) for x in q]
    np.testing.assert_allclose(spec.ppf(q), expected, atol=1 if kind == "Int" else 1e-9)
    assert (spec.ppf(0), spec.ppf(1)) == spec.support() == (1, 1000)


def test_conditions_in_conditions_make_one_dict_for_each_opening():
    hp = keras_tuner.HyperParameters()
    hp.Choice("a", ["x", "y", "z"])
    hp.Boolean("free")
    with hp.conditional_scope("a", ["x", "y"]):
        hp.Int("b", 1, 2)
        with hp.conditional_scope("b", [2]):
            hp.Float("c", 0.0, 1.0)
    space = [
        {name.removeprefix("model__"): spec for name, spec in branch.items()}
        for branch in from_keras_tuner(hp)
    ]
    assert space == [
        {"a": ["x", "y"], "free": [True, False], "b": [1]},
        {"a": ["x", "y"], "free": [True, False], "b": [2], "c": uniform(0, 1)},
        {"a": ["z"], "free": [True, False]},
    ]
    drawn = list(ParameterSampler(from_keras_tuner(hp), 10, random_state=0))
    assert len(drawn) == 10


def test_wrong_input_is_refused(model):
    with pytest.raises(TypeError, match="must be a keras_tuner.HyperParameters"):
        from_keras_tuner({"units": 3})
    with pytest.raises(TypeError, match="build=3 must be a function of hp"):
        keras_tuner_model(3)
    with pytest.raises(TypeError, match="has no hyperparameter unit_0"):
        model(unit_0=3)
    with pytest.raises(ValueError, match="Did you mean 'model__units_0'"):
        KerasClassifier(model).set_params(unit_0=3)
    with pytest.raises(ZeroDivisionError):
        keras_tuner_model(lambda hp: 1 / 0)

    def clashing(hp):
        hp.Int("a b", 1, 2), hp.Int("a/b", 1, 2)

    with pytest.raises(ValueError, match="'a b' and 'a/b' would both become the argument 'a_b'"):
        keras_tuner_model(clashing)


@pytest.mark.slow
def test_keras_tuner_is_imported_only_where_it_is_used():
    code = (
        "import sys, kerasearch; kerasearch.from_keras_tuner, kerasearch.keras_tuner_model\n"
        "assert not {'keras_tuner', 'keras', 'tensorflow'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_drawn_values_are_pythons_own(model):
    hp = keras_tuner.HyperParameters()
    hp.Float("x", 0.1, 0.9, sampling="reverse_log")
    assert type(as_distribution(from_keras_tuner(hp)["model__x"]).rvs(0)) is float
