"""Choice of the module that traces programs and frees memory on Keras' backend.

No other module makes this choice. Modules of other backends are not imported. On a backend without
programs (see `has_programs`), every fit goes through ``model.fit``.
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
        The task of the program.
    model : keras.Model
        The model that is traced.
    arrays : packed arrays
        Arrays with the structure, dtypes and shapes that the program accepts.
    constants : sequence of tensors
        Tensors that the program may read in addition to the model's variables.
    batch_size, n_rows : int
        The sizes that the program must support. On TensorFlow, it supports all sizes.
    base : program, default=None
        A program of the same kind, whose functions are reused.
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
    """Convert arrays to the form that a program accepts."""
    return jax_backend.Rows(arrays) if NAME == "jax" else tensorflow_backend.tensors(arrays)


def no_leak(model: keras.Model) -> contextlib.AbstractContextManager[None]:
    """Prevent a memory leak of ``model.fit``."""
    # the strategy of a model has no public name; checked with Keras 3.10 to 3.15
    if NAME != "tensorflow" or model._distribute_strategy is not None:
        return contextlib.nullcontext()
    return tensorflow_memory.no_leak(model)


def free_memory() -> None:
    """Free the memory that the backend keeps for deleted programs and models."""
    if NAME == "tensorflow":
        tensorflow_memory.free_kernels()
    elif NAME == "jax":
        jax_backend.free_operations()
