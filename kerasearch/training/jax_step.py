"""One step of Keras' on the JAX backend, as an expression of a model's state and of a batch.

A layer's ``_clear_losses`` has no public name. Checked for Keras 3.10 to 3.15.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import keras
from jax.extend import core

from . import data, jax_audit
from .seeds import watch_randomness


class Step:
    """A traced step.

    Parameters
    ----------
    model : keras.Model
        The one that it is traced with; nothing of it is kept.
    method : str
        ``"train_step"``, ``"test_step"`` or ``"predict_step"``.
    groups : list of list of keras.Variable
        The state that the method takes.
    arrays : packed arrays
        For the structure, the dtypes and the shapes of a batch.
    n_rows : int
        Of a batch.
    constants : sequence of jax.Array
        What it may read besides.

    Attributes
    ----------
    state, batch : list of ShapeDtypeStruct
        What it is called with.
    moving : list of int
        Which values of the state it changes; the others it only reads.
    private : str or None
        Why it may serve only the model that it was traced with.
    primitives : list of str
        The operations that it is made of.
    """

    def __init__(
        self,
        model: keras.Model,
        method: str,
        groups: list[list[keras.Variable]],
        arrays: data.Arrays,
        n_rows: int,
        constants: Sequence[Any],
    ) -> None:
        def step(state: list[list[Any]], batch: list[Any]) -> tuple[Any, list[Any]]:
            packed = data.as_keras_yields(arrays, batch)
            returned, after = getattr(model, method)(tuple(state), packed)
            if method == "predict_step":
                after = (state[0], after)  # it gives no weights
            elif not isinstance(returned, dict):
                raise TypeError("the step of the model returns no dict of logs")
            return returned, [value for group in after for value in group]

        groups_of_specs = [[_spec(v.shape, v.dtype) for v in group] for group in groups]
        self.state = [spec for group in groups_of_specs for spec in group]
        self.batch = [_spec((n_rows, *a.shape[1:]), a.dtype) for a in data.leaves(arrays)]
        drew = watch_randomness()
        traced, (returned, after) = jax.make_jaxpr(step, return_shape=True)(
            groups_of_specs, self.batch
        )
        model._clear_losses()  # of the last call, which would keep the trace
        held = {id(variable.value) for group in groups for variable in group}
        if any(id(array) in held for array in jax_audit.arrays_read(traced)):
            # as a layer does with a metric of its own, which Keras does not give a state there
            raise TypeError("the step reads a variable of the model past the state it is given")
        self.private = jax_audit.why_private(traced, constants, drew())
        self.primitives = [e.primitive.name for e in jax_audit.equations(traced.jaxpr)]
        self._function: Any = core.jaxpr_as_fun(traced)
        self._structure = jax.tree.structure(returned)
        self._n_returned = len(jax.tree.leaves(returned))
        if len(after) != len(self.state):
            raise TypeError("the step of the model returns another state than it is given")
        before, outputs = traced.jaxpr.invars, traced.jaxpr.outvars[self._n_returned :]
        self.moving = [i for i, value in enumerate(outputs) if value is not before[i]]
        self.returned = [_spec(v.shape, v.dtype) for v in jax.tree.leaves(returned)]

    def __call__(self, state: Sequence[Any], batch: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        """The new values of what moves, and what the step returns, in a flat list."""
        assert self._function is not None, "the trace was dropped"
        outputs = self._function(*state, *batch)
        after = outputs[self._n_returned :]
        return [after[i] for i in self.moving], outputs[: self._n_returned]

    def forget(self) -> None:
        """Drop the trace, when the function that it was made for is compiled."""
        self._function = None

    def pack(self, returned: Sequence[Any]) -> Any:
        """What the step returns, from a flat list."""
        return jax.tree.unflatten(self._structure, list(returned))


def _spec(shape: Sequence[int], dtype: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(tuple(shape), jax.dtypes.canonicalize_dtype(dtype))
