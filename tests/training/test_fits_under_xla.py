"""What holds of every fit holds under XLA: calls of any length, threads, stores, interrupts."""

from __future__ import annotations

import os
import signal
import threading

import keras
import numpy as np
import pytest
from joblib import Parallel, delayed

from kerasearch import FitStore, training
from kerasearch.training import compiled_loop
from kerasearch.training.seeds import fresh_names, seeded

pytestmark = pytest.mark.slow  # XLA compiles for seconds

N_ROWS, BATCH = 70, 8  # eight full batches and one of six rows
rng = np.random.default_rng(0)
X, Y = rng.normal(size=(N_ROWS, 6)).astype("float32"), rng.integers(3, size=N_ROWS)
HELD_OUT = rng.normal(size=(20, 6)).astype("float32"), rng.integers(3, size=20)


def build(jit_compile=True):
    layers = [keras.layers.Dense(4, "relu"), keras.layers.Dropout(0.3)]
    model = keras.Sequential([keras.Input((6,)), *layers, keras.layers.Dense(3, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", jit_compile=jit_compile)
    return model


def fit(seed=0, epochs=2, store=None, n_rows=N_ROWS, jit_compile=True, **settings):
    model = training.build(lambda: build(jit_compile), seed)
    given = {"batch_size": BATCH, "epochs": epochs, "seed": seed, "store": store, **settings}
    result = training.fit(model, X[:n_rows], Y[:n_rows], **given)
    weights = [weight.tolist() for weight in model.get_weights()]
    return result, [result.history, weights]


@pytest.fixture(scope="module")
def expected():
    result, numbers = fit(validation_data=HELD_OUT)
    assert result.reason == "shared program, whole epochs under XLA"
    return numbers


def test_the_history_with_validation_is_that_of_model_fit(expected):
    given = {"validation_data": HELD_OUT, "shuffle": False}
    ours = fit(**given)[0].history
    model = training.build(build, 0)
    with seeded(0), fresh_names():
        theirs = model.fit(X, Y, batch_size=BATCH, epochs=2, verbose=0, **given).history
    assert ours == theirs


@pytest.mark.parametrize("n", [1, 3])
def test_an_epoch_in_calls_of_any_length_gives_the_same_numbers(n, expected, monkeypatch):
    def calls(program, n_steps, room=None):
        return [(begin, min(n_steps, begin + n)) for begin in range(0, n_steps, n)]

    monkeypatch.setattr(compiled_loop, "_calls", calls)
    assert fit(validation_data=HELD_OUT)[1] == expected


def test_folds_of_other_sizes_share_the_program(expected):
    before = training.programs().count
    for n_rows in (N_ROWS - 1, N_ROWS - 8):
        fit(n_rows=n_rows, epochs=1)
    assert training.programs().count == before


def test_threads_have_the_numbers_of_one_after_the_other(expected):
    alone = [fit(seed)[1] for seed in range(4)]
    together = Parallel(n_jobs=2, backend="threading")(delayed(fit)(seed) for seed in range(4))
    assert [numbers for _, numbers in together] == alone


def test_a_stored_fit_is_found_continued_and_none_without_xla(expected):
    store = FitStore()
    whole = fit(epochs=3)[1]
    fit(epochs=2, store=store)
    continued, numbers = fit(epochs=3, store=store)
    assert (continued.n_trained, numbers) == (1, whole)
    assert fit(epochs=3, store=store)[0].n_trained == 0
    assert fit(epochs=3, store=store, jit_compile=False)[0].n_trained == 3


@pytest.mark.skipif(threading.current_thread() is not threading.main_thread(), reason="signals")
def test_an_interrupt_is_answered_between_two_calls_and_harms_nothing(expected, monkeypatch):
    run, n_calls = compiled_loop._calls, []

    def interrupted(program, n_steps, room=None):
        program.pace = 1.0  # a step a call
        for call in run(program, n_steps, room):
            n_calls.append(call)
            if len(n_calls) == 5:
                os.kill(os.getpid(), signal.SIGINT)
            yield call
            program.pace = 1.0

    monkeypatch.setattr(compiled_loop, "_calls", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fit(epochs=100)
    monkeypatch.undo()
    assert len(n_calls) <= 6
    assert fit(validation_data=HELD_OUT)[1] == expected
