"""Arrays in, trained weights out. Knows Keras, never scikit-learn."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from . import data, divergence, loop, paths, plain, program
from .seeding import LOCK, build, fresh_names, seeded

__all__ = ["LOCK", "FitResult", "build", "clear_programs", "evaluate", "fit", "predict", "programs"]


@dataclass(frozen=True)
class FitResult:
    """What a fit leaves besides the trained model.

    Attributes
    ----------
    history : dict of str to list
        Keras' own keys; one value an epoch of this call, a Python float, or an array for a metric
        that is a vector. Validation keys have fewer values where `validation_freq` says so.
    path : {"compiled", "model.fit"}
        How it was trained: whole epochs in one compiled call, or through Keras' own loop.
    reason : str
        Why it took that path.
    """

    history: dict[str, list[Any]]
    path: str
    reason: str


def fit(
    model: keras.Model,
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    *,
    validation_data: Any = None,
    batch_size: int = 32,
    epochs: int = 1,
    initial_epoch: int = 0,
    shuffle: bool = True,
    seed: int = 0,
    callbacks: Iterable[keras.callbacks.Callback] = (),
    verbose: int | str = 0,
    class_weight: dict[int, float] | None = None,
    validation_batch_size: int | None = None,
    validation_steps: int | None = None,
    validation_freq: int | list[int] = 1,
    raise_on_divergence: bool = True,
) -> FitResult:
    """Train a compiled model in place.

    The numbers are those of ``model.fit`` on batches in the order of `seed`, whichever path the
    fit takes.

    Parameters
    ----------
    model : keras.Model
        A compiled model. Afterwards it is as ``model.fit`` would leave it.
    x, y, sample_weight : array, or tuple, list or dict of arrays
        The rows, as Keras takes them. Floats are cast to ``floatx``.
    validation_data : tuple, default=None
        (x, y) or (x, y, sample_weight), evaluated after the epochs that `validation_freq` names.
    batch_size, validation_batch_size : int
        Rows of a step; the last one of an epoch may have fewer.
    epochs, initial_epoch : int
        As in Keras: the epochs from `initial_epoch` up to `epochs` are trained.
    shuffle : bool, default=True
        Whether each epoch has an order of its own.
    seed : int, default=0
        The order of epoch e is ``numpy.random.default_rng([seed, e]).permutation(n_rows)``.
    callbacks : iterable of keras.callbacks.Callback
        Called as Keras calls them, on `model` itself. One that needs batches makes the fit go
        through ``model.fit``, which does not change the numbers.
    verbose : {0, 1, 2, "auto"}, default=0
        Silent, a bar, a line an epoch.
    class_weight : dict of int to float, default=None
        Weights of the classes, in place of `sample_weight`.
    validation_steps : int, default=None
        How many batches of the validation data to use; all of them by default.
    validation_freq : int or list of int, default=1
        Every how many epochs to validate, or after which (from 1).
    raise_on_divergence : bool, default=True
        Whether a training loss that is not finite stops the fit with an error, unless a callback
        has stopped it.

    Returns
    -------
    result : FitResult
        History, path and reason.

    Raises
    ------
    DivergenceError
        If the training loss is not finite at the end of an epoch.
    """
    callbacks = list(callbacks)
    arrays = data.as_keras_takes_them(x, y, sample_weight, class_weight)
    rows = data.n_rows(arrays)
    watch = divergence.Watch()
    watched = raise_on_divergence and not divergence.handled_by(callbacks)
    settings: dict[str, Any] = {
        "order": functools.partial(data.order_of_epoch, seed, n_rows=rows, shuffle=shuffle),
        "batch_size": batch_size,
        "callbacks": [*callbacks, *([watch] if watched else [])],
        "epochs": epochs,
        "initial_epoch": initial_epoch,
        "verbose": verbose,
        "validation_freq": validation_freq,
    }
    validation: dict[str, Any] = {
        "validation_data": validation_data and data.as_keras_takes_them(*validation_data),
        "validation_batch_size": validation_batch_size or batch_size,
        "validation_steps": validation_steps,
    }
    found, reason = _find(model, arrays, callbacks, seed)
    if found is not None:
        path = "compiled"
        validate = _validator(model, seed, **validation)
        history, reason = loop.fit(
            model,
            arrays,
            found,
            validate=validate,
            seed=seed,
            may_change=bool(callbacks),
            **settings,
        )
    else:
        path = "model.fit"
        # draws of random numbers in the loop follow from the seed too: one fit at a time
        with seeded(seed), fresh_names():
            history = plain.fit(model, arrays, **settings, **validation)
    recorded = {name: [_plain(value) for value in values] for name, values in history.items()}
    if watch.epoch is not None:
        raise divergence.error(watch.epoch, recorded, model, arrays)
    if watched and divergence.in_the_last_step(model, recorded):
        raise divergence.error(epochs - 1, recorded, model, arrays)
    return FitResult(recorded, path, reason)


def evaluate(
    model: keras.Model, x: Any, y: Any, sample_weight: Any = None, *, batch_size: int = 32
) -> dict[str, Any]:
    """The loss and metrics of a compiled model, as ``model.evaluate(return_dict=True)``.

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
    arrays = data.as_keras_takes_them(x, y, sample_weight)
    evaluation = None
    if paths.why_not_evaluated(model) is None:
        with contextlib.suppress(Exception):  # what cannot be traced, Keras may do
            loop.prepare(model, arrays, seed=0)
            evaluation = loop.Evaluation(model, arrays, batch_size=batch_size, seed=0)
    logs = evaluation() if evaluation is not None else plain.evaluate(model, arrays, batch_size)
    return {name: _plain(value) for name, value in logs.items()}


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
    arrays = data.as_keras_takes_them(x)
    callbacks = list(callbacks)
    prediction = None
    if verbose == 0 and steps is None and paths.why_not_predicted(model, callbacks) is None:
        with contextlib.suppress(Exception):  # what cannot be traced, Keras may do
            prediction = loop.Prediction(model, arrays, batch_size=batch_size, seed=0)
    if prediction is not None:
        return prediction()
    return model.predict(
        arrays[0], batch_size=batch_size, verbose=verbose, callbacks=callbacks, steps=steps
    )


def programs() -> program.Programs:
    """What the cache of compiled programs holds: count, bytes, hits, misses, evictions."""
    return program.CACHE.describe()


def clear_programs() -> None:
    """Empty the cache of compiled programs, and free what TensorFlow keeps for them."""
    program.CACHE.clear()


def _find(
    model: keras.Model, arrays: data.Arrays, callbacks: list[Any], seed: int
) -> tuple[Any, str]:
    """The program for a fit and what kind it is; or None and why there is none."""
    reason = paths.why_not_compiled(model, callbacks)
    if reason is not None:
        return None, reason
    try:
        loop.prepare(model, arrays, seed)
        return loop.find(model, arrays, seed), ""
    except Exception as error:  # model.fit may cope, or raise the error that Keras users know
        return None, f"the loop cannot be traced: {type(error).__name__}: {error}"


def _validator(
    model: keras.Model,
    seed: int,
    validation_data: data.Arrays | None,
    validation_batch_size: int,
    validation_steps: int | None,
) -> Any:
    """Validate after an epoch, through a program or else through ``model.evaluate``."""
    if validation_data is None:
        return None
    made: list[Any] = []

    def validate(events: Any) -> dict[str, Any]:
        if not made:  # at the first validation, as Keras traces it
            try:
                made.append(
                    loop.Evaluation(
                        model,
                        validation_data,
                        batch_size=validation_batch_size,
                        seed=seed,
                        steps=validation_steps,
                    )
                )
            except Exception:
                made.append(
                    functools.partial(
                        plain.evaluate,
                        model,
                        validation_data,
                        validation_batch_size,
                        validation_steps,
                    )
                )
        return made[0](events)

    return validate


def _plain(value: Any) -> Any:
    try:
        return float(value)
    except (TypeError, ValueError):
        return np.asarray(value)
