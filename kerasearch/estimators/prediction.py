"""One call of ``predict``: checks of its arguments, and the call of the training engine."""

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
    """Compute the output of a fitted model for rows.

    Parameters
    ----------
    estimator : estimator
        A fitted estimator.
    features : array, or dict or tuple of arrays
        Rows as the model gets them.
    arguments : mapping
        The arguments of the call. They override ``predict__...``, which overrides parameters.
    model : keras.Model, default=None
        The model; None means the estimator's model.

    Returns
    -------
    raw : ndarray, or list or dict of ndarray
        The model's output; float16 and bfloat16 become float32.

    Raises
    ------
    ValueError
        If an argument is unknown or not valid.
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
    """Raise unless `output_to_prediction` is a function or None."""
    if function is not None and not callable(function):
        raise TypeError(
            f"output_to_prediction={function!r} must be None, or a function of the model's output "
            "that returns the result of `predict`, such as lambda output: output[:, 1]"
        )


def as_predictions(estimator: Any, raw: Any, X: Any) -> Any:
    """Convert a model's output to predictions in the form of y.

    Parameters
    ----------
    estimator : estimator
        A fitted estimator.
    raw : ndarray, or list or dict of ndarray
        The model's output.
    X : array-like
        The rows. If predictions are a data frame, it gets the index of X.

    Raises
    ------
    ValueError
        If `output_to_prediction` returns a wrong number of rows, or an unknown label.
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
            f"output_to_prediction must return one prediction for each of the {n_rows} rows, but "
            f"returned an array of shape {array.shape}"
        )
    return array


def _in_shape(made: np.ndarray, estimator: Any) -> np.ndarray:
    """Reshape predictions to the shape of y if possible, and check that labels are known."""
    row = estimator.y_shape_[1:]
    labels = getattr(estimator, "classes_", None)
    if isinstance(labels, np.ndarray) and not np.isin(made, labels).all():
        unknown = made.ravel()[~np.isin(made, labels).ravel()][0]
        if estimator.target_type_ != "multilabel-indicator":
            raise ValueError(
                f"output_to_prediction returned {as_python(unknown)!r}, but it must return labels "
                f"of y, which are {listed(map(repr, labels.tolist()), 6)}"
            )
    return made.reshape(-1, *row) if made[0].size == np.prod(row, dtype=int) else made


def _at_least_float32(array: np.ndarray) -> np.ndarray:
    """Convert float16, which is imprecise, and bfloat16, which NumPy does not have, to float32."""
    narrow = array.dtype.kind not in "fiubcOSU" or array.dtype == np.float16
    return array.astype(np.float32) if narrow else array
