"""Conversion of features to the form that the Inputs of a built model need."""

from __future__ import annotations

from typing import Any, NoReturn

import keras
import numpy as np

from .._utils.names import nearest
from .._utils.text import counted, listed, one_line
from ..training import data
from ..training.sparse_rows import dense
from .features import Features, Layout, column_of
from .text_columns import check_no_missing_text, check_no_text, has_text


def as_model_takes(model: keras.Model, features: Features, layout: Layout | None) -> Any:
    """Convert features to the structure, number of axes and dtypes of a model's Inputs.

    Parameters
    ----------
    model : keras.Model
        The model. If it has no known inputs before it is called, the features keep their names.
    features : array, or dict of arrays
        Rows as returned by `features.read`.
    layout : Layout or None
        The layout of X. None if a subclass's `feature_encoder` made the features, which are then
        not converted.

    Returns
    -------
    features : array, or dict or tuple of arrays
        Numbers keep their dtype, but are converted to integers for an integer Input. Text becomes
        objects of type str.

    Raises
    ------
    ValueError
        If a part of X does not fit its Input.
    """
    tensors = _tensors_by_name(model)
    if layout is None:
        _check_encoded(list(tensors.values()), features)
        return features
    if isinstance(features, dict):
        parts = _parts_by_input(features, tensors, layout)
    elif len(tensors) > 1:
        parts = _columns_by_input(features, tensors, layout)
    else:
        parts = {next(iter(tensors), "X"): ("X", features)}
    fitting = {
        name: _fitting(label, part, name, tensors.get(name), layout)
        for name, (label, part) in parts.items()
    }
    structure = getattr(model, "input", None) if tensors else None
    if isinstance(features, dict) and not tensors and layout.form != "list":
        return fitting
    if isinstance(structure, dict):
        return {name: fitting[name] for name in structure}
    arrays = tuple(fitting[name] for name in tensors or fitting)
    return arrays if len(arrays) > 1 or isinstance(structure, tuple) else arrays[0]


def called_on(model: keras.Model, features: Any, layout: Layout | None) -> Any:
    """Call a model on a row; an error message names the shape of the rows of X, or its text."""
    try:
        return model(data.as_keras_takes_them(features)[0])
    except Exception as error:
        arrays = data.leaves(features)
        if layout is not None and any(map(has_text, arrays)):
            names = layout.names if len(arrays) > 1 else ()
            check_no_text(layout.owner, dict(zip(names, arrays, strict=False)) or arrays[0])
        if not isinstance(error, ValueError):
            raise
        raise ValueError(
            f"the model cannot be called on X, whose rows have shape "
            f"{_shapes(arrays)}: {one_line(_plain(str(error)))}"
        ) from error


def check_categories(model: keras.Model, features: Any, layout: Layout | None) -> None:
    """Raise for numbers outside the range of an Embedding layer that reads an Input directly.

    Without this check, TensorFlow fails during training, or uses zeros on some devices.

    Parameters
    ----------
    model : keras.Model
        A built model.
    features : array, or dict or tuple of arrays
        Features as the model gets them.
    layout : Layout or None
        The layout of X, for the message.

    Raises
    ------
    ValueError
        If a number is outside the range. The message names the number, its column and
        ``input_dim``.
    """
    tensors = _tensors_by_name(model)
    arrays = (
        features
        if isinstance(features, dict)
        else dict(zip(tensors, data.leaves(features), strict=False))
    )
    if tensors.keys() != arrays.keys():
        return
    for name, tensor in tensors.items():
        layers = [layer for layer in _embeddings(model) if _reads(layer, tensor)]
        numbers = dense(arrays[name]) if layers else arrays[name]
        if not layers or getattr(numbers, "dtype", np.dtype("O")).kind not in "fiub":
            continue
        n_known = min(layer.input_dim for layer in layers)
        unknown = (numbers < 0) | (numbers >= n_known)
        if unknown.any():
            where = np.argwhere(unknown)[0]
            column = int(where[1]) if len(where) > 1 else None
            place = "" if column is None else f" in column {column}"
            part = "X"
            if layout is not None and len(tensors) > 1:
                part, place = layout.label(name, column), ""
            raise ValueError(
                f"{part} has {numbers[tuple(where)].item()!r}{place}, but the model's Embedding "
                f"has input_dim={n_known}, so it accepts 0 to {n_known - 1}: set input_dim to "
                "the number of possible categories. Add one for unknown categories, if you use "
                "OrdinalEncoder(handle_unknown='use_encoded_value', unknown_value=...)"
            )


def _tensors_by_name(model: keras.Model) -> dict[str, Any]:
    """Get the Inputs of a model in Keras' order, by the names that Keras uses to feed them.

    The dict is empty for a subclass of Model, and for a Sequential that is not built.
    """
    inputs = list(getattr(model, "inputs", None) or []) if model.built else []
    structure = getattr(model, "input", None) if inputs else None
    if isinstance(structure, dict):
        return {name: structure[name] for name in sorted(structure)}
    return {tensor.name: tensor for tensor in inputs}


def _parts_by_input(
    features: dict[Any, np.ndarray], tensors: dict[str, Any], layout: Layout
) -> dict[Any, tuple[str, np.ndarray]]:
    """Get the label and the values for each Input, from the parts of X."""
    labeled = {name: (layout.label(name), part) for name, part in features.items()}
    if not tensors or features.keys() == tensors.keys():
        return labeled
    if len(features) == len(tensors) and (layout.form == "list" or len(tensors) == 1):
        return dict(zip(tensors, labeled.values(), strict=True))
    if layout.form == "columns" and len(tensors) == 1:
        name, tensor = next(iter(tensors.items()))
        if _takes_text(tensor):
            columns = [_as_text(label, part, name) for label, part in labeled.values()]
        else:
            check_no_text(layout.owner, features)
            columns = [
                _as_numbers(label, part, name, tensor, layout) for label, part in labeled.values()
            ]
        return {name: ("X", np.stack(columns, axis=1))}
    _refuse(list(features), tensors, layout)


def _refuse(features: list[Any], tensors: dict[str, Any], layout: Layout) -> NoReturn:
    """Raise an error that names Inputs without a part of X, and parts without an Input."""
    unfed = [name for name in tensors if name not in features]
    unused = [name for name in features if name not in tensors]
    what = {"inputs": "inputs= has", "fields": "X has the fields"}.get(layout.form, "X has")
    told = [f"there are no data for {listed(map(repr, unfed))}"] if unfed else []
    told += [f"there is no Input for {listed(map(repr, unused))}"] if unused else []
    near = [n for name in unfed for n in nearest(name, map(str, unused), n=1)]
    advice = f"; did you mean {listed(map(repr, near))}?" if near else ""
    if layout.form in ("columns", "array"):
        advice += "; pass inputs= to say which columns go to which Input"
    raise ValueError(
        f"the model has {counted(len(tensors), 'Input')}, {listed(map(repr, tensors))}, and {what} "
        f"{listed(map(repr, features))}: {' and '.join(told)}{advice}"
    )


def _columns_by_input(
    array: np.ndarray, tensors: dict[str, Any], layout: Layout
) -> dict[Any, tuple[str, np.ndarray]]:
    """Get the label and the values for each Input, from an array with columns of these names."""
    if layout.names and set(layout.names) != tensors.keys():
        _refuse(list(layout.names), tensors, layout)
    if not layout.names or array.ndim != 2:
        raise ValueError(
            f"the model has {counted(len(tensors), 'input')} "
            f"({', '.join(f'{n!r} {tuple(t.shape)}' for n, t in tensors.items())}), but X is "
            f"one array with rows of shape {array.shape[1:]}: pass inputs= to say which columns "
            f"go to which Input, for example inputs={{{next(iter(tensors))!r}: [0, 1], ...}}, or "
            "combine arrays of any shapes with kerasearch.stack_inputs"
        )
    found = {}
    for j, name in enumerate(layout.names):
        found[name] = (layout.label(name), column_of(array, j, layout))
    return found


def _fitting(label: str, part: np.ndarray, name: Any, tensor: Any, layout: Layout) -> np.ndarray:
    """Convert one part of X to the dtype and number of axes of its Input, and check it."""
    if _takes_text(tensor) or (tensor is None and has_text(part)):
        part = _as_text(label, part, name)
    elif has_text(part):
        check_no_text(layout.owner, layout.columns(name, part))
        part = _as_numbers(label, part, name, tensor, layout)
    elif layout.form != "array":  # a single array was checked when it was read
        part = _as_numbers(label, part, name, tensor, layout)
    if tensor is None:
        return part
    wanted, got = tuple(tensor.shape)[1:], part.shape[1:]
    longer, shorter = _agree(wanted, (*got, 1)), _agree((*wanted, 1), got)
    if _agree(wanted, got) or (layout.form == "array" and label == "X" and (longer or shorter)):
        return part  # Keras itself adds or removes a last axis of size 1
    if longer or shorter:
        return part[..., np.newaxis] if longer else part[..., 0]
    if label != "X":
        raise ValueError(
            f"{label} has rows of shape {got}, but the model's Input {name!r} has shape "
            f"{tuple(tensor.shape)}"
        )
    raise ValueError(_wrong_shape(tensor, got))


def _as_text(label: str, part: np.ndarray, name: Any) -> np.ndarray:
    if part.dtype.kind == "S":
        return np.char.decode(part, "utf-8").astype(object)
    if part.dtype.kind == "U":
        return part.astype(object)
    check_no_missing_text(label, part)
    if part.dtype != object:
        raise ValueError(
            f"{label} has numbers ({part.dtype}), but the model's Input {name!r} needs text: "
            f"convert them with {label}.astype(str)"
        )
    if all(type(value) is str for value in part.flat):
        return part
    values = np.empty(part.shape, dtype=object)
    for i, value in enumerate(part.flat):
        if isinstance(value, bytes):
            value = value.decode()
        elif not isinstance(value, str):
            raise ValueError(
                f"{label} has text and {value!r}, but the model's Input {name!r} needs text: "
                f"convert all values with {label}.astype(str)"
            )
        values.flat[i] = value
    return values


def _as_numbers(label: str, part: np.ndarray, name: Any, tensor: Any, layout: Layout) -> np.ndarray:
    if part.dtype.kind not in "fiub":
        try:
            part = part.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{label} must be numeric: {error}") from error
    if part.dtype.kind != "f":
        return part
    finite = np.isfinite(part) | (np.isnan(part) if layout.allow_nan else False)
    if not finite.all():
        row = int(np.argwhere(~finite)[0][0])
        what = "missing values (NaN)" if np.isnan(part).any() else "infinite values"
        raise ValueError(
            f"{label} has {what}, the first in row {row}: fill them first, for example with "
            "sklearn.impute.SimpleImputer. If the model can handle NaN, pass allow_nan=True instead"
        )
    if tensor is not None and np.issubdtype(_numpy_dtype(tensor), np.integer):
        if np.isnan(part).any():
            raise ValueError(
                f"{label} has missing values (NaN), but the model's Input {name!r} needs whole "
                f"numbers ({tensor.dtype}), which cannot be NaN: use a whole number that means "
                "missing"
            )
        fractions = part != np.round(part)
        if fractions.any():
            raise ValueError(
                f"{label} has {part[fractions].flat[0].item()!r}, but the model's Input {name!r} "
                f"needs whole numbers ({tensor.dtype})"
            )
        return part.astype(_numpy_dtype(tensor))
    return part


def _check_encoded(tensors: list[Any], features: Any) -> None:
    """Raise if the number or the shapes of features differ from a model's Inputs."""
    arrays = keras.tree.flatten(features)
    if not tensors:
        return
    if len(tensors) != len(arrays):
        raise ValueError(
            f"the model has {counted(len(tensors), 'input')} "
            f"({', '.join(str(tuple(i.shape)) for i in tensors)}), but the feature encoder gives "
            f"{counted(len(arrays), 'array')} with rows of shape {_shapes(arrays)}"
        )
    for tensor, array in zip(tensors, arrays, strict=True):
        wanted, got = tuple(tensor.shape)[1:], np.shape(array)[1:]
        # Keras adds or removes a last axis of size 1
        if not (_agree(wanted, got) or _agree(wanted, (*got, 1)) or _agree((*wanted, 1), got)):
            raise ValueError(_wrong_shape(tensor, got))


def _wrong_shape(tensor: Any, got: tuple[int, ...]) -> str:
    wanted = tuple(tensor.shape)[1:]
    advice = ""
    if None not in wanted and len(wanted) != len(got) and np.prod(wanted) == np.prod(got):
        advice = f", or begin the model with keras.layers.Reshape({wanted}) on an input of {got}"
    return (
        f"X has rows of shape {got}, but the model's input has shape {tuple(tensor.shape)}: "
        "give the model-building function an argument `meta` and begin the model with "
        f"keras.Input(meta['X_shape_'][1:]){advice}"
    )


def _takes_text(tensor: Any) -> bool:
    return tensor is not None and keras.backend.standardize_dtype(tensor.dtype) == "string"


def _numpy_dtype(tensor: Any) -> Any:
    name = keras.backend.standardize_dtype(tensor.dtype)
    return np.dtype(np.float32 if name == "bfloat16" else name)


def _embeddings(model: keras.Model) -> list[Any]:
    return [layer for layer in model.layers if type(layer) is keras.layers.Embedding]


def _reads(layer: Any, tensor: Any) -> bool:
    try:
        return layer.input is tensor
    except (AttributeError, ValueError):  # the layer was called several times, or never
        return False


def _agree(wanted: tuple[int | None, ...], got: tuple[int, ...]) -> bool:
    return len(wanted) == len(got) and all(w in (None, g) for w, g in zip(wanted, got, strict=True))


def _shapes(arrays: list[Any]) -> str:
    return ", ".join(str(np.shape(array)[1:]) for array in arrays)


def _plain(text: str) -> str:
    """Remove colors and the list of arguments from a message of Keras."""
    text = text.replace("\x1b[1m", "").replace("\x1b[0m", "")
    return text.partition("Arguments received by")[0].strip()
