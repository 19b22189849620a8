"""Tracing whole epochs under XLA, for models that are compiled with ``jit_compile=True``.

Keras compiles single steps, and so does the loop of `tensorflow_backend`: each step is one call of
a compiled function, with an overhead of about 0.15 ms in TensorFlow's executor. This module also
compiles the loop over the full batches, under two conditions:

- Shapes are static under XLA. A call gets the batches of its steps as one array, which is padded to
  a fixed number of steps. One compilation for a batch size therefore serves every number of rows,
  steps and epochs, and every learning rate.
- The last batch of an epoch, which may have fewer rows, is a separate step, as in Keras.

The results equal the results of ``model.fit`` with ``jit_compile=True`` if XLA compiles a step in a
loop in the same way as a single step. This is not so for some operations (see
`_OTHERWISE_IN_A_LOOP`). A model with such operations runs single steps.

Two things are not done. First, predictions have no compiled loop, because a fit of a search has one
or two predictions, and a loop would save only milliseconds. Second, the loop of
`tensorflow_backend` does not use XLA for the optimizer's update only. For a large network, this
would halve the time of the update (Adam 7.0 and 4.4 ms, AdamW 8.5 and 3.6, Nadam 11 and 5.4, for
670,000 weights). However, with every optimizer, up to 2 % of the weights have other last bits, and
Keras has no setting with the same results.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from . import data, tensorflow_backend, xla_draws
from .tensorflow_program import Program, steps_of_call

# operations for which XLA uses other kernels in a loop, so that the last bits differ
_OTHERWISE_IN_A_LOOP = ("Conv", "DepthwiseConv")
_LAYERS_OTHERWISE_IN_A_LOOP = tuple(
    getattr(keras.layers, f"{kind}Conv{n}D{transposed}")
    for kind, dimensions, transposed in [
        ("", (1, 2, 3), ""),
        ("", (1, 2, 3), "Transpose"),
        ("Depthwise", (1, 2), ""),
        ("Separable", (1, 2), ""),
    ]
    for n in dimensions
)

# With more weights, XLA's loop is slower than single steps, which use all cores. On 2 CPU cores, a
# step of a network with 135,000 weights takes equally long in both, and a step with 670,000 weights
# takes 1.5 times as long in the loop. The results are the same.
_MOST_WEIGHTS_IN_A_LOOP = 200_000


def trace_training(
    model: keras.Model, arrays: data.Arrays, constants: Sequence[tf.Tensor] = ()
) -> Program:
    """Trace training, as `tensorflow_backend.trace_training` does and for the same arguments."""
    return _trace(model, "train_step", arrays, constants, tensorflow_backend.trace_training)


def trace_evaluation(
    model: keras.Model, arrays: data.Arrays, constants: Sequence[tf.Tensor] = ()
) -> Program:
    """Trace evaluation, as `tensorflow_backend.trace_evaluation` does for the same arguments."""
    return _trace(model, "test_step", arrays, constants, tensorflow_backend.trace_evaluation)


def _trace(
    model: keras.Model,
    method: str,
    arrays: data.Arrays,
    constants: Sequence[tf.Tensor],
    step_by_step: Callable[..., Program],
) -> Program:
    if tf.config.list_logical_devices("GPU"):  # on a GPU, the results were not compared
        return step_by_step(model, arrays, constants)
    with xla_draws.keys_first():
        if _may_loop(model, arrays):
            with contextlib.suppress(_NoLoop):
                return _trace_loop(model, method, arrays, constants)
        return step_by_step(model, arrays, constants)


class _NoLoop(Exception):
    """Raised if a traced step cannot be part of a compiled loop."""


def _may_loop(model: keras.Model, arrays: data.Arrays) -> bool:
    """Tell whether a compiled loop is possible, as far as this is known before a step is traced."""
    return (
        all(array.dtype != tf.string for array in data.leaves(arrays))
        and not any(isinstance(x, _LAYERS_OTHERWISE_IN_A_LOOP) for x in model._flatten_layers())
        and sum(math.prod(w.shape) for w in model.trainable_weights) <= _MOST_WEIGHTS_IN_A_LOOP
    )


def _trace_loop(
    model: keras.Model, method: str, arrays: data.Arrays, constants: Sequence[tf.Tensor]
) -> Program:
    ordered = method == "train_step"  # an evaluation does not change the order of the rows
    specs = tensorflow_backend.specs_of(arrays)
    row_bytes = sum(spec.dtype.size * (spec.shape[1:].num_elements() or 1) for spec in specs)

    def run(*args: tf.Tensor) -> Any:
        *flat, batch_size, begin, end = args
        order = flat.pop() if ordered else None
        tensorflow_backend.reset_metrics(model, begin)
        step = tensorflow_backend.traced_step(model, method, arrays, specs)
        _check_step(step)
        loop = _traced_loop(step, specs)
        n_rows = tf.shape(flat[0] if order is None else order, tf.int64)[0]
        n_full = tf.minimum(end, n_rows // batch_size) - begin

        def rows(first: tf.Tensor, last: tf.Tensor) -> list[tf.Tensor]:
            if order is None:
                return [array[first:last] for array in flat]
            return [tf.gather(array, order[first:last]) for array in flat]

        def in_loop() -> list[tf.Tensor]:
            room = steps_of_call(row_bytes, batch_size, tf.minimum, tf.maximum)
            full = rows(begin * batch_size, (begin + n_full) * batch_size)
            return loop(n_full, *(_stack(array, batch_size, room) for array in full))

        def at_last() -> list[tf.Tensor]:
            return keras.tree.flatten(step(*rows((begin + n_full) * batch_size, n_rows)))

        logs = tf.cond(n_full > 0, in_loop, lambda: _no_logs(step))
        logs = tf.cond(begin + n_full < end, at_last, lambda: logs)
        return tensorflow_backend.as_keras_logs(model, step, logs)

    variables = tensorflow_backend.all_variables
    orders = [tf.TensorSpec((None,), tf.int64)] if ordered else []
    arguments = [*specs, *orders, *tensorflow_backend.SCALARS]
    return Program(model, run, arguments, variables, constants, row_bytes)


def _check_step(step: Any) -> None:
    definition = step.graph.as_graph_def()
    nodes = [*definition.node, *(n for f in definition.library.function for n in f.node_def)]
    if any(node.op.startswith(_OTHERWISE_IN_A_LOOP) for node in nodes):
        raise _NoLoop
    if not all(o.shape.is_fully_defined() for o in keras.tree.flatten(step.structured_outputs)):
        raise _NoLoop


def _traced_loop(step: Any, specs: Sequence[tf.TensorSpec]) -> Any:
    """Trace a loop: a function of the number of steps and the stacked batches to the last logs."""

    def loop(n_steps: tf.Tensor, *stacks: tf.Tensor) -> list[tf.Tensor]:
        def body(i: tf.Tensor, *_: tf.Tensor) -> tuple[tf.Tensor, ...]:
            return (i + 1, *keras.tree.flatten(step(*(stack[i] for stack in stacks))))

        start = tf.constant(0, tf.int64)
        _, *logs = tf.while_loop(
            lambda i, *_: i < n_steps, body, (start, *_no_logs(step)), parallel_iterations=1
        )
        return logs

    made = tf.function(loop, autograph=False, jit_compile=True)
    return made.get_concrete_function(tf.TensorSpec((), tf.int64), *map(_stacked, specs))


def _no_logs(step: Any) -> list[tf.Tensor]:
    outputs = keras.tree.flatten(step.structured_outputs)
    return [tf.zeros(output.shape, output.dtype) for output in outputs]


def _stacked(spec: tf.TensorSpec) -> tf.TensorSpec:
    return tf.TensorSpec((None, *spec.shape), spec.dtype)


def _stack(rows: tf.Tensor, batch_size: tf.Tensor, room: tf.Tensor) -> tf.Tensor:
    """Stack the rows of several batches, padded to `room` batches."""
    missing = room * batch_size - tf.shape(rows, tf.int64)[0]
    padded = tf.pad(rows, [[0, missing], *[[0, 0]] * (rows.shape.rank - 1)])
    shape = tf.stack([room, batch_size, *rows.shape[1:]])
    return tf.reshape(padded, shape)
