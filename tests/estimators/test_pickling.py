"""Estimators through pickle, joblib, cloudpickle, deepcopy, and into fresh processes."""

from __future__ import annotations

import copy
import os
import pickle
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import cloudpickle
import joblib
import keras
import numpy as np
import pytest
from sklearn.base import clone

from kerasearch import DivergenceError, KerasClassifier, KerasRegressor
from tests import builders
from tests.backends import has_text
from tests.slow import long_but

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


@pytest.mark.parametrize("kind", long_but(KINDS, "default", "custom layer", "callback"))
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


@pytest.mark.long
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


# ------------------------------------------------ what layers keep outside their variables

SURROUNDINGS: dict[str, Any] = {}


def surroundings(shift=0):
    """What a builder finds around it; it changes with `shift`."""
    rows = np.random.default_rng(shift).normal(shift, 1 + shift, size=(20, 3)).astype("float32")
    return {"rows": rows, "tokens": np.arange(shift, shift + 4)}


@pytest.fixture
def rows():
    SURROUNDINGS.update(surroundings(), n_calls=0)
    X = np.random.default_rng(1).integers(0, 6, size=(30, 3))
    return X.astype("float32"), np.arange(30) % 2


class Centers(keras.layers.Layer):
    """Reads a tensor, an array and a number from its surroundings."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.mean = keras.ops.convert_to_tensor(SURROUNDINGS["rows"].mean(axis=0))
        self.parts = [SURROUNDINGS["rows"].std(axis=0)]
        self.factor = float(SURROUNDINGS["tokens"].sum())

    def call(self, x):
        return (x - self.mean) / self.parts[0] * self.factor


class Scales(keras.layers.Layer):
    """Reads a number alone."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.factor = float(SURROUNDINGS["tokens"].sum())

    def call(self, x):
        return x * self.factor


class Given(keras.layers.Layer):
    """Has no get_config."""

    def __init__(self, mean):
        super().__init__()
        self.mean = keras.ops.convert_to_tensor(mean)

    def call(self, x):
        return x - self.mean


class FillsTable(keras.layers.Layer):
    def __init__(self, **kwargs):
        import tensorflow as tf

        super().__init__(**kwargs)
        keys = tf.constant(SURROUNDINGS["tokens"])
        pairs = tf.lookup.KeyValueTensorInitializer(keys, tf.cast(keys, "float32"))
        self.table = tf.lookup.StaticHashTable(pairs, 0.0)

    def call(self, x):
        return self.table.lookup(keras.ops.cast(x, "int64"))


def adapted(layer, name):
    layer.adapt(SURROUNDINGS[name])
    return layer


OUTSIDE_VARIABLES = {
    "IntegerLookup": lambda: keras.layers.IntegerLookup(
        vocabulary=SURROUNDINGS["tokens"], output_mode="multi_hot"
    ),
    "adapted IntegerLookup": lambda: adapted(
        keras.layers.IntegerLookup(output_mode="multi_hot"), "tokens"
    ),
    "Normalization": lambda: keras.layers.Normalization(
        mean=SURROUNDINGS["rows"].mean(axis=0), variance=SURROUNDINGS["rows"].var(axis=0)
    ),
    "adapted Normalization": lambda: adapted(keras.layers.Normalization(), "rows"),
    "adapted Discretization": lambda: adapted(
        keras.layers.Discretization(num_bins=3, output_mode="multi_hot"), "rows"
    ),
    "tensor and array": Centers,
    "number": Scales,
    "Rescaling": lambda: keras.layers.Rescaling(float(SURROUNDINGS["tokens"].sum())),
}


def build_from_surroundings(meta, kind):
    SURROUNDINGS["n_calls"] += 1
    inputs = keras.Input((3,))
    is_lookup = "Lookup" in kind
    hidden = OUTSIDE_VARIABLES[kind]()(keras.ops.cast(inputs, "int64") if is_lookup else inputs)
    return keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(hidden))


@pytest.mark.parametrize(
    "kind",
    [
        *has_text("IntegerLookup", *long_but(["adapted IntegerLookup"])),
        *long_but(
            [kind for kind in OUTSIDE_VARIABLES if "Lookup" not in kind],
            "adapted Normalization",
            "tensor and array",
        ),
    ],
)
def test_what_layers_keep_outside_their_variables_travels_along(rows, kind):
    fitted = KerasClassifier(
        build_from_surroundings, kind=kind, epochs=1, random_state=0, metrics=["accuracy"]
    ).fit(*rows)
    expected = fitted.predict_proba(rows[0])
    data = pickle.dumps(fitted)
    SURROUNDINGS.update(surroundings(shift=2), n_calls=0)
    again = KerasClassifier(build_from_surroundings, kind=kind, epochs=1, random_state=0)
    assert not np.array_equal(again.fit(*rows).predict_proba(rows[0]), expected)
    SURROUNDINGS["n_calls"] = 0
    state = random.getstate()
    for back in (pickle.loads(data), copy.deepcopy(fitted)):
        np.testing.assert_array_equal(back.predict_proba(rows[0]), expected)
    assert random.getstate() == state
    if kind not in ("number", "Rescaling"):
        assert SURROUNDINGS["n_calls"] == 0
    # and it is alive
    first, second = back.partial_fit(*rows), fitted.partial_fit(*rows)
    np.testing.assert_array_equal(first.predict_proba(rows[0]), second.predict_proba(rows[0]))
    assert first.history_ == second.history_


def test_a_loss_without_get_config_travels_with_an_archive(rows):
    fitted = KerasClassifier(
        build_from_surroundings,
        kind="adapted Normalization",
        loss=Squares(3.0),
        epochs=1,
        random_state=0,
    ).fit(*rows)
    back = pickle.loads(pickle.dumps(fitted))
    assert back.model_.loss.factor == 3.0
    assert back.partial_fit(*rows).history_ == fitted.partial_fit(*rows).history_


class Squares(keras.losses.Loss):
    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def call(self, y_true, y_pred):
        return self.factor * keras.ops.mean((y_true - y_pred) ** 2, axis=-1)


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: Given([1.0, 2.0, 3.0]), "keeps a tensor as 'mean'.*unexpected keyword argument"),
        pytest.param(
            FillsTable,
            "keeps a lookup table as 'table'.*fills a lookup table itself",
            marks=pytest.mark.tensorflow("its table is TensorFlow's"),
        ),
    ],
)
def test_state_that_keras_cannot_write_is_an_error_that_says_why(rows, make, match):
    def build(meta):
        inputs = keras.Input((3,))
        return keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(make()(inputs)))

    fitted = KerasClassifier(build, epochs=1, random_state=0).fit(*rows)
    with pytest.raises(TypeError, match=f"(?s)keeps state outside its variables: .*{match}"):
        pickle.dumps(fitted)


FROM_FILE = """
import keras, numpy as np, pickle, sys
from kerasearch import KerasClassifier

def build(meta):
    words = open("vocabulary.txt").read().split()
    inputs = keras.Input((3,), dtype="int64")
    text = keras.layers.Hashing(4)(inputs)
    text = keras.layers.StringLookup(vocabulary=words, invert=True)(text)
    hidden = keras.layers.TextVectorization(4, vocabulary=words[:2], output_mode="multi_hot")
    hidden = hidden(keras.layers.Reshape((3, 1))(text)[:, 0])
    return keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(hidden))

X = np.arange(30).reshape(10, 3)
if sys.argv[1] == "fit":
    fitted = KerasClassifier(build, epochs=1, random_state=0).fit(X, np.arange(10) % 2)
    np.save("expected.npy", fitted.predict_proba(X))
    pickle.dump(fitted, open("model.pkl", "wb"))
else:
    fitted = pickle.load(open("model.pkl", "rb"))
    np.testing.assert_array_equal(fitted.predict_proba(X), np.load("expected.npy"))
"""


@pytest.mark.tensorflow("text and lookup layers are TensorFlow's alone")
@pytest.mark.long
@pytest.mark.slow
def test_vocabularies_travel_into_a_process_where_their_file_has_changed(tmp_path):
    (tmp_path / "script.py").write_text(FROM_FILE)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    for step, words in (("fit", "a b c d"), ("load", "d c x y")):
        (tmp_path / "vocabulary.txt").write_text(words)
        run = subprocess.run(
            [sys.executable, "script.py", step],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=environment,
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
