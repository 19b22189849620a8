"""Checks that Keras' metrics fit an output of the model and its target.

Keras has no such check. With a wrong metric, a fit fails during training, or the metric has no
meaning. For example, categorical accuracy of an output with a single unit is always 1. Metrics
that the user wrote are not checked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from .._utils.text import counted
from ..training import serialization
from ..training.trusted_libraries import package_of
from . import keras_objects
from .model_outputs import ModelOutput


def of_columns(metrics: Any) -> list[str]:
    """List the names of the metrics that need one column for each class."""
    return [name for name, label in _kinds(metrics) if label not in _OF_NUMBERS | _OF_ANYTHING]


def check_metrics(
    model: keras.Model, outputs: Sequence[ModelOutput], one_hot: Any, target_types: Sequence[str]
) -> None:
    """Raise if a metric does not fit the target of its output.

    Parameters
    ----------
    model : keras.Model
        A compiled model.
    outputs : sequence of ModelOutput
        The outputs of the model.
    one_hot : bool or list of bool
        Whether the target of each output has one column for each class.
    target_types : sequence of str
        The type of the target of each output; "" if only the user's loss can interpret the output.

    Raises
    ------
    ValueError
        If a metric does not fit. The message names the metric and an alternative.
    """
    each_one_hot = one_hot if isinstance(one_hot, list) else [one_hot] * len(outputs)
    for metrics in serialization.compiled_metrics(model):
        for output, its_metrics, columns, target_type in zip(
            outputs, _of_each(metrics, outputs), each_one_hot, target_types, strict=True
        ):
            _check(_kinds(its_metrics), output, columns, target_type)


def _check(
    kinds: Sequence[tuple[str, str]], output: ModelOutput, one_hot: bool, target_type: str
) -> None:
    units = output.units
    if not target_type:
        _raise(
            kinds,
            {label for _, label in kinds} - {"mean", "meanmetricwrapper", "sum"},
            f"an output of {counted(units or 0, 'unit')} that only your loss can interpret",
            "write a function of (y_true, y_pred) that selects the values to compare",
        )
    elif target_type.startswith("continuous"):
        of_vectors = {"cosinesimilarity", "kldivergence"}
        classes = (_OF_COLUMNS - of_vectors) | _OF_NUMBERS | _BY_THRESHOLD
        classes |= {"accuracy", "accuracyclass", "binaryaccuracy"}
        if output.activation == "linear":
            _raise(kinds, classes, "the target of a regressor", "use 'R2Score' or 'mae'")
    else:
        _check_classes(kinds, output, one_hot, target_type)


def _check_classes(
    kinds: Sequence[tuple[str, str]], output: ModelOutput, one_hot: bool, target_type: str
) -> None:
    units = output.units
    _raise(
        kinds,
        {"accuracyclass"},
        "probabilities: it counts equal numbers",
        "pass the name, metrics='accuracy', so that Keras chooses the right class",
    )
    _raise(
        kinds,
        {"iou of class numbers"},
        "probabilities: it looks for numbers of classes",
        "use it with sparse_y_pred=False, on an output of one unit for each class",
    )
    if units == 1:
        many = "a model of several units and loss='categorical_crossentropy'"
        _raise(
            kinds,
            _OF_COLUMNS | _OF_NUMBERS | {"iou", "meaniou"},
            "a single unit: it looks for the largest unit of a row",
            f"use a metric for a single unit, such as 'accuracy' or 'AUC', or {many}",
        )
        _raise(
            kinds,
            {"f1score without threshold", "fbetascore without threshold"},
            "a single unit without a threshold",
            "use keras.metrics.F1Score(threshold=0.5)",
        )
    elif one_hot:
        _raise(
            kinds,
            _OF_NUMBERS,
            f"one column for each class, which is the form of the target for this loss, with "
            f"{counted(units, 'class', 'classes') if units else 'classes'}",
            "use loss='sparse_categorical_crossentropy'"
            if target_type != "multilabel-indicator"
            else "use 'binary_accuracy' or 'AUC'",
        )
    else:
        wrong = {label for _, label in kinds} - _OF_NUMBERS - _OF_ANYTHING
        _raise(
            kinds,
            wrong,
            "class numbers, which are the form of the target for this loss, with "
            f"{counted(units, 'class', 'classes') if units else 'classes'}",
            "use loss='categorical_crossentropy'",
        )


def _raise(kinds: Sequence[tuple[str, str]], wrong: set[str], what: str, advice: str) -> None:
    names = [name for name, label in kinds if label in wrong]
    if names:
        raise ValueError(f"metrics: {', '.join(names)} cannot compare with {what}; {advice}")


def _of_each(metrics: Any, outputs: Sequence[ModelOutput]) -> list[Any]:
    """List the metrics of each output, assigned as Keras does."""
    if len(outputs) == 1:
        return [metrics]
    if isinstance(metrics, Mapping):
        return [metrics.get(output.name) for output in outputs]
    if isinstance(metrics, (list, tuple)) and len(metrics) == len(outputs):
        return list(metrics)
    return [metrics] * len(outputs)


def _kinds(metrics: Any) -> list[tuple[str, str]]:
    """List the name and kind of each metric, without metrics that the user wrote."""
    return [kind for metric in keras_objects.leaves(metrics) for kind in _kind(metric)]


def _kind(metric: Any) -> list[tuple[str, str]]:
    if metric is None:
        return []
    resolved = keras_objects.resolve("metrics", metric)
    if isinstance(resolved, str):  # for these names Keras chooses a class by output and target
        return [(resolved, "accuracy" if resolved.startswith("acc") else "crossentropy")]
    plain = resolved if hasattr(resolved, "__name__") else type(resolved)
    if package_of(plain) != "keras":
        return []
    name = plain.__name__
    label = name.replace("_", "").lower()
    if label == "accuracy":
        label = "accuracyclass"
    config = keras_objects.config(metric) if isinstance(metric, keras.metrics.Metric) else {}
    if label in ("f1score", "fbetascore") and config.get("threshold") is None:
        label += " without threshold"
    if label in ("iou", "meaniou") and config.get("sparse_y_pred", True):
        label = "iou of class numbers"
    return [(name, label)]


# metrics of targets with one column for each class
_OF_COLUMNS = {
    "categoricalaccuracy",
    "categoricalcrossentropy",
    "categoricalhinge",
    "cosinesimilarity",
    "kldivergence",
    "onehotiou",
    "onehotmeaniou",
    "topkcategoricalaccuracy",
}
# metrics of targets with class numbers
_OF_NUMBERS = {
    "sparsecategoricalaccuracy",
    "sparsecategoricalcrossentropy",
    "sparsetopkcategoricalaccuracy",
}
# metrics that compare each unit with a threshold, or with 0 and 1
_BY_THRESHOLD = {
    "auc",
    "binarycrossentropy",
    "f1score",
    "f1score without threshold",
    "falsenegatives",
    "falsepositives",
    "fbetascore",
    "fbetascore without threshold",
    "precision",
    "precisionatrecall",
    "recall",
    "recallatprecision",
    "sensitivityatspecificity",
    "specificityatsensitivity",
    "truenegatives",
    "truepositives",
}
# metrics that adapt to output and target, or use the user's own function or settings
_OF_ANYTHING = {
    "accuracy",
    "accuracyclass",
    "crossentropy",
    "iou",
    "mean",
    "meaniou",
    "meanmetricwrapper",
    "sum",
}
