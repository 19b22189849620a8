"""What a program on JAX is made of, and what it does with a model's variables."""

from __future__ import annotations

import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest

from kerasearch import training
from kerasearch.training import data, eligibility, jax_functions, program_cache
from kerasearch.training.fingerprint import fingerprint_of_training

from . import zoo

if keras.backend.backend() != "jax":
    pytest.skip("for JAX alone", allow_module_level=True)

import jax


def _fit(model, n_rows=83, **kwargs):
    x, y = zoo.arrays("dense")
    return training.fit(model, x[:n_rows], y[:n_rows], batch_size=16, epochs=2, **kwargs)


def _functions():
    """The functions of the one program there is: rows of a batch, and room for rows in a loop."""
    (program,) = program_cache.CACHE._programs.values()
    return set(program._functions)


def test_folds_that_differ_by_a_row_share_the_loop_and_have_each_a_last_batch():
    training.clear_programs()
    for n_rows in (66, 67):
        _fit(training.build(zoo.ZOO["dense"], 0), n_rows)
    assert _functions() == {(16, 128), (2, None), (3, None)}


def test_rows_that_fill_all_batches_need_no_step_for_a_last_one():
    training.clear_programs()
    _fit(training.build(zoo.ZOO["dense"], 0), 64)
    assert _functions() == {(16, 64)}


def test_threads_share_what_is_compiled(monkeypatch):
    training.clear_programs()
    compiled = []
    compile_with = jax_functions.Function.compile_with

    def noted(function, executor):
        compiled.append(function)
        compile_with(function, executor)

    monkeypatch.setattr(jax_functions.Function, "compile_with", noted)
    models = [training.build(zoo.ZOO["dense"], 0) for _ in range(2)]
    barrier = threading.Barrier(2)

    def fit(model):
        barrier.wait(timeout=60)
        return _fit(model)

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(fit, models)
    assert first.reason == second.reason
    assert first.history == second.history
    assert _functions() == {(16, 128), (3, None)}
    assert len(compiled) == 2


def test_convolutions_take_single_steps():
    training.clear_programs()
    x, y = zoo.arrays("conv_2d")
    model = training.build(zoo.ZOO["conv_2d"], 0)
    result = training.fit(model, x[:33], y[:33], batch_size=16, epochs=1)
    assert result.reason == "shared program, each step under XLA"
    assert _functions() == {(16, None), (1, None)}


def test_variables_that_hold_the_same_array_are_trained_apart():
    model, twin = (training.build(zoo.ZOO["dense"], 0) for _ in range(2))
    for one in (model, twin):
        one.optimizer.build(one.trainable_variables)
    momentum, velocity = model.optimizer.variables[2:4]
    velocity.assign(momentum.value)
    assert velocity.value is momentum.value
    assert _fit(model).history == _fit(twin).history


def test_what_metrics_begin_with_is_not_lost_when_keras_trains_on():
    training.clear_programs()
    model = training.build(zoo.ZOO["dense"], 0)
    _fit(model)
    x, y = zoo.arrays("dense")
    model.fit(x, y, epochs=1, verbose=0)  # which donates the variables of metrics
    other = training.build(zoo.ZOO["dense"], 0)
    assert np.isfinite(_fit(other).history["loss"]).all()


def test_a_layer_with_a_metric_of_its_own_gets_the_error_that_keras_gives():
    with pytest.raises(TypeError, match="Penalized"):
        _fit(training.build(zoo.layer_with_loss_and_metric, 0))


@pytest.mark.parametrize("jit_compile", [False])
def test_without_jit_compile_a_fit_goes_through_keras(jit_compile):
    result = _fit(training.build(lambda: zoo.small(jit_compile=jit_compile), 0), 16)
    assert result.path == "model.fit"
    assert result.reason == "without jit_compile, Keras runs JAX operation by operation"


def test_flags_that_change_numbers_change_the_fingerprint_or_the_path():
    model = training.build(zoo.ZOO["dense"], 0)
    digest = fingerprint_of_training(model).digest
    with jax.default_matmul_precision("float32"):
        assert fingerprint_of_training(model).digest != digest
    assert fingerprint_of_training(model).digest == digest
    assert eligibility.why_not_compiled(model, []) is None
    with jax.debug_nans(True):
        assert eligibility.why_not_compiled(model, []) == "jax_debug_nans is set"


def test_an_evaluation_of_some_batches_traces_no_other():
    training.clear_programs()
    model = training.build(zoo.ZOO["dense"], 0)
    arrays = data.as_keras_takes_them(*zoo.arrays("dense"))
    model._symbolic_build(data_batch=data.head(arrays))
    program_cache.choose(program_cache.Work("test", model, arrays, 0, batch_size=16, n_rows=32))
    assert _functions() == {(16, None)}


def test_an_interrupt_while_xla_compiles_does_not_wait_for_it(monkeypatch):
    """A first fit on JAX takes seconds to compile, and Ctrl-C must act within one."""
    training.clear_programs()
    model = training.build(zoo.ZOO["dense"], 0)
    interrupted, waits = [], threading.Event()
    compile_now = jax.stages.Lowered.compile

    def slow(lowered, *args, **kwargs):
        if not interrupted:
            interrupted.append(lowered)
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
            waits.wait(timeout=60)
        return compile_now(lowered, *args, **kwargs)

    monkeypatch.setattr(jax.stages.Lowered, "compile", slow)
    try:
        with pytest.raises(KeyboardInterrupt):
            _fit(model)
    finally:
        assert not waits.is_set()
        waits.set()
    fresh = training.build(zoo.ZOO["dense"], 0)
    assert _fit(fresh).history["loss"] == _fit(training.build(zoo.ZOO["dense"], 0)).history["loss"]


def test_freed_memory_holds_the_operations_of_the_process_and_leaves_the_numbers():
    add = jax.jit(lambda x: x + 1)
    add(1.0)
    assert add._cache_size() == 1
    before = _fit(training.build(zoo.ZOO["dense"], 0)).history
    training.clear_programs()
    assert add._cache_size() == 0
    assert add(1.0) == 2
    assert _fit(training.build(zoo.ZOO["dense"], 0)).history == before
