"""Batches that a function loads: the numbers of arrays in memory, whoever loads and when."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest

from kerasearch import training
from kerasearch.training import data
from kerasearch.training.loaded_batches import LoadedBatches, _in_order
from kerasearch.training.loaded_rows import LoadedRows

from ..backends import BACKEND
from ..slow import long_but
from .test_fit import data as rows_and_classes
from .test_fit import mlp

N = 70


def loaded(call, n_workers=0, n=N):
    """Rows 0 to n - 1, whose features are what `call` gives."""
    return LoadedRows(np.arange(n), np.arange(n), call, lambda x, y, n: (x, y), "load", n_workers)


@pytest.fixture
def xy():
    return rows_and_classes(N)


def weights_of(model):
    return [w.tolist() for w in model.get_weights()]


@pytest.mark.parametrize("n_workers", long_but([0, 1, 4], 4))
def test_a_fit_on_loaded_rows_equals_one_on_arrays_to_the_last_bit(xy, n_workers):
    x, y = xy
    weights = np.linspace(0.5, 1.5, N)

    def fit(model, x, **settings):
        result = training.fit(
            model, x, y, weights, epochs=3, batch_size=16, seed=7, validation_batch_size=20,
            **settings,
        )  # fmt: skip
        return result.history, weights_of(model)

    expected = fit(training.build(mlp, 1), x, validation_data=(x[:50], y[:50]))
    rows = loaded(lambda rows, y, rng: x[rows], n_workers)
    model = training.build(mlp, 1)
    assert fit(model, rows, validation_data=(rows[:50], y[:50])) == expected
    np.testing.assert_array_equal(training.predict(model, rows), training.predict(model, x))
    shown = training.predict(model, rows, callbacks=[keras.callbacks.Callback()])
    np.testing.assert_allclose(shown, training.predict(model, x), rtol=1e-6)
    assert training.evaluate(model, rows, y) == pytest.approx(training.evaluate(model, x, y))


@pytest.mark.slow
@pytest.mark.parametrize("n_workers", [0, 3])
def test_each_batch_is_loaded_once_an_epoch_and_gets_random_numbers_of_its_own(xy, n_workers):
    x, y = xy
    seen = {}

    def load(rows, y, rng):
        drawn = seen.setdefault(tuple(rows), [])
        number = rng.random() if rng else None
        # on JAX, Keras loads the very first batch twice, which draws the same
        if BACKEND != "jax" or number is None or number not in drawn:
            drawn.append(number)
        return x[rows]

    def fit(epochs, initial_epoch=0):
        seen.clear()
        model = training.build(mlp, 1)
        rows = loaded(load, n_workers)
        settings = {"batch_size": 32, "epochs": epochs, "initial_epoch": initial_epoch, "seed": 5}
        training.fit(model, rows, y, validation_data=(rows[:40], y[:40]), **settings)
        return dict(seen)

    first = fit(2)
    trained = {rows: drawn for rows, drawn in first.items() if drawn != [None, None]}
    for epoch in range(2):
        order = data.order_of_epoch(5, epoch, N)
        for begin in (0, 32, 64):
            assert len(trained.pop(tuple(order[begin : begin + 32]))) == 1
    assert trained == {tuple(range(32)): [None]}  # one of two validations had this at hand
    draws = [d for drawn in first.values() for d in drawn if d is not None]
    assert len(set(draws)) == 6
    later = fit(2, initial_epoch=1)  # draws follow from the epoch's number, not from those before
    assert {r: d for r, d in first.items() if r in later and None not in d}.items() <= later.items()
    assert sum(None not in d for d in later.values()) == 3


@pytest.mark.slow
def test_a_part_of_the_epoch_and_of_the_validation_is_loaded(xy):
    x, y = xy
    seen = []

    def load(rows, y, rng):
        seen.append(len(rows))
        return x[rows]

    def fit(x):
        model = training.build(mlp, 1)
        result = training.fit(
            model, x, y, epochs=3, batch_size=10, steps_per_epoch=1, seed=1,
            validation_data=(x, y), validation_batch_size=16, validation_steps=2,
        )  # fmt: skip
        return result.history, weights_of(model)

    assert fit(loaded(load)) == fit(x)
    assert seen.count(10) == 3
    assert seen.count(16) == len(seen) - 3 == 4  # of three validations; the first batch is kept


def test_threads_load_ahead_in_order_and_never_more_than_a_few_batches():
    running, most, made = set(), [], []

    def make(index):
        running.add(index)
        most.append(len(running))
        time.sleep(0.01 * (3 - index % 3))  # later ones are ready before earlier ones
        running.discard(index)
        made.append(index)
        return index

    with ThreadPoolExecutor(3) as pool:
        items = _in_order(make, 20, pool, 6)
        assert next(items) == 0
        time.sleep(0.2)
        assert sorted(made) == list(range(6))
        assert list(items) == list(range(1, 20))
    assert max(most) == 3


@pytest.mark.parametrize("n_workers", long_but([0, 4], 4))
@pytest.mark.parametrize("of_validation", long_but([False, True], False))
def test_an_error_of_loading_comes_out_as_it_was_raised_and_names_the_batch(
    xy, n_workers, of_validation
):
    x, y = xy
    order = np.arange(N) if of_validation else data.order_of_epoch(0, 0, N)
    missing = order[20]

    def load(rows, y, rng):
        if missing in rows and (rng is None) == of_validation:
            raise FileNotFoundError("no such file")
        return x[rows]

    rows = loaded(load, n_workers)
    with pytest.raises(RuntimeError) as raised:
        training.fit(
            training.build(mlp, 1), rows, y, batch_size=16, epochs=2, validation_data=(rows, y)
        )
    what = "batch 2 of the rows that validate" if of_validation else "batch 2 of epoch 1"
    assert str(raised.value) == (
        f"load failed on {what} (16 rows from {order[16]} on): FileNotFoundError: no such file"
    )
    assert isinstance(raised.value.__cause__, FileNotFoundError)
    names = [thread.name for thread in threading.enumerate()]
    assert not any("kerasearch" in name for name in names)


def test_an_error_that_is_not_the_loaders_stays_as_it_is(xy):
    x, y = xy

    class Failing(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise ZeroDivisionError("mine")

    rows = loaded(lambda rows, y, rng: x[rows], 2)
    with pytest.raises(ZeroDivisionError, match="mine"):
        training.fit(training.build(mlp, 1), rows, y, callbacks=[Failing()])


def test_nothing_keeps_the_rows_after_a_fit(xy):
    x, y = xy
    batches = LoadedBatches((loaded(lambda rows, y, rng: x[rows], 2), y), 16)
    with batches.opened():
        assert sum(len(batch[0]) for batch in batches) == N
    held = [value for value in vars(batches).values() if value is not None]
    assert not any(isinstance(value, tuple) for value in held)


@pytest.mark.slow
def test_an_axis_that_the_model_leaves_open_may_differ_from_batch_to_batch():
    def build():
        text = keras.Input((None,), dtype="int32")
        vectors = keras.layers.Embedding(20, 4)(text)
        mean = keras.layers.GlobalAveragePooling1D()(vectors)
        model = keras.Model(text, keras.layers.Dense(1, activation="sigmoid")(mean))
        model.compile("adam", "binary_crossentropy")
        return model

    lengths = []

    def load(rows, y, rng):
        lengths.append(2 + rows[0] % 7)
        return np.ones((len(rows), lengths[-1]), "int32")

    model = training.build(build, 0)
    training.fit(model, loaded(load), np.arange(N) % 2, batch_size=8)
    assert training.predict(model, loaded(load), batch_size=8).shape == (N, 1)
    assert len(set(lengths)) > 2


def test_batches_of_different_dtypes_are_an_error_that_names_the_batch(xy):
    x, y = xy

    def load(rows, y, rng):
        return x[rows] if 0 in rows else x[rows].astype(int)

    with pytest.raises(ValueError, match="for batch . of epoch 1 has dtype .*, but the first"):
        training.fit(training.build(mlp, 1), loaded(load), y, batch_size=16)


def test_a_model_that_trains_in_a_fit_of_its_own_is_refused(xy):
    x, y = xy

    class Own(keras.Sequential):
        def fit(self, x, y, **kwargs):
            return super().fit(x, y, **kwargs)

    def build():
        model = Own([keras.Input((5,)), keras.layers.Dense(3, activation="softmax")])
        model.compile("adam", "sparse_categorical_crossentropy")
        return model

    rows = loaded(lambda rows, y, rng: x[rows])
    with pytest.raises(ValueError, match="Own overrides `fit`, which needs arrays"):
        training.fit(training.build(build, 0), rows, y)
