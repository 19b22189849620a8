"""The entry of a fit: from arrays to trained weights, by the path that the fit takes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import keras

from ..store import FitStore
from . import (
    compiled_loop,
    data,
    divergence,
    eligibility,
    forked_process,
    keras_loop,
    loaded_rows,
    sparse_rows,
    stateful,
    stored_fits,
)
from .fit_settings import FitSettings
from .history import History, as_history, join_histories, n_epochs
from .path import TrainingPath
from .preparation import prepare
from .program_cache import ProgramChoice
from .seeds import fresh_names, seeded


@dataclass(frozen=True)
class FitResult:
    """What a fit leaves besides the trained model.

    Attributes
    ----------
    history : dict of str to list
        Keras' own keys; one value for each epoch of the fit, a Python float, or an array for a
        metric that is a vector. Validation keys have fewer values where `validation_freq` says so.
    training_path : TrainingPath
        How it was trained, and why so.
    n_trained : int
        How many epochs this call trained; the others came from a store.
    """

    history: History
    training_path: TrainingPath
    n_trained: int

    @property
    def path(self) -> str:
        """How it was trained: ``"compiled"`` (whole epochs in one call) or ``"model.fit"``."""
        return self.training_path.name

    @property
    def reason(self) -> str:
        """Why it was trained so."""
        return self.training_path.reason


def fit(
    model: keras.Model,
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    *,
    validation_data: tuple[Any, ...] | None = None,
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
    steps_per_epoch: int | None = None,
    own_arguments: Mapping[str, Any] | None = None,
    raise_on_divergence: bool = True,
    store: FitStore | None = None,
    name: str = "",
    parameters: Mapping[str, Any] | None = None,
    defaults: Mapping[str, Any] | None = None,
) -> FitResult:
    """Train a compiled model in place.

    The numbers are those of ``model.fit`` on batches in the order of `seed`, whichever path the
    fit takes.

    Parameters
    ----------
    model : keras.Model
        A compiled model. Afterwards it is as ``model.fit`` would leave it.
    x, y, sample_weight : array, or tuple, list or dict of arrays
        The rows, as Keras takes them. Floats are cast to ``floatx``. `x` may be
        `loaded_rows.LoadedRows`, and is then loaded batch by batch.
    validation_data : tuple, default=None
        (x, y) or (x, y, sample_weight), evaluated after the epochs that `validation_freq` names.
    batch_size, validation_batch_size : int
        Rows of a step; the last one of an epoch may have fewer.
    epochs, initial_epoch : int
        As in Keras: the epochs from `initial_epoch` up to `epochs` are trained. Stateful layers
        begin epoch 0 with their states reset.
    shuffle : bool, default=True
        Whether each epoch has an order of its own.
    seed : int, default=0
        The order of epoch e is ``numpy.random.default_rng([seed, e]).permutation(n_rows)``.
    callbacks : iterable of keras.callbacks.Callback
        Called as Keras calls them, on `model` itself. One that needs batches makes the fit go
        through ``model.fit``, which does not change the numbers.
    verbose : {0, 1, 2, "auto"}, default=0
        Silent, a bar, a line for each epoch.
    class_weight : dict of int to float, default=None
        Weights of the classes, in place of `sample_weight`.
    validation_steps : int, default=None
        How many batches of the validation data to use; all of them by default.
    validation_freq : int or list of int, default=1
        Every how many epochs to validate, or after which (from 1).
    steps_per_epoch : int, default=None
        How many batches make an epoch. Epochs then share a pass over the rows, as in Keras; the
        last one of a pass has what is left.
    own_arguments : mapping, default=None
        What else a model's own `fit` gets. Such a `fit` is called with the arrays themselves, and
        orders them as it likes.
    raise_on_divergence : bool, default=True
        Whether a training loss that is not finite stops the fit with an error, unless a callback
        has stopped it.
    store : FitStore, default=None
        Where to look for the fit, or for its beginning, and where to keep it.
    name : str, default=""
        What the store's tables call the fit; the first digits of its key by default.
    parameters, defaults : mapping, default=None
        What the store's tables are to say of the fit, names and plain values: of what was set, and
        of what was not.

    Returns
    -------
    result : FitResult
        History, path, reason, and how many epochs were trained.

    Raises
    ------
    DivergenceError
        If the training loss is not finite at the end of an epoch.
    """
    forked_process.check()
    callbacks = list(callbacks)
    arrays = data.as_keras_takes_them(x, y, sample_weight, class_weight)
    watched = raise_on_divergence and not divergence.handled_by(callbacks)
    settings = FitSettings(
        epochs=epochs,
        initial_epoch=initial_epoch,
        batch_size=batch_size,
        shuffle=shuffle,
        seed=seed,
        validation=data.as_keras_takes_them(*validation_data) if validation_data else None,
        validation_batch_size=validation_batch_size or batch_size,
        validation_steps=validation_steps,
        validation_freq=validation_freq,
        steps_per_epoch=steps_per_epoch,
        own_arguments=own_arguments or {},
        callbacks=callbacks,
        watch=divergence.DivergenceWatch() if watched else None,
        verbose=verbose,
    )
    _check_batches(model, arrays, settings)
    if initial_epoch == 0:  # otherwise, training goes on
        stateful.reset_states(model)
    if store is None:
        return _fit(model, arrays, settings, None, None)
    entry = stored_fits.entry_of(store, model, arrays, settings, name, parameters, defaults)
    if entry is None:
        return _fit(model, arrays, settings, None, None)
    stored = entry.look_up(model)
    if not entry.is_whole(stored):
        with entry.claimed():
            stored = entry.look_up(model)  # again: another process may have stored it since
            if not entry.is_whole(stored):
                return _fit(model, arrays, settings, entry, stored)
    stored.raise_if_diverged()
    stored.restore(model, finish=True)
    return FitResult(stored.history, TrainingPath.read_from_store(stored.path), 0)


def _check_batches(model: keras.Model, arrays: data.Arrays, settings: FitSettings) -> None:
    stateful.check_batches(model, arrays, "batch_size", settings.batch_size)
    if settings.validation is not None:
        size, steps = settings.validation_batch_size, settings.validation_steps
        stateful.check_batches(model, settings.validation, "validation_batch_size", size, steps)


def _fit(
    model: keras.Model,
    arrays: data.Arrays,
    settings: FitSettings,
    entry: stored_fits.StoreEntry | None,
    stored: stored_fits.StoredState | None,
) -> FitResult:
    """Train, on from a stored beginning where that is possible, and commit what comes of it."""
    choice, path = _choose_path(model, arrays, settings, entry)
    resumed = None
    if entry is not None and stored is not None and path.shared and entry.resume(stored, model):
        resumed = stored
        begin = max(settings.initial_epoch, stored.epochs)
        settings = replace(settings, initial_epoch=begin)
    if choice is None:
        recorded = _through_keras(model, arrays, settings)
    else:
        # what a private program ends with must not be stored, nor what it has on the way
        shared_entry = entry if path.shared else None
        recorded, path = compiled_loop.fit(model, arrays, settings, choice, shared_entry)
    history = as_history(recorded)
    n_trained = n_epochs(history)
    if resumed is not None:
        history = join_histories(resumed.history, history)
        path = path.continued_from(resumed.epochs)
    error = None
    if settings.watch is not None:
        error = settings.watch.error(model, arrays, history, last_epoch=settings.epochs - 1)
    if entry is not None:
        entry.commit(model, history, path, error)
    if error is not None:
        raise error
    return FitResult(history, path, n_trained)


def _choose_path(
    model: keras.Model,
    arrays: data.Arrays,
    settings: FitSettings,
    entry: stored_fits.StoreEntry | None,
) -> tuple[ProgramChoice | None, TrainingPath]:
    """The path of a fit, which follows from its own inputs alone; its program, if it has one."""
    reason = eligibility.why_not_compiled(model, settings.callbacks)
    if reason is None and loaded_rows.is_loaded(arrays[0]):
        reason = loaded_rows.REASON
    if reason is None and any(map(sparse_rows.is_sparse, data.leaves(arrays))):
        reason = sparse_rows.REASON
    if reason is not None:
        return None, TrainingPath.keras_loop(reason)
    try:
        if entry is None:  # otherwise, its key told that and the fingerprint
            prepare(model, arrays, settings.seed)
        known = None if entry is None else entry.program
        choice = compiled_loop.training_program(model, arrays, settings, known)
    except Exception as error:  # model.fit may cope, or raise the error that Keras users know
        return None, TrainingPath.keras_loop_untraceable(error)
    return choice, choice.path


def _through_keras(
    model: keras.Model, arrays: data.Arrays, settings: FitSettings
) -> dict[str, list[Any]]:
    # draws of random numbers in the loop follow from the seed too: one fit at a time
    with seeded(settings.seed), fresh_names():
        return keras_loop.fit(model, arrays, settings)
