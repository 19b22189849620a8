"""Weights of all ones are no weights: bit for bit, and so in the store too."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from kerasearch import FitStore, training
from kerasearch.training.unit_weights import without_unit_weights
from tests.slow import long_but

from . import zoo

pytestmark = pytest.mark.tensorflow(
    "under XLA, and so on JAX, a fit with weights of all ones has other last bits"
)
PLAIN = [name for name in zoo.ZOO if not zoo.FIT[name].keys() & {"sample_weight", "class_weight"}]
TELLS = {"own_train_step", "scaled_train_step", "own_compute_loss", "compiled_by_xla"}


def fit(name, weigh, **settings):
    """Train a model of the zoo, with weights of all ones or without weights."""
    x, y = zoo.arrays(name)
    weights = [keras.tree.map_structure(lambda target: np.ones(len(target)), y)] * weigh
    model = training.build(zoo.ZOO[name], 3)
    settings = {"batch_size": 16, "epochs": 2, "seed": 3, **zoo.FIT[name], **settings}
    result = training.fit(model, x, y, *weights, validation_data=(x, y, *weights), **settings)
    return result, [np.asarray(v).tobytes() for v in (*model.variables, *model.optimizer.variables)]


class Batches(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        pass


@pytest.mark.parametrize("name", long_but([n for n in PLAIN if n not in TELLS], "two_outputs"))
def test_they_change_no_bit_of_a_fit(name):
    check_that_they_change_no_bit(name, [])


@pytest.mark.parametrize("name", long_but(["two_outputs", "lstm", "dropout"], "two_outputs"))
def test_they_change_no_bit_of_a_fit_of_keras_own_loop(name):
    check_that_they_change_no_bit(name, [Batches()])


def check_that_they_change_no_bit(name, callbacks):
    plain, weights = fit(name, False, callbacks=callbacks)
    weighed, others = fit(name, True, callbacks=callbacks)
    assert weights == others
    assert plain.path == weighed.path
    assert {n: np.array(h).tobytes() for n, h in plain.history.items()} == {
        n: np.array(h).tobytes() for n, h in weighed.history.items()
    }


@pytest.mark.parametrize("name", ["dense", "two_outputs", "embedding"])
def test_a_stored_fit_without_weights_is_found_with_weights_of_all_ones(tmp_path, name):
    store = FitStore(tmp_path)
    first, weights = fit(name, False, store=store)
    again, others = fit(name, True, store=store)
    assert (first.n_trained, again.n_trained) == (2, 0)
    assert weights == others


class Heavier(keras.losses.Loss):
    def __call__(self, y_true, y_pred, sample_weight=None):
        loss = keras.ops.mean(y_pred)
        return loss if sample_weight is None else loss * 2

    def call(self, y_true, y_pred):
        return keras.ops.mean(y_pred, axis=-1)


class HasWeights(keras.metrics.Mean):
    def update_state(self, y_true, y_pred, sample_weight=None):
        return super().update_state(1.0 if sample_weight is None else 2.0)


def compiled_with(**settings):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", **{"loss": "mse", **settings})
    return model


@pytest.mark.parametrize(
    "settings",
    [
        {"loss": Heavier()},
        {"weighted_metrics": [HasWeights()]},
        {"metrics": ["mae", HasWeights()]},
        {"jit_compile": True},
    ],
)
def test_who_can_tell_keeps_them(settings):
    x, y = np.ones((4, 2), "float32"), np.ones(4, "float32")
    weighted = (x, y, np.ones(4))
    assert len(without_unit_weights(compiled_with(), weighted)) == 2
    assert len(without_unit_weights(compiled_with(**settings), weighted)) == 3


@pytest.mark.parametrize("name", ["own_train_step", "own_compute_loss", "compiled_by_xla"])
def test_a_model_with_steps_of_its_own_keeps_them(name):
    model = training.build(zoo.ZOO[name], 0)
    x, y = zoo.arrays(name)
    assert len(without_unit_weights(model, (x, y, np.ones(len(y))))) == 3


@pytest.mark.parametrize("weights", [np.array([1, 1, 1, 2]), np.full(4, 2.0), [1.0, 1, 1, np.nan]])
def test_other_weights_stay(weights):
    x, y = np.ones((4, 2), "float32"), np.ones(4, "float32")
    assert len(without_unit_weights(compiled_with(), (x, y, np.asarray(weights)))) == 3
