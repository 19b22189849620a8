"""From checked rows and settings to the call of the engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

from .. import training
from .._utils.checks import as_integer
from ..exceptions import DivergenceError
from ..store import FitStore
from ..training import serialization
from .fit_settings import FitSettings


def open_store(store: Any, random_state: Any) -> FitStore | None:
    """Get the store of a fit, ready to be written to; None where it is to have none.

    Parameters
    ----------
    store : str, path-like, FitStore or None
        As the estimator got it.
    random_state : int, RandomState or None
        Only a fit with an integer can be repeated, and so be stored; otherwise there is a warning.
    """
    opened = FitStore.of(store)
    if opened is not None and as_integer(random_state) is None:
        given = "None" if random_state is None else "a RandomState"
        opened.warn(
            f"store={store!r} needs an integer random_state, not {given}: "
            "fits that cannot be repeated are trained and not stored"
        )
        return None
    return opened


def train_model(
    model: keras.Model,
    data: tuple[Any, ...],
    validation: tuple[Any, ...] | None,
    settings: FitSettings,
    *,
    epochs: range,
    seed: int,
    callbacks: list[keras.callbacks.Callback],
    store: FitStore | None,
    parameters: Mapping[str, Any],
    restore_on_divergence: bool,
) -> training.FitResult:
    """Train a model by the settings of a fit.

    Parameters
    ----------
    model : keras.Model
        Compiled. It is trained in place.
    data, validation : tuple of arrays
        (X, y, weights) as the model gets them; None validates on nothing.
    settings : FitSettings
        Sizes of batches and the like.
    epochs : range
        The numbers of the epochs to train.
    seed : int
        What the order of the rows follows from.
    callbacks : list of keras.callbacks.Callback
        Of this fit.
    store : FitStore or None
        Where finished fits are looked up and kept.
    parameters : mapping
        What the store's tables are to say of the fit.
    restore_on_divergence : bool
        Whether the model was trained before and is to survive a divergence as it was.

    Raises
    ------
    DivergenceError
        If the loss is no longer finite.
    ValueError
        If a model with a training step of its own gets no loss and asks for one.
    """
    before = serialization.ModelState.of(model) if restore_on_divergence else None
    n_rows = len(keras.tree.flatten(data[0])[0])
    try:
        return training.fit(
            model,
            *data,
            validation_data=validation,
            epochs=epochs.stop,
            initial_epoch=epochs.start,
            batch_size=settings.rows_of_step(n_rows),
            validation_batch_size=settings.rows_of_validation_step(n_rows),
            shuffle=bool(settings.shuffle),
            seed=seed,
            callbacks=callbacks,
            verbose=settings.verbose,
            validation_steps=settings.validation_steps,
            validation_freq=settings.validation_freq,
            store=store,
            parameters=parameters,
        )
    except DivergenceError:
        if before is not None:
            before.restore(model)
        raise
    except ValueError as error:
        if "No loss to compute" not in str(error):
            raise
        raise ValueError(
            f"{type(model).__name__} trains in its own way (train_step or compute_loss), so it "
            "gets no loss that follows from the target, and it asks for one: set loss="
        ) from error


def n_epochs_of(history: Mapping[str, list[Any]]) -> int:
    """Count the epochs of a history; a metric of the validation may have fewer."""
    return max((len(values) for values in history.values()), default=0)
