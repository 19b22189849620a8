"""A program on the TensorFlow backend: whole epochs in one call, over the variables of any model.

The body of the loop is Keras' own ``train_step``, so that metrics, weights, regularizers and
custom losses come for free and the numbers are those of ``model.fit``. A trace reads and writes
variables through the handles that it captured, and a handle is an input of the graph like any
other: the same graph runs on another model's variables by passing that model's handles. So
nothing is copied, a fit's model is live at every moment, and fits run side by side on one program.

Left alone: XLA and the single-threaded executor (the latter tried here) are two to three times as
fast on small dense nets, but their kernels differ from ``model.fit``'s in the last bits, and a
callback that needs batches must not change the numbers.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras.src.backend.common import global_state
from tensorflow.python.framework import op_def_registry

from . import data

# Stateful operations whose state is a captured variable, or none at all. Any other one (a random
# generator, a Python function, a table) keeps something of its own from one fit to the next.
_HARMLESS = {
    *("ReadVariableOp", "AssignVariableOp", "AssignAddVariableOp", "AssignSubVariableOp"),
    *("ResourceGather", "ResourceGatherNd", "VariableShape", "VarIsInitializedOp"),
    *("If", "While", "Case", "PartitionedCall", "StatefulPartitionedCall"),
    *("Assert", "PrintV2", "CheckNumericsV2"),
}
_HARMLESS_PREFIXES = ("ResourceScatter", "ResourceApply", "ResourceSparseApply", "ResourceStrided")


class Program:
    """A traced function that runs on the variables of any model of its signature.

    Attributes
    ----------
    private : str or None
        Why it may run on the model it was traced with only; None where it may be shared.
    n_bytes : int
        An estimate of the memory that it takes.
    pace : float
        Seconds that a step took of late, for cutting an epoch into calls; 0 before the first.
    """

    def __init__(
        self,
        model: keras.Model,
        function: Callable[..., Any],
        specs: list[Any],
        variables: Callable[[keras.Model], list[keras.Variable]],
        constants: Sequence[tf.Tensor] = (),
    ) -> None:
        structure: list[Any] = []

        def flat(*args: Any) -> list[tf.Tensor]:
            outputs = function(*args)
            structure.append(keras.tree.map_structure(lambda _: 0, outputs))
            return [tf.convert_to_tensor(output) for output in keras.tree.flatten(outputs)]

        with _watching_randomness() as drew, _no_replica_sum(model.optimizer):
            traced = tf.function(flat, autograph=False).get_concrete_function(*specs)
        model._clear_losses()  # symbolic tensors, which would keep the graph
        self._structure = structure[-1]
        self._function = traced._inference_function
        self._variables = variables
        places = {id(variable._value.handle): i for i, variable in enumerate(variables(model))}
        self._captures = [places.get(id(c), c) for c in traced.captured_inputs]
        self.specs = [_spec(variable) for variable in variables(model)]
        self.private, self.n_bytes = _audit(traced, self._captures, constants, drew())
        self.pace = 0.0
        # A Python function in the graph of a private program lives as long as the graph does.
        self._graph = traced if self.private else None
        if not self.private:
            _drop_graphs(self._function)

    def fits(self, model: keras.Model) -> bool:
        """Tell whether the model has the variables that this program expects."""
        return [_spec(variable) for variable in self._variables(model)] == self.specs

    def bind(self, model: keras.Model) -> Callable[..., Any]:
        """The function that runs this program on the variables of `model`."""
        own = self._variables(model)
        handles = [own[c]._value.handle if isinstance(c, int) else c for c in self._captures]

        def run(*args: tf.Tensor) -> Any:
            outputs = self._function.call_flat(*args, *handles)
            return keras.tree.pack_sequence_as(self._structure, list(outputs))

        return run


def trace_training(
    model: keras.Model, arrays: data.Arrays, constants: Sequence[tf.Tensor] = ()
) -> Program:
    """Trace training: (*arrays, order, batch_size, first step, end) -> logs."""

    def run(*args: tf.Tensor) -> Any:
        *flat, order, batch_size, begin, end = args

        def batch(step: tf.Tensor) -> data.Arrays:
            rows = order[step * batch_size : (step + 1) * batch_size]
            return _as_keras_yields(arrays, [tf.gather(a, rows) for a in flat])

        return _steps(model, "train_step", batch, begin, end)

    specs = [*_specs(arrays), tf.TensorSpec((None,), tf.int64), *_SCALARS]
    return Program(model, run, specs, _all_variables, constants)


def trace_evaluation(
    model: keras.Model, arrays: data.Arrays, constants: Sequence[tf.Tensor] = ()
) -> Program:
    """Trace evaluation: (*arrays, batch_size, first step, end) -> logs."""

    def run(*args: tf.Tensor) -> Any:
        *flat, batch_size, begin, end = args

        def batch(step: tf.Tensor) -> data.Arrays:
            rows = slice(step * batch_size, (step + 1) * batch_size)
            return _as_keras_yields(arrays, [a[rows] for a in flat])

        return _steps(model, "test_step", batch, begin, end)

    return Program(model, run, [*_specs(arrays), *_SCALARS], _all_variables, constants)


def trace_prediction(
    model: keras.Model, arrays: data.Arrays, constants: Sequence[tf.Tensor] = ()
) -> Program:
    """Trace prediction: (*arrays, batch_size, first step, end) -> outputs of all rows.

    Raises
    ------
    TypeError
        If the outputs of several batches cannot be joined without knowing their values.
    """
    specs = _specs(arrays)

    def run(*args: tf.Tensor) -> Any:
        *flat, batch_size, begin, end = args
        step_function = _traced_step(model, "predict_step", arrays, specs)
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

    return Program(model, run, [*specs, *_SCALARS], lambda model: model.variables, constants)


def tensors(arrays: data.Arrays) -> list[tf.Tensor]:
    """The arrays as the flat arguments of a program."""
    return [tf.convert_to_tensor(array) for array in data.leaves(arrays)]


def scalar(value: int) -> tf.Tensor:
    """An integer as the argument of a program."""
    return tf.constant(value, tf.int64)


@contextlib.contextmanager
def no_leak(model: keras.Model) -> Iterator[None]:
    """Spare ``model.fit`` what it would leave in TensorFlow for the life of the process."""
    with _no_replica_sum(getattr(model, "optimizer", None)):
        yield


def forget_kernels() -> None:
    """Free the kernels of functions that are gone; those in use are made again when called."""
    from tensorflow.python.eager import context

    context.context().clear_kernel_cache()


# ------------------------------------------------------------------ building the loop


_SCALARS = [tf.TensorSpec((), tf.int64)] * 3


def _specs(arrays: data.Arrays) -> list[tf.TensorSpec]:
    return [tf.TensorSpec((None, *a.shape[1:]), tf.as_dtype(a.dtype)) for a in data.leaves(arrays)]


def _all_variables(model: keras.Model) -> list[keras.Variable]:
    """Everything that moves in a fit, each once, in an order that follows from the signature."""
    optimizer = getattr(model, "optimizer", None)
    found = [
        *model.variables,
        *(optimizer.variables if optimizer is not None else ()),
        *(variable for metric in model.metrics for variable in metric.variables),
    ]
    return list({id(variable): variable for variable in found}.values())


def _as_keras_yields(arrays: data.Arrays, flat: Sequence[tf.Tensor]) -> data.Arrays:
    """Pack the tensors of a batch into the structure that ``model.fit`` would hand on."""
    packed = data.pack_as(arrays, flat)
    return packed[0] if len(packed) == 1 and not isinstance(packed[0], tuple) else packed


def _steps(
    model: keras.Model,
    method: str,
    batch: Callable[[tf.Tensor], data.Arrays],
    begin: tf.Tensor,
    end: tf.Tensor,
) -> Any:
    """Run the steps from `begin` to `end`, metrics reset before step 0; return Keras' logs."""

    def reset() -> tf.Tensor:
        model.reset_metrics()
        return tf.constant(0)

    tf.cond(tf.equal(begin, 0), reset, lambda: tf.constant(0))
    if not (_has_own_logs(model, method) or model.jit_compile):

        def body(step: tf.Tensor) -> tuple[tf.Tensor]:
            getattr(model, method)(batch(step))
            return (step + 1,)

        tf.while_loop(lambda i: i < end, body, (begin,), parallel_iterations=1)
        return model.get_metrics_result()

    example = batch(begin)
    specs = [tf.TensorSpec((None, *t.shape[1:]), t.dtype) for t in data.leaves(example)]
    step_function = _traced_step(model, method, example, specs, data.pack_as)
    if not isinstance(step_function.structured_outputs, dict):
        raise TypeError(f"{method} returns no dict of logs")
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
    logs = keras.tree.pack_sequence_as(step_function.structured_outputs, last)
    return model._get_metrics_result_or_logs(logs)


def _traced_step(
    model: keras.Model,
    method: str,
    arrays: data.Arrays,
    specs: list[Any],
    pack: Callable[..., Any] = _as_keras_yields,
) -> Any:
    """One step as a function of its own: what it returns is known before the loop is built."""

    def step(*flat: tf.Tensor) -> Any:
        return getattr(model, method)(pack(arrays, flat))

    jit_compile = bool(model.jit_compile) or None
    function = tf.function(step, autograph=False, jit_compile=jit_compile)
    return function.get_concrete_function(*specs)


def _has_own_logs(model: keras.Model, method: str) -> bool:
    """Tell whether a step may return something else than the results of the metrics."""
    return any(
        getattr(type(model), name) is not getattr(keras.Model, name) or name in vars(model)
        for name in (method, "compute_metrics", "get_metrics_result")
    )


@contextlib.contextmanager
def _no_replica_sum(optimizer: Any) -> Iterator[None]:
    """Take out the sum over replicas, of which there is one.

    Keras registers a closure for it with TensorFlow, for each trace and for the life of the
    process: megabytes a model. Without a distribution strategy it is the identity.
    """
    name = "_all_reduce_sum_gradients"
    optimizers = [optimizer, getattr(optimizer, "inner_optimizer", None)]
    changed = [o for o in optimizers if hasattr(o, name) and name not in vars(o)]
    for optimizer in changed:
        setattr(optimizer, name, lambda grads_and_vars: grads_and_vars)
    try:
        yield
    finally:
        for optimizer in changed:
            delattr(optimizer, name)


# ------------------------------------------------------------------ may it be shared?


def _audit(
    traced: Any, captures: list[Any], constants: Sequence[tf.Tensor], drew: str
) -> tuple[str | None, int]:
    """Why a graph depends on more than its signature (None: it does not), and its size."""
    definition = traced.graph.as_graph_def()
    n_bytes = definition.ByteSize() * _BYTES_PER_GRAPH_BYTE
    known = {id(tensor) for tensor in constants}
    if any(not isinstance(capture, int) and id(capture) not in known for capture in captures):
        return "the graph reads a tensor that is not a variable of the model", n_bytes
    if drew:
        return f"the graph was built with a draw from {drew}", n_bytes
    nodes = [*definition.node, *(n for f in definition.library.function for n in f.node_def)]
    for kind in {node.op for node in nodes}:
        operation = op_def_registry.get(kind)
        if (
            operation is not None
            and operation.is_stateful
            and kind not in _HARMLESS
            and not kind.startswith(_HARMLESS_PREFIXES)
        ):
            return f"the graph has a stateful operation, {kind}", n_bytes
    return None, n_bytes


# measured, for a dense and a recurrent net: mostly kernels and the optimized copy of the graph
_BYTES_PER_GRAPH_BYTE = 60


def _drop_graphs(function: Any) -> None:
    """Drop the Python graphs of a function: megabytes, and the model they were traced with.

    TensorFlow's runtime has its own copy. The graphs are for gradients and for export.
    """
    function._cached_graph = None
    for child in function.children:
        _drop_graphs(child)


def _spec(variable: keras.Variable) -> tuple[Any, ...]:
    return tuple(variable.shape), str(variable.dtype), variable.trainable


@contextlib.contextmanager
def _watching_randomness() -> Iterator[Callable[[], str]]:
    """Notice a trace that draws random numbers in Python: they are constants of its graph."""
    python = random.getstate()
    numpy: Any = np.random.get_state()
    generator = global_state.get_global_attribute("global_seed_generator")

    def drew() -> str:
        if random.getstate() != python:
            return "Python's random numbers"
        now: Any = np.random.get_state()
        if now[2] != numpy[2] or not np.array_equal(now[1], numpy[1]):
            return "NumPy's random numbers"
        if global_state.get_global_attribute("global_seed_generator") is not generator:
            return "Keras' global random numbers"
        return ""

    yield drew
