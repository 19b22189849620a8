"""Tracing on the JAX backend: training, evaluation and prediction.

As in Keras, a step is Keras' ``train_step`` as a function of the model's state. Keras compiles
single steps. This backend compiles the loop over all full batches of an epoch, if this does not
change the results (see `jax_rule`). The last batch, which may have fewer rows, is a separate step.
Evaluations and predictions use single steps, because compiling a loop would take longer than it
saves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
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
    """Make a program with the functions for this number of rows: see `backends.trace`."""
    program = Program(f"{kind}_step", _STATES[kind], base)
    program.extend(model, arrays, constants, batch_size, n_rows)
    return program


def free_operations() -> None:
    """Free the operations that JAX keeps compiled for the shapes of deleted models.

    Each new shape of a weight compiles a few operations, for example to draw initial values. JAX
    keeps all of them, about 8 MiB for a model with new shapes, with ``model.fit`` too. The programs
    are not affected. Other functions of the process are compiled again at their next call, with the
    same results.
    """
    jax.clear_caches()


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
