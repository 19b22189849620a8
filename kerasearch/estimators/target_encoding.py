"""Encoding of the target and the weights of rows for training."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from . import missing_cells
from .features import Features
from .fitting import FitArguments
from .heads import HeadsEncoder
from .input_data import Rows, split_rows, validation_pair, warn_of_cut_rows, weigh
from .label_encoder import ClassifierLabelEncoder, RegressorTargetEncoder
from .model_building import BuiltModel, has_own_loss
from .output_layers import losses_of
from .own_losses import n_axes_of_values
from .target_reading import Reading, TargetFacts, is_own_loss
from .targets import fields_of, is_missing_in

# facts about labels that the builder got, and that change if the model has labels at positions
_OF_LABELS = ("classes_", "n_classes_", "n_outputs_", "n_outputs_expected_", "target_type_")
_OURS = (ClassifierLabelEncoder, RegressorTargetEncoder, HeadsEncoder)


def is_ours(encoder: Any) -> bool:
    """Tell whether a target encoder is part of this library, not of a user's subclass."""
    return type(encoder) in _OURS


def note_target(estimator: Any, y: np.ndarray) -> None:
    """Check the target of a fresh fit, note its properties, and fit the target encoder."""
    known = missing_cells.known_target(estimator, y)
    estimator._reading, estimator._told = Reading("unknown"), {}
    estimator._check_target(known, reset=True)
    estimator.y_shape_, estimator.y_dtype_, estimator.y_ndim_ = y.shape, y.dtype, y.ndim
    estimator.target_type_ = estimator._type_of_target(known)
    layout, labels = estimator._target_layout, not estimator._y_numeric
    estimator._facts = TargetFacts.of(y, layout, labels=labels)
    estimator.target_encoder_ = estimator.target_encoder.fit(known)
    for name in ("all_classes_", "targets_"):
        vars(estimator).pop(name, None)
    vars(estimator).update(_metadata(estimator.target_encoder_), **estimator._facts.metadata)


def parted_rows(
    estimator: Any,
    X: Features,
    y: np.ndarray,
    sample_weight: Any,
    validation: tuple[Any, Any],
    arguments: FitArguments,
    scale_weights: bool,
) -> tuple[Rows, Rows | None]:
    """Add weights to the rows of a fit, and split them into training and validation rows."""
    pair = validation_pair(*validation, arguments.validation_data)
    class_weights = estimator._class_weights(y, arguments.class_weight)
    rows = weigh(Rows(X, y), sample_weight, class_weights, scale=scale_weights)
    if pair is None:
        stratify = estimator._stratify
        if stratify and estimator._at_positions(y):
            stratify = "positions"
        split = arguments.validation_split
        return split_rows(split, rows, stratify=stratify, seed=estimator._seed)
    X_val, y_val = estimator._check_known_rows(*pair[:2])
    warn_of_cut_rows(len(y_val), len(y))
    return rows, Rows(X_val, y_val, *pair[2:])


def take_reading(estimator: Any, built: BuiltModel, y: np.ndarray) -> None:
    """Set how the built model interprets y, and the encoder; missing cells of y are filled."""
    reading = estimator._reading = built.reading
    if reading.form == "positions":
        estimator._told = estimator._told or {name: getattr(estimator, name) for name in _OF_LABELS}
        estimator.target_type_ = reading.heads[0].target_type
    estimator.target_encoder_ = encoder_for(estimator, built, y)
    vars(estimator).update(_metadata(estimator.target_encoder_))


def _metadata(encoder: Any) -> dict[str, Any]:
    return getattr(encoder, "get_metadata", dict)()


def encoder_for(estimator: Any, built: BuiltModel, y: np.ndarray) -> Any:
    """Get the encoder of the target for a built model.

    Parameters
    ----------
    estimator : estimator
        The estimator, with the encoder that was fitted before the model was built.
    built : BuiltModel
        The model, and how it interprets y.
    y : ndarray
        The target of all rows, without missing cells.
    """
    encoder, reading = estimator.target_encoder_, built.reading
    if reading.form == "heads":
        encoder = HeadsEncoder(estimator._target_layout).fit(y)
        return encoder.encode_for(reading.heads, built.encoding, built.gives_dict, y)
    if reading.form == "positions":
        head = reading.heads[0]
        encoder = ClassifierLabelEncoder(
            head.target_type,
            categories=vars(estimator).get("_all_classes", estimator._facts.whole.labels),
            positions=head.output.positions,
        ).fit(y)
    if type(encoder) is RegressorTargetEncoder:
        encoder.encode_for(reading.heads[0].row, reading.is_raw)
    elif type(encoder) is ClassifierLabelEncoder and built.encoding:
        encoder.encode_for(**built.encoding, is_raw=reading.is_raw)
    return encoder


def encode(
    encoder: Any, reading: Reading, rows: Rows, model: keras.Model, scale: bool
) -> tuple[Any, Any]:
    """Encode the target of rows, and assign their weights to outputs and positions.

    Parameters
    ----------
    encoder : encoder
        The fitted encoder of the target.
    reading : Reading
        How y is interpreted.
    rows : Rows
        The rows, with the target as the user passed it.
    model : keras.Model
        A compiled model.
    scale : bool
        Whether weights that leave missing cells out are scaled to mean 1.

    Returns
    -------
    target, weights : array, or list or dict of arrays
        The target and the weights as the model gets them; weights may be None.

    Raises
    ------
    ValueError
        If positions have weights, but the loss returns only one value for each row.
    """
    y, weights = rows.y, rows.weights
    weights = None if weights is None else np.asarray(weights)
    parts = parts_of(encoder, reading, y) if is_ours(encoder) else []
    _check_weights(weights, reading)
    are_missing = missing_cells.any_missing(parts)
    target = encoder.transform(missing_cells.filled(y) if are_missing else y)
    if not is_ours(encoder) or not (are_missing or weights is not None):
        return target, weights
    arrays = list(keras.tree.flatten(target))
    names = [str(head.name) for head in reading.heads]
    if reading.form != "heads":
        names = getattr(model, "output_names", None) or []
    losses = losses_of(missing_cells.loss_of(model), len(arrays), names)
    of_each: list[Any] = []
    for i, (head, part) in enumerate(zip(reading.heads, parts, strict=True)):
        columns = missing_cells.are_columns(head, part.shape[1:])
        own = is_own_loss(losses[i], has_own_loss(model))
        sees = own and (columns or reading.form != "heads")
        if columns and are_missing and not own:
            missing_cells.check_left_out(model)
        if (columns or sees) and are_missing:
            arrays[i] = arrays[i].astype(np.result_type(arrays[i], np.float32))
            missing = is_missing_in(part)
            arrays[i][missing.reshape(missing.shape[: arrays[i].ndim])] = np.nan
        weighs = weights
        if are_missing and not sees:
            weighs = missing_cells.known_weights(head, part, weights, scale=scale)
        of_each.append(_spread(weighs, head, losses[i] if own else None, arrays[i], model))
    target = keras.tree.pack_sequence_as(target, arrays) if len(arrays) > 1 else arrays[0]
    return target, _of_outputs(target, of_each)


def parts_of(encoder: Any, reading: Reading, y: np.ndarray) -> list[np.ndarray]:
    """List the target of each head, as the user passed it."""
    if isinstance(encoder, HeadsEncoder):
        fields = fields_of(y, encoder.layout)
        return [fields[head.name] for head in encoder.heads_]
    return list(y.T) if len(reading.heads) > 1 else [y]


def _spread(weights: Any, head: Any, own_loss: Any, target: np.ndarray, model: Any) -> Any:
    """Reshape weights of rows, so that they are broadcast over the positions of the loss."""
    if weights is None or not head.output.positions:
        return weights
    axes = 1 + len(head.output.positions)
    if own_loss is not None:
        tensors = getattr(model, "outputs", None) or []
        units = tensors[0].shape[-1] if len(tensors) == 1 else head.output.layers[0][0]
        axes = n_axes_of_values(own_loss, target, (*head.output.positions, units))
    if 0 < axes < weights.ndim:
        raise ValueError(
            f"the weights have rows of shape {weights.shape[1:]}, but the loss returns values with "
            f"{axes - 1} axes for each row: return one value for each position, or pass weights "
            "of rows"
        )
    return weights.reshape(weights.shape + (1,) * max(axes - weights.ndim, 0))


def _of_outputs(target: Any, weights: list[Any]) -> Any:
    """Give the weights the structure of the target; one array if all outputs share weights."""
    if not weights or all(one is None for one in weights):
        return None
    if not keras.tree.is_nested(target) or all(one is weights[0] for one in weights):
        return weights[0]
    n_rows = len(keras.tree.flatten(target)[0])
    each = [np.ones(n_rows) if one is None else one for one in weights]
    return keras.tree.pack_sequence_as(target, each)


def _check_weights(weights: Any, reading: Reading) -> None:
    """Raise if weights are for positions that the model's outputs do not have."""
    if weights is None or weights.ndim == 1:
        return
    for head in reading.heads:
        if weights.shape[1:] != head.output.positions[: weights.ndim - 1]:
            raise ValueError(
                f"the weights have rows of shape {weights.shape[1:]}, but the model predicts "
                f"{head.output.target}: pass one weight for each row, or use a model with output "
                f"shape (None, {', '.join(map(str, weights.shape[1:]))}, ...)"
            )
