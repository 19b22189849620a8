"""Arrays in, trained weights out. Knows Keras, never scikit-learn."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from . import data, divergence, plain
from .seeding import build, fresh_names, seeded

__all__ = ["FitResult", "build", "evaluate", "fit", "predict"]


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
    """Train a compiled model in place."""
    callbacks = list(callbacks)
    arrays = data.as_keras_takes_them(x, y, sample_weight, class_weight)
    if validation_data is not None:
        validation_data = data.as_keras_takes_them(*validation_data)
    rows = data.n_rows(arrays)
    watch = divergence.Watch()
    watched = raise_on_divergence and not divergence.handled_by(callbacks)
    with seeded(seed), fresh_names():
        history = plain.fit(
            model,
            arrays,
            order=lambda epoch: data.order_of_epoch(seed, epoch, rows, shuffle),
            batch_size=batch_size,
            callbacks=[*callbacks, *([watch] if watched else [])],
            validation_data=validation_data,
            validation_batch_size=validation_batch_size or batch_size,
            validation_steps=validation_steps,
            validation_freq=validation_freq,
            epochs=epochs,
            initial_epoch=initial_epoch,
            verbose=verbose,
        )
    recorded = {name: [_plain(v) for v in values] for name, values in history.history.items()}
    if watch.epoch is not None:
        raise divergence.error(watch.epoch, recorded, model, arrays)
    return FitResult(recorded, "model.fit", "Keras' own loop")


def evaluate(
    model: keras.Model, x: Any, y: Any, sample_weight: Any = None, *, batch_size: int = 32
) -> dict[str, Any]:
    """The loss and metrics of a compiled model."""
    x, y, sample_weight = (*data.as_keras_takes_them(x, y, sample_weight), None, None)[:3]
    with fresh_names():
        logs = model.evaluate(
            x, y, sample_weight=sample_weight, batch_size=batch_size, verbose=0, return_dict=True
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
    """The model's output for every row: an array, or the model's structure of arrays."""
    (x,) = data.as_keras_takes_them(x)
    return model.predict(
        x, batch_size=batch_size, verbose=verbose, callbacks=list(callbacks), steps=steps
    )


def _plain(value: Any) -> Any:
    try:
        return float(value)
    except (TypeError, ValueError):
        return np.asarray(value)
