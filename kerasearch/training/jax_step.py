"""One traced step of Keras on the JAX backend, as a function of a model's state and a batch.

A layer's ``_clear_losses`` has no public name. Checked with Keras 3.10 to 3.15.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
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
        The model that is traced; the step does not keep it.
    method : str
        ``"train_step"``, ``"test_step"`` or ``"predict_step"``.
    groups : list of list of keras.Variable
        The variables that are the state of the method.
    arrays : packed arrays
        Arrays with the structure, dtypes and shapes of a batch.
    n_rows : int
        The number of rows in a batch.
    constants : sequence of jax.Array
        Other arrays that the step may read.

    Attributes
    ----------
    state, batch : list of ShapeDtypeStruct
        The specs of the arguments.
    moving : list of int
        The indices of state values that the step changes.
    private : str or None
        The reason why the step must not be shared among models; None if it may be shared.
    primitives : list of str
        The names of the operations in the step.
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
                after = (state[0], after)  # a prediction does not return the weights
            elif not isinstance(returned, dict):
                raise TypeError("the step of the model returns no dict of logs")
            return returned, [value for group in after for value in group]

        groups_of_specs = [[_spec(v.shape, v.dtype) for v in group] for group in groups]
        self.state = [spec for group in groups_of_specs for spec in group]
        self.batch = [_spec((n_rows, *a.shape[1:]), a.dtype) for a in data.leaves(arrays)]
        drew = watch_randomness()
        with _placement_noted(model):
            traced, (returned, after) = jax.make_jaxpr(step, return_shape=True)(
                groups_of_specs, self.batch
            )
        model._clear_losses()  # losses of the traced call would keep the trace in memory
        held = {id(variable.value) for group in groups for variable in group}
        if any(id(array) in held for array in jax_audit.arrays_read(traced)):
            # for example, a layer with its own metric, which Keras does not pass as state here
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
        """Compute the changed state values, and the flat list of the results of the step."""
        assert self._function is not None, "the trace was dropped"
        outputs = self._function(*state, *batch)
        after = outputs[self._n_returned :]
        return [after[i] for i in self.moving], outputs[: self._n_returned]

    def forget(self) -> None:
        """Delete the trace, which is not needed after the function is lowered."""
        self._function = None

    def pack(self, returned: Sequence[Any]) -> Any:
        """Pack a flat list into the structure that the step returns."""
        return jax.tree.unflatten(self._structure, list(returned))


@contextlib.contextmanager
def _placement_noted(model: keras.Model) -> Iterator[None]:
    """Let a model of an older Keras know on which devices its variables are.

    The steps of Keras 3.10 read this, and ``model.fit`` notes it before the first step. The steps
    of later versions do not read it. There is no public name for it.
    """
    note = getattr(model, "_record_training_state_sharding_spec", None)
    if note is None:
        yield
        return
    note()
    try:
        yield
    finally:
        model._clear_jax_state_sharding()


def _spec(shape: Sequence[int], dtype: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(tuple(shape), jax.dtypes.canonicalize_dtype(dtype))
