"""What Keras' backend decides: which module traces, and what is to be freed.

This is the one place that chooses. On a backend without a module of its own (see `has_programs`),
every fit goes through ``model.fit``. The modules of the other backends are not imported.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import keras

from . import data

NAME = keras.backend.backend()

if NAME == "tensorflow":
    from . import tensorflow_backend, tensorflow_memory, xla_program
elif NAME == "jax":
    from . import jax_backend

if TYPE_CHECKING:
    from .jax_program import Program as JaxProgram
    from .tensorflow_program import Program as TensorFlowProgram

    Program: TypeAlias = JaxProgram | TensorFlowProgram

Kind = Literal["train", "test", "predict"]


def has_programs() -> bool:
    """Tell whether whole epochs can be compiled on this backend."""
    return NAME in ("tensorflow", "jax")


def trace(
    kind: Kind,
    model: keras.Model,
    arrays: data.Arrays,
    constants: Sequence[Any],
    *,
    batch_size: int,
    n_rows: int,
    base: Any = None,
) -> Program:
    """Make a program that trains, evaluates or predicts.

    Parameters
    ----------
    kind : {"train", "test", "predict"}
        What it does.
    model : keras.Model
        The one to trace it with.
    arrays : packed arrays
        Whose structure, dtypes and shapes it is for.
    constants : sequence of tensors
        What it may read besides the model's variables.
    batch_size, n_rows : int
        What it is wanted for; on TensorFlow, it serves any others too.
    base : program, default=None
        One of the same kind, whose functions it gets.
    """
    if NAME == "jax":
        return jax_backend.trace(kind, model, arrays, constants, batch_size, n_rows, base)
    if kind == "predict":
        return tensorflow_backend.trace_prediction(model, arrays, constants)
    module = xla_program if model.jit_compile else tensorflow_backend
    if kind == "train":
        return module.trace_training(model, arrays, constants)
    return module.trace_evaluation(model, arrays, constants)


def rows(arrays: data.Arrays) -> Any:
    """The arrays as a program takes them."""
    return jax_backend.Rows(arrays) if NAME == "jax" else tensorflow_backend.tensors(arrays)


def no_leak(model: keras.Model) -> contextlib.AbstractContextManager[None]:
    """Spare ``model.fit`` what it would leave for the life of the process."""
    # the strategy that a model was built under has no public name; checked for Keras 3.10 to 3.15
    if NAME != "tensorflow" or model._distribute_strategy is not None:
        return contextlib.nullcontext()
    return tensorflow_memory.no_leak(model)


def free_memory() -> None:
    """Free what the backend keeps for programs that are gone."""
    if NAME == "tensorflow":
        tensorflow_memory.free_kernels()
