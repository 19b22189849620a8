"""The function `fit`, which chooses the training path and trains a model on arrays."""

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
    """The result of a fit, in addition to the trained model.

    Attributes
    ----------
    history : dict of str to list
        The history with Keras' keys. Each epoch has one value: a Python float, or an array if the
        metric is a vector. Validation keys have fewer values if `validation_freq` skips epochs.
    training_path : TrainingPath
        The training path and its reason.
    n_trained : int
        The number of epochs that this call trained; the other epochs came from a store.
    """

    history: History
    training_path: TrainingPath
    n_trained: int

    @property
    def path(self) -> str:
        """The training loop: ``"compiled"`` (whole epochs in one call) or ``"model.fit"``."""
        return self.training_path.name

    @property
    def reason(self) -> str:
        """The reason for the training path."""
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

    On every training path, the results equal the results of ``model.fit`` on batches in the order
    of `seed`.

    Parameters
    ----------
    model : keras.Model
        A compiled model. Its state after the fit is the same as after ``model.fit``.
    x, y, sample_weight : array, or tuple, list or dict of arrays
        The rows, as Keras takes them. Floats are cast to ``floatx``. `x` may be
        `loaded_rows.LoadedRows`, and is then loaded batch by batch.
    validation_data : tuple, default=None
        (x, y) or (x, y, sample_weight), evaluated after the epochs that `validation_freq` selects.
    batch_size, validation_batch_size : int
        The number of rows in a step; the last step of an epoch may have fewer rows.
    epochs, initial_epoch : int
        As in Keras: the epochs from `initial_epoch` up to `epochs` are trained. The states of
        stateful layers are reset before epoch 0.
    shuffle : bool, default=True
        Whether each epoch has its own order of rows.
    seed : int, default=0
        The order of epoch e is ``numpy.random.default_rng([seed, e]).permutation(n_rows)``.
    callbacks : iterable of keras.callbacks.Callback
        The callbacks, which are called as in Keras. If a callback needs batches, the fit uses
        ``model.fit``, which does not change the results.
    verbose : {0, 1, 2, "auto"}, default=0
        0 is silent, 1 shows a progress bar, 2 prints one line for each epoch.
    class_weight : dict of int to float, default=None
        Weights of the classes, used instead of `sample_weight`.
    validation_steps : int, default=None
        The number of validation batches; None means all batches.
    validation_freq : int or list of int, default=1
        The number of epochs between validations, or a list of epochs (counted from 1).
    steps_per_epoch : int, default=None
        The number of batches in an epoch. Several epochs then share a pass over the rows, as in
        Keras, and the last epoch of a pass has the remaining batches.
    own_arguments : mapping, default=None
        Further arguments for a model that overrides `fit`. Its `fit` is called with the arrays, and
        decides on the order of the rows.
    raise_on_divergence : bool, default=True
        Whether a training loss that is not finite stops the fit with an error, unless a callback
        has stopped it.
    store : FitStore, default=None
        The store that the fit is read from, continued from, and saved to.
    name : str, default=""
        The name of the fit in the store's tables; by default the first digits of its key.
    parameters, defaults : mapping, default=None
        Names and plain values for the store's tables: parameters that were set, and defaults.

    Returns
    -------
    result : FitResult
        The history, the training path with its reason, and the number of trained epochs.

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
    if initial_epoch == 0:  # otherwise, this fit continues an earlier one
        stateful.reset_states(model)
    if store is None:
        return _fit(model, arrays, settings, None, None)
    entry = stored_fits.entry_of(store, model, arrays, settings, name, parameters, defaults)
    if entry is None:
        return _fit(model, arrays, settings, None, None)
    stored = entry.look_up(model)
    if not entry.is_whole(stored):
        with entry.claimed():
            stored = entry.look_up(model)  # another process may have stored it meanwhile
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
    """Train the model, continue a shorter stored fit if possible, and save the result."""
    choice, path = _choose_path(model, arrays, settings, entry)
    resumed = None
    if entry is not None and stored is not None and path.shared and entry.resume(stored, model):
        resumed = stored
        begin = max(settings.initial_epoch, stored.epochs)
        settings = replace(settings, initial_epoch=begin)
    if choice is None:
        recorded = _through_keras(model, arrays, settings)
    else:
        # results of a private program must not be stored, at no epoch
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
    """Choose the program and the path of a fit; the choice depends only on the fit's inputs."""
    reason = eligibility.why_not_compiled(model, settings.callbacks)
    if reason is None and loaded_rows.is_loaded(arrays[0]):
        reason = loaded_rows.REASON
    if reason is None and any(map(sparse_rows.is_sparse, data.leaves(arrays))):
        reason = sparse_rows.REASON
    if reason is not None:
        return None, TrainingPath.keras_loop(reason)
    try:
        if entry is None:  # otherwise, the model was prepared when the key was computed
            prepare(model, arrays, settings.seed)
        known = None if entry is None else entry.program
        choice = compiled_loop.training_program(model, arrays, settings, known)
    except Exception as error:  # model.fit may work, or raise Keras' own error
        return None, TrainingPath.keras_loop_untraceable(error)
    return choice, choice.path


def _through_keras(
    model: keras.Model, arrays: data.Arrays, settings: FitSettings
) -> dict[str, list[Any]]:
    # Random numbers in the loop must depend on the seed, so that only one fit can run at a time.
    with seeded(settings.seed), fresh_names():
        return keras_loop.fit(model, arrays, settings)
