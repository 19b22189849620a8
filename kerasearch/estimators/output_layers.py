"""What a target asks of a model: its output layer, and the loss that goes with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras

from .._utils.text import counted
from . import keras_objects


@dataclass(frozen=True)
class Output:
    """The output layers that fit one target: ``(units, activation)``, the usual one first."""

    layers: tuple[tuple[int, str], ...]
    target: str

    @property
    def advice(self) -> str:
        """The layer to write, as code."""
        return " or ".join(f"Dense({u}, activation={a!r})" for u, a in self.layers)


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


def check_outputs(
    units: Sequence[int | None],
    activations: Sequence[str | None],
    loss: Any,
    expected: Sequence[Output],
) -> None:
    """Raise where the model's output layers do not fit the target.

    Parameters
    ----------
    units, activations : sequence
        Of each output: the size of its last axis and its activation's name; None is not known.
    loss : any
        What the model is compiled with; a loss that is no cross-entropy leaves the activation free.
    expected : sequence of Output
        What the target asks for, from `expected_outputs`.

    Raises
    ------
    ValueError
        Saying which units and activation the target asks for.
    """
    if len(expected) != len(units):
        raise ValueError(
            f"the model has {counted(len(units), 'output')}, but the target asks for "
            f"{len(expected)}: {', '.join(output.advice for output in expected)}"
        )
    losses = _each(loss, len(expected))
    for output, n_units, activation, its_loss in zip(
        expected, units, activations, losses, strict=True
    ):
        fitting = [a for u, a in output.layers if n_units in (None, u)]
        if fitting and (activation is None or not _is_wrong(activation, fitting, its_loss)):
            continue
        got = "units" if n_units is None else counted(n_units, "unit")
        got += f" with {activation!r} activation" if activation else ""
        hint = (
            "; with a linear layer, pass the loss as an instance with from_logits=True"
            if fitting and activation == "linear"
            else ""
        )
        raise ValueError(
            f"the model's output layer has {got}, which does not fit a target of "
            f"{output.target}: make it {output.advice}{hint}"
        )


def default_loss(
    activations: Sequence[str | None],
    encoded: Any,
    expected: Sequence[Output],
    metrics: Any = None,
) -> Any:
    """The loss that follows the target, for a model that nobody compiled.

    Parameters
    ----------
    activations : sequence
        The name of each output's activation; None is not known.
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
    one_hot = bool(_metrics_in(metrics, _ONE_HOT_METRICS))
    losses = []
    for i, activation in enumerate(activations):
        fitting = [a for _, a in expected[i].layers] if i < len(expected) else []
        if activation not in fitting:  # not known, or an error, which `check_outputs` raises
            activation = fitting[0] if fitting else activation or "linear"
        columns = arrays[i].shape[-1] if i < len(arrays) and arrays[i].ndim > 1 else 1
        losses.append(_loss_for(activation, sparse=columns == 1 and not one_hot))
    return losses if len(losses) > 1 else losses[0]


def encoding(loss: Any, units: Sequence[int | None], target_type: str) -> dict[str, Any]:
    """How a classifier's target is encoded for a loss.

    Parameters
    ----------
    loss : any
        One loss, or a list or dict of them.
    units : sequence of int or None
        The size of each output's last axis.
    target_type : str
        The estimator's ``target_type_``.

    Returns
    -------
    settings : dict
        ``one_hot`` and ``from_logits`` of the encoder; lists where the model has several outputs.
        Keras' losses want one column for each output unit, but the sparse ones; what a loss of the
        user's own wants nobody knows: it gets the number of the class, as in scikeras.
    """
    if isinstance(loss, Mapping):
        loss = list(loss.values())
    if isinstance(loss, (list, tuple)) or len(units) > 1:
        losses = _each(loss, len(units))
        each = [encoding(o, [u], "multiclass") for o, u in zip(losses, units, strict=True)]
        return {key: [one[key] for one in each] for key in ("one_hot", "from_logits")}
    label = keras_objects.loss_label(loss) if loss is not None else ""
    one_hot = label in _CATEGORICAL
    if target_type in ("binary", "multiclass") and units and (units[0] or 1) > 1:
        one_hot = one_hot or (keras_objects.is_keras_loss(loss) and label not in _SPARSE)
    config = {} if isinstance(loss, type) else keras_objects.config(loss)
    return {"one_hot": one_hot, "from_logits": bool(config.get("from_logits", False))}


def check_metrics(metrics: Any, one_hot: Any, expected: Sequence[Output]) -> None:
    """Raise for metrics that would compare class numbers with columns, or the reverse.

    Raises
    ------
    ValueError
        Naming the metric and the loss that would make it right.
    """
    if len(expected) != 1 or max(units for units, _ in expected[0].layers) < 3:
        return
    wrong = _metrics_in(metrics, _SPARSE_METRICS if one_hot else _ONE_HOT_METRICS)
    if wrong:
        loss = ("sparse_" if one_hot else "") + "categorical_crossentropy"
        target = "one column for each class" if one_hot else "the number of the class"
        raise ValueError(
            f"metrics: {', '.join(wrong)} cannot compare with {target}, which is how this loss has "
            f"the target of {expected[0].target}; use loss={loss!r}"
        )


def output_units(model: keras.Model, example_output: Any) -> list[int | None]:
    """The size of the last axis of each output; `example_output` is a prediction of one row."""
    outputs = getattr(model, "outputs", None) or keras.tree.flatten(example_output)
    return [int(o.shape[-1]) if len(o.shape) == 2 else None for o in outputs]


def output_activations(model: keras.Model, n_outputs: int) -> list[str | None]:
    """The name of each output's activation, None where the model does not tell."""
    outputs = getattr(model, "outputs", None)
    if not outputs:
        return [None] * n_outputs
    return [_activation(output) for output in outputs]


def _activation(output: Any) -> str | None:
    history = getattr(output, "_keras_history", None)
    if history is None:
        return None
    layer = history.operation
    if isinstance(layer, keras.layers.Softmax):
        return "softmax"
    if isinstance(layer, keras.layers.Dense | keras.layers.Activation):
        return getattr(layer.activation, "__name__", None)
    if isinstance(layer, keras.Model) and layer.outputs:
        return _activation(layer.outputs[history.tensor_index])
    return None


def _is_wrong(activation: str, fitting: Sequence[str], loss: Any) -> bool:
    if activation in fitting or activation not in ("linear", "sigmoid", "softmax", "relu", "tanh"):
        return False
    if "linear" in fitting:  # a regression's output may be bounded, but softmax sums to one
        return activation == "softmax"
    crossentropy = "crossentropy" in keras_objects.loss_label(loss)
    return crossentropy and not keras_objects.config(loss).get("from_logits", False)


def _loss_for(activation: str, sparse: bool) -> str:
    if activation == "sigmoid":
        return "binary_crossentropy"
    if activation == "softmax":
        return "sparse_categorical_crossentropy" if sparse else "categorical_crossentropy"
    return "mean_squared_error"


_CATEGORICAL = {"categoricalcrossentropy", "categoricalfocalcrossentropy", "categoricalhinge"}
_SPARSE = {"sparsecategoricalcrossentropy", "categoricalgeneralizedcrossentropy", "ctc"}
_ONE_HOT_METRICS = {
    "auc",
    "categoricalaccuracy",
    "categoricalcrossentropy",
    "f1score",
    "fbetascore",
    "onehotiou",
    "onehotmeaniou",
    "precision",
    "precisionatrecall",
    "recall",
    "recallatprecision",
    "sensitivityatspecificity",
    "specificityatsensitivity",
    "topkcategoricalaccuracy",
}
_SPARSE_METRICS = {
    "sparsecategoricalaccuracy",
    "sparsecategoricalcrossentropy",
    "sparsetopkcategoricalaccuracy",
}


def _metrics_in(metrics: Any, kinds: set[str]) -> list[str]:
    """The names of the metrics, in lists and dicts too, that are of these kinds."""
    if isinstance(metrics, Mapping):
        metrics = list(metrics.values())
    if isinstance(metrics, (list, tuple)):
        return [name for metric in metrics for name in _metrics_in(metric, kinds)]
    metric = keras_objects.resolve("metrics", metrics)
    metric = metric if isinstance(metric, (str, type)) or metric is None else type(metric)
    name = getattr(metric, "__name__", str(metric))
    return [name] if name.replace("_", "").lower() in kinds else []


def _each(loss: Any, n: int) -> list[Any]:
    if isinstance(loss, Mapping):
        loss = list(loss.values())
    if isinstance(loss, (list, tuple)):
        return list(loss) if len(loss) == n else [None] * n
    return [loss] * n
