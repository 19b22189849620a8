"""How a target is read: what each output of a model is to give, which its shape and loss decide."""

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
    """What is known of one field of y, or of y itself, before there is a model.

    Attributes
    ----------
    shape : tuple of int
        Of a row.
    labels : ndarray or None
        Sorted, those of all positions; None where the values have fractions.
    is_text : bool
        Whether the values can be nothing but labels: text, truth values, categories.
    has_missing : bool
        Whether some are NaN, None or the like.
    """

    shape: tuple[int, ...]
    labels: Any = None
    is_text: bool = False
    has_missing: bool = False

    @classmethod
    def of(cls, values: np.ndarray, categories: Any = None) -> Field:
        """Look at the values of a field."""
        missing = bool(is_missing_in(values).any())
        if categories is not None:
            return cls(values.shape[1:], np.sort(categories), True, missing)
        is_text = values.dtype.kind not in "fiu"
        return cls(values.shape[1:], labels_in(values), is_text, missing)


@dataclass(frozen=True)
class Head:
    """What one output of a model is to give.

    Attributes
    ----------
    name : object
        Of the field of y; None where y has no fields.
    output : Output
        The output layers that fit.
    target_type : str
        What the field is taken for, in the words of scikit-learn's ``type_of_target``.
    is_labels : bool
        Whether it is labels, not values.
    labels : ndarray or None
        All of them, sorted, where the target is a field.
    row : tuple of int or None
        The shape of a row of values, where it is not that of y: see ``RegressorTargetEncoder``.
    """

    name: Any
    output: Output
    target_type: str
    is_labels: bool
    labels: Any = None
    row: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Reading:
    """How y is read.

    Attributes
    ----------
    form : str
        ``"plain"`` (a row, or each column of it, is one target), ``"positions"`` (labels at each
        position of a row), ``"heads"`` (each field is the target of one output), or ``"unknown"``
        (a user's encoder says it).
    heads : list of Head
        One for each output, in the model's order; none where the reading is unknown.
    """

    form: str
    heads: list[Head] = field(default_factory=list)

    @property
    def expected(self) -> list[Output]:
        """The output layers that fit, one entry for each output."""
        return [head.output for head in self.heads]

    @property
    def is_raw(self) -> bool:
        """Whether an output is what only the user's loss can read."""
        return any(head.output.is_free for head in self.heads)


@dataclass(frozen=True)
class TargetFacts:
    """What is known of y before there is a model: of the whole, and of each field.

    Attributes
    ----------
    whole : Field
        Its labels are those of a classifier's y of several columns or axes.
    fields : dict of str to Field
        Of a y that has some.
    """

    whole: Field
    fields: Mapping[Any, Field] = field(default_factory=dict)

    @classmethod
    def of(cls, y: np.ndarray, layout: TargetLayout, *, labels: bool) -> TargetFacts:
        """Look at the target of a fit; `labels` says that the estimator is a classifier."""
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
        """What a model-building function may know of it, by the names of attributes."""
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
    """What a model may be asked for, before there is one.

    Attributes
    ----------
    expected : list of Output
        What the plain reading of y asks for, from ``output_layers.expected_outputs``.
    target_type : str
        The estimator's ``target_type_``.
    facts : TargetFacts
        What y looks like.
    is_known : bool
        False where a user's encoder makes the target.
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
        """Read the target by the outputs of a model.

        Parameters
        ----------
        outputs : sequence of ModelOutput
            Of the model.
        loss : any
            What it is, or will be, compiled with; None is what follows from the target.
        own_step : bool, default=False
            Whether the model computes its loss itself.

        Raises
        ------
        ValueError
            If fields and outputs do not go together, or two readings are possible.
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
            type_ = "multiclass"  # each column by itself
        return Reading(form, [Head(None, one, type_, not values, row=row) for one in wanted])

    def _positions(self, output: ModelOutput) -> Output | None:
        """What an output with a class axis asks for; None where it has none."""
        shape, wanted = self.whole.shape, None
        for positions in (shape, shape[:-1] if shape[-1:] == (1,) else ()):
            if positions and wanted is None:
                at = output_of_labels(self.whole, positions)
                wanted = at if at.has_axes_of(output) else None
        if wanted is None and len(shape) > 1:
            self._check_class_axis(output)
        return wanted

    def _check_class_axis(self, output: ModelOutput) -> None:
        """Raise for labels of several axes and an output that has no axis more."""
        row, units = output.shape[1:], self.whole.shape[-1]
        if len(row) == len(self.whole.shape):
            raise ValueError(
                f"y has rows of shape {self.whole.shape} and the model's output is {output.shape}, "
                f"which can be read in two ways: the last axis of y is {units} classes, one-hot "
                "(then pass the labels, y.argmax(axis=-1)), or it is one of positions, each with a "
                "label (then give the output an axis more, of one unit with 'sigmoid' or one for "
                f"each class with 'softmax': {output_of_labels(self.whole).shape})"
            )

    def _heads(self, outputs: Sequence[ModelOutput], loss: Any, own_step: bool) -> Reading:
        """Give each output the field of its name."""
        named = _by_output(self.facts.fields, outputs)
        known = [output.name for output in outputs]
        losses = losses_of(loss, len(outputs), known)
        if isinstance(loss, (Mapping, list, tuple)):
            without = [name for name, one in zip(named, losses, strict=True) if one is None]
            if without:
                raise ValueError(
                    f"loss has no entry for the head{'s' if len(without) > 1 else ''} "
                    f"{listed(map(repr, without))}: give each head its loss, "
                    f"loss={{{', '.join(f'{str(name)!r}: ...' for name in named)}}}, or leave loss "
                    "out, so that each follows from its field"
                )
        heads = []
        for name, output, its_loss in zip(named, outputs, losses, strict=True):
            heads.append(_head(name, self.facts.fields[name], output, its_loss, own_step))
        return Reading("heads", heads)


def output_of_values(known: Field, shape: tuple[int, ...] | None = None) -> Output:
    """What values of one shape a row ask for."""
    shape = known.shape if shape is None else shape
    units = shape[-1] if shape else 1
    if len(shape) > 1:
        return Output(((units, "linear"),), f"values of shape {shape} a row", shape[:-1])
    return Output(((units, "linear"),), f"{counted(units, 'value')} a row")


def output_of_labels(known: Field, positions: tuple[int, ...] | None = None) -> Output:
    """What labels at such positions of a row ask for; () is one label a row."""
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
    """Values with a last axis of length one more or less than y, as the output has; and a row."""
    row, got = known.shape, tuple(output.shape[1:])
    if output.shape[:1] != (None,) or not row or row == (1,):
        return wanted, None
    for other in ((*row, 1), row[:-1] if row[-1] == 1 else row):
        if other != row and len(got) == len(other) and output_of_values(known, other).fits(output):
            return output_of_values(known, other), other
    return wanted, None


def _freed(wanted: Output, output: ModelOutput, loss: Any, own_step: bool) -> Output:
    """Free the size of the last axis where only a loss of the user's own can read it."""
    if wanted.fits(output) or not wanted.has_axes_of(output) or not is_own_loss(loss, own_step):
        return wanted
    return replace(wanted, is_free=True)


def is_own_loss(loss: Any, own_step: bool = False) -> bool:
    """Tell whether a loss is the user's own, or a model computes its loss itself."""
    return own_step if loss is None else not keras_objects.is_keras_loss(loss)


def _by_output(fields: Mapping[Any, Field], outputs: Sequence[ModelOutput]) -> list[Any]:
    """The field of each output, by its name."""
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
            parts.append(f"no head has the field {listed(map(repr, unused))} of y{near}")
        if unfed:
            noun = "head" if len(unfed) == 1 else "heads"
            parts.append(f"y has no field for the {noun} {listed(map(repr, unfed))}")
        raise ValueError(
            f"the model's heads are {listed(map(repr, told))}, and y has the fields "
            f"{listed(map(repr, by_text))}: {', and '.join(parts)}. A head has the name of its "
            "output layer, or its key where the model gives a dict"
        )
    return [by_text[str(name)] for name in told]


def _head(name: Any, known: Field, output: ModelOutput, loss: Any, own_step: bool) -> Head:
    if not _is_labels(known, output, loss):
        wanted, row = _with_axis_of_one(output_of_values(known), known, output)
        wanted = _freed(wanted, output, loss, own_step)
        return Head(name, wanted, "continuous", is_labels=False, row=row)
    if known.labels is None or len(known.labels) < 2:
        raise ValueError(
            f"y[{name!r}] has {'one class' if known.labels is not None else 'fractions'}, and its "
            "head asks for labels: they need at least two classes"
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
    """Tell whether a field is labels to its head: whole numbers may be either."""
    if known.is_text or known.labels is None:
        return known.is_text
    two = len(known.labels) <= 2
    if loss is not None and keras_objects.is_keras_loss(loss):
        return says_classes(loss) or (says_labels(loss) and two)
    return output.activation == "softmax" or (output.activation == "sigmoid" and two)
