"""The interface of training: what fit, evaluate, predict and build promise on either path."""

from __future__ import annotations

import collections
import random

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras.src.backend.common import global_state

from kerasearch import training
from kerasearch.exceptions import DivergenceError
from kerasearch.training import compiled_loop

from ..backends import BACKEND, ORDINARY_REASON


def data(n=70, features=5, classes=3):
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, features)), rng.integers(classes, size=n)


def mlp(features=5, classes=3, metrics=("accuracy",), activation="tanh", **compile_kwargs):
    model = keras.Sequential(
        [
            keras.Input((features,)),
            keras.layers.Dense(8, activation=activation),
            keras.layers.Dense(classes, activation="sigmoid" if classes == 1 else "softmax"),
        ]
    )
    settings = {"optimizer": keras.optimizers.Adam(0.01), **compile_kwargs}
    model.compile(
        settings.pop("optimizer"),
        settings.pop("loss", "sparse_categorical_crossentropy"),
        metrics=list(metrics),
        **settings,
    )
    return model


def test_a_fit_equals_model_fit_fed_the_same_order():
    x, y = data()
    model = training.build(mlp, 1)
    result = training.fit(model, x, y, epochs=3, batch_size=16, seed=7)

    twin = training.build(mlp, 1)
    expected = []
    for epoch in range(3):
        order = np.random.default_rng([7, epoch]).permutation(len(x))
        h = twin.fit(x[order], y[order], batch_size=16, shuffle=False, verbose=0)
        expected.append(h.history["loss"][0])
    assert result.history["loss"] == expected
    for a, b in zip(model.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_fit_in_two_calls_equals_one_call():
    x, y = data()
    whole, parts = training.build(mlp, 1), training.build(mlp, 1)
    first = training.fit(whole, x, y, epochs=4).history["loss"]
    second = training.fit(parts, x, y, epochs=2).history["loss"]
    second += training.fit(parts, x, y, epochs=4, initial_epoch=2).history["loss"]
    assert first == second
    for a, b in zip(whole.get_weights(), parts.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.slow
def test_history_has_keras_own_keys_whatever_was_built_before():
    x, y = data(classes=2)

    def build():
        return mlp(classes=1, loss="binary_crossentropy", metrics=["AUC", "accuracy"])

    for _ in range(2):
        model = training.build(build, 0)
        result = training.fit(model, x, y, validation_data=(x, y))
        assert set(result.history) == {
            "loss", "AUC", "accuracy", "val_loss", "val_AUC", "val_accuracy"
        }  # fmt: skip
        assert all(type(v) is float for values in result.history.values() for v in values)


def test_evaluate_and_predict_agree_with_keras():
    x, y = data()
    model = training.build(mlp, 0)
    training.fit(model, x, y)
    expected = model.evaluate(x, y, verbose=0, return_dict=True)
    assert training.evaluate(model, x, y) == pytest.approx(expected, rel=1e-6)
    np.testing.assert_allclose(training.predict(model, x), model.predict(x, verbose=0), rtol=1e-6)
    assert training.predict(model, x[:1]).shape == (1, 3)


def test_build_gives_the_same_model_each_time_and_names_it_as_a_fresh_process_would():
    keras.layers.Dense(1)  # counts up the names outside
    one, two = training.build(mlp, 3), training.build(mlp, 3)
    assert [layer.name for layer in one.layers] == ["dense", "dense_1"]
    assert [layer.name for layer in two.layers] == ["dense", "dense_1"]
    for a, b in zip(one.get_weights(), two.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    other = training.build(mlp, 4)
    assert not np.array_equal(one.get_weights()[0], other.get_weights()[0])


def _process_state():
    from tensorflow.python.eager import context
    from tensorflow.python.framework import config

    ctx = context.context()
    return (
        random.getstate(),
        [np.asarray(part).tolist() for part in np.random.get_state()],
        ctx._seed,
        ctx._rng.getstate() if hasattr(ctx, "_rng") else None,
        dict(global_state.get_global_attribute("object_name_uids") or {}),
        global_state.get_global_attribute("global_random_seed"),
        global_state.get_global_attribute("global_seed_generator"),
        keras.config.dtype_policy().name,
        keras.config.floatx(),
        config.is_op_determinism_enabled(),
    )


@pytest.mark.tensorflow("its own seed and flags; tests/estimators/test_fitting.py has the others")
@pytest.mark.parametrize("seeded", [False, True])
def test_nothing_process_wide_is_changed(seeded):
    from tensorflow.python.eager import context

    if seeded:
        keras.utils.set_random_seed(5)
        np.random.rand(3)
    x, y = data()
    before = _process_state()

    def build():
        np.random.rand()
        random.random()
        tf.random.normal((2,))
        keras.random.normal((2,))
        return mlp()

    try:
        model = training.build(build, 0)
        training.fit(model, x, y, validation_data=(x, y))
        training.predict(model, x)
        training.evaluate(model, x, y)
        assert _process_state() == before
        with pytest.raises(ZeroDivisionError):
            training.build(lambda: 1 / 0, 0)
        assert _process_state() == before
    finally:
        if seeded:
            context.context()._seed = None
            global_state.set_global_attribute("global_random_seed", None)
            global_state.set_global_attribute("object_name_uids", collections.defaultdict(int))


def test_a_loss_that_is_not_finite_raises_with_epoch_cause_and_history():
    x, y = data()
    model = training.build(
        lambda: mlp(activation="linear", optimizer=keras.optimizers.SGD(1e30)), 0
    )
    cause = r"after epoch \d+: the learning rate \(1e\+30\)"
    with pytest.raises(DivergenceError, match=cause) as e:
        training.fit(model, x, y, epochs=10, batch_size=16)
    assert len(e.value.history["loss"]) == e.value.epoch + 1
    assert not np.isfinite(e.value.history["loss"][-1])

    x[3, 2] = np.nan
    with pytest.raises(DivergenceError, match="the features contain NaN") as e:
        training.fit(training.build(mlp, 0), x, y, epochs=10)
    assert e.value.epoch == 0


@pytest.mark.slow
def test_divergence_is_left_to_a_callback_that_deals_with_it():
    x, y = data()
    x[3, 2] = np.nan
    result = training.fit(
        training.build(mlp, 0), x, y, epochs=5, callbacks=[keras.callbacks.TerminateOnNaN()]
    )
    assert len(result.history["loss"]) == 1

    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = True

    result = training.fit(training.build(mlp, 0), x, y, epochs=5, callbacks=[Stop()])
    assert len(result.history["loss"]) == 1
    result = training.fit(training.build(mlp, 0), x, y, epochs=2, raise_on_divergence=False)
    assert len(result.history["loss"]) == 2


def test_class_weights_are_sample_weights_and_not_taken_together_with_them():
    x, y = data()
    one, two = training.build(mlp, 0), training.build(mlp, 0)
    a = training.fit(one, x, y, class_weight={0: 3.0, 1: 1.0, 2: 0.5}).history
    b = training.fit(two, x, y, np.choose(y, [3.0, 1.0, 0.5])).history
    assert a == b
    with pytest.raises(ValueError, match="cannot be given together"):
        training.fit(one, x, y, np.ones(len(y)), class_weight={0: 2.0})


def test_verbose_0_is_silent(capfd):
    x, y = data()
    model = training.build(mlp, 0)
    training.fit(model, x, y, validation_data=(x, y))
    training.predict(model, x)
    training.evaluate(model, x, y)
    captured = capfd.readouterr()
    assert captured.out == ""
    assert captured.err == ""


class Noise(keras.layers.Layer):
    def call(self, x):
        return x + tf.random.normal(tf.shape(x))


def noisy():
    model = keras.Sequential([keras.Input((5,)), Noise(), keras.layers.Dense(3, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


@pytest.mark.slow
def test_a_path_tells_how_the_fit_was_trained_and_whether_it_may_be_stored(monkeypatch):
    x, y = data()

    def path(build, callbacks=()):
        result = training.fit(training.build(build, 0), x, y, callbacks=callbacks)
        taken = result.training_path
        assert (result.path, result.reason) == (taken.name, taken.reason)
        return (taken.name, taken.shared, taken.storable), taken.reason

    assert path(mlp) == (("compiled", True, True), ORDINARY_REASON)
    if BACKEND == "tensorflow":
        kind, reason = path(noisy)
        assert kind == ("compiled", False, False)
        assert reason == "private program: the graph has a stateful operation, RandomStandardNormal"
    kind, reason = path(mlp, [keras.callbacks.TerminateOnNaN()])
    assert kind == ("model.fit", False, True)
    assert reason == "callback TerminateOnNaN overrides on_batch_end"

    def fails(*args):
        raise TypeError("a tensor is no bool")

    monkeypatch.setattr(compiled_loop, "training_program", fails)
    kind, reason = path(mlp)
    assert kind == ("model.fit", False, False)
    assert reason == "the loop cannot be traced: TypeError: a tensor is no bool"
