"""The entries of evaluation and prediction, compiled where that is possible."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import Any

import keras

from . import compiled_loop, data, eligibility, forked_process, keras_loop, stateful
from .history import Logs, as_logs
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
    if eligibility.why_not_evaluated(model) is None:
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
        The rows.
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
    stateful.check_batches(model, arrays, "batch_size", batch_size, steps)
    prediction = None
    if verbose == 0 and steps is None and eligibility.why_not_predicted(model, callbacks) is None:
        with contextlib.suppress(Exception):  # what cannot be traced, Keras may do
            prediction = compiled_loop.Prediction(model, arrays, batch_size=batch_size, seed=0)
    with stateful.with_states_reset(model):
        if prediction is not None:
            return prediction()
        return keras_loop.predict(model, arrays, batch_size, verbose, callbacks, steps)
