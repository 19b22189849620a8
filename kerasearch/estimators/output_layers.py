"""What a target asks of a model: its output layer, and the loss that goes with it."""

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
        The usual one first.
    target : str
        The target in words.
    positions : tuple of int
        The axes before that of the units: steps of a sequence, height and width of an image.
    is_free : bool
        Whether any output fits, since only the user's own loss reads it.
    """

    layers: tuple[tuple[int, str], ...]
    target: str
    positions: tuple[int, ...] = ()
    is_free: bool = False

    def suiting(self, loss: Any) -> Output:
        """Those that a loss can compare with; all where it can compare with none."""
        layers = tuple(layer for layer in self.layers if layer[0] > 1 or not wants_columns(loss))
        return replace(self, layers=layers or self.layers)

    @property
    def shape(self) -> str:
        """The shape of the usual one, as Keras writes it."""
        return f"(None, {', '.join(map(str, (*self.positions, self.layers[0][0])))})"

    @property
    def advice(self) -> str:
        """The layer to write, as code."""
        return " or ".join(f"Dense({u}, activation={a!r})" for u, a in self.layers)

    def has_axes_of(self, output: ModelOutput) -> bool:
        """Tell whether an output has the axis of the rows, the positions, and one for the units."""
        shape = output.shape
        if not shape or shape[0] is not None:
            return False
        if not self.positions:
            return len(shape) <= 2
        return len(shape) == len(self.positions) + 2 and all(
            got in (None, wanted) for got, wanted in zip(shape[1:], self.positions, strict=False)
        )

    def fits(self, output: ModelOutput) -> bool:
        """Tell whether an output has the shape that the target asks for."""
        has_units = output.units is None or any(output.units == u for u, _ in self.layers)
        return self.has_axes_of(output) and has_units


def expected_outputs(meta: Mapping[str, Any]) -> list[Output]:
    """The output layers that the target asks for, one for each output of the model.

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
        # softmax where the rows are one-hot classes, which the loss tells
        layers = ((n_classes, "sigmoid"), (n_classes, "softmax"))
        return [Output(layers, f"{n_classes} labels")]
    if target_type == "multiclass-multioutput":
        return [Output(((n, "softmax"),), f"{n} classes") for n in n_classes]
    if target_type.startswith("continuous"):
        n_outputs = meta["n_outputs_"]
        values = "value" if n_outputs == 1 else "values"
        return [Output(((n_outputs, "linear"),), f"{n_outputs} {values} a row")]
    return []


def default_layers(meta: Mapping[str, Any], params: Mapping[str, Any]) -> list[tuple[int, str]]:
    """Units and activation of each output layer of the default model.

    Parameters
    ----------
    meta : mapping
        The estimator's metadata.
    params : mapping
        Its parameters: ``loss`` and what is routed to it.

    Raises
    ------
    ValueError
        If the target's type is not supported.
    """
    wanted = expected_outputs(meta)
    if meta["target_type_"] == "fields":
        raise ValueError(
            f"y has the fields {', '.join(map(repr, meta['targets_']))}, and the default model has "
            "one output: pass a model-building function whose output layers are called as the "
            "fields are, keras.layers.Dense(1, name='price') for example"
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
    """Get the loss of each output from what Keras takes as `loss`.

    Parameters
    ----------
    loss : any
        One loss for all outputs, or a list, or a dict by the outputs' names.
    n_outputs : int
        How many there are.
    names : sequence of str or None
        Their names, which decide on the order of a dict.

    Returns
    -------
    losses : list of length n_outputs
        In the order of the outputs. None is no loss, or one that is not known.

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
    if n_outputs == 1 and len(loss) > 1:  # Keras adds them up
        return [next((one for one in loss if one is not None), None)]
    if any(isinstance(one, (list, tuple, Mapping)) for one in loss):
        return [losses_of(one, 1)[0] for one in loss][:n_outputs]
    return list(loss) if len(loss) == n_outputs else [None] * n_outputs


def check_outputs(outputs: Sequence[ModelOutput], loss: Any, expected: Sequence[Output]) -> None:
    """Raise where the model's output layers do not fit the target.

    Parameters
    ----------
    outputs : sequence of ModelOutput
        Of the model.
    loss : any
        What the model is compiled with; a loss that is no cross-entropy leaves the activation free.
    expected : sequence of Output
        What the target asks for, from `expected_outputs`.

    Raises
    ------
    ValueError
        Saying which shape, units and activation the target asks for.
    """
    if len(expected) != len(outputs):
        raise ValueError(
            f"the model has {counted(len(outputs), 'output')}, but the target asks for "
            f"{len(expected)}: {', '.join(output.advice for output in expected)}. Several outputs "
            "are for several columns of classes, for the fields of a data frame or structured "
            "array as KerasRegressor's y, or for a `target_encoder` of a subclass"
        )
    losses = losses_of(loss, len(outputs), [output.name for output in outputs])
    for wanted, output, its_loss in zip(expected, outputs, losses, strict=True):
        if wanted.is_free:
            continue
        _check_shape(output, wanted)
        if keras_objects.is_keras_loss(its_loss) and keras_objects.loss_label(its_loss) in _OTHERS:
            raise ValueError(
                f"{loss_text(its_loss)} compares sequences or embeddings, not an output with a "
                f"target of {wanted.target}; None is the loss that follows from the target"
            )
        units, activation = output.units, output.activation
        # a single softmax unit is wrong for any loss, which may follow from it
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
            hint = " and leave from_logits=True out, or make the activation linear and leave it in"
        elif not fitting and len(suiting.layers) < len(wanted.layers):
            got += f", but {loss_text(its_loss)} compares with one unit for each class"
            hint = ", or use loss='binary_crossentropy'"
        raise ValueError(
            f"the model's output layer has {got}, which does not fit a target of "
            f"{wanted.target}: make it {suiting.advice}{hint}"
        )


def _check_shape(output: ModelOutput, wanted: Output) -> None:
    """Raise for an output that has not the axes of the target."""
    shape = output.shape
    if wanted.has_axes_of(output):
        return
    causes = "Usual causes: "
    causes += "a recurrent layer left at return_sequences=True, or a missing Flatten() or global "
    causes += "pooling layer, such as GlobalAveragePooling2D(), before the output layer"
    if not shape or shape[0] is not None:
        causes = "The first axis is that of the rows: no layer may change it"
    raise ValueError(
        f"the model's output has shape {shape}, but a target of {wanted.target} asks for "
        f"{wanted.shape}. {causes}"
    )


def default_loss(
    outputs: Sequence[ModelOutput],
    encoded: Any,
    expected: Sequence[Output],
    metrics: Any = None,
) -> Any:
    """The loss that follows the target, for a model that nobody compiled.

    Parameters
    ----------
    outputs : sequence of ModelOutput
        Of the model.
    encoded : array or list or dict of arrays
        The target as the model gets it.
    expected : sequence of Output
        What the target asks for; empty where that is not known.
    metrics : any, default=None
        The estimator's metrics: some of them can only compare with one column for each class.

    Returns
    -------
    loss : str or list of str
        A list where the model has several outputs.
    """
    if isinstance(encoded, Mapping):
        arrays = list(encoded.values())
    else:
        arrays = list(encoded) if isinstance(encoded, (list, tuple)) else [encoded]
    one_hot = bool(compared_metrics.of_columns(metrics))
    losses = []
    for i, activation in enumerate(output.activation for output in outputs):
        fitting = [a for _, a in expected[i].layers] if i < len(expected) else []
        if activation not in fitting:  # not known, or an error, which `check_outputs` raises
            activation = fitting[0] if fitting else activation or "linear"
        columns = arrays[i].shape[-1] if i < len(arrays) and arrays[i].ndim > 1 else 1
        losses.append(_loss_for(activation, sparse=columns == 1 and not one_hot))
    return losses if len(losses) > 1 else losses[0]


def encoding(
    loss: Any, outputs: Sequence[ModelOutput], target_types: Sequence[str]
) -> dict[str, Any]:
    """How a classifier's target is encoded for a loss.

    Parameters
    ----------
    loss : any
        One loss, or a list or dict of them.
    outputs : sequence of ModelOutput
        Of the model.
    target_types : sequence of str
        What the target of each output is taken for.

    Returns
    -------
    settings : dict
        ``one_hot``, ``from_logits`` and ``exclusive`` of the encoder; lists where the model has
        several outputs. Keras' losses want one column for each output unit, but the sparse ones;
        what a loss of the user's own wants nobody knows: it gets the number of the class, as in
        scikeras. Labels exclude each other where the loss or the activation says so.
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
    if target_type == "multilabel-indicator":  # its columns are there: a loss may do without
        one_hot = label not in _SPARSE
    return {"one_hot": one_hot, "from_logits": from_logits(loss), "exclusive": exclusive}


def from_logits(loss: Any) -> bool:
    """Tell whether a loss takes the model's output for logits."""
    config = {} if isinstance(loss, type) else keras_objects.config(loss)
    return bool(config.get("from_logits", False))


def wants_columns(loss: Any) -> bool:
    """Tell whether a loss of Keras' is blind for a single unit: it compares units of a row."""
    return keras_objects.is_keras_loss(loss) and (
        says_classes(loss) or keras_objects.loss_label(loss) in _DISTRIBUTIONS
    )


def loss_text(loss: Any) -> str:
    """Write a loss as code would have it, as far as that is short."""
    name = getattr(loss, "__name__", None) or type(loss).__name__
    return f"loss={loss!r}" if isinstance(loss, str) else f"the loss {name}"


def says_classes(loss: Any) -> bool:
    """Tell whether a loss is one for classes of which each row has one."""
    return loss is not None and keras_objects.loss_label(loss) in _CATEGORICAL | _SPARSE


def says_labels(loss: Any) -> bool:
    """Tell whether a loss is one for labels of which each row may have any number."""
    return loss is not None and keras_objects.loss_label(loss) in _BINARY


def _is_wrong(activation: str, fitting: Sequence[str], loss: Any) -> bool:
    if from_logits(loss) and activation in ("sigmoid", "softmax"):
        return True
    if activation in fitting or activation not in ("linear", "sigmoid", "softmax", "relu", "tanh"):
        return False
    if "linear" in fitting:  # a regression's output may be bounded, but softmax sums to one
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
