"""Stateful layers: a fit and a prediction begin with the states reset."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from sklearn.model_selection import KFold, cross_val_score

from kerasearch import KerasRegressor, training
from tests.slow import long_but

layers = keras.layers


class Remembers(layers.Layer):
    """A layer of the user's: adds the mean of the batch before."""

    def build(self, shape):
        self.last = self.add_weight(shape=(shape[-1],), trainable=False, initializer="zeros")

    def call(self, x):
        before = keras.ops.copy(self.last.value)
        self.last.assign(keras.ops.mean(x, axis=0))
        return x + before

    def reset_states(self):
        self.last.assign(keras.ops.zeros_like(self.last.value))


def nested(batch):
    shape = (batch, 2, 1)
    return keras.Sequential([keras.Input(batch_shape=shape), layers.SimpleRNN(3, stateful=True)])


class OwnModel(keras.Model):
    def __init__(self):
        super().__init__()
        self.rnn = layers.SimpleRNN(3, stateful=True)

    def build(self, shape):
        self.rnn.build(shape)

    def call(self, x):
        return self.rnn(x)


OWN = "one of the user's"  # which costs no trace of a loop over time steps
KINDS = {
    "SimpleRNN": lambda batch: layers.SimpleRNN(3, stateful=True),
    "LSTM": lambda batch: layers.LSTM(3, stateful=True),
    "Bidirectional": lambda batch: layers.Bidirectional(layers.GRU(3, stateful=True)),
    "nested": nested,
    "in a model of its own class": lambda batch: OwnModel(),
    "cells with several states": lambda batch: layers.RNN(
        [layers.LSTMCell(3), layers.GRUCell(2)], stateful=True
    ),
    OWN: lambda batch: keras.Sequential([layers.Flatten(), Remembers()]),
}


def build(kind="SimpleRNN", batch=10):
    inputs = keras.Input(batch_shape=(batch, 2, 1))
    return keras.Model(inputs, layers.Dense(1)(KINDS[kind](batch)(inputs)))


def rows(n=30):
    X = np.random.default_rng(0).normal(size=(n, 2, 1)).astype("float32")
    return X, X.sum(axis=(1, 2))


def quick(**params):
    defaults = {"epochs": 2, "batch_size": 10, "random_state": 0, "shuffle": False}
    return KerasRegressor(build, **{**defaults, **params})


@pytest.mark.parametrize("kind", long_but(KINDS, "nested", OWN))
def test_predictions_fits_and_evaluations_do_not_depend_on_those_before(kind):
    X, y = rows()
    network = quick(kind=kind).fit(X, y)
    first = network.predict(X)
    np.testing.assert_array_equal(network.predict(X), first)
    np.testing.assert_array_equal(network.predict(X[:20]), first[:20])
    # a fresh model with the same weights has seen nothing before
    fresh = build(kind)
    fresh.set_weights(network.model_.get_weights())
    if kind != OWN:  # whose state is a weight
        expected = fresh.predict(X, batch_size=10, verbose=0).ravel()
        np.testing.assert_allclose(first, expected, rtol=1e-5, atol=1e-6)
    logs = [training.evaluate(network.model_, X, y, batch_size=10) for _ in range(2)]
    assert logs[0] == logs[1]
    assert logs[0]["loss"] == pytest.approx(np.mean((first - y) ** 2), rel=1e-4)
    losses = network.history_["loss"]
    assert network.fit(X, y).history_["loss"] == losses


@pytest.mark.parametrize("kind", long_but(["SimpleRNN", OWN], OWN))
def test_the_states_stay_between_the_epochs_of_a_fit_as_in_keras(kind):
    X, y = rows()
    network = quick(epochs=3, kind=kind).fit(X, y)

    def compiled():
        model = build(kind)
        model.compile("adam", "mse")
        return model

    model = training.build(compiled, 0)
    history = model.fit(X, y, batch_size=10, epochs=3, shuffle=False, verbose=0).history
    np.testing.assert_allclose(network.history_["loss"], history["loss"], rtol=1e-6)


@pytest.mark.parametrize("kind", long_but(["SimpleRNN", OWN], OWN))
def test_epochs_one_by_one_are_a_fit_whatever_is_predicted_between(kind):
    X, y = rows()
    whole = quick(epochs=3, kind=kind).fit(X, y)
    network = quick(kind=kind)
    for _ in range(3):
        network.partial_fit(X, y)
        network.predict(X[:10])
    assert network.history_["loss"] == whole.history_["loss"]


def test_a_warm_start_begins_with_the_states_reset():
    X, y = rows()
    network = quick(
        kind=OWN, warm_start=True, optimizer="sgd", optimizer__learning_rate=0.0, epochs=1
    )
    losses = [network.fit(X, y).history_["loss"] for _ in range(2)]
    assert losses[0] == losses[1]


def test_a_fixed_batch_that_does_not_divide_the_rows_names_both_numbers():
    X, y = rows(29)
    with pytest.raises(ValueError, match=r"batches of 10 rows, but 29 rows .* would have 9"):
        quick().fit(X, y)
    with pytest.raises(ValueError, match=r"batches of 10 rows, but 24 rows"):
        cross_val_score(quick(), *rows(36), cv=KFold(3), error_score="raise")
    with pytest.raises(ValueError, match=r"batch_size=32, .* batches of 10 rows: set batch_size=1"):
        quick(batch_size=32).fit(*rows(40))
    network = quick().fit(*rows(20))
    with pytest.raises(ValueError, match=r"batches of 10 rows, but 13 rows"):
        network.predict(X[:13])
    with pytest.raises(ValueError, match=r"batches of 10 rows, but 12 rows"):
        quick(epochs=1).fit(X[:20], y[:20], X_val=X[:12], y_val=y[:12])
    assert network.predict(X[:13], steps=1).shape == (10,)


@pytest.mark.parametrize("kind", [layers.LSTM, layers.GRU, layers.SimpleRNN])
def test_a_batch_may_be_of_one_row(kind):
    rng = np.random.RandomState(0)
    X, y = rng.rand(6, 2, 1).astype("float32"), rng.rand(6).astype("float32")

    def build():
        return keras.Sequential(
            [
                keras.Input(batch_shape=(1, 2, 1)),
                kind(2, stateful=True, kernel_initializer="ones", recurrent_initializer="ones"),
                layers.Dense(1, kernel_initializer="ones"),
            ]
        )

    with_keras = build()
    with_keras.compile("sgd", "mse")
    losses = with_keras.fit(X, y, batch_size=1, shuffle=False, verbose=0).history["loss"]
    regressor = KerasRegressor(
        build, loss="mse", optimizer="sgd", epochs=1, batch_size=1, shuffle=False, random_state=0
    ).fit(X, y)
    np.testing.assert_allclose(regressor.history_["loss"], losses, rtol=1e-5)
    assert np.array_equal(regressor.predict(X), regressor.predict(X))
    assert regressor.predict(X[:1]).shape == (1,)
