"""Tracing whole epochs under XLA, for models that are compiled with ``jit_compile=True``.

A step at a time is what Keras does, and what the loop of `tensorflow_backend` does with such a
model: each step is one call of a compiled function, and leaves TensorFlow's executor some 0.15 ms
of work around it. Here, the loop over the full batches is compiled too. What that asks for:

- Shapes are static under XLA. A call gets the batches of its steps, gathered, as one array of a
  fixed number of steps, of which the first ones are filled: so one compilation serves every number
  of rows, steps and epochs, and every learning rate, of one batch size.
- The last batch of an epoch, which may have fewer rows, takes a step of its own, as in Keras.

The numbers are those of ``model.fit`` with ``jit_compile=True``, where XLA compiles a step within
a loop as it does a step alone. It does not for some operations (see `_OTHERWISE_IN_A_LOOP`): a
model that has them takes its steps one at a time.

Left alone: predictions, of which a fit of a search has one or two, so that a loop would save
milliseconds; and the optimizer's update alone under XLA, in the loop of `tensorflow_backend`. For a
large net it takes half the time (Adam 7.0 and 4.4 ms, AdamW 8.5 and 3.6, Nadam 11 and 5.4, for
670,000 weights), but up to 2 % of the weights have other last bits, with every optimizer, and
Keras has nothing that gives the same.
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

# Operations that XLA computes by other kernels within a loop, with other last bits
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

# Of more weights, XLA's loop is slower than its step alone, which has all cores: measured on 2 CPU
# cores, a step of a net of 135,000 takes as long in both, and one of 670,000 half as long again in
# the loop. The numbers are the same.
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
    if tf.config.list_logical_devices("GPU"):  # where nobody has compared the numbers
        return step_by_step(model, arrays, constants)
    with xla_draws.keys_first():
        if _may_loop(model, arrays):
            with contextlib.suppress(_NoLoop):
                return _trace_loop(model, method, arrays, constants)
        return step_by_step(model, arrays, constants)


class _NoLoop(Exception):
    """Raised where a traced step shows that it cannot be part of a compiled loop."""


def _may_loop(model: keras.Model, arrays: data.Arrays) -> bool:
    """Tell what can be told before a step is traced."""
    return (
        all(array.dtype != tf.string for array in data.leaves(arrays))
        and not any(isinstance(x, _LAYERS_OTHERWISE_IN_A_LOOP) for x in model._flatten_layers())
        and sum(math.prod(w.shape) for w in model.trainable_weights) <= _MOST_WEIGHTS_IN_A_LOOP
    )


def _trace_loop(
    model: keras.Model, method: str, arrays: data.Arrays, constants: Sequence[tf.Tensor]
) -> Program:
    ordered = method == "train_step"  # an evaluation takes the rows as they come
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
    """A function of a number of steps and of their stacked batches: the logs of the last step."""

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
    """The rows of several batches as an array with room for more."""
    missing = room * batch_size - tf.shape(rows, tf.int64)[0]
    padded = tf.pad(rows, [[0, missing], *[[0, 0]] * (rows.shape.rank - 1)])
    shape = tf.stack([room, batch_size, *rows.shape[1:]])
    return tf.reshape(padded, shape)
