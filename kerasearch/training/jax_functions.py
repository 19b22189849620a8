"""Compiled functions on the JAX backend: a step of Keras', and a loop over such steps.

Both are called with the values of a model's variables and give those that come after. The values
that a step moves are donated, as Keras does it: their memory serves the new ones.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
from jax import lax
from jax import numpy as jnp

from .jax_random import quickly_compiled
from .jax_step import Step

Values = list[Any]

# one at a time: threads mostly want the same
_LOCK = threading.Lock()


class Function(ABC):
    """What a step does once, or several times, compiled at the first call.

    Parameters
    ----------
    step : Step
        A traced step.
    kept : collection of int
        The values of the state that are not to be donated.
    """

    def __init__(self, step: Step, kept: Collection[int]) -> None:
        self._step = step
        self._donated = [i for i in step.moving if i not in kept]
        self._others = [i for i in range(len(step.state)) if i not in set(self._donated)]
        self._compiled: Callable[..., Any] | None = None

    def __call__(self, values: Values, *args: Any) -> tuple[Values, Any]:
        """All values of the state, and what the last step returns."""
        if self._compiled is None:
            compile_together([self])
        assert self._compiled is not None
        others = [values[i] for i in self._others]
        moved, returned = self._compiled(self._to_donate(values), others, *args)
        values = list(values)
        for i, value in zip(self._step.moving, moved, strict=True):
            values[i] = value
        return values, self._step.pack(returned)

    @abstractmethod
    def _function(self, values: Values, *args: Any) -> tuple[Values, Values]:
        """What moves, and what the last step returns."""

    @abstractmethod
    def _specs(self) -> list[Any]:
        """The arguments besides the values."""

    @property
    def is_compiled(self) -> bool:
        """Whether it was."""
        return self._compiled is not None

    def lower(self) -> Any:
        """What is to be compiled."""

        def function(donated: Values, others: Values, *args: Any) -> tuple[Values, Values]:
            values: Values = [None] * len(self._step.state)
            for places, given in ((self._donated, donated), (self._others, others)):
                for i, value in zip(places, given, strict=True):
                    values[i] = value
            return self._function(values, *args)

        state = self._step.state
        donated, others = ([state[i] for i in p] for p in (self._donated, self._others))
        return jax.jit(function, donate_argnums=0).lower(donated, others, *self._specs())

    def put(self, compiled: Callable[..., Any]) -> None:
        """Take what was compiled of `lower`."""
        self._compiled = compiled
        self._step.forget()

    def _to_donate(self, values: Values) -> Values:
        """The values to donate, copied where another variable has the very same array."""
        if len(set(map(id, values))) == len(values):
            return [values[i] for i in self._donated]
        ids = list(map(id, values))
        return [
            jnp.copy(v) if ids.count(id(v)) > 1 else v
            for v in map(values.__getitem__, self._donated)
        ]


def compile_together(functions: Iterable[Function]) -> None:
    """Compile what is not compiled yet, side by side: XLA takes one core for most of it.

    What comes out follows from what is lowered, here, and from flags of the process.
    """
    with _LOCK:
        waiting = [function for function in functions if not function.is_compiled]
        with quickly_compiled():
            lowered = [function.lower() for function in waiting]
        if len(waiting) == 1:
            waiting[0].put(lowered[0].compile())
        elif waiting:
            with ThreadPoolExecutor(len(waiting), thread_name_prefix="kerasearch-compile") as pool:
                compiled = list(pool.map(lambda one: one.compile(), lowered))
            for function, done in zip(waiting, compiled, strict=True):
                function.put(done)


class StepFunction(Function):
    """(values, arrays of a batch) -> one step."""

    def _function(self, values: Values, *args: Any) -> tuple[Values, Values]:
        return self._step(values, args[0])

    def _specs(self) -> list[Any]:
        return [self._step.batch]


class LoopFunction(Function):
    """(values, arrays of all rows, order, first step, end) -> the steps from the first to the end.

    The arrays have room for more rows than there are, and the order, of a row of indices for each
    step, for more steps: so the same function serves folds that differ by a row. What is not filled
    is not read.

    Parameters
    ----------
    step, kept
        As for `Function`.
    room : int
        How many rows there is room for.
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
    """The order of an epoch for a loop: a row of indices for each step there is room for."""
    return jax.ShapeDtypeStruct((room // batch_size, batch_size), "int32")
