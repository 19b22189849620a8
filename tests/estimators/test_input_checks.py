"""What is asked of X, of `class_weight` and of the builder is said before training."""

from __future__ import annotations

import re
import tracemalloc
import warnings

import keras
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from kerasearch import KerasClassifier, KerasRegressor

X = np.random.default_rng(0).normal(size=(40, 4))
Y = (X[:, 0] > 0).astype(int)
CODES = np.arange(40).reshape(-1, 1) % 3 + np.zeros((1, 4), int)


def quick(model=None, **params):
    return KerasClassifier(model, **{"epochs": 1, "random_state": 0, **params})


def sequential(*layers):
    return lambda: keras.Sequential([*(make() for make in layers), output()])


def output():
    return keras.layers.Dense(1, "sigmoid")


def two_inputs():
    inputs = [keras.Input((2,)), keras.Input((2,))]
    return keras.Model(inputs, output()(keras.layers.concatenate(inputs)))


def two_heads():
    inputs = keras.Input((4,))
    return keras.Model(inputs, [output()(inputs), keras.layers.Dense(1)(inputs)])


INPUT = "X has rows of shape (4,), but the model's input has shape"


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (sequential(lambda: keras.Input((5,))), f"{INPUT} (None, 5): "),
        (sequential(lambda: keras.Input((8, 8, 1)), keras.layers.Flatten), f"{INPUT} (None, 8, 8"),
        (sequential(lambda: keras.Input((2, 2)), keras.layers.Flatten), "keras.layers.Reshape((2"),
        (two_inputs, "(None, 2), 'keras_tensor_1' (None, 2)), but X is one array with rows of"),
        (sequential(lambda: keras.layers.Conv2D(2, 3)), "whose rows have shape (4,): Input 0"),
        (two_heads, "the model has 2 outputs, but the target needs 1: "),
    ],
)
def test_a_model_for_other_rows_says_both_shapes(model, message):
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        quick(model).fit(X, Y)
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_a_ready_model_for_other_rows_says_both_shapes():
    with pytest.raises(ValueError, match=re.escape(f"{INPUT} (None, 5)")):
        quick(keras.Sequential([keras.Input((5,)), output()])).fit(X, Y)


def test_a_template_is_copied_without_a_warning():
    template = keras.Sequential([keras.Input((4,)), output()])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert quick(template).fit(X, Y).predict(X).shape == (40,)


@pytest.mark.parametrize(
    ("weights", "advice"),
    [
        ([1, 2], "class_weight={0: 1, 1: 2}"),
        (np.array([1.0, 2.0]), "class_weight={0: 1.0, 1: 2.0}"),
        ([{0: 1, 1: 2}], "a dict of weights by label"),
        ("balance", "must be 'balanced', None, or a dict"),
        (2.0, "a dict of weights by label"),
        ({"a": 1, "b": 2}, "none of y's labels, which are 0, 1"),
        ({0: "x", 1: 2}, "must have numbers as weights, not 'x'"),
    ],
)
def test_class_weights_of_another_form_say_which_is_right(weights, advice):
    message = f"class_weight={weights!r}"
    with pytest.raises(ValueError, match=f"{re.escape(message)}.*{re.escape(advice)}"):
        quick(class_weight=weights).fit(X, Y)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"dropout": 1.5}, "dropout=1.5 must be a number in [0, 1)"),
        ({"dropout": -0.1}, "dropout=-0.1 must be"),
        ({"dropout": "a"}, "dropout='a' must be"),
        ({"l2": -1}, "l2=-1 must be a number of at least 0"),
        ({"activation": "rellu"}, "activation='rellu' is not in keras.activations; did you mean"),
    ],
)
@pytest.mark.parametrize("estimator", [KerasClassifier, KerasRegressor])
def test_arguments_of_the_default_model_are_called_by_their_names(estimator, params, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        estimator(epochs=1, **params).fit(X, Y)


def of_keras_tuner(hp):
    return keras.Sequential([keras.layers.Dense(hp.Int("units", 1, 4)), output()])


class HyperModel:
    def build(self, hp):
        return of_keras_tuner(hp)


@pytest.mark.parametrize("build", [of_keras_tuner, HyperModel(), HyperModel().build])
def test_a_build_function_of_keras_tuner_is_recognized(build):
    with pytest.raises((TypeError, ValueError), match="kerasearch.keras_tuner_model"):
        quick(build).fit(X, Y)


# --------------------------------------------------------------------------- categories


def embedding(input_dim=3):
    return sequential(
        lambda: keras.Input((4,), dtype="int32"),
        lambda: keras.layers.Embedding(input_dim, 2),
        keras.layers.Flatten,
    )


@pytest.mark.parametrize("value", [3, -1])
def test_a_category_that_an_embedding_has_no_row_for_is_named(value):
    unseen = CODES.copy()
    unseen[7, 2] = value
    message = rf"X has {value} in column 2, but the model's Embedding has input_dim=3"
    with pytest.raises(ValueError, match=message):
        quick(embedding()).fit(unseen, Y)
    fitted = quick(embedding()).fit(CODES, Y)
    with pytest.raises(ValueError, match=message):
        fitted.predict(unseen)
    with pytest.raises(ValueError, match=message):
        quick(embedding()).fit(CODES, Y, X_val=unseen[:9], y_val=Y[:9])


def test_reordered_and_missing_columns_are_errors_that_say_so():
    frame = pd.DataFrame(X, columns=list("abcd"))
    fitted = quick().fit(frame, Y)
    with pytest.raises(ValueError, match="same order"):
        fitted.predict(frame[list("bacd")])
    with pytest.raises(ValueError, match="(?s)now missing:.*- d"):
        fitted.predict(frame[list("abc")])


# --------------------------------------------------------------------------- sparse rows


@pytest.mark.parametrize("make", [sparse.csr_matrix, sparse.csc_array, sparse.coo_matrix])
def test_sparse_rows_are_cast_before_they_are_dense(make):
    wide = make(sparse.random(300, 2000, 0.01, random_state=0, format="csr"))
    fitted = quick(hidden_layer_sizes=()).fit(wide, np.arange(300) % 2)
    tracemalloc.start()
    sparse_proba = fitted.predict_proba(wide)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_array_equal(sparse_proba, fitted.predict_proba(wide.toarray()))
    dense = 300 * 2000 * 4  # bytes of float32: one array for the rows, one for TensorFlow
    assert peak < 2.3 * dense, peak / dense
