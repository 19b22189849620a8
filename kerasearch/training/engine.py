"""The entry of the engine: arrays in, trained weights out."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from ..store import FitStore
from . import compiled_loop, data, divergence, eligibility, keras_loop, program_cache, stored_fits
from .compiled_loop import join_histories
from .seeds import fresh_names, seeded


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
    n_trained : int
        How many epochs this call trained; the others came from a store.
    """

    history: dict[str, list[Any]]
    path: str
    reason: str
    n_trained: int


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
    store: FitStore | None = None,
    parameters: Mapping[str, Any] | None = None,
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
    store : FitStore, default=None
        Where to look for the fit, or for its beginning, and where to keep it.
    parameters : mapping, default=None
        What the store's tables are to say of the fit: names and plain values.

    Returns
    -------
    result : FitResult
        History, path, reason, and how many epochs were trained.

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
    slot: stored_fits.Slot | None = None
    known: stored_fits.Found | None = None
    if store is not None:
        slot = stored_fits.slot(
            store,
            model,
            arrays,
            validation["validation_data"],
            callbacks,
            seed=seed,
            initial_epoch=initial_epoch,
            epochs=epochs,
            parameters=parameters or {},
            settings={
                "batch_size": batch_size,
                "shuffle": shuffle,
                "validation_batch_size": validation["validation_batch_size"],
                "validation_steps": validation_steps,
                "validation_freq": validation_freq,
                "watched": watched,
            },
        )
        known = slot.find(model) if slot is not None else None
    if slot is not None and known is not None and slot.is_whole(known):
        known.raise_if_diverged()
        known.restore(model, finish=True)
        return FitResult(known.history, known.record["path"], "read from the store", 0)

    history, path, reason = _train(
        model, arrays, callbacks, settings, validation, seed, slot, known
    )
    n_trained = max((len(values) for values in history.values()), default=0)
    if settings["initial_epoch"] != initial_epoch and known is not None:
        history = join_histories(known.history, history)
        reason += f", from epoch {known.epochs} of the store"
    failed = None
    if watch.epoch is not None:
        failed = divergence.error(watch.epoch, history, model, arrays)
    elif watched and divergence.in_the_last_step(model, history):
        failed = divergence.error(epochs - 1, history, model, arrays)
    if slot is not None:
        slot.end(model, history, path, reason, failed)
    if failed is not None:
        raise failed
    return FitResult(history, path, reason, n_trained)


def _train(
    model: keras.Model,
    arrays: data.Arrays,
    callbacks: list[Any],
    settings: dict[str, Any],
    validation: dict[str, Any],
    seed: int,
    slot: stored_fits.Slot | None,
    known: stored_fits.Found | None,
) -> tuple[dict[str, list[Any]], str, str]:
    """Train by the path that the fit takes, on from what a store knows where that is possible."""
    found, reason = _find(model, arrays, callbacks, seed)
    if found is not None:
        if slot and known and found[1] == program_cache.SHARED and slot.go_on(known, model):
            settings["initial_epoch"] = known.epochs
        path = "compiled"
        history, reason = compiled_loop.fit(
            model,
            arrays,
            found,
            validate=_validator(model, seed, **validation),
            seed=seed,
            may_change=bool(callbacks),
            # what a private program ends with must not be stored, on the way neither
            slot=slot if found[1] == program_cache.SHARED else None,
            **settings,
        )
    else:
        path = "model.fit"
        # draws of random numbers in the loop follow from the seed too: one fit at a time
        with seeded(seed), fresh_names():
            history = keras_loop.fit(model, arrays, **settings, **validation)
    recorded = {name: [_plain(value) for value in values] for name, values in history.items()}
    return recorded, path, reason


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
    if eligibility.why_not_evaluated(model) is None:
        with contextlib.suppress(Exception):  # what cannot be traced, Keras may do
            compiled_loop.prepare(model, arrays, seed=0)
            evaluation = compiled_loop.Evaluation(model, arrays, batch_size=batch_size, seed=0)
    logs = (
        evaluation() if evaluation is not None else keras_loop.evaluate(model, arrays, batch_size)
    )
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
    if verbose == 0 and steps is None and eligibility.why_not_predicted(model, callbacks) is None:
        with contextlib.suppress(Exception):  # what cannot be traced, Keras may do
            prediction = compiled_loop.Prediction(model, arrays, batch_size=batch_size, seed=0)
    if prediction is not None:
        return prediction()
    return model.predict(
        arrays[0], batch_size=batch_size, verbose=verbose, callbacks=callbacks, steps=steps
    )


def programs() -> program_cache.Programs:
    """What the cache of compiled programs holds: count, bytes, hits, misses, evictions."""
    return program_cache.CACHE.describe()


def clear_programs() -> None:
    """Empty the cache of compiled programs, and free what TensorFlow keeps for them."""
    program_cache.CACHE.clear()


def _find(
    model: keras.Model, arrays: data.Arrays, callbacks: list[Any], seed: int
) -> tuple[Any, str]:
    """The program for a fit and what kind it is; or None and why there is none."""
    reason = eligibility.why_not_compiled(model, callbacks)
    if reason is not None:
        return None, reason
    try:
        compiled_loop.prepare(model, arrays, seed)
        return compiled_loop.find(model, arrays, seed), ""
    except Exception as error:  # model.fit may cope, or raise the error that Keras users know
        return None, f"{eligibility.NOT_TRACED}: {type(error).__name__}: {error}"


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
                    compiled_loop.Evaluation(
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
                        keras_loop.evaluate,
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
