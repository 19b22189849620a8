"""Text and lookup layers where the backend has none: an early error that shows the way out."""

from __future__ import annotations

import keras
import numpy as np
import pandas as pd
import pytest
from keras import layers
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline

from kerasearch import KerasClassifier, KerasTransformer
from tests.backends import BACKEND

pytestmark = pytest.mark.skipif(BACKEND == "tensorflow", reason="TensorFlow's models take text")

DOCS = ["good film", "bad film", "ugly movie"] * 10
Y = np.array([1, 0, 0] * 10)
NUMBERS = np.arange(30.0).reshape(30, 1) % 4


def never(meta):
    raise AssertionError("the model-building function was called")


@pytest.mark.parametrize(
    ("X", "params", "message"),
    [
        (DOCS, {}, r"X has text \('good film'\), but models on .* need numbers: .*Tfidf"),
        (pd.DataFrame({"text": DOCS}), {}, "X has text in column 'text'"),
        (
            pd.DataFrame({"age": NUMBERS[:, 0], "city": ["Oslo", "Rome", "Bern"] * 10}),
            {},
            r"X has text in column \['city'\]|X has text in column 'city'",
        ),
        (
            pd.DataFrame({"age": NUMBERS[:, 0], "city": ["Oslo", "Rome", "Bern"] * 10}),
            {"inputs": {"numbers": ["age"], "place": ["city"]}},
            "X has text in column 'city'",
        ),
        ({"numbers": NUMBERS, "words": np.array(DOCS)}, {}, "X has text in column 'words'"),
        (NUMBERS, {"loader": lambda rows: ["word"] * len(rows)}, "X has text"),
    ],
    ids=["documents", "frame", "columns", "inputs", "dict", "loader"],
)
def test_text_is_an_error_before_the_model_is_built(X, params, message):
    with pytest.raises(ValueError, match=message) as caught:
        KerasClassifier(never, **params).fit(X, Y)
    assert "KERAS_BACKEND=tensorflow" in str(caught.value)


def test_text_that_is_numbers_and_an_encoder_in_front_are_none():
    digits = np.array([["1.5", 2], ["2", 3], ["0", 1]] * 10, dtype=object)
    KerasClassifier(epochs=1).fit(digits, Y)
    make_pipeline(TfidfVectorizer(), KerasClassifier(epochs=1)).fit(DOCS, Y)


def after(layer, dtype="float32"):
    inputs = keras.Input((1,), dtype=dtype)
    return keras.Model(inputs, layers.Dense(1, activation="sigmoid")(layer(inputs)))


def looked_up(kind):
    return {
        "StringLookup": lambda: after(layers.StringLookup(vocabulary=["a"]), "string"),
        "TextVectorization": lambda: after(layers.TextVectorization(vocabulary=["a"]), "string"),
        "IntegerLookup": lambda: after(
            layers.IntegerLookup(vocabulary=[1, 2], output_mode="multi_hot"), "int64"
        ),
        "Hashing": lambda: after(layers.Hashing(3, output_mode="multi_hot"), "int64"),
        "HashedCrossing": lambda: keras.Sequential([layers.HashedCrossing(3), layers.Dense(1)]),
    }[kind]()


@pytest.mark.parametrize(
    "kind", ["StringLookup", "TextVectorization", "IntegerLookup", "Hashing", "HashedCrossing"]
)
def test_a_lookup_layer_is_an_error_that_names_it(kind):
    pytest.importorskip("tensorflow", reason="Keras does not make lookup layers without it")
    with pytest.raises(ValueError, match=rf"model has the {kind} '\w+', but the backend") as told:
        KerasClassifier(looked_up, kind=kind).fit(NUMBERS.astype(int), Y)
    assert "OrdinalEncoder" in str(told.value)
    assert "KERAS_BACKEND=tensorflow" in str(told.value)


def test_without_tensorflow_the_error_is_the_same(monkeypatch):
    def build():
        raise ImportError("Layer StringLookup requires TensorFlow. Install it via `pip ...`")

    with pytest.raises(ValueError, match="the model has a StringLookup, but the backend"):
        KerasClassifier(build).fit(NUMBERS, Y)


def test_an_input_of_text_is_an_error_that_names_it():
    def build():
        return keras.Sequential([keras.Input((1,), dtype="string", name="words"), layers.Dense(1)])

    with pytest.raises(ValueError, match="the Input 'words' of text"):
        KerasClassifier(build).fit(NUMBERS, Y)


def test_another_error_of_a_builder_comes_through():
    def build():
        raise ZeroDivisionError("on purpose")

    with pytest.raises(ZeroDivisionError, match="on purpose"):
        KerasClassifier(build).fit(NUMBERS, Y)


def test_a_transformer_says_so_too():
    with pytest.raises(ValueError, match="X has text .* need numbers"):
        KerasTransformer(never).fit(DOCS)
