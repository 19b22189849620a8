"""One call of predict: its arguments, checked, and the call of the engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from .. import training
from .._utils.plain_values import as_python
from .._utils.text import listed
from ..training import data
from .arguments import route
from .batch_sizes import check_batch_size, rows_of_step
from .callbacks import callbacks_of, watches_prediction
from .heads import HeadsEncoder


def raw_predictions(
    estimator: Any,
    features: Any,
    arguments: Mapping[str, Any],
    model: keras.Model | None = None,
) -> Any:
    """Let a fitted model predict rows, by the settings of a prediction.

    Parameters
    ----------
    estimator : estimator
        Fitted; its parameters, the routed ones too, are the settings.
    features : array, or dict or tuple of arrays
        Rows as the model gets them.
    arguments : mapping
        What the call was given. It comes before ``predict__...``, that before the parameters.
    model : keras.Model, default=None
        What predicts; by default the estimator's.

    Returns
    -------
    raw : ndarray, or list or dict of them
        The model's own output, at least float32.

    Raises
    ------
    ValueError
        If an argument is not one of a prediction's, or not valid.
    """
    for name in arguments:
        estimator._check_name(f"predict__{name}", f"predict__{name}")
    settings: dict[str, Any] = {"batch_size": estimator.batch_size, "verbose": estimator.verbose}
    routed = route(estimator._routed, "predict")
    settings.update({n: v for n, v in routed.items() if not n.startswith("callbacks")})
    settings.update(arguments)
    batch_size = as_python(settings.pop("batch_size"))
    check_batch_size("batch_size", batch_size)
    callbacks = [c for c in getattr(estimator, "callbacks_", []) if watches_prediction(c)]
    callbacks += callbacks_of(
        estimator.get_params(deep=False), "predict", settings.pop("callbacks", None)
    )
    raw = training.predict(
        model or estimator.model_,
        features,
        batch_size=rows_of_step(batch_size, data.n_rows(features)),
        callbacks=callbacks,
        **settings,
    )
    return keras.tree.map_structure(_at_least_float32, raw)


def check_output_to_prediction(function: Any) -> None:
    """Raise unless it is a function, or None."""
    if function is not None and not callable(function):
        raise TypeError(
            f"output_to_prediction={function!r} must be a function of the model's output, which "
            "returns what `predict` is to give, such as lambda output: output[:, 1]; or None"
        )


def as_predictions(estimator: Any, raw: Any, X: Any) -> Any:
    """Turn a model's own output into predictions in the form of y.

    Parameters
    ----------
    estimator : estimator
        Fitted.
    raw : ndarray, or list or dict of them
        The model's own output.
    X : array-like
        The rows, whose index a data frame of predictions gets.

    Raises
    ------
    ValueError
        If `output_to_prediction` gives another number of rows, or something that is no label.
    """
    encoder, function = estimator.target_encoder_, estimator.output_to_prediction
    index = getattr(X, "index", None) if hasattr(X, "iloc") else None
    in_heads = isinstance(encoder, HeadsEncoder)
    if function is None:
        return encoder.inverse_transform(raw, *([index] if in_heads else []))
    outputs: Any = encoder.outputs(raw) if in_heads else raw
    made = function(outputs)
    n_rows = data.n_rows(raw)
    if in_heads and isinstance(made, Mapping):
        known = encoder.layout.names
        unknown = [name for name in made if name not in known]
        if unknown:
            raise ValueError(
                f"output_to_prediction returned {unknown[0]!r}, but y has the fields "
                f"{listed(map(repr, known))}"
            )
        rest = encoder.decoded(outputs)
        parts = {name: _rows(made.get(name, rest[name]), n_rows) for name in known}
        return encoder.layout.in_form(parts, index)
    if in_heads:
        return made
    return _in_shape(_rows(made, n_rows), estimator)


def _rows(made: Any, n_rows: int) -> np.ndarray:
    array = np.asarray(made)
    if array.shape[:1] != (n_rows,):
        raise ValueError(
            f"output_to_prediction must return one prediction a row, {n_rows} here, but returned "
            f"an array of shape {array.shape}"
        )
    return array


def _in_shape(made: np.ndarray, estimator: Any) -> np.ndarray:
    """The shape of y where that is possible; labels are checked to be some."""
    row = estimator.y_shape_[1:]
    labels = getattr(estimator, "classes_", None)
    if isinstance(labels, np.ndarray) and not np.isin(made, labels).all():
        unknown = made.ravel()[~np.isin(made, labels).ravel()][0]
        if estimator.target_type_ != "multilabel-indicator":
            raise ValueError(
                f"output_to_prediction returned {as_python(unknown)!r}, which is none of the "
                f"labels {listed(map(repr, labels.tolist()), 6)}: it must return labels as y has "
                "them"
            )
    return made.reshape(-1, *row) if made[0].size == np.prod(row, dtype=int) else made


def _at_least_float32(array: np.ndarray) -> np.ndarray:
    """Widen what NumPy, and so scikit-learn, lacks (bfloat16) or counts badly in (float16)."""
    narrow = array.dtype.kind not in "fiubcOSU" or array.dtype == np.float16
    return array.astype(np.float32) if narrow else array
