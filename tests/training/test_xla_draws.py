"""Draws whose keys XLA computes first: the same numbers, in the tracing thread alone."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import tensorflow as tf

from kerasearch import training
from kerasearch.training import tensorflow_backend
from kerasearch.training.xla_draws import keys_first
from tests.slow import long_but

from . import zoo

DRAWS = {
    "uniform": lambda seed: tf.random.stateless_uniform((5, 3), seed),
    "normal": lambda seed: tf.random.stateless_normal((5, 3), seed),
    "dropout": lambda seed: tf.nn.experimental.stateless_dropout(tf.ones((5, 3)), 0.4, seed),
    "truncated normal": lambda seed: tf.random.stateless_truncated_normal((5, 3), seed),
    "integers": lambda seed: tf.random.stateless_uniform((5, 3), seed, 0, 99, tf.int32),
}


def traced(draw):
    return tf.function(draw, autograph=False, jit_compile=True).get_concrete_function(
        tf.TensorSpec((2,), tf.int32)
    )


def has_barrier(function):
    return "XlaOptimizationBarrier" in {op.type for op in function.graph.get_operations()}


def in_another_thread(run):
    found = []
    thread = threading.Thread(target=lambda: found.append(run()))
    thread.start()
    thread.join()
    return found[0]


@pytest.mark.parametrize("name", DRAWS)
def test_numbers_are_those_of_xla_without(name):
    plain = traced(DRAWS[name])
    with keys_first():
        first = traced(DRAWS[name])
    assert (has_barrier(plain), has_barrier(first)) == (False, True)
    for seed in ([1, 2], [2**31 - 1, 0]):
        seed = tf.constant(seed)
        np.testing.assert_array_equal(first(seed), plain(seed))


def test_other_threads_and_later_traces_are_left_alone():
    from tensorflow.python.ops import random_ops_util

    original = random_ops_util.get_key_counter_alg
    with keys_first():
        with keys_first():
            pass
        assert has_barrier(traced(DRAWS["uniform"]))
        assert not has_barrier(in_another_thread(lambda: traced(DRAWS["uniform"])))
    assert random_ops_util.get_key_counter_alg is original


@pytest.mark.parametrize("name", long_but(["dropout", "augmentation"], "dropout"))
def test_a_model_is_traced_so_for_xla_whether_its_loop_is_or_not(name, monkeypatch):
    steps, trace = [], tensorflow_backend.traced_step

    def noted(*args):
        steps.append(trace(*args))
        return steps[-1]

    monkeypatch.setattr(tensorflow_backend, "traced_step", noted)
    model = training.build(zoo.ZOO[name], 0)
    model.jit_compile = True
    training.fit(model, *map(np.asarray, zoo.arrays(name)), epochs=0)
    assert [has_barrier(step) for step in steps] == [True]
