"""A program on the JAX backend: compiled functions that run on the variables of any model.

A function is given the values of a model's variables and gives new ones, so it serves every model
with the same fingerprint, unless it depends on something else (see `jax_audit`).

Shapes are static under JAX. A program therefore has a function for each number of rows that a batch
has: for full batches, and for the last one of an epoch where it has fewer. They are traced when the
program is chosen, with the model at hand, and compiled when they are first called.

A variable's ``_value`` has no public name. Checked for Keras 3.10 to 3.15.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import keras
import numpy as np

# Keras has no public way to run code that assigns to variables without changing them.
# Checked for Keras 3.10 to 3.15.
from keras.src.backend.common.stateless_scope import StatelessScope

from . import data
from .jax_functions import Function, LoopFunction, StepFunction, Values, compile_together
from .jax_rows import Rows, room_for
from .jax_rule import why_single_steps
from .jax_step import Step
from .step_logs import are_means

# How many functions a program has at most: a search may try many sizes of a batch
_MAX_FUNCTIONS = 32
# a rough guess: XLA does not tell the size of what it compiled
_BYTES_PER_OPERATION = 2000

Groups = Callable[[keras.Model], list[list[keras.Variable]]]
# the rows of a batch, and what a loop has room for; None where it is a step
Key = tuple[int, int | None]


class Program:
    """What a method of Keras' does with a model, for any number of rows.

    Parameters
    ----------
    method : str
        ``"train_step"``, ``"test_step"`` or ``"predict_step"``.
    groups : callable
        Gets the variables of a model whose values are the state that the method takes.
    base : Program, default=None
        One of the same kind, whose functions it gets, unless they are too many.

    Attributes
    ----------
    private : str or None
        Why it may run on the model that it was traced with only; None where it may be shared.
    whole_epochs : bool
        Whether the full batches of an epoch are one call, and not a call each.
    n_bytes : int
        An estimate of the memory that it takes.
    pace : float
        Seconds that a step took of late, for cutting an epoch into calls; 0 before the first.
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
            # fits may be running on the other, which must stay as it is
            vars(self).update(vars(base), _functions=dict(base._functions))

    def room(self, batch_size: int) -> None:
        """How many steps a call may have: any number."""

    def covers(self, arrays: data.Arrays, batch_size: int, n_rows: int) -> bool:
        """Tell whether every function is there that so many rows need."""
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
        """Trace the functions that so many rows need and that are not there yet."""
        groups = self._groups(model)
        n_state = sum(map(len, groups))
        first_metric = n_state if self._method == "predict_step" else n_state - len(groups[-1])
        # only a fit owns its model; and the metrics begin each epoch with the same arrays
        kept = range(first_metric if self._method == "train_step" else 0, n_state)
        if not self._functions:
            self._specs = _specs(groups)
            self._reset = _values_after_reset(model, [v for g in groups for v in g], first_metric)
        for size in _sizes(batch_size, n_rows):
            if self._key(arrays, size, batch_size) in self._functions:
                continue
            step = Step(model, self._method, groups, arrays, size, constants)
            self.private = self.private or step.private
            self.whole_epochs = self.whole_epochs and why_single_steps(step) is None
            self.n_bytes += len(step.primitives) * _BYTES_PER_OPERATION
            key = self._key(arrays, size, batch_size)
            room = key[1]
            self._functions[key] = (
                StepFunction(step, kept) if room is None else LoopFunction(step, kept, room)
            )

    def fits(self, model: keras.Model) -> bool:
        """Tell whether the model has the variables that this program expects."""
        return _specs(self._groups(model)) == self._specs

    def bind(self, model: keras.Model) -> Callable[..., Any]:
        """The function that runs this program on the variables of `model`.

        It takes the rows, their order or None, the size of a batch, the first step and the end.
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
                # here, and not in the call, an interrupt finds a state that is whole
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
        """The functions to call one after the other, and their arguments besides the state."""
        compile_together(self._functions.values())
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
                # what metrics begin with serves other models too
                variable._value = jax.numpy.copy(value) if id(value) in shared else value


def _sizes(batch_size: int, n_rows: int) -> list[int]:
    """The numbers of rows that batches have."""
    full = [batch_size] if n_rows >= batch_size else []
    return [*full, n_rows % batch_size] if n_rows % batch_size else full


def _specs(groups: list[list[keras.Variable]]) -> list[Any]:
    return [[(tuple(v.shape), str(v.dtype), v.trainable) for v in group] for group in groups]


def _values_after_reset(
    model: keras.Model, variables: list[keras.Variable], first: int
) -> dict[int, jax.Array]:
    """By place, what the variables of metrics have when an epoch begins."""
    if first == len(variables):
        return {}
    with StatelessScope() as scope:
        model.reset_metrics()
    values = {i: scope.get_current_value(variables[i]) for i in range(first, len(variables))}
    return {i: value for i, value in values.items() if value is not None}


def _join(*parts: Any) -> np.ndarray:
    arrays = [np.asarray(part) for part in parts]
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)
