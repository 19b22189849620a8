"""A build keeps what it needs when somebody clears Keras' state."""

from __future__ import annotations

import threading
import warnings

import keras
import numpy as np
import pytest
from keras.src.backend.common import global_state

from kerasearch import KerasClassifier
from tests.store.conftest import ours

X = np.random.default_rng(0).normal(size=(40, 3)).astype("float32")
y = np.arange(40) % 3
BASE = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, name="outer")])


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.hidden = keras.layers.Dense(4)
        self.out = keras.layers.Dense(3, activation="softmax")

    def call(self, x):
        return self.out(self.hidden(x))


def sequential():
    layers = [keras.layers.Dense(4), keras.layers.Dense(3, activation="softmax")]
    return keras.Sequential([keras.Input((3,)), *layers])


def transfer():
    return keras.Sequential([BASE, keras.layers.Dense(3, activation="softmax")])


def fit(builder, random_state=0):
    return KerasClassifier(builder, epochs=2, random_state=random_state).fit(X, y)


@pytest.mark.parametrize("make", [sequential, Net, transfer])
@pytest.mark.parametrize("clear", [keras.utils.clear_session, keras.backend.clear_session])
def test_a_builder_that_clears_the_session_is_right_and_told_once(make, clear):
    def clearing():
        clear()
        return make()

    before = [np.array(w) for w in BASE.get_weights()]
    cleared, messages = ours(lambda: [fit(clearing), fit(clearing)])
    assert [one.history_ for one in cleared] == [fit(make).history_] * 2
    assert [layer.name for layer in cleared[0].model_.layers] == [
        layer.name for layer in fit(make).model_.layers
    ]
    assert len(set(messages)) == 1
    assert "'clearing' calls keras.utils.clear_session()" in messages[0]
    for now, then in zip(BASE.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_another_thread_that_clears_the_session_does_not_touch_a_build():
    expected = fit(sequential)

    def disturbed():
        first = keras.layers.Dense(4)
        thread = threading.Thread(target=keras.utils.clear_session)
        thread.start()
        thread.join()
        last = keras.layers.Dense(3, activation="softmax")
        return keras.Sequential([keras.Input((3,)), first, last])

    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        found = fit(disturbed)
    assert found.history_ == expected.history_
    assert [layer.name for layer in found.model_.layers] == ["dense", "dense_1"]


def test_nothing_of_a_build_is_left_in_keras_module():
    def clearing():
        keras.utils.clear_session()
        return sequential()

    ours(lambda: fit(clearing))
    assert global_state.threading is threading
    state = vars(global_state.GLOBAL_STATE_TRACKER)
    assert not [name for name in ("remat_scope_stack", "name_scope_stack") if state.get(name)]


def losing(n_times):
    """A builder whose state is lost, as by a call that had begun in another thread before it."""
    calls = []

    def build(meta):
        calls.append(meta)
        layers = [keras.layers.Dense(4), keras.layers.Dense(3, activation="softmax")]
        if len(calls) <= n_times:
            global_state.GLOBAL_STATE_TRACKER = threading.local()
        return keras.Sequential([keras.Input((3,)), *layers])

    return build, calls


@pytest.mark.parametrize("n_times", [1, 2])
def test_a_build_that_lost_its_state_is_done_again(n_times):
    build, calls = losing(n_times)
    assert fit(build).history_ == fit(sequential).history_
    assert len(calls) == n_times + 1


def test_a_build_that_loses_its_state_each_time_is_an_error_that_says_what_clears_it():
    build, calls = losing(9)
    with pytest.raises(RuntimeError, match=r"3 times .* another thread called .*clear_session"):
        fit(build)
    assert len(calls) == 3
    fit(sequential)
