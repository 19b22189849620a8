"""Evaluation and prediction, with compiled programs if possible."""

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
    """Compute the loss and metrics of a compiled model, as ``model.evaluate(return_dict=True)``.

    The states of stateful layers are reset before the first batch, here and in `predict`.

    Parameters
    ----------
    model : keras.Model
        A compiled model.
    x, y, sample_weight : array, or tuple, list or dict of arrays
        The rows, as Keras takes them.
    batch_size : int, default=32
        The number of rows in a step.

    Returns
    -------
    logs : dict of str to float
        The loss and metrics; the value is an array if a metric is a vector.
    """
    forked_process.check()
    arrays = data.as_keras_takes_them(x, y, sample_weight)
    stateful.check_batches(model, arrays, "batch_size", batch_size)
    evaluation = None
    if eligibility.why_not_evaluated(model) is None and not is_loaded(arrays[0]):
        with contextlib.suppress(Exception):  # the model cannot be traced, but Keras may run it
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
    """Compute the model's output for every row, as ``model.predict``.

    Parameters
    ----------
    model : keras.Model
        A model.
    x : array, or tuple, list or dict of arrays
        The rows. Sparse rows are made dense a few batches at a time, if the model's input is not
        sparse; `loaded_rows.LoadedRows` are loaded batch by batch.
    batch_size : int, default=32
        The number of rows in a step.
    verbose : {0, 1, 2, "auto"}, default=0
        Values other than 0 use ``model.predict``, which has the progress bar.
    callbacks : iterable of keras.callbacks.Callback
        Callbacks, which ``model.predict`` calls at every batch.
    steps : int, default=None
        The number of batches to predict; None means all batches.

    Returns
    -------
    output : ndarray, or the model's structure of ndarrays
        The outputs, with shapes (n_rows, ...).
    """
    forked_process.check()
    arrays = data.as_keras_takes_them(x)
    callbacks = list(callbacks)
    watched = verbose != 0 or steps is not None
    in_parts = is_loaded(arrays[0]) or sparse_rows.is_sparse(arrays[0])
    if in_parts and not sparse_rows.takes_sparse(model):
        # Predict in parts only if the output of a row does not depend on earlier batches, and if
        # one program fits all batches.
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
        with contextlib.suppress(Exception):  # the model cannot be traced, but Keras may run it
            prediction = compiled_loop.Prediction(model, arrays, batch_size=batch_size, seed=0)
    with stateful.with_states_reset(model):
        if prediction is not None:
            return prediction()
        return keras_loop.predict(model, arrays, batch_size, verbose, callbacks, steps)


def _predicted_in_parts(model: keras.Model, arrays: data.Arrays, batch_size: int) -> Any:
    """Predict rows that are made dense, or loaded, a few batches at a time."""
    with contextlib.ExitStack() as stack:
        parts: Iterable[Any] = ()
        if is_loaded(arrays[0]):
            batches = LoadedBatches(arrays, batch_size, "the rows to predict")
            parts = stack.enter_context(batches.opened()).blocks()
        else:
            parts = sparse_rows.blocks(arrays[0], batch_size)
        outputs = [predict(model, part, batch_size=batch_size) for part in parts]
    return keras.tree.map_structure(lambda *arrays: np.concatenate(arrays), *outputs)
