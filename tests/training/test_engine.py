"""The engine as a citizen of its process: threads, interruption, the cache, what it leaves."""

from __future__ import annotations

import gc
import os
import signal
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest

from kerasearch import training
from kerasearch.training import compiled_loop, program_cache

from . import zoo


def _numbers(seed, name="dropout"):
    x, y = zoo.arrays(name)
    model = training.build(zoo.ZOO[name], seed)
    result = training.fit(model, x, y, epochs=3, batch_size=16, seed=seed, validation_data=(x, y))
    return [*model.get_weights(), training.predict(model, x), *result.history["val_loss"]]


@pytest.mark.parametrize("warm", [pytest.param(False, marks=pytest.mark.slow), True])
@pytest.mark.slow
def test_threads_give_the_numbers_of_a_sequence(warm):
    training.clear_programs()
    expected = [_numbers(seed) for seed in range(6)]
    if not warm:
        training.clear_programs()
    with ThreadPoolExecutor(4) as pool:
        for ours, theirs in zip(pool.map(_numbers, range(6)), expected, strict=True):
            for a, b in zip(ours, theirs, strict=True):
                np.testing.assert_array_equal(a, b)


@pytest.mark.slow
def test_threads_that_train_through_keras_give_the_numbers_of_a_sequence():
    x, y = zoo.arrays("dropout")

    def numbers(seed):
        model = training.build(zoo.ZOO["dropout"], seed)
        training.fit(model, x, y, seed=seed, callbacks=[keras.callbacks.TerminateOnNaN()])
        return model.get_weights()

    expected = [numbers(seed) for seed in range(3)]
    with ThreadPoolExecutor(3) as pool:
        for ours, theirs in zip(pool.map(numbers, range(3)), expected, strict=True):
            for a, b in zip(ours, theirs, strict=True):
                np.testing.assert_array_equal(a, b)


def test_threads_predict_side_by_side_with_one_model():
    x, y = zoo.arrays("dense")
    model = training.build(zoo.ZOO["dense"], 0)
    training.fit(model, x, y)
    expected = training.predict(model, x)
    with ThreadPoolExecutor(4) as pool:
        for predicted in pool.map(lambda _: training.predict(model, x), range(20)):
            np.testing.assert_array_equal(predicted, expected)


def test_a_trained_model_stays_as_it_is_while_others_use_its_program(tmp_path):
    x, y = zoo.arrays("dropout")
    model = training.build(zoo.ZOO["dropout"], 0)
    training.fit(model, x, y, epochs=2)
    before, predicted = model.get_weights(), model.predict(x, verbose=0)
    for seed in (1, 2):
        training.fit(training.build(zoo.ZOO["dropout"], seed), x, y, epochs=2)
    for a, b in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded.predict(x, verbose=0), predicted, rtol=1e-6)
    assert loaded.optimizer.iterations == model.optimizer.iterations


@pytest.mark.slow
def test_training_may_go_on_with_keras_after_us_and_with_us_after_keras():
    x, y = zoo.arrays("dense")
    ours, theirs = training.build(zoo.ZOO["dense"], 0), training.build(zoo.ZOO["dense"], 0)
    training.fit(ours, x, y, epochs=2, shuffle=False)
    ours.fit(x, y, epochs=1, shuffle=False, verbose=0)
    training.fit(ours, x, y, epochs=2, shuffle=False)
    theirs.fit(x, y, epochs=5, shuffle=False, verbose=0)
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.slow
def test_cutting_an_epoch_into_calls_does_not_change_the_numbers(monkeypatch):
    training.clear_programs()
    expected = _numbers(0, "own_train_step")
    for n_steps in (1, 2, 4):
        monkeypatch.setattr(
            compiled_loop,
            "_calls",
            lambda program, total, room=None, n=n_steps: [
                (begin, min(total, begin + n)) for begin in range(0, total, n)
            ],
        )
        for a, b in zip(_numbers(0, "own_train_step"), expected, strict=True):
            np.testing.assert_array_equal(a, b)


def _slow():
    model = keras.Sequential(
        [keras.Input((60, 8)), keras.layers.LSTM(64), keras.layers.Dense(3, "softmax")]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


@pytest.mark.slow
@pytest.mark.skipif(threading.current_thread() is not threading.main_thread(), reason="signals")
def test_an_interrupt_in_a_long_epoch_is_answered_within_a_second_and_harms_nothing():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(20_000, 60, 8)), rng.integers(3, size=20_000)
    training.clear_programs()
    model = training.build(_slow, 0)
    training.fit(model, x[:64], y[:64])
    sent = []

    def interrupt():
        sent.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGINT)

    timer = threading.Timer(1.5, interrupt)
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        training.fit(model, x, y, epochs=5)
    assert time.perf_counter() - sent[0] < 1.5
    timer.join()
    assert training.programs().count == 1
    expected = _after_interrupt()
    training.clear_programs()
    for a, b in zip(_after_interrupt(), expected, strict=True):
        np.testing.assert_array_equal(a, b)


def _after_interrupt():
    rng = np.random.default_rng(1)
    model = training.build(_slow, 1)
    training.fit(model, rng.normal(size=(64, 60, 8)), rng.integers(3, size=64))
    return model.get_weights()


def test_the_cache_is_bounded_in_programs_and_in_bytes_least_recently_used_out_first():
    class Fake:
        def __init__(self, n_bytes):
            self.n_bytes = n_bytes

    cache = program_cache.Cache(max_programs=2, max_bytes=100)
    for key in ("a", "b"):
        cache.put(key, Fake(10))
    assert cache.get("a") is not None
    cache.put("c", Fake(10))
    assert cache.get("b") is None
    assert cache.get("a") is not None
    cache.put("d", Fake(95))
    assert cache.get("a") is None
    assert cache.get("c") is None
    state = cache.describe()
    assert (state.count, state.n_bytes, state.evictions) == (1, 95, 3)
    assert (state.hits, state.misses) == (2, 4)
    cache.put("e", Fake(1000))  # one program is always kept
    assert cache.describe().count == 1
    cache.clear()
    assert cache.describe() == program_cache.Programs(0, 0, 0, 0, 0)


@pytest.mark.slow
def test_a_program_does_not_keep_the_models_that_ran_on_it():
    x, y = zoo.arrays("dropout")
    training.clear_programs()
    models = []
    for seed in range(3):
        model = training.build(zoo.ZOO["dropout"], seed)
        training.fit(model, x, y)
        training.predict(model, x)
        models.append(weakref.ref(model))
    del model
    gc.collect()
    assert training.programs().count == 2
    assert [ref() for ref in models] == [None, None, None]


@pytest.mark.slow
def test_emptying_the_cache_while_a_fit_runs_on_a_program_of_it_is_safe():
    x, y = zoo.arrays("dense")

    class Clear(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            training.clear_programs()

    expected = _numbers(0, "dense")
    model = training.build(zoo.ZOO["dense"], 0)
    result = training.fit(
        model,
        x,
        y,
        epochs=3,
        batch_size=16,
        seed=0,
        validation_data=(x, y),
        callbacks=[Clear()],
    )
    assert result.history["val_loss"] == expected[-3:]


@pytest.mark.tensorflow("it has a seed of the process")
def test_random_layers_of_tensorflow_are_drawn_anew_from_the_seed():
    import tensorflow as tf

    def build():
        return zoo.small(), tf.random.normal((3,)).numpy(), tf.random.normal((3,), seed=1).numpy()

    first = training.build(build, 5)
    again = training.build(build, 5)
    other = training.build(build, 6)
    for i in (1, 2):
        np.testing.assert_array_equal(first[i], again[i])
        assert not np.array_equal(first[i], other[i])


@pytest.mark.parametrize("path", ["compiled", "model.fit"])
def test_a_model_goes_when_nobody_has_it_any_more_whichever_path_its_fit_took(path):
    x, y = zoo.arrays("dense")
    model = training.build(zoo.ZOO["dense"], 0)
    # Keras keeps the rows of a fit through model.fit for the life of the process: they alone
    callbacks = [keras.callbacks.TerminateOnNaN()] if path == "model.fit" else []
    result = training.fit(model, x, y, epochs=2, callbacks=callbacks)
    assert result.path == path
    gone = weakref.ref(model)
    del model, callbacks
    gc.collect()
    assert gone() is None
