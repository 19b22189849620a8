"""Whole epochs under XLA against ``model.fit`` of a model with ``jit_compile=True``.

All models of the zoo pass. As Keras and the loop each compile two sizes of batches for each model,
which takes seconds, those that differ in what XLA makes of them stand for the others here.
"""

from __future__ import annotations

import keras
import numpy as np
import pytest

from kerasearch import training
from kerasearch.training.fit_settings import FitSettings
from kerasearch.training.seeds import fresh_names, seeded
from tests.slow import long_but

from . import zoo

# XLA computes convolutions by other kernels within a loop, with other last bits
STEP_BY_STEP = {"conv_1d", "conv_2d", "separable_conv_2d"}
KINDS = [
    *("dense", "batch_normalization", "layer_normalization", "dropout", "conv_2d", "lstm"),
    *("gru_with_dropout", "embedding", "attention", "two_outputs", "own_train_step"),
    *("layer_with_loss_and_metric", "regularizers", "sample_weights", "metrics_with_state"),
    *("schedule", "global_clipping", "moving_average_overwriting", "mixed_precision"),
]


def _build(name):
    model = zoo.ZOO[name]()
    model.jit_compile = True
    return model


def _fitted(name, fit):
    x, y = keras.tree.map_structure(np.asarray, zoo.arrays(name))
    model = training.build(lambda: _build(name), 2)
    given = {n: v for n, v in zoo.FIT[name].items() if not n.startswith("validation")}
    return model, fit(model, x, y, batch_size=16, epochs=2, shuffle=False, **given)


def _by_keras(model, *data, **settings):
    with seeded(2), fresh_names():
        return model.fit(*data, verbose=0, **settings).history


def _by_us(model, *data, **settings):
    return training.fit(model, *data, seed=2, **settings)


@pytest.mark.parametrize(("units", "whole"), [(100, True), (500, False)])
def test_a_large_net_takes_its_steps_one_at_a_time(units, whole):
    model = keras.Sequential([keras.Input((500,)), keras.layers.Dense(units)])
    model.compile("sgd", "mse", jit_compile=True)
    arrays = training.data.as_keras_takes_them(np.zeros((4, 500)), np.zeros((4, units)))
    settings = FitSettings(
        epochs=1,
        initial_epoch=0,
        batch_size=2,
        shuffle=True,
        seed=0,
        validation=None,
        validation_batch_size=2,
        validation_steps=None,
        validation_freq=1,
        steps_per_epoch=None,
        own_arguments={},
        callbacks=[],
        watch=None,
        verbose=0,
    )
    program = training.compiled_loop.training_program(model, arrays, settings).program
    assert program.whole_epochs is whole


@pytest.mark.parametrize("name", long_but(KINDS, "batch_normalization"))
def test_an_evaluation_is_that_of_model_evaluate(name):
    training.clear_programs()
    x, y = keras.tree.map_structure(np.asarray, zoo.arrays(name))
    model = training.build(lambda: _build(name), 2)
    ours = training.evaluate(model, x, y, batch_size=16)
    theirs = model.evaluate(x, y, batch_size=16, verbose=0, return_dict=True)
    assert list(ours) == list(theirs)
    for key in theirs:
        np.testing.assert_array_equal(ours[key], theirs[key])


@pytest.mark.parametrize("name", long_but(KINDS, "batch_normalization"))
def test_weights_state_and_history_are_those_of_model_fit(name):
    training.clear_programs()
    theirs, history = _fitted(name, _by_keras)
    ours, result = _fitted(name, _by_us)
    how = "each step under XLA" if name in STEP_BY_STEP else "whole epochs under XLA"
    assert (result.path, result.reason) == ("compiled", f"shared program, {how}")
    assert list(result.history) == list(history)
    for key in history:
        np.testing.assert_array_equal(result.history[key], history[key])
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    for a, b in zip(ours.optimizer.variables, theirs.optimizer.variables, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
