"""The default model, which is used for ``model=None``: a multilayer perceptron."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .._utils.checks import check_number
from .._utils.names import did_you_mean

if TYPE_CHECKING:
    import keras

__all__ = ["mlp"]


def mlp(
    meta: Mapping[str, Any],
    hidden_layer_sizes: int | Sequence[int] = (100,),
    activation: str = "relu",
    dropout: float = 0.0,
    batch_norm: bool = False,
    l2: float = 0.0,
    params: Mapping[str, Any] | None = None,
) -> keras.Model:
    """Build a multilayer perceptron with an output layer that fits the target and the loss.

    Each hidden layer is a dense layer, followed by optional batch normalization, the activation and
    dropout. For two classes, the output layer has one sigmoid unit. It has two softmax units if the
    loss compares the units of a row, such as "sparse_categorical_crossentropy". The output is
    linear if the loss has ``from_logits=True``. The model is not compiled; the estimator compiles
    it.

    For regression, the network is trained on the standardized target, and two layers with fixed
    weights convert its output to the units of y. In the forward pass, they multiply by the scale of
    y and add its mean. In the backward pass, they scale the gradient, so that neither the learning
    rate nor `l2` depends on the units of y. These layers are added if `meta` has ``y_mean_`` and
    ``y_scale_``, and the loss is the squared, absolute, Huber or log-cosh error. The loss is
    computed in the units of y.

    Parameters
    ----------
    meta : mapping
        Facts about the data: ``X_shape_``, ``target_type_``, ``n_classes_``, ``n_outputs_``,
        ``y_mean_``, ``y_scale_``. The estimator passes it.
    hidden_layer_sizes : int or sequence of int, default=(100,)
        The width of each hidden layer; ``()`` gives a linear model.
    activation : str, default="relu"
        The activation of the hidden layers, by Keras' name.
    dropout : float in [0, 1), default=0.0
        The share of each hidden layer's outputs that is dropped in training.
    batch_norm : bool, default=False
        Whether to normalize each hidden layer over the batch.
    l2 : float, default=0.0
        The factor of the L2 penalty on the weights, without biases.
    params : mapping, default=None
        The estimator's parameters, of which only the loss is used. None means the default loss for
        the target. The estimator passes it.

    Returns
    -------
    keras.Model
        An uncompiled functional model. Inputs with more than one axis are flattened.

    Raises
    ------
    ValueError
        If an argument is not valid, or the target's type is not supported.

    Examples
    --------
    >>> from kerasearch import mlp
    >>> meta = {"X_shape_": (150, 4), "target_type_": "multiclass", "n_classes_": 3}
    >>> mlp(meta, hidden_layer_sizes=(16, 8)).count_params()
    243
    """
    import keras

    from . import output_layers, target_scale

    params = params or {}
    _check_settings(activation, dropout, l2)
    layers = keras.layers
    regularizer = keras.regularizers.L2(l2) if l2 else None
    inputs = keras.Input(shape=tuple(meta["X_shape_"][1:]))
    hidden = inputs if len(inputs.shape) == 2 else layers.Flatten()(inputs)
    for width in _widths(hidden_layer_sizes):
        hidden = layers.Dense(width, kernel_regularizer=regularizer, use_bias=not batch_norm)(
            hidden
        )
        if batch_norm:
            hidden = layers.BatchNormalization()(hidden)
        hidden = layers.Activation(activation)(hidden)
        if dropout:
            hidden = layers.Dropout(dropout)(hidden)
    wanted = output_layers.default_layers(meta, params)
    if len(meta.get("y_shape_", ())) > 2:
        return keras.Model(inputs, _at_positions(hidden, meta, params, *wanted[0], regularizer))
    outputs = [
        layers.Dense(units, activation=output_activation, kernel_regularizer=regularizer)(hidden)
        for units, output_activation in wanted
    ]
    slope = target_scale.loss_slope(params)
    if meta["target_type_"].startswith("continuous") and "y_scale_" in meta and slope is not None:
        scaled = target_scale.in_units_of_y(outputs[0], meta["y_mean_"], meta["y_scale_"], slope)
        return keras.Model(inputs, scaled)
    return keras.Model(inputs, outputs[0] if len(outputs) == 1 else outputs)


def _at_positions(
    hidden: Any,
    meta: Mapping[str, Any],
    params: Mapping[str, Any],
    units: int,
    activation: str,
    regularizer: Any,
) -> Any:
    """Make the output for a y with three or more axes: one dense layer for all positions."""
    import keras
    import numpy as np

    from . import target_scale

    values = meta["target_type_"].startswith("continuous")
    row = meta["y_shape_"][1:]
    positions = row[:-1] if values else row
    dense = keras.layers.Dense(units * int(np.prod(positions)), kernel_regularizer=regularizer)
    output = dense(hidden)
    slope = target_scale.loss_slope(params)
    if values and "y_scale_" in meta and slope is not None:
        mean, scale = (np.ravel(meta[name]) for name in ("y_mean_", "y_scale_"))
        output = target_scale.in_units_of_y(output, mean, scale, slope)
    output = keras.layers.Reshape((*positions, units))(output)
    return output if activation == "linear" else keras.layers.Activation(activation)(output)


def _check_settings(activation: Any, dropout: Any, l2: Any) -> None:
    """Raise for invalid arguments; Keras' own errors use other names for them."""
    import keras

    if dropout is not None and not 0 <= check_number("dropout", dropout, _SHARE) < 1:
        raise ValueError(f"dropout={dropout!r} must be {_SHARE}")
    if l2 is not None:
        check_number("l2", l2, "a number of at least 0", at_least=0)
    try:
        keras.activations.get(activation)
    except ValueError as error:
        known = [name for name in dir(keras.activations) if not name.startswith("_")]
        raise ValueError(
            f"activation={activation!r} is not in keras.activations"
            f"{did_you_mean(str(activation), known)}"
        ) from error


_SHARE = "a number in [0, 1), the share of outputs that is dropped"


def _widths(hidden_layer_sizes: int | Sequence[int]) -> list[int]:
    import numpy as np

    widths = np.atleast_1d(np.asarray(hidden_layer_sizes, dtype=object)).tolist()
    for width in widths:
        if isinstance(width, bool) or not isinstance(width, int | np.integer) or width < 1:
            raise ValueError(
                f"hidden_layer_sizes={hidden_layer_sizes!r} must hold positive integers, "
                "one for each hidden layer"
            )
    return [int(width) for width in widths]
