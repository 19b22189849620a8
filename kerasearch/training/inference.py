"""The entries of evaluation and prediction, compiled where that is possible."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import Any

import keras
import numpy as np

from . import compiled_loop, data, eligibility, forked_process, keras_loop, sparse_rows, stateful
from .history import Logs, as_logs
from .loaded_batches import LoadedBatches, has_open_axes
from .loaded_rows import is_loaded
from .preparation import prepare


def evaluate(
    model: keras.Model, x: Any, y: Any, sample_weight: Any = None, *, batch_size: int = 32
) -> Logs:
    """The loss and metrics of a compiled model, as ``model.evaluate(return_dict=True)``.

    Stateful layers begin with their states reset, here and in `predict`.

    Parameters
    ----------
    model : keras.Model
        A compiled model.
    x, y, sample_weight : array, or tuple, list or dict of arrays
        The rows, as Keras takes them.
    batch_size : int, default=32
        Rows of a step.

    Returns
    -------
    logs : dict of str to float
        An array for a metric that is a vector.
    """
    forked_process.check()
    arrays = data.as_keras_takes_them(x, y, sample_weight)
    stateful.check_batches(model, arrays, "batch_size", batch_size)
    evaluation = None
    if eligibility.why_not_evaluated(model) is None and not is_loaded(arrays[0]):
        with contextlib.suppress(Exception):  # what cannot be traced, Keras may do
            prepare(model, arrays, seed=0)
            evaluation = compiled_loop.Evaluation(model, arrays, batch_size=batch_size, seed=0)
    with stateful.with_states_reset(model):
        if evaluation is not None:
            return evaluation()
        return as_logs(keras_loop.evaluate(model, arrays, batch_size))


def predict(
    model: keras.Model,
    x: Any,
    *,
    batch_size: int = 32,
    verbose: int | str = 0,
    callbacks: Iterable[keras.callbacks.Callback] = (),
    steps: int | None = None,
) -> Any:
    """The model's output for every row, as ``model.predict``.

    Parameters
    ----------
    model : keras.Model
        A model.
    x : array, or tuple, list or dict of arrays
        The rows. Sparse rows are made dense a few batches at a time, if the model's input is not
        sparse; `loaded_rows.LoadedRows` are loaded batch by batch.
    batch_size : int, default=32
        Rows of a step.
    verbose : {0, 1, 2, "auto"}, default=0
        Anything else than 0 goes through ``model.predict``, which has the progress bar.
    callbacks : iterable of keras.callbacks.Callback
        Called at every batch, by ``model.predict``.
    steps : int, default=None
        How many batches to predict; all of them by default.

    Returns
    -------
    output : ndarray, or the model's structure of ndarrays
        Each of shape (n_rows, ...).
    """
    forked_process.check()
    arrays = data.as_keras_takes_them(x)
    callbacks = list(callbacks)
    watched = verbose != 0 or steps is not None
    in_parts = is_loaded(arrays[0]) or sparse_rows.is_sparse(arrays[0])
    if in_parts and not sparse_rows.takes_sparse(model):
        # a row's output depends on its batch at most, and one program serves all batches
        alone = not stateful.stateful_layers(model) and not has_open_axes(model)
        if alone and not watched and eligibility.why_not_predicted(model, callbacks) is None:
            return _predicted_in_parts(model, arrays, batch_size)
        if sparse_rows.is_sparse(arrays[0]):
            arrays = (sparse_rows.dense(arrays[0]),)
    stateful.check_batches(model, arrays, "batch_size", batch_size, steps)
    prediction = None
    if (
        not watched
        and not (sparse_rows.is_sparse(arrays[0]) or is_loaded(arrays[0]))
        and eligibility.why_not_predicted(model, callbacks) is None
    ):
        with contextlib.suppress(Exception):  # what cannot be traced, Keras may do
            prediction = compiled_loop.Prediction(model, arrays, batch_size=batch_size, seed=0)
    with stateful.with_states_reset(model):
        if prediction is not None:
            return prediction()
        return keras_loop.predict(model, arrays, batch_size, verbose, callbacks, steps)


def _predicted_in_parts(model: keras.Model, arrays: data.Arrays, batch_size: int) -> Any:
    """Predict rows of which some batches at a time are made, or loaded."""
    with contextlib.ExitStack() as stack:
        parts: Iterable[Any] = ()
        if is_loaded(arrays[0]):
            batches = LoadedBatches(arrays, batch_size, "the rows to predict")
            parts = stack.enter_context(batches.opened()).blocks()
        else:
            parts = sparse_rows.blocks(arrays[0], batch_size)
        outputs = [predict(model, part, batch_size=batch_size) for part in parts]
    return keras.tree.map_structure(lambda *arrays: np.concatenate(arrays), *outputs)
