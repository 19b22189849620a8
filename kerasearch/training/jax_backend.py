"""Tracing on the JAX backend: training, evaluation and prediction.

A step is Keras' own ``train_step``, as a function of the model's state, which is what Keras
compiles. Here the loop over the full batches of an epoch is compiled with it, where the numbers are
the same so (see `jax_rule`); the last batch, which may have fewer rows, takes a step of its own.
Evaluations and predictions take single steps: of so few, a loop would save less than it takes to
compile.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from . import data
from .jax_program import Program
from .jax_rows import Rows

__all__ = ["Program", "Rows", "trace"]


def trace(
    kind: str,
    model: keras.Model,
    arrays: data.Arrays,
    constants: Sequence[Any],
    batch_size: int,
    n_rows: int,
    base: Program | None,
) -> Program:
    """Make a program, with the functions that so many rows need: see `backends.trace`."""
    program = Program(f"{kind}_step", _STATES[kind], base)
    program.extend(model, arrays, constants, batch_size, n_rows)
    return program


def _trained(model: keras.Model) -> list[list[keras.Variable]]:
    return [
        model.trainable_variables,
        model.non_trainable_variables,
        model.optimizer.variables,
        model.metrics_variables,
    ]


def _evaluated(model: keras.Model) -> list[list[keras.Variable]]:
    return [model.trainable_variables, model.non_trainable_variables, model.metrics_variables]


def _predicted(model: keras.Model) -> list[list[keras.Variable]]:
    return [model.trainable_variables, model.non_trainable_variables]


_STATES = {"train": _trained, "test": _evaluated, "predict": _predicted}
