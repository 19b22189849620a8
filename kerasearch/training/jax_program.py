"""A program on the JAX backend: compiled functions that run on the variables of any model.

A function gets the values of a model's variables and returns new values. It therefore serves every
model with the same fingerprint, unless it depends on other objects (see `jax_audit`).

Shapes are static in JAX. A program therefore has one function for full batches, and one for a
smaller last batch of an epoch. Functions are traced with the model when the program is chosen, and
compiled in other threads from then on.

A variable's ``_value`` has no public name. Checked with Keras 3.10 to 3.15.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any

import jax
import keras
import numpy as np

# Keras has no public way to run code that assigns to variables without changing them.
# Checked for Keras 3.10 to 3.15.
from keras.src.backend.common.stateless_scope import StatelessScope

from . import data
from .jax_functions import Function, LoopFunction, StepFunction, Values
from .jax_rows import Rows, room_for
from .jax_rule import why_single_steps
from .jax_step import Step
from .step_logs import are_means

# the largest number of functions in a program, because a search may try many batch sizes
_MAX_FUNCTIONS = 32
# XLA does not tell the size of a compiled function. Functions of dense, recurrent, convolutional
# and normalizing nets took 11,000 to 25,000 bytes for each traced operation.
_BYTES_PER_OPERATION = 20_000

Groups = Callable[[keras.Model], list[list[keras.Variable]]]
# the number of rows in a batch, and the `room` of a loop, which is None for a single step
Key = tuple[int, int | None]


class Program:
    """A method of Keras' models, compiled for any number of rows.

    Parameters
    ----------
    method : str
        ``"train_step"``, ``"test_step"`` or ``"predict_step"``.
    groups : callable
        A function that returns the variables of a model that are the state of the method.
    base : Program, default=None
        A program of the same kind. Its functions are reused, unless there are too many.

    Attributes
    ----------
    private : str or None
        The reason why the program must not be shared among models; None if it may be shared.
    whole_epochs : bool
        Whether all full batches of an epoch run in one call.
    n_bytes : int
        An estimate of the memory that the program needs.
    pace : float
        Seconds of a step in the last call, used to split an epoch into calls; 0 before the first.
    """

    def __init__(self, method: str, groups: Groups, base: Program | None = None) -> None:
        self._method = method
        self._groups = groups
        self._functions: dict[Key, Function] = {}
        self.private: str | None = None
        self.whole_epochs = method == "train_step"
        self.n_bytes = 0
        self.pace = 0.0
        self._specs: list[Any] = []
        self._reset: dict[int, jax.Array] = {}
        if base is not None and len(base._functions) < _MAX_FUNCTIONS:
            # do not change `base`, because other fits may be using it
            vars(self).update(vars(base), _functions=dict(base._functions))

    def room(self, batch_size: int) -> None:
        """Get the largest number of steps in a call: None, which means any number."""

    def covers(self, arrays: data.Arrays, batch_size: int, n_rows: int) -> bool:
        """Tell whether the program has all functions for this number of rows."""
        sizes = _sizes(batch_size, n_rows)
        return all(self._key(arrays, size, batch_size) in self._functions for size in sizes)

    def extend(
        self,
        model: keras.Model,
        arrays: data.Arrays,
        constants: Sequence[Any],
        batch_size: int,
        n_rows: int,
    ) -> None:
        """Trace the missing functions for this number of rows, and begin to compile them."""
        groups = self._groups(model)
        n_state = sum(map(len, groups))
        first_metric = n_state if self._method == "predict_step" else n_state - len(groups[-1])
        # Donate values only in a fit, which owns its model. The initial values of metrics are used
        # again in each epoch, and are not donated.
        kept = range(first_metric if self._method == "train_step" else 0, n_state)
        if not self._functions:
            self._specs = _specs(groups)
            self._reset = _values_after_reset(model, [v for g in groups for v in g], first_metric)
        with _compiling() as executor:
            for size in _sizes(batch_size, n_rows):
                if self._key(arrays, size, batch_size) in self._functions:
                    continue
                step = Step(model, self._method, groups, arrays, size, constants)
                self.private = self.private or step.private
                self.whole_epochs = self.whole_epochs and why_single_steps(step) is None
                self.n_bytes += len(step.primitives) * _BYTES_PER_OPERATION
                key = self._key(arrays, size, batch_size)
                room = key[1]
                function = (
                    StepFunction(step, kept) if room is None else LoopFunction(step, kept, room)
                )
                function.compile_with(executor)
                self._functions[key] = function

    def fits(self, model: keras.Model) -> bool:
        """Tell whether the model has the variables that this program expects."""
        return _specs(self._groups(model)) == self._specs

    def bind(self, model: keras.Model) -> Callable[..., Any]:
        """Get the function that runs this program on the variables of `model`.

        Its arguments are the rows, their order or None, the batch size, the first step and the end.
        """
        variables = [variable for group in self._groups(model) for variable in group]
        predicts = self._method == "predict_step"
        as_they_are = predicts or are_means(model, self._method)

        def run(rows: Rows, order: np.ndarray | None, batch_size: int, begin: int, end: int) -> Any:
            values = [variable.value for variable in variables]
            if begin == 0:
                for place, value in self._reset.items():
                    values[place] = value
            parts: list[Any] = []
            try:
                for function, arguments in self._calls(rows, order, batch_size, begin, end):
                    values, returned = function(values, *arguments)
                    parts = [*parts, returned] if predicts else [returned]
                # wait here and not in the call, so that an interrupt leaves a complete state
                jax.block_until_ready(parts)
            finally:
                self._write(variables, values)
            if predicts:
                return jax.tree.map(_join, *parts)
            # as `model.fit` does; checked for Keras 3.10 to 3.15
            return parts[-1] if as_they_are else model._get_metrics_result_or_logs(parts[-1])

        return run

    def _key(self, arrays: data.Arrays, size: int, batch_size: int) -> Key:
        loops = self.whole_epochs and size == batch_size
        return size, room_for(arrays) if loops else None

    def _calls(
        self, rows: Rows, order: np.ndarray | None, batch_size: int, begin: int, end: int
    ) -> Iterator[tuple[Function, tuple[Any, ...]]]:
        """List the functions to call in order, with their arguments after the state."""
        loop = self._functions.get((batch_size, rows.room))
        if loop is not None and order is not None:
            n_full = min(end, len(order) // batch_size)
            if begin < n_full:
                table = rows.full_batches(order, batch_size)
                yield loop, (rows.on_device, table, np.int32(begin), np.int32(n_full))
                begin = n_full
        for step in range(begin, end):
            batch = rows.batch(order, step * batch_size, (step + 1) * batch_size)
            yield self._functions[len(batch[0]), None], (batch,)

    def _write(self, variables: list[keras.Variable], values: Values) -> None:
        shared = set(map(id, self._reset.values()))
        for variable, value in zip(variables, values, strict=True):
            if value is not variable._value:
                # copy the initial values of metrics, because other models use them too
                variable._value = jax.numpy.copy(value) if id(value) in shared else value


@contextlib.contextmanager
def _compiling() -> Iterator[Executor]:
    """Get threads that compile; they end afterwards, without being waited for."""
    executor = ThreadPoolExecutor(2, thread_name_prefix="kerasearch-compile")
    try:
        yield executor
    finally:
        executor.shutdown(wait=False)


def _sizes(batch_size: int, n_rows: int) -> list[int]:
    """List the different numbers of rows in batches."""
    full = [batch_size] if n_rows >= batch_size else []
    return [*full, n_rows % batch_size] if n_rows % batch_size else full


def _specs(groups: list[list[keras.Variable]]) -> list[Any]:
    return [[(tuple(v.shape), str(v.dtype), v.trainable) for v in group] for group in groups]


def _values_after_reset(
    model: keras.Model, variables: list[keras.Variable], first: int
) -> dict[int, jax.Array]:
    """Get the values of metric variables at the beginning of an epoch, by index."""
    if first == len(variables):
        return {}
    with StatelessScope() as scope:
        model.reset_metrics()
    values = {i: scope.get_current_value(variables[i]) for i in range(first, len(variables))}
    return {i: value for i, value in values.items() if value is not None}


def _join(*parts: Any) -> np.ndarray:
    arrays = [np.asarray(part) for part in parts]
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)
