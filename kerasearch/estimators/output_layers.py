"""The output layers and the loss that a target needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .._utils.names import did_you_mean
from .._utils.text import counted
from . import compared_metrics, keras_objects
from .arguments import route
from .model_outputs import ModelOutput


@dataclass(frozen=True)
class Output:
    """The output layers that fit one target.

    Attributes
    ----------
    layers : tuple of (units, activation)
        The possible layers; the usual layer is first.
    target : str
        The target in words.
    positions : tuple of int
        The sizes of the axes of positions, such as the steps of a sequence, or the height and width
        of an image.
    is_free : bool
        Whether any output fits, because only the user's own loss interprets it.
    """

    layers: tuple[tuple[int, str], ...]
    target: str
    positions: tuple[int, ...] = ()
    is_free: bool = False

    def suiting(self, loss: Any) -> Output:
        """Keep only the layers that fit a loss; keep all layers if none fits."""
        layers = tuple(layer for layer in self.layers if layer[0] > 1 or not wants_columns(loss))
        return replace(self, layers=layers or self.layers)

    @property
    def shape(self) -> str:
        """The shape of the usual output, as Keras writes it."""
        return f"(None, {', '.join(map(str, (*self.positions, self.layers[0][0])))})"

    @property
    def advice(self) -> str:
        """The possible layers as code."""
        return " or ".join(f"Dense({u}, activation={a!r})" for u, a in self.layers)

    def has_axes_of(self, output: ModelOutput) -> bool:
        """Tell whether an output has the axes of rows, positions and units, and no others."""
        shape = output.shape
        if not shape or shape[0] is not None:
            return False
        if not self.positions:
            return len(shape) <= 2
        return len(shape) == len(self.positions) + 2 and all(
            got in (None, wanted) for got, wanted in zip(shape[1:], self.positions, strict=False)
        )

    def fits(self, output: ModelOutput) -> bool:
        """Tell whether an output has the shape that the target needs."""
        has_units = output.units is None or any(output.units == u for u, _ in self.layers)
        return self.has_axes_of(output) and has_units


def expected_outputs(meta: Mapping[str, Any]) -> list[Output]:
    """List the output layers that the target needs, one for each output of the model.

    Parameters
    ----------
    meta : mapping
        The estimator's metadata: ``target_type_``, ``n_classes_``, ``n_outputs_``.
    """
    target_type: str = meta["target_type_"]
    n_classes: Any = meta.get("n_classes_")
    if target_type == "binary":
        return [Output(((1, "sigmoid"), (2, "softmax")), "2 classes")]
    if target_type == "multiclass":
        return [Output(((n_classes, "softmax"),), f"{n_classes} classes")]
    if target_type == "multilabel-indicator":
        # softmax is right if the rows are one-hot classes, which depends on the loss
        layers = ((n_classes, "sigmoid"), (n_classes, "softmax"))
        return [Output(layers, f"{n_classes} labels")]
    if target_type == "multiclass-multioutput":
        return [Output(((n, "softmax"),), f"{n} classes") for n in n_classes]
    if target_type.startswith("continuous"):
        n_outputs = meta["n_outputs_"]
        values = "value" if n_outputs == 1 else "values"
        return [Output(((n_outputs, "linear"),), f"{n_outputs} {values} in each row")]
    return []


def default_layers(meta: Mapping[str, Any], params: Mapping[str, Any]) -> list[tuple[int, str]]:
    """Get the units and activation of each output layer of the default model.

    Parameters
    ----------
    meta : mapping
        The estimator's metadata.
    params : mapping
        The estimator's parameters; only ``loss`` and ``loss__...`` are used.

    Raises
    ------
    ValueError
        If the target's type is not supported.
    """
    wanted = expected_outputs(meta)
    if meta["target_type_"] == "fields":
        raise ValueError(
            f"y has the fields {', '.join(map(repr, meta['targets_']))}, but the default model has "
            "one output: pass a model-building function whose output layers have the names of the "
            "fields, for example keras.layers.Dense(1, name='price')"
        )
    if not wanted:
        raise ValueError(
            f"mlp cannot build an output layer for a target of type {meta['target_type_']!r}"
        )
    loss = params.get("loss")
    if loss is not None:
        loss = keras_objects.make_loss(loss, route(params, "loss"))
    layers = []
    for output, its_loss in zip(wanted, losses_of(loss, len(wanted)), strict=True):
        units, activation = output.suiting(its_loss).layers[0]
        layers.append((units, "linear" if from_logits(its_loss) else activation))
    return layers


def losses_of(loss: Any, n_outputs: int, names: Sequence[str | None] = ()) -> list[Any]:
    """Get the loss of each output from Keras' argument `loss`.

    Parameters
    ----------
    loss : any
        One loss for all outputs, or a list, or a dict by the outputs' names.
    n_outputs : int
        The number of outputs.
    names : sequence of str or None
        The names of the outputs, which determine the order of a dict.

    Returns
    -------
    losses : list of length n_outputs
        The losses in the order of the outputs. None means no loss, or an unknown loss.

    Raises
    ------
    ValueError
        If a dict names an output that the model does not have.
    """
    if isinstance(loss, Mapping):
        known = [name for name in names if name is not None]
        if len(known) == n_outputs:
            for name in loss.keys() - set(known):
                raise ValueError(
                    f"loss has an entry for {name!r}, but the model's outputs are "
                    f"{', '.join(map(repr, known))}{did_you_mean(str(name), known)}"
                )
            return [loss.get(name) for name in known]
        loss = list(loss.values())
    if not isinstance(loss, (list, tuple)):
        return [loss] * n_outputs
    if n_outputs == 1 and len(loss) > 1:  # Keras adds several losses of one output
        return [next((one for one in loss if one is not None), None)]
    if any(isinstance(one, (list, tuple, Mapping)) for one in loss):
        return [losses_of(one, 1)[0] for one in loss][:n_outputs]
    return list(loss) if len(loss) == n_outputs else [None] * n_outputs


def check_outputs(outputs: Sequence[ModelOutput], loss: Any, expected: Sequence[Output]) -> None:
    """Raise if the model's output layers do not fit the target.

    Parameters
    ----------
    outputs : sequence of ModelOutput
        The outputs of the model.
    loss : any
        The loss that the model is compiled with. Unless it is a cross-entropy, a classifier may
        have any activation.
    expected : sequence of Output
        The outputs that the target needs, from `expected_outputs`.

    Raises
    ------
    ValueError
        If an output does not fit. The message says which shape, units and activation are needed.
    """
    if len(expected) != len(outputs):
        raise ValueError(
            f"the model has {counted(len(outputs), 'output')}, but the target needs "
            f"{len(expected)}: {', '.join(output.advice for output in expected)}. Several outputs "
            "are possible if y has several columns of classes, if y of KerasRegressor is a data "
            "frame or structured array with fields, or if a subclass has a `target_encoder`"
        )
    losses = losses_of(loss, len(outputs), [output.name for output in outputs])
    for wanted, output, its_loss in zip(expected, outputs, losses, strict=True):
        if wanted.is_free:
            continue
        _check_shape(output, wanted)
        if keras_objects.is_keras_loss(its_loss) and keras_objects.loss_label(its_loss) in _OTHERS:
            raise ValueError(
                f"{loss_text(its_loss)} compares sequences or embeddings, not an output with a "
                f"target of {wanted.target}; with loss=None, the loss is chosen by the target"
            )
        units, activation = output.units, output.activation
        # A single softmax unit is always wrong, and the default loss may have been chosen by it.
        suiting = wanted if (units, activation) == (1, "softmax") else wanted.suiting(its_loss)
        fitting = [a for u, a in suiting.layers if units in (None, u)]
        if fitting and (activation is None or not _is_wrong(activation, fitting, its_loss)):
            continue
        got = "units" if units is None else counted(units, "unit")
        got += f" with {activation!r} activation" if activation else ""
        hint = ""
        if fitting and activation == "linear":
            hint = "; with a linear layer, pass the loss as an instance with from_logits=True"
        elif fitting and from_logits(its_loss):
            hint = " and remove from_logits=True, or keep it and make the activation linear"
        elif not fitting and len(suiting.layers) < len(wanted.layers):
            got += f", but {loss_text(its_loss)} needs one unit for each class"
            hint = ", or use loss='binary_crossentropy'"
        raise ValueError(
            f"the model's output layer has {got}, which does not fit a target of "
            f"{wanted.target}: use {suiting.advice}{hint}"
        )


def _check_shape(output: ModelOutput, wanted: Output) -> None:
    """Raise if an output does not have the axes of the target."""
    shape = output.shape
    if wanted.has_axes_of(output):
        return
    causes = "Usual causes: "
    causes += "a recurrent layer left at return_sequences=True, or a missing Flatten() or global "
    causes += "pooling layer, such as GlobalAveragePooling2D(), before the output layer"
    if not shape or shape[0] is not None:
        causes = "The first axis is the axis of the rows, and no layer may change it"
    raise ValueError(
        f"the model's output has shape {shape}, but a target of {wanted.target} needs "
        f"{wanted.shape}. {causes}"
    )


def default_loss(
    outputs: Sequence[ModelOutput],
    encoded: Any,
    expected: Sequence[Output],
    metrics: Any = None,
) -> Any:
    """Choose the default loss for a target, for a model that is not compiled.

    Parameters
    ----------
    outputs : sequence of ModelOutput
        The outputs of the model.
    encoded : array or list or dict of arrays
        The target as the model gets it.
    expected : sequence of Output
        The outputs that the target needs; empty if they are not known.
    metrics : any, default=None
        The estimator's metrics. Some metrics need one column for each class.

    Returns
    -------
    loss : str or list of str
        The loss; a list if the model has several outputs.
    """
    if isinstance(encoded, Mapping):
        arrays = list(encoded.values())
    else:
        arrays = list(encoded) if isinstance(encoded, (list, tuple)) else [encoded]
    one_hot = bool(compared_metrics.of_columns(metrics))
    losses = []
    for i, activation in enumerate(output.activation for output in outputs):
        fitting = [a for _, a in expected[i].layers] if i < len(expected) else []
        if activation not in fitting:  # unknown, or wrong, so that `check_outputs` raises
            activation = fitting[0] if fitting else activation or "linear"
        columns = arrays[i].shape[-1] if i < len(arrays) and arrays[i].ndim > 1 else 1
        losses.append(_loss_for(activation, sparse=columns == 1 and not one_hot))
    return losses if len(losses) > 1 else losses[0]


def encoding(
    loss: Any, outputs: Sequence[ModelOutput], target_types: Sequence[str]
) -> dict[str, Any]:
    """Determine how a classifier's target is encoded for a loss.

    Keras' sparse losses need class numbers, and its other losses need one column for each output
    unit. A loss of the user gets class numbers, as in scikeras. The columns of an indicator matrix
    exclude each other if the loss or the activation is for such classes.

    Parameters
    ----------
    loss : any
        One loss, or a list or dict of losses.
    outputs : sequence of ModelOutput
        The outputs of the model.
    target_types : sequence of str
        The type of the target of each output.

    Returns
    -------
    settings : dict
        The encoder's settings ``one_hot``, ``from_logits`` and ``exclusive``. They are lists if the
        model has several outputs.
    """
    losses = losses_of(loss, len(outputs), [output.name for output in outputs])
    if len(outputs) > 1:
        each = list(map(_encoding, losses, outputs, target_types))
        return {key: [one[key] for one in each] for key in each[0]}
    return _encoding(losses[0], outputs[0], target_types[0])


def _encoding(loss: Any, output: ModelOutput, target_type: str) -> dict[str, Any]:
    label = keras_objects.loss_label(loss) if loss is not None else ""
    one_hot = label in _CATEGORICAL
    if target_type in ("binary", "multiclass") and (output.units or 1) > 1:
        one_hot = one_hot or (keras_objects.is_keras_loss(loss) and label not in _SPARSE)
    activation = output.activation
    exclusive = target_type != "multilabel-indicator" or activation == "softmax"
    exclusive = exclusive or says_classes(loss)
    if target_type == "multilabel-indicator":  # y already has columns; sparse losses need numbers
        one_hot = label not in _SPARSE
    return {"one_hot": one_hot, "from_logits": from_logits(loss), "exclusive": exclusive}


def from_logits(loss: Any) -> bool:
    """Tell whether a loss interprets the model's output as logits."""
    config = {} if isinstance(loss, type) else keras_objects.config(loss)
    return bool(config.get("from_logits", False))


def wants_columns(loss: Any) -> bool:
    """Tell whether a loss of Keras compares the units of a row, so that one unit is useless."""
    return keras_objects.is_keras_loss(loss) and (
        says_classes(loss) or keras_objects.loss_label(loss) in _DISTRIBUTIONS
    )


def loss_text(loss: Any) -> str:
    """Describe a loss for a message, by its name."""
    name = getattr(loss, "__name__", None) or type(loss).__name__
    return f"loss={loss!r}" if isinstance(loss, str) else f"the loss {name}"


def says_classes(loss: Any) -> bool:
    """Tell whether a loss is for classes that exclude each other."""
    return loss is not None and keras_objects.loss_label(loss) in _CATEGORICAL | _SPARSE


def says_labels(loss: Any) -> bool:
    """Tell whether a loss is for independent labels, any number of which a row may have."""
    return loss is not None and keras_objects.loss_label(loss) in _BINARY


def _is_wrong(activation: str, fitting: Sequence[str], loss: Any) -> bool:
    if from_logits(loss) and activation in ("sigmoid", "softmax"):
        return True
    if activation in fitting or activation not in ("linear", "sigmoid", "softmax", "relu", "tanh"):
        return False
    if "linear" in fitting:  # regression allows bounded activations, but softmax sums to 1
        return activation == "softmax"
    crossentropy = "crossentropy" in keras_objects.loss_label(loss)
    return crossentropy and not from_logits(loss)


def _loss_for(activation: str, sparse: bool) -> str:
    if activation == "sigmoid":
        return "binary_crossentropy"
    if activation == "softmax":
        return "sparse_categorical_crossentropy" if sparse else "categorical_crossentropy"
    return "mean_squared_error"


_CATEGORICAL = {"categoricalcrossentropy", "categoricalfocalcrossentropy", "categoricalhinge"}
_DISTRIBUTIONS = {"kldivergence", "cosinesimilarity"}
_OTHERS = {"ctc", "circle"}
_BINARY = {"binarycrossentropy", "binaryfocalcrossentropy"}
_SPARSE = {"sparsecategoricalcrossentropy", "categoricalgeneralizedcrossentropy"}
