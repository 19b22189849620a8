"""Tracing whole epochs on the TensorFlow backend: training, evaluation and prediction.

The body of the loop is Keras' own ``train_step``. It therefore supports metrics, weights,
regularizers and custom losses, and the results equal the results of ``model.fit``. A graph reads
and writes variables through handles, which are inputs of the graph. The same graph can run on
another model's variables if it gets the handles of this model (see `tensorflow_program`). Therefore
nothing is copied, the model of a fit always has the current values, and fits in parallel threads
can use the same program.

TensorFlow's single-threaded executor was tried and is not used. It is two to three times as fast on
small dense networks, but its last bits differ from ``model.fit``, and a callback that needs batches
must not change the results. For a model that XLA compiles, see `xla_program`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from . import data
from .step_logs import has_own_logs
from .tensorflow_program import Program


def trace_training(
    model: keras.Model, arrays: data.Arrays, constants: Sequence[tf.Tensor] = ()
) -> Program:
    """Trace training: (*arrays, order, batch_size, first step, end) -> logs."""

    def run(*args: tf.Tensor) -> Any:
        *flat, order, batch_size, begin, end = args

        def batch(step: tf.Tensor) -> data.Arrays:
            rows = order[step * batch_size : (step + 1) * batch_size]
            return data.as_keras_yields(arrays, [tf.gather(a, rows) for a in flat])

        return _steps(model, "train_step", batch, begin, end)

    specs = [*specs_of(arrays), tf.TensorSpec((None,), tf.int64), *SCALARS]
    return Program(model, run, specs, all_variables, constants)


def trace_evaluation(
    model: keras.Model, arrays: data.Arrays, constants: Sequence[tf.Tensor] = ()
) -> Program:
    """Trace evaluation: (*arrays, batch_size, first step, end) -> logs."""

    def run(*args: tf.Tensor) -> Any:
        *flat, batch_size, begin, end = args

        def batch(step: tf.Tensor) -> data.Arrays:
            rows = slice(step * batch_size, (step + 1) * batch_size)
            return data.as_keras_yields(arrays, [a[rows] for a in flat])

        return _steps(model, "test_step", batch, begin, end)

    return Program(model, run, [*specs_of(arrays), *SCALARS], all_variables, constants)


def trace_prediction(
    model: keras.Model, arrays: data.Arrays, constants: Sequence[tf.Tensor] = ()
) -> Program:
    """Trace prediction: (*arrays, batch_size, first step, end) -> outputs of all rows.

    Raises
    ------
    TypeError
        If the outputs of several batches cannot be joined without knowing their values.
    """
    specs = specs_of(arrays)

    def run(*args: tf.Tensor) -> Any:
        *flat, batch_size, begin, end = args
        step_function = traced_step(model, "predict_step", arrays, specs)
        outputs = keras.tree.flatten(step_function.structured_outputs)
        for output in outputs:
            if not isinstance(output, tf.Tensor) or not output.shape[1:].is_fully_defined():
                raise TypeError(f"outputs of shape {output.shape} cannot be joined in the graph")
        size = tf.cast(end - begin, tf.int32)
        stores = [
            tf.TensorArray(o.dtype, size=size, infer_shape=False, element_shape=o.shape)
            for o in outputs
        ]

        def body(step: tf.Tensor, *stores: tf.TensorArray) -> tuple[Any, ...]:
            rows = slice(step * batch_size, (step + 1) * batch_size)
            values = keras.tree.flatten(step_function(*(a[rows] for a in flat)))
            place = tf.cast(step - begin, tf.int32)
            written = (s.write(place, v) for s, v in zip(stores, values, strict=True))
            return (step + 1, *written)

        loop = tf.while_loop(lambda i, *_: i < end, body, (begin, *stores), parallel_iterations=1)
        joined = [store.concat() for store in loop[1:]]
        return keras.tree.pack_sequence_as(step_function.structured_outputs, joined)

    return Program(model, run, [*specs, *SCALARS], lambda model: model.variables, constants)


def tensors(arrays: data.Arrays) -> list[tf.Tensor]:
    """Convert arrays to the flat list of tensors that a program accepts."""
    return [tf.constant(array) for array in data.leaves(arrays)]


def in_batches_of_fixed_size(batches: keras.utils.PyDataset) -> tf.data.Dataset:
    """Make a data set with a static batch size, which is known when a model is traced."""
    example = batches[0]
    return in_batches(batches, example, [array.shape for array in data.leaves(example)])


def in_batches(
    batches: keras.utils.PyDataset, example: data.Arrays, shapes: Sequence[tuple[int | None, ...]]
) -> tf.data.Dataset:
    """Make a data set of batches, which are read one by one on demand.

    Parameters
    ----------
    batches : keras.utils.PyDataset
        The batches, which are iterated over in every epoch.
    example : packed arrays
        A batch with the structure and dtypes of all batches.
    shapes : sequence of tuple of int or None
        The shapes of the arrays in a batch.
    """
    specs = [
        (tf.SparseTensorSpec if isinstance(array, tf.SparseTensor) else tf.TensorSpec)(
            shape, tf.as_dtype(array.dtype)
        )
        for array, shape in zip(data.leaves(example), shapes, strict=True)
    ]
    data_set = tf.data.Dataset.from_generator(
        lambda: iter(batches), output_signature=data.pack_as(example, specs)
    )
    return data_set.apply(tf.data.experimental.assert_cardinality(len(batches)))


SCALARS = [tf.TensorSpec((), tf.int64)] * 3


def specs_of(arrays: data.Arrays) -> list[tf.TensorSpec]:
    """Get the shapes and dtypes of batches with any number of rows."""
    return [tf.TensorSpec((None, *a.shape[1:]), tf.as_dtype(a.dtype)) for a in data.leaves(arrays)]


def all_variables(model: keras.Model) -> list[keras.Variable]:
    """List the distinct variables that a fit changes, in an order given by the fingerprint."""
    optimizer = getattr(model, "optimizer", None)
    variables = [
        *model.variables,
        *(optimizer.variables if optimizer is not None else ()),
        *(variable for metric in model.metrics for variable in metric.variables),
    ]
    return list({id(variable): variable for variable in variables}.values())


def reset_metrics(model: keras.Model, begin: tf.Tensor) -> None:
    """Add to the graph a reset of the metrics before step 0."""

    def reset() -> tf.Tensor:
        model.reset_metrics()
        return tf.constant(0)

    tf.cond(tf.equal(begin, 0), reset, lambda: tf.constant(0))


def as_keras_logs(model: keras.Model, step_function: Any, last: Sequence[tf.Tensor]) -> Any:
    """Convert the result of the last step, a flat list, to the logs of ``model.fit``."""
    if not isinstance(step_function.structured_outputs, dict):
        raise TypeError("the step of the model returns no dict of logs")
    logs = keras.tree.pack_sequence_as(step_function.structured_outputs, list(last))
    # checked with Keras 3.10 to 3.15
    return model._get_metrics_result_or_logs(logs)


def _steps(
    model: keras.Model,
    method: str,
    batch: Callable[[tf.Tensor], data.Arrays],
    begin: tf.Tensor,
    end: tf.Tensor,
) -> Any:
    """Run the steps from `begin` to `end`, and return Keras' logs; reset metrics before step 0."""
    reset_metrics(model, begin)
    if not (has_own_logs(model, method) or model.jit_compile):

        def body(step: tf.Tensor) -> tuple[tf.Tensor]:
            getattr(model, method)(batch(step))
            return (step + 1,)

        tf.while_loop(lambda i: i < end, body, (begin,), parallel_iterations=1)
        return model.get_metrics_result()

    example = batch(begin)
    specs = [tf.TensorSpec((None, *t.shape[1:]), t.dtype) for t in data.leaves(example)]
    step_function = traced_step(model, method, example, specs, data.pack_as)
    outputs = keras.tree.flatten(step_function.structured_outputs)
    empty = [tf.zeros([d or 0 for d in o.shape], o.dtype) for o in outputs]

    def body_with_logs(step: tf.Tensor, *_: tf.Tensor) -> tuple[tf.Tensor, ...]:
        logs = step_function(*data.leaves(batch(step)))
        return (step + 1, *keras.tree.flatten(logs))

    _, *last = tf.while_loop(
        lambda i, *_: i < end,
        body_with_logs,
        (begin, *empty),
        shape_invariants=(begin.shape, *(o.shape for o in outputs)),
        parallel_iterations=1,
    )
    return as_keras_logs(model, step_function, last)


def traced_step(
    model: keras.Model,
    method: str,
    arrays: data.Arrays,
    specs: list[Any],
    pack: Callable[..., Any] = data.as_keras_yields,
) -> Any:
    """Trace one step as a function, so that its outputs are known before the loop is traced."""

    def step(*flat: tf.Tensor) -> Any:
        return getattr(model, method)(pack(arrays, flat))

    jit_compile = bool(model.jit_compile) or None
    function = tf.function(step, autograph=False, jit_compile=jit_compile)
    return function.get_concrete_function(*specs)
