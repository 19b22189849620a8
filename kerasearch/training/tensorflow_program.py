"""A traced program on the TensorFlow backend, and whether models may share it.

A program gets the handles of a model's variables as inputs, so that one graph serves every model
with the same fingerprint. This is safe only if the graph depends on no other objects, which is
checked after tracing.

TensorFlow documents none of what is used here of a concrete function (``captured_inputs``,
``_inference_function``, ``call_flat``, ``children``, ``_cached_graph``): its public way to call a
traced function binds the variables of the trace for good. Checked for TensorFlow 2.18 to 2.21; a
Keras variable's ``_value``, a layer's ``_clear_losses``, for Keras 3.10 to 3.15.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

# Whether a kind of operation is stateful, which the graph itself does not say; TensorFlow has no
# public way to ask. Checked for TensorFlow 2.18 to 2.21.
from tensorflow.python.framework import op_def_registry

from . import data
from .seeds import watch_randomness
from .tensorflow_memory import no_replica_sum

# Stateful operations whose state is a captured variable or table, or none at all. Any other one (a
# random generator, a Python function) keeps something of its own from one fit to the next.
_HARMLESS = {
    "ReadVariableOp",
    "AssignVariableOp",
    "AssignAddVariableOp",
    "AssignSubVariableOp",
    "ResourceGather",
    "ResourceGatherNd",
    "VariableShape",
    "VarIsInitializedOp",
    "If",
    "While",
    "Case",
    "PartitionedCall",
    "StatefulPartitionedCall",
    "Assert",
    "PrintV2",
    "CheckNumericsV2",
    "LookupTableFindV2",
    "LookupTableSizeV2",
}
_HARMLESS_PREFIXES = ("ResourceScatter", "ResourceApply", "ResourceSparseApply", "ResourceStrided")
# measured, for a dense and a recurrent net: mostly kernels and the optimized copy of the graph
_BYTES_PER_GRAPH_BYTE = 60

# What a call may have as one array of batches
_MAX_CALL_STEPS = 64
_MAX_CALL_BYTES = 1 << 24


class Program:
    """A traced function that runs on the variables of any model with its fingerprint.

    Parameters
    ----------
    model : keras.Model
        The model that is traced.
    function : callable
        The function to trace, with arguments as in `specs`.
    specs : list of tf.TensorSpec
        The specs of the arguments.
    variables : callable
        A function that returns the variables of a model that the program may read and write.
    constants : sequence of tf.Tensor
        Other tensors that the graph may read.
    row_bytes : int or None
        The size of a row, if a call gets its batches as one array of bounded size.

    Attributes
    ----------
    private : str or None
        The reason why the program must not be shared among models; None if it may be shared.
    n_bytes : int
        An estimate of the memory that the program needs.
    pace : float
        Seconds of a step in the last call, used to split an epoch into calls; 0 before the first.
    """

    def __init__(
        self,
        model: keras.Model,
        function: Callable[..., Any],
        specs: list[Any],
        variables: Callable[[keras.Model], list[keras.Variable]],
        constants: Sequence[tf.Tensor] = (),
        row_bytes: int | None = None,
    ) -> None:
        structure: list[Any] = []

        def flat(*args: Any) -> list[tf.Tensor]:
            outputs = function(*args)
            structure.append(keras.tree.map_structure(lambda _: 0, outputs))
            return [tf.convert_to_tensor(output) for output in keras.tree.flatten(outputs)]

        drew = watch_randomness()
        with no_replica_sum(model.optimizer):
            traced = tf.function(flat, autograph=False).get_concrete_function(*specs)
        # a layer keeps the losses of its last call: symbolic tensors, which would keep the graph
        model._clear_losses()
        self._structure = structure[-1]
        self._function = traced._inference_function
        self._variables = variables
        self._constants = constants  # which the graph reads
        places = {id(variable._value.handle): i for i, variable in enumerate(variables(model))}
        self._captures = [places.get(id(c), c) for c in traced.captured_inputs]
        self.specs = [_spec(variable) for variable in variables(model)]
        self.private, self.n_bytes = _audit(traced, self._captures, constants, drew())
        self.pace = 0.0
        self._row_bytes = row_bytes
        # A Python function in the graph of a private program lives as long as the graph does.
        self._graph = traced if self.private else None
        if not self.private:
            _drop_graphs(self._function)

    @property
    def whole_epochs(self) -> bool:
        """Whether XLA compiled the loop over the steps, and not only single steps."""
        return self._row_bytes is not None

    def room(self, batch_size: int) -> int | None:
        """Get the largest number of steps in a call; None means any number."""
        return None if self._row_bytes is None else steps_of_call(self._row_bytes, batch_size)

    def fits(self, model: keras.Model) -> bool:
        """Tell whether the model has the variables that this program expects."""
        return [_spec(variable) for variable in self._variables(model)] == self.specs

    def covers(self, arrays: data.Arrays, batch_size: int, n_rows: int) -> bool:
        """Tell whether the program can be used for this number of rows, which is always true."""
        return True

    def bind(self, model: keras.Model) -> Callable[..., Any]:
        """Get the function that runs this program on the variables of `model`.

        Its arguments are the rows, their order or None, the batch size, the first step and the end.
        """
        own = self._variables(model)
        handles = [own[c]._value.handle if isinstance(c, int) else c for c in self._captures]

        def run(
            rows: list[tf.Tensor], order: np.ndarray | None, batch_size: int, begin: int, end: int
        ) -> Any:
            scalars = [tf.constant(value, tf.int64) for value in (batch_size, begin, end)]
            args = [*rows, *([] if order is None else [tf.constant(order)]), *scalars]
            outputs = self._function.call_flat(*args, *handles)
            return keras.tree.pack_sequence_as(self._structure, list(outputs))

        return run


def steps_of_call(row_bytes: int, batch_size: Any, least: Any = min, most: Any = max) -> Any:
    """How many steps a call has room for whose batches are one array; a number or a tensor."""
    return least(most(_MAX_CALL_BYTES // (batch_size * row_bytes), 1), _MAX_CALL_STEPS)


def _spec(variable: keras.Variable) -> tuple[Any, ...]:
    return tuple(variable.shape), str(variable.dtype), variable.trainable


def _audit(
    traced: Any, captures: list[Any], constants: Sequence[tf.Tensor], drew: str | None
) -> tuple[str | None, int]:
    """Explain why a graph must not be shared (None if it may be shared), and estimate its size."""
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


def _drop_graphs(function: Any) -> None:
    """Delete the Python graphs of a function, which keep megabytes and the traced model in memory.

    TensorFlow's runtime has its own copy. Python graphs are needed only for gradients and export.
    """
    function._cached_graph = None
    for child in function.children:
        _drop_graphs(child)
