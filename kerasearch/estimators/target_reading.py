"""Interpretation of a target: the shape and the loss of each output decide what it predicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from sklearn.utils import Bunch

from .._utils.names import did_you_mean
from .._utils.text import counted, listed
from . import keras_objects
from .model_outputs import ModelOutput
from .output_layers import Output, losses_of, says_classes, says_labels
from .targets import TargetLayout, fields_of, is_missing_in, labels_in


@dataclass(frozen=True)
class Field:
    """Facts about one field of y, or about the whole y, before a model is built.

    Attributes
    ----------
    shape : tuple of int
        The shape of a row.
    labels : ndarray or None
        The sorted labels of all positions; None if the values have fractions.
    is_text : bool
        Whether the values can only be labels, because they are text, booleans or categories.
    has_missing : bool
        Whether some values are missing, such as NaN or None.
    """

    shape: tuple[int, ...]
    labels: Any = None
    is_text: bool = False
    has_missing: bool = False

    @classmethod
    def of(cls, values: np.ndarray, categories: Any = None) -> Field:
        """Determine the facts about the values of a field."""
        missing = bool(is_missing_in(values).any())
        if categories is not None:
            return cls(values.shape[1:], np.sort(categories), True, missing)
        is_text = values.dtype.kind not in "fiu"
        return cls(values.shape[1:], labels_in(values), is_text, missing)


@dataclass(frozen=True)
class Head:
    """The target of one output of a model.

    Attributes
    ----------
    name : object
        The name of the field of y; None if y has no fields.
    output : Output
        The output layers that fit.
    target_type : str
        The type of the target, as in scikit-learn's ``type_of_target``.
    is_labels : bool
        Whether the target has labels, not values.
    labels : ndarray or None
        All labels, sorted, if the target is a field with labels.
    row : tuple of int or None
        The shape of a row of values if it differs from y: see ``RegressorTargetEncoder``.
    """

    name: Any
    output: Output
    target_type: str
    is_labels: bool
    labels: Any = None
    row: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Reading:
    """How y is interpreted.

    Attributes
    ----------
    form : str
        ``"plain"`` (a row, or each column of it, is one target), ``"positions"`` (a row has a label
        at each position), ``"heads"`` (each field is the target of one output), or ``"unknown"``
        (a user's encoder makes the target).
    heads : list of Head
        One head for each output, in the model's order; empty if the form is ``"unknown"``.
    """

    form: str
    heads: list[Head] = field(default_factory=list)

    @property
    def expected(self) -> list[Output]:
        """The output layers that fit, one entry for each output."""
        return [head.output for head in self.heads]

    @property
    def is_raw(self) -> bool:
        """Whether only the user's loss can interpret an output."""
        return any(head.output.is_free for head in self.heads)


@dataclass(frozen=True)
class TargetFacts:
    """Facts about y before a model is built: about the whole y, and about each field.

    Attributes
    ----------
    whole : Field
        Facts about the whole y. Its labels are set only for a classifier's y with two or more axes.
    fields : dict of str to Field
        Facts about each field; empty if y has no fields.
    """

    whole: Field
    fields: Mapping[Any, Field] = field(default_factory=dict)

    @classmethod
    def of(cls, y: np.ndarray, layout: TargetLayout, *, labels: bool) -> TargetFacts:
        """Determine the facts; `labels` tells whether the estimator is a classifier."""
        in_fields = y.dtype.names is not None
        missing = not in_fields and bool(is_missing_in(y).any())
        found = labels_in(y) if labels and y.ndim > 1 else None
        whole = Field(y.shape[1:], found, has_missing=missing)
        if layout.form == "array":
            return cls(whole)
        parts = fields_of(y, layout).items()
        known = layout.categories
        return cls(whole, {name: Field.of(part, known.get(name)) for name, part in parts})

    @property
    def metadata(self) -> dict[str, Any]:
        """The facts for the model-building function, by the names of attributes."""
        told: dict[str, Any] = {}
        if self.whole.labels is not None:
            told["all_classes_"] = self.whole.labels
        if self.fields:
            told["targets_"] = {name: _told(known) for name, known in self.fields.items()}
        return told


def _told(known: Field) -> Bunch:
    told = Bunch(shape=known.shape)
    if known.labels is not None:
        told.classes, told.n_classes = known.labels, len(known.labels)
    return told


@dataclass(frozen=True)
class Target:
    """The possible interpretations of y before a model is built.

    Attributes
    ----------
    expected : list of Output
        The outputs that the form ``"plain"`` needs, from ``output_layers.expected_outputs``.
    target_type : str
        The estimator's ``target_type_``.
    facts : TargetFacts
        Facts about y.
    is_known : bool
        False if a user's encoder makes the target.
    """

    expected: list[Output]
    target_type: str
    facts: TargetFacts
    is_known: bool = True

    @property
    def whole(self) -> Field:
        """The whole of y."""
        return self.facts.whole

    def read(self, outputs: Sequence[ModelOutput], loss: Any, *, own_step: bool = False) -> Reading:
        """Interpret the target with the outputs of a model.

        Parameters
        ----------
        outputs : sequence of ModelOutput
            The outputs of the model.
        loss : any
            The loss that the model is compiled with, now or later; None means the default loss.
        own_step : bool, default=False
            Whether the model overrides ``compute_loss`` or ``train_step``.

        Raises
        ------
        ValueError
            If fields and outputs do not match, or if two interpretations are possible.
        """
        if not self.is_known:
            return Reading("unknown")
        if self.facts.fields and (self.target_type == "fields" or len(outputs) > 1):
            return self._heads(outputs, loss, own_step)
        values = self.target_type.startswith("continuous")
        wanted, form, row = self.expected, "plain", None
        if len(self.whole.shape) > 1:
            of_whole = output_of_values if values else output_of_labels
            wanted = [of_whole(self.whole)]
        if len(outputs) == 1 and not values and (at := self._positions(outputs[0])) is not None:
            wanted, form = [at], "positions"
        elif len(outputs) == 1 and values:
            at, row = _with_axis_of_one(wanted[0], self.whole, outputs[0])
            wanted = [at]
        type_ = _type_of(self.whole) if form == "positions" else self.target_type
        if len(outputs) == len(wanted) == 1:
            wanted = [_freed(wanted[0], outputs[0], losses_of(loss, 1)[0], own_step)]
        if len(outputs) > 1:
            type_ = "multiclass"  # each column is one target
        return Reading(form, [Head(None, one, type_, not values, row=row) for one in wanted])

    def _positions(self, output: ModelOutput) -> Output | None:
        """Get the output for labels at positions; None if the output has no axis of classes."""
        shape, wanted = self.whole.shape, None
        for positions in (shape, shape[:-1] if shape[-1:] == (1,) else ()):
            if positions and wanted is None:
                at = output_of_labels(self.whole, positions)
                wanted = at if at.has_axes_of(output) else None
        if wanted is None and len(shape) > 1:
            self._check_class_axis(output)
        return wanted

    def _check_class_axis(self, output: ModelOutput) -> None:
        """Raise if y has labels with several axes, and the output has no further axis."""
        row, units = output.shape[1:], self.whole.shape[-1]
        if len(row) == len(self.whole.shape):
            raise ValueError(
                f"y has rows of shape {self.whole.shape} and the model's output has shape "
                f"{output.shape}, which is ambiguous. If the last axis of y has {units} one-hot "
                "classes, pass the labels, y.argmax(axis=-1). If it has positions, each with a "
                "label, add an axis to the output, with one unit and 'sigmoid', or with one unit "
                f"for each class and 'softmax': {output_of_labels(self.whole).shape}"
            )

    def _heads(self, outputs: Sequence[ModelOutput], loss: Any, own_step: bool) -> Reading:
        """Assign to each output the field with its name."""
        named = _by_output(self.facts.fields, outputs)
        known = [output.name for output in outputs]
        losses = losses_of(loss, len(outputs), known)
        if isinstance(loss, (Mapping, list, tuple)):
            without = [name for name, one in zip(named, losses, strict=True) if one is None]
            if without:
                raise ValueError(
                    f"loss has no entry for the head{'s' if len(without) > 1 else ''} "
                    f"{listed(map(repr, without))}: pass a loss for each head, "
                    f"loss={{{', '.join(f'{str(name)!r}: ...' for name in named)}}}, or pass no "
                    "loss, so that each loss is chosen by its field"
                )
        heads = []
        for name, output, its_loss in zip(named, outputs, losses, strict=True):
            heads.append(_head(name, self.facts.fields[name], output, its_loss, own_step))
        return Reading("heads", heads)


def output_of_values(known: Field, shape: tuple[int, ...] | None = None) -> Output:
    """Get the output that values need; `shape` is the shape of a row."""
    shape = known.shape if shape is None else shape
    units = shape[-1] if shape else 1
    if len(shape) > 1:
        return Output(((units, "linear"),), f"values of shape {shape} in each row", shape[:-1])
    return Output(((units, "linear"),), f"{counted(units, 'value')} in each row")


def output_of_labels(known: Field, positions: tuple[int, ...] | None = None) -> Output:
    """Get the output that labels at positions need; without positions, a row has one label."""
    positions = known.shape if positions is None else positions
    n_classes = len(known.labels)
    layers: tuple[tuple[int, str], ...] = ((n_classes, "softmax"),)
    if n_classes == 2:
        layers = ((1, "sigmoid"), (2, "softmax"))
    at = f" at each of {' x '.join(map(str, positions))} positions" if positions else ""
    return Output(layers, f"{counted(n_classes, 'class', 'classes')}{at}", positions)


def _type_of(known: Field) -> str:
    return "binary" if len(known.labels) == 2 else "multiclass"


def _with_axis_of_one(
    wanted: Output, known: Field, output: ModelOutput
) -> tuple[Output, tuple[int, ...] | None]:
    """Get the output and row shape for values, if output and y differ by a last axis of size 1."""
    row, got = known.shape, tuple(output.shape[1:])
    if output.shape[:1] != (None,) or not row or row == (1,):
        return wanted, None
    for other in ((*row, 1), row[:-1] if row[-1] == 1 else row):
        if other != row and len(got) == len(other) and output_of_values(known, other).fits(output):
            return output_of_values(known, other), other
    return wanted, None


def _freed(wanted: Output, output: ModelOutput, loss: Any, own_step: bool) -> Output:
    """Allow any size of the last axis, if only a loss of the user can interpret it."""
    if wanted.fits(output) or not wanted.has_axes_of(output) or not is_own_loss(loss, own_step):
        return wanted
    return replace(wanted, is_free=True)


def is_own_loss(loss: Any, own_step: bool = False) -> bool:
    """Tell whether the loss comes from the user; `own_step` decides if no loss is set."""
    return own_step if loss is None else not keras_objects.is_keras_loss(loss)


def _by_output(fields: Mapping[Any, Field], outputs: Sequence[ModelOutput]) -> list[Any]:
    """List the name of the field of each output."""
    told = [output.name for output in outputs]
    if any(name is None for name in told):  # a subclass that returns a list
        told = (
            list(fields)
            if len(fields) == len(outputs)
            else [f"output {i}" for i in range(len(told))]
        )
    by_text = {str(name): name for name in fields}
    unfed = [name for name in told if str(name) not in by_text]
    unused = [name for name in by_text if name not in map(str, told)]
    if unfed or unused:
        parts = []
        if unused:
            near = did_you_mean(unused[0], [str(name) for name in unfed])
            parts.append(f"no head has the name of the field {listed(map(repr, unused))}{near}")
        if unfed:
            noun = "head" if len(unfed) == 1 else "heads"
            parts.append(f"y has no field for the {noun} {listed(map(repr, unfed))}")
        raise ValueError(
            f"the model's heads are {listed(map(repr, told))}, and y has the fields "
            f"{listed(map(repr, by_text))}: {', and '.join(parts)}. The name of a head is the name "
            "of its output layer, or its key if the model returns a dict"
        )
    return [by_text[str(name)] for name in told]


def _head(name: Any, known: Field, output: ModelOutput, loss: Any, own_step: bool) -> Head:
    if not _is_labels(known, output, loss):
        wanted, row = _with_axis_of_one(output_of_values(known), known, output)
        wanted = _freed(wanted, output, loss, own_step)
        return Head(name, wanted, "continuous", is_labels=False, row=row)
    if known.labels is None or len(known.labels) < 2:
        raise ValueError(
            f"y[{name!r}] has {'one class' if known.labels is not None else 'fractions'}, but its "
            "head needs labels with at least two classes"
        )
    of_columns = len(known.shape) == 1 and len(output.shape) == 2 and known.shape[0] > 1
    if of_columns and np.isin(known.labels, (0, 1)).all():
        k = known.shape[0]
        wanted = Output(((k, "sigmoid"), (k, "softmax")), f"{k} labels")
        type_ = "multilabel-indicator"
    else:
        positions = known.shape
        if positions[-1:] == (1,) and len(output.shape) == len(positions) + 1:
            positions = positions[:-1]
        wanted, type_ = output_of_labels(known, positions), _type_of(known)
    wanted = _freed(wanted, output, loss, own_step)
    return Head(name, wanted, type_, is_labels=True, labels=known.labels)


def _is_labels(known: Field, output: ModelOutput, loss: Any) -> bool:
    """Tell whether a head interprets its field as labels; whole numbers may also be values."""
    if known.is_text or known.labels is None:
        return known.is_text
    two = len(known.labels) <= 2
    if loss is not None and keras_objects.is_keras_loss(loss):
        return says_classes(loss) or (says_labels(loss) and two)
    return output.activation == "softmax" or (output.activation == "sigmoid" and two)
