"""What the package uses of Keras' and JAX' insides on the JAX backend is there."""

from __future__ import annotations

import os
import sys

import keras
import numpy as np
import pytest

from kerasearch.training import data
from kerasearch.training.jax_random import quickly_compiled

from . import zoo
from .test_canaries import relied_on

if keras.backend.backend() != "jax":
    pytest.skip("for JAX alone", allow_module_level=True)

import jax

from kerasearch.training.jax_step import _placement_noted


def _state(model):
    groups = (
        model.trainable_variables,
        model.non_trainable_variables,
        model.optimizer.variables,
        model.metrics_variables,
    )
    return tuple([variable.value for variable in group] for group in groups)


def _built():
    model = zoo.small()
    arrays = data.as_keras_takes_them(*zoo.arrays("dense"))
    model._symbolic_build(data_batch=data.head(arrays))
    return model, data.rows_of(arrays, np.arange(16))


def test_a_step_takes_and_gives_a_state_in_four_groups_and_changes_no_variable():
    with relied_on("the state of a training step", "kerasearch/training/jax_backend.py"):
        model, batch = _built()
        before = model.get_weights()
        with _placement_noted(model):
            logs, after = model.train_step(_state(model), batch)
        assert [len(group) for group in after] == [len(group) for group in _state(model)]
        assert logs.keys() == model.get_metrics_result().keys()
        for a, b in zip(model.get_weights(), before, strict=True):
            np.testing.assert_array_equal(a, b)
        assert not np.array_equal(after[0][0], before[0])


def test_evaluation_and_prediction_take_what_they_need_of_it():
    with relied_on("the state of other steps", "kerasearch/training/jax_backend.py"):
        model, batch = _built()
        weights, others, _, metrics = _state(model)
        with _placement_noted(model):
            _, after = model.test_step((weights, others, metrics), batch)
            output, others_after = model.predict_step((weights, others), batch[:1])
        assert len(after) == 3
        assert output.shape == (16, 3)
        assert len(others_after) == len(others)


def test_a_variable_holds_its_array_as_value():
    with relied_on("what is behind a variable", "kerasearch/training/jax_program.py"):
        variable = keras.Variable(np.ones(3, "float32"))
        assert variable._value is variable.value
        variable._value = jax.numpy.zeros(3)
        np.testing.assert_array_equal(variable.numpy(), np.zeros(3))


def test_an_array_in_a_closure_is_a_constant_and_stays_the_object_that_it_is():
    from jax.extend import core

    with relied_on("constants of an expression", "kerasearch/training/jax_audit.py"):
        array = jax.numpy.arange(3.0)
        closed = jax.make_jaxpr(jax.jit(lambda x: x + array))(array)
        constants = closed.consts + [
            constant
            for equation in closed.jaxpr.eqns
            for value in equation.params.values()
            if isinstance(value, core.ClosedJaxpr)
            for constant in value.consts
        ]
        assert [constant is array for constant in constants] == [True]
        np.testing.assert_array_equal(core.jaxpr_as_fun(closed)(array)[0], [0.0, 2.0, 4.0])


def test_callbacks_are_told_by_name_or_effect():
    with relied_on("callbacks", "kerasearch/training/jax_audit.py"):
        scalar = jax.ShapeDtypeStruct((), "float32")
        (one,) = jax.make_jaxpr(lambda: jax.pure_callback(lambda: 1.0, scalar))().eqns
        assert "callback" in one.primitive.name
        (two,) = jax.make_jaxpr(lambda: jax.debug.callback(print))().eqns
        assert two.effects


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_jax_tells_whether_it_has_run():
    with relied_on("what tells that JAX has run", "kerasearch/training/forked_process.py"):
        jax.numpy.zeros(1)
        assert sys.modules["jax._src.xla_bridge"]._backends


def test_flags_are_read_as_the_thread_has_them():
    with relied_on("how flags are read", "kerasearch/training/fingerprint.py"):
        assert jax.config.jax_default_matmul_precision is None
        with jax.default_matmul_precision("float32"):
            assert jax.config.jax_default_matmul_precision == "float32"


def test_the_rule_for_random_numbers_on_cpus_can_be_read_and_stood_in_for():
    with relied_on("JAX' registered rules", "kerasearch/training/jax_random.py"):
        with quickly_compiled():
            lowered = jax.jit(lambda key: jax.random.bits(key, (5,))).lower(jax.random.key(0))
        assert "while" not in lowered.as_text()
