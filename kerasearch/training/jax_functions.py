"""Compiled functions on the JAX backend: a step of Keras, and a loop over steps.

Both get the values of a model's variables and return the new values. As in Keras, values that a
step changes are donated: their memory is reused for the new values.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from concurrent.futures import Executor, Future
from typing import Any

import jax
from jax import lax
from jax import numpy as jnp

from .jax_random import quickly_compiled
from .jax_step import Step

Values = list[Any]


class Function(ABC):
    """A function that runs a step once or several times.

    `compile_with` compiles it in another thread, and the first call waits for the result. XLA does
    not hold Python's lock. Functions are therefore compiled in parallel with each other and with
    the next trace. The result depends only on the lowered function and on flags of the process.

    Parameters
    ----------
    step : Step
        A traced step.
    kept : collection of int
        The indices of state values that are not donated.
    """

    _compiled: Future[Callable[..., Any]]  # from `compile_with` on

    def __init__(self, step: Step, kept: Collection[int]) -> None:
        self._step = step
        self._donated = [i for i in step.moving if i not in kept]
        self._others = [i for i in range(len(step.state)) if i not in set(self._donated)]

    def __call__(self, values: Values, *args: Any) -> tuple[Values, Any]:
        """Run; return all state values, and the result of the last step."""
        compiled = self._compiled.result()
        others = [values[i] for i in self._others]
        moved, returned = compiled(self._to_donate(values), others, *args)
        values = list(values)
        for i, value in zip(self._step.moving, moved, strict=True):
            values[i] = value
        return values, self._step.pack(returned)

    def compile_with(self, executor: Executor) -> None:
        """Lower the function in this thread, and compile it in a thread of the executor."""

        def function(donated: Values, others: Values, *args: Any) -> tuple[Values, Values]:
            values: Values = [None] * len(self._step.state)
            for places, given in ((self._donated, donated), (self._others, others)):
                for i, value in zip(places, given, strict=True):
                    values[i] = value
            return self._function(values, *args)

        state = self._step.state
        donated, others = ([state[i] for i in p] for p in (self._donated, self._others))
        with quickly_compiled():
            jitted = jax.jit(function, donate_argnums=0)
            lowered = jitted.lower(donated, others, *self._specs())
        self._step.forget()
        self._compiled = executor.submit(lowered.compile)

    @abstractmethod
    def _function(self, values: Values, *args: Any) -> tuple[Values, Values]:
        """Return the changed state values, and the result of the last step."""

    @abstractmethod
    def _specs(self) -> list[Any]:
        """Get the specs of the arguments after the values."""

    def _to_donate(self, values: Values) -> Values:
        """Get the values to donate; an array that another variable shares is copied."""
        if len(set(map(id, values))) == len(values):
            return [values[i] for i in self._donated]
        ids = list(map(id, values))
        return [
            jnp.copy(v) if ids.count(id(v)) > 1 else v
            for v in map(values.__getitem__, self._donated)
        ]


class StepFunction(Function):
    """(values, arrays of a batch) -> one step."""

    def _function(self, values: Values, *args: Any) -> tuple[Values, Values]:
        return self._step(values, args[0])

    def _specs(self) -> list[Any]:
        return [self._step.batch]


class LoopFunction(Function):
    """(values, arrays of all rows, order, first step, end) -> the steps from the first to the end.

    The arrays are padded to `room` rows. The order, with one row of indices for each step, is
    padded too. Therefore the same function serves folds whose sizes differ by a row. Padding is not
    read.

    Parameters
    ----------
    step, kept
        As in `Function`.
    room : int
        The number of rows after padding.
    """

    def __init__(self, step: Step, kept: Collection[int], room: int) -> None:
        super().__init__(step, kept)
        self._room = room

    def _function(self, values: Values, *args: Any) -> tuple[Values, Values]:
        arrays, order, begin, end = args

        def body(i: Any, carry: tuple[Values, Values]) -> tuple[Values, Values]:
            now = list(values)
            for place, value in zip(self._step.moving, carry[0], strict=True):
                now[place] = value
            rows = lax.dynamic_index_in_dim(order, i, keepdims=False)
            return self._step(now, [jnp.take(array, rows, axis=0, mode="clip") for array in arrays])

        moving = [values[i] for i in self._step.moving]
        nothing = [jnp.zeros(spec.shape, spec.dtype) for spec in self._step.returned]
        return lax.fori_loop(begin, end, body, (moving, nothing))

    def _specs(self) -> list[Any]:
        batch = self._step.batch
        arrays = [jax.ShapeDtypeStruct((self._room, *spec.shape[1:]), spec.dtype) for spec in batch]
        return [
            arrays,
            order_spec(self._room, batch[0].shape[0]),
            *[jax.ShapeDtypeStruct((), "int32")] * 2,
        ]


def order_spec(room: int, batch_size: int) -> jax.ShapeDtypeStruct:
    """Get the spec of the order of an epoch for a loop: one row of indices for each step."""
    return jax.ShapeDtypeStruct((room // batch_size, batch_size), "int32")
