"""Mean and scale of a regressor's target, and checks that a model and its loss fit them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np

from .._utils.user_warnings import warn
from ..training.serialization import to_numpy
from . import keras_objects
from .arguments import route
from .model_outputs import ModelOutput
from .output_layers import from_logits, loss_text, losses_of, says_classes, says_labels

# Outside these bounds, a network that ends with a plain Dense layer and uses Keras' defaults was
# worse than predicting the mean, on a held-out half of the diabetes data (200 epochs, 64 units,
# scaled X).
_SMALLEST_SCALE = 0.1
_LARGEST = 500.0
_FARTHEST_MEAN = 10.0  # in multiples of the scale

# the range of each activation, including its limits
_RANGES = {
    "sigmoid": (0.0, 1.0),
    "hard_sigmoid": (0.0, 1.0),
    "sparse_sigmoid": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
    "hard_tanh": (-1.0, 1.0),
    "softsign": (-1.0, 1.0),
    "relu": (0.0, np.inf),
    "relu6": (0.0, 6.0),
    "softplus": (0.0, np.inf),
    "squareplus": (0.0, np.inf),
    "sparse_plus": (0.0, np.inf),
    "exponential": (0.0, np.inf),
    "elu": (-1.0, np.inf),
    "celu": (-1.0, np.inf),
    "log_sigmoid": (-np.inf, 0.0),
    "log_softmax": (-np.inf, 0.0),
}


def mean_and_scale(y: np.ndarray, weights: np.ndarray | None) -> tuple[Any, Any]:
    """Get the weighted mean and standard deviation of a target.

    Parameters
    ----------
    y : ndarray of shape (n_rows,), (n_rows, n_outputs) or (n_rows, ...)
        The target of the training rows. NaN cells are left out.
    weights : ndarray of shape (n_rows,) or (n_rows, ...), or None
        The weights of the rows, or of their positions.

    Returns
    -------
    mean, scale : float, or ndarray of the shape of a row
        Mean and standard deviation in float64; floats if y has one axis. The scale of a constant
        column is 1.
    """
    columns = y.astype(np.float64).reshape(len(y), -1)
    missing = np.isnan(columns)
    if missing.any() or (weights is not None and weights.ndim > 1):
        weights = np.ones(len(y)) if weights is None else weights
        weights = weights.reshape(weights.shape + (1,) * (y.ndim - weights.ndim))
        weights = np.broadcast_to(weights, y.shape).reshape(len(y), -1) * ~missing
        weights = np.where(weights.sum(axis=0) > 0, weights, 1.0)
        filled = np.where(missing, np.nan, columns)
        known = ~missing.all(axis=0)
        middle = np.zeros(columns.shape[1])
        middle[known] = np.nanmean(filled[:, known], axis=0)
        columns = np.where(missing, middle, columns)
    low, high = columns.min(axis=0), columns.max(axis=0)
    mean = np.clip(np.average(columns, axis=0, weights=weights), low, high)
    constant = low == high
    # divide by the largest deviation, whose square may overflow
    largest = np.where(constant, 1.0, np.maximum(high - mean, mean - low))
    spread = np.average(((columns - mean) / largest) ** 2, axis=0, weights=weights)
    scale = np.where(constant, 1.0, largest * np.sqrt(spread))
    if y.ndim == 1:
        return float(mean[0]), float(scale[0])
    return mean.reshape(y.shape[1:]), scale.reshape(y.shape[1:])


def mean_and_scale_of_columns(y: np.ndarray, weights: np.ndarray | None) -> tuple[Any, Any]:
    """Get mean and scale of each column; with three or more axes, of all values together."""
    if y.ndim < 3:
        return mean_and_scale(y, weights)
    if weights is not None:
        weights = weights.reshape(weights.shape + (1,) * (y.ndim - weights.ndim))
        weights = np.broadcast_to(weights, y.shape).ravel()
    return mean_and_scale(y.ravel(), weights)


def loss_slope(params: Mapping[str, Any]) -> Callable[[np.ndarray], np.ndarray] | None:
    """Get the derivative of the loss as a function of the absolute error.

    Parameters
    ----------
    params : mapping
        The estimator's parameters; only ``loss`` and ``loss__...`` are used.

    Returns
    -------
    slope : callable or None
        A function from absolute errors to derivatives, up to a constant factor. None unless the
        loss is Keras' squared, absolute, Huber or log-cosh error.
    """
    (loss,) = losses_of(params.get("loss"), 1)
    if loss is None and params.get("loss") is None:
        return _SLOPES["meansquarederror"]
    label = keras_objects.loss_label(loss)
    if loss is None or label not in _SLOPES or not keras_objects.is_keras_loss(loss):
        return None
    if label != "huber":
        return _SLOPES[label]
    settings = {} if isinstance(loss, type) else keras_objects.config(loss)
    delta = {"delta": 1.0, **settings, **route(params, "loss")}["delta"]
    return lambda error: np.minimum(error, delta)


_SLOPES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "meansquarederror": lambda error: error,
    "meanabsoluteerror": np.ones_like,
    "logcosh": np.tanh,
    "huber": lambda error: np.minimum(error, 1.0),
}


def in_units_of_y(
    standardized: Any, mean: Any, scale: Any, slope: Callable[[np.ndarray], np.ndarray]
) -> Any:
    """Convert an output for a standardized target to the units of the target.

    The gradient is scaled too, so that it is the same as for a standardized target. Therefore
    neither the learning rate nor a penalty on the weights depends on the units of y. Mean and scale
    are weights of layers, so that fits with different values share a program. Only Keras' layers
    are used, so that the model can be saved and loaded anywhere.

    Parameters
    ----------
    standardized : KerasTensor of shape (None, n_outputs)
        The output of a linear layer.
    mean, scale : float or ndarray of shape (n_outputs,)
        Mean and scale of the target.
    slope : callable
        The derivative of the loss, from `loss_slope`.

    Returns
    -------
    output : KerasTensor of shape (None, n_outputs)
        ``standardized * scale + mean``.
    """
    mean, scale = np.atleast_1d(mean), np.atleast_1d(scale)
    settings = {
        "units": len(scale),
        "kernel_initializer": "identity",
        "trainable": False,
        "dtype": keras.config.floatx(),  # also with a mixed policy, because y may need precision
    }
    with np.errstate(over="ignore", divide="ignore"):
        back = slope(np.ones_like(scale)) / (slope(scale) * scale)
    largest = float(np.finfo(settings["dtype"]).max) ** 0.5
    backward = keras.layers.Dense(use_bias=False, name="gradient_scale", **settings)
    forward = keras.layers.Dense(name="units_of_y", **settings)
    stop = keras.ops.stop_gradient
    through = backward(standardized)
    output = forward(stop(standardized) + (through - stop(through)))
    backward.set_weights([np.diag(np.clip(back, 1 / largest, largest))])
    forward.set_weights([np.diag(scale), mean])
    return output


def check_target(output: ModelOutput, y: np.ndarray, loss: Any, where: str = "y") -> None:
    """Raise if a regressor's target, the output of the model and the loss do not match.

    Parameters
    ----------
    output : ModelOutput
        The output of the model.
    y : ndarray
        The target of the training rows.
    loss : any
        The loss that the model is compiled with.
    where : str, default="y"
        The name of the target in a message.

    Raises
    ------
    ValueError
        If the loss is not for these values or this output, or if the values are outside the range
        of the output's activation. The message names an alternative.
    """
    (loss,) = losses_of(loss, 1)
    known = y[~np.isnan(y)] if y.dtype.kind == "f" else y
    if not known.size:
        return
    least, most = float(known.min()), float(known.max())
    _check_loss(output, least, most, loss, where)
    _check_reach(output, least, most, loss, where)


def _check_loss(output: ModelOutput, least: float, most: float, loss: Any, where: str) -> None:
    if not keras_objects.is_keras_loss(loss):
        return
    label, text = keras_objects.loss_label(loss), loss_text(loss)
    logits = from_logits(loss)
    several = (output.units or 1) > 1 and logits and not label.startswith("sparse")
    if says_classes(loss) and not several:
        if where != "y":
            raise ValueError(
                f"{text} is for classes, but {where} has values with fractions: use a loss such as "
                "'mean_squared_error' for this head"
            )
        raise ValueError(
            f"{text} is for classes, but the y of a regressor has values: use KerasClassifier, or "
            "a loss such as 'mean_squared_error'"
        )
    if output.activation == "linear" and not logits and (says_labels(loss) or label == "poisson"):
        activation = "exponential" if label == "poisson" else "sigmoid"
        positive = "positive predictions" if label == "poisson" else "predictions between 0 and 1"
        raise ValueError(
            f"{text} needs {positive}, but the model's output layer is linear: use "
            f"KerasClassifier for classes, a loss such as 'mean_squared_error', or a model that "
            f"ends with Dense({output.units}, activation={activation!r})"
        )
    low, high = _VALUES_COMPARED.get(label, (-np.inf, np.inf))
    if least < low or most > high:
        between = f"of {low:g} or more" if high == np.inf else f"between {low:g} and {high:g}"
        raise ValueError(
            f"{text} is for a y {between}, but {where} has values between {least:g} and "
            f"{most:g}: use a loss such as 'mean_squared_error'"
        )


_VALUES_COMPARED = {
    "binarycrossentropy": (0.0, 1.0),
    "binaryfocalcrossentropy": (0.0, 1.0),
    "dice": (0.0, 1.0),
    "tversky": (0.0, 1.0),
    "hinge": (-1.0, 1.0),
    "squaredhinge": (-1.0, 1.0),
    "poisson": (0.0, np.inf),
}


def _check_reach(output: ModelOutput, least: float, most: float, loss: Any, where: str) -> None:
    low, high = _RANGES.get(output.activation or "", (-np.inf, np.inf))
    slack = 1e-6 * max(abs(least), abs(most))  # y may have been rounded
    if least >= low - slack and most <= high + slack:
        return
    if keras_objects.loss_label(loss) == "cosinesimilarity":  # it compares only directions
        return
    reach = f"of at least {low:g}" if high == np.inf else f"of at most {high:g}"
    if np.isfinite([low, high]).all():
        reach = f"between {low:g} and {high:g}"
    raise ValueError(
        f"the model's output layer has {output.activation!r} activation, which returns values "
        f"{reach}, but {where} has values between {least:g} and {most:g}: use a linear "
        "activation, or scale y with sklearn.compose.TransformedTargetRegressor"
    )


def warn_of_scale(output: ModelOutput, loss: Any, mean: Any, scale: Any, where: str = "y") -> None:
    """Warn of a linear output if the mean or scale of the target is far from 0 and 1.

    Parameters
    ----------
    output : ModelOutput
        The output of the model.
    loss : any
        The loss that the model is compiled with. No warning is given for Keras' losses that are not
        in units of the target.
    mean, scale : float or ndarray of the shape of a row
        Mean and scale of the target of the training rows.
    where : str, default="y"
        The name of the target in a message.
    """
    mean, scale = np.ravel(mean), np.ravel(scale)
    far = (scale < _SMALLEST_SCALE) | (np.abs(mean) + scale > _LARGEST)
    far |= np.abs(mean) >= _FARTHEST_MEAN * scale
    in_units = loss_slope({"loss": loss}) is not None or not keras_objects.is_keras_loss(loss)
    if not far.any() or not in_units or not _starts_near_zero(output):
        return
    worst = int(np.argmax(far))
    column = f" (column {worst})" if len(scale) > 1 else ""
    warn(
        f"{where} has mean {mean[worst]:.2g} and standard deviation {scale[worst]:.2g}{column}, "
        "far from 0 and 1. The model ends with a linear layer, whose outputs start near 0, so it "
        "may learn little. Scale y with sklearn.compose.TransformedTargetRegressor(regressor, "
        "transformer=StandardScaler()), or give the model-building function an argument `meta` and "
        "end the model with keras.layers.Rescaling(meta['y_scale_'], meta['y_mean_'])"
    )


def _starts_near_zero(output: ModelOutput) -> bool:
    """Tell whether an output comes from a trainable linear layer whose bias is zero."""
    layer = output.layer
    if output.activation != "linear" or not getattr(layer, "trainable", False):
        return False
    bias = getattr(layer, "bias", None)
    return bias is None or not np.any(to_numpy(bias))
