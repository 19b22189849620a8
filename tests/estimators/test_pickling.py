"""Estimators through pickle, joblib, cloudpickle, deepcopy, and into fresh processes."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys

import cloudpickle
import joblib
import keras
import numpy as np
import pytest
from sklearn.base import clone

from kerasearch import DivergenceError, KerasClassifier, KerasRegressor
from tests import builders
from tests.slow import slow_but

KINDS = {
    "default": {"dropout": 0.2},
    "function": {"model": builders.build},
    "lazily built": {"model": builders.build_lazily},
    "subclassed": {"model": builders.build_subclassed},
    "custom layer": {"model": builders.build_custom},
    "bound method": {"model": builders.Builder().method},
    "custom loss": {"loss": builders.FocalLoss(gamma=1.5)},
    "optimizer instance": {"optimizer": keras.optimizers.SGD(0.1, momentum=0.5)},
    "metric instance": {"metrics": [keras.metrics.SparseCategoricalAccuracy(name="acc")]},
    "callback": {"callbacks": [keras.callbacks.EarlyStopping("loss", patience=5)]},
}


def fitted(iris, **params):
    return KerasClassifier(**{"epochs": 2, "random_state": 0, **params}).fit(*iris)


@pytest.mark.parametrize("kind", slow_but(KINDS, "default", "custom layer", "callback"))
@pytest.mark.parametrize(
    "through",
    [
        lambda e: pickle.loads(pickle.dumps(e)),
        lambda e: pickle.loads(cloudpickle.dumps(e)),
        copy.deepcopy,
    ],
    ids=["pickle", "cloudpickle", "deepcopy"],
)
def test_a_fitted_estimator_comes_back_the_same(iris, kind, through):
    estimator = fitted(iris, **KINDS[kind])
    back = through(estimator)
    np.testing.assert_array_equal(back.predict_proba(iris[0]), estimator.predict_proba(iris[0]))
    assert back.history_ == estimator.history_
    assert back.get_params(deep=False).keys() == estimator.get_params(deep=False).keys()
    # and it is alive: training goes on from the same optimizer state and seeds
    first, second = back.partial_fit(*iris), estimator.partial_fit(*iris)
    np.testing.assert_array_equal(first.predict_proba(iris[0]), second.predict_proba(iris[0]))


@pytest.mark.parametrize("kind", KINDS)
def test_an_unfitted_estimator_comes_back_the_same(iris, kind):
    estimator = KerasClassifier(epochs=1, random_state=0, **KINDS[kind])
    back = pickle.loads(pickle.dumps(estimator))
    np.testing.assert_array_equal(
        back.fit(*iris).predict_proba(iris[0]), estimator.fit(*iris).predict_proba(iris[0])
    )


@pytest.mark.slow
def test_a_template_with_custom_layers_pickles_and_clones(iris):
    meta = {"X_shape_": (1, 4), "target_type_": "multiclass", "n_classes_": 3}
    estimator = KerasClassifier(builders.build_custom(meta), epochs=1, random_state=0)
    expected = clone(estimator).fit(*iris).predict_proba(iris[0])
    for back in (pickle.loads(pickle.dumps(estimator)), copy.deepcopy(estimator)):
        np.testing.assert_array_equal(back.fit(*iris).predict_proba(iris[0]), expected)
    whole = pickle.loads(pickle.dumps(estimator.fit(*iris)))
    np.testing.assert_array_equal(whole.predict_proba(iris[0]), expected)


@pytest.mark.slow
def test_a_fitted_estimator_predicts_the_same_bits_in_a_fresh_process(iris, tmp_path):
    pipeline = fitted(iris, model=builders.build_custom, loss=builders.FocalLoss())
    np.save(tmp_path / "X.npy", iris[0])
    np.save(tmp_path / "expected.npy", pipeline.predict_proba(iris[0]))
    joblib.dump(pipeline, tmp_path / "model.joblib")
    code = f"""
import joblib, numpy as np
folder = {str(tmp_path)!r}
model = joblib.load(folder + "/model.joblib")
np.testing.assert_array_equal(
    model.predict_proba(np.load(folder + "/X.npy")), np.load(folder + "/expected.npy")
)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert "Warning" not in run.stderr, run.stderr


NOTEBOOK = """
import cloudpickle, keras, numpy as np, sys
from sklearn.datasets import load_iris
from kerasearch import KerasClassifier

class Double(keras.layers.Layer):
    def call(self, x):
        return 2 * x

class Loss(keras.losses.Loss):
    def __init__(self, factor):
        super().__init__()
        self.factor = factor
    def call(self, y_true, y_pred):
        return self.factor * keras.losses.sparse_categorical_crossentropy(y_true, y_pred)

def build(meta, units=4):
    inputs = keras.Input((4,))
    hidden = Double()(keras.layers.Dense(units)(inputs))
    hidden = keras.layers.Lambda(lambda x: x + 1)(hidden)
    return keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(hidden))

X, y = load_iris(return_X_y=True)
model = KerasClassifier(build, loss=Loss(2.0), epochs=1, random_state=0).fit(X, y)
np.save(sys.argv[1] + "/expected.npy", model.predict_proba(X))
with open(sys.argv[1] + "/model.pkl", "wb") as file:
    cloudpickle.dump(model, file)
"""


@pytest.mark.slow
def test_what_a_notebook_defines_travels_with_cloudpickle(tmp_path):
    load = (
        "import numpy as np, pickle, sys; from sklearn.datasets import load_iris\n"
        "model = pickle.load(open(sys.argv[1] + '/model.pkl', 'rb'))\n"
        "got = model.predict_proba(load_iris().data)\n"
        "np.testing.assert_array_equal(got, np.load(sys.argv[1] + '/expected.npy'))"
    )
    for code in (NOTEBOOK, load):
        run = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True
        )
        assert run.returncode == 0, run.stderr


def test_what_was_set_after_the_fit_does_not_change_what_comes_back(iris):
    estimator = fitted(iris, hidden_layer_sizes=(8,))
    expected = estimator.predict_proba(iris[0])
    estimator.set_params(hidden_layer_sizes=(4, 4), optimizer="sgd")
    back = pickle.loads(pickle.dumps(estimator))
    np.testing.assert_array_equal(back.predict_proba(iris[0]), expected)
    assert back.get_params()["model__hidden_layer_sizes"] == (4, 4)


def test_a_builder_that_changed_meanwhile_is_a_clear_error(iris, monkeypatch):
    data = pickle.dumps(fitted(iris, model=builders.build))
    monkeypatch.setattr(builders, "build", builders.build_compiled)
    changed = builders._output
    monkeypatch.setattr(
        builders, "build", lambda meta: keras.Sequential([keras.Input((4,)), changed(meta)])
    )
    with pytest.raises(ValueError, match="no longer builds the model that was fitted"):
        pickle.loads(data)


def test_a_regressor_pickles_too(diabetes):
    regressor = KerasRegressor(epochs=1, random_state=0).fit(*diabetes)
    back = pickle.loads(pickle.dumps(regressor))
    np.testing.assert_array_equal(back.predict(diabetes[0]), regressor.predict(diabetes[0]))


def test_a_divergence_error_pickles():
    error = pickle.loads(pickle.dumps(DivergenceError("no", 3, {"loss": [1.0]})))
    assert (str(error), error.epoch, error.history) == ("no", 3, {"loss": [1.0]})
