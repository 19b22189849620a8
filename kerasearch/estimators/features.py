"""Reading of X into features: one array, or several named arrays.

X is anything that scikit-learn can index by rows, such as an array, a data frame, a structured
array, or a list of documents. A fit determines the `Layout` of X, before a model is built.
Predictions read X with the same layout. The model decides which dtype and number of axes each part
must have: see `model_inputs`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import Bunch

from .._utils.names import did_you_mean
from .._utils.plain_values import as_python
from .._utils.text import counted, listed
from ..training.loaded_rows import is_loaded
from ..training.sparse_rows import dense
from .text_columns import (
    as_array,
    check_no_text,
    check_no_times,
    columns_of,
    has_text,
    is_frame,
    is_missing,
)

# one array, or a dict of arrays by name (by index, if X is a list)
Features: TypeAlias = Any


@dataclass(frozen=True)
class Layout:
    """How the rows of X become features.

    Attributes
    ----------
    form : str
        ``"array"`` (numbers), ``"text"`` (one array of text), ``"columns"`` (a data frame with
        some text columns), ``"inputs"`` (as the parameter `inputs` says), ``"fields"`` (a
        structured array), ``"dict"`` or ``"list"`` (of arrays).
    owner : str
        The class of the estimator, for messages.
    names : tuple
        The names of columns, fields or arrays; empty if they have no names.
    dtypes : tuple of dtype
        The dtypes of the columns of a data frame of numbers.
    inputs : dict
        The parameter `inputs`: columns by the name of the Input.
    allow_nan : bool
        Whether numbers may be missing.
    """

    form: str
    owner: str
    names: tuple[Any, ...] = ()
    dtypes: tuple[Any, ...] = ()
    inputs: Mapping[str, Any] = field(default_factory=dict)
    allow_nan: bool = False

    def label(self, name: Any, column: int | None = None) -> str:
        """Describe a part of X, or a column of the part, for a message."""
        if self.form != "inputs":
            return f"X[{name!r}]" + ("" if column is None else f", column {column},")
        members = self._members(name)
        if not members or (column is None and len(members) > 1):
            return f"inputs[{name!r}]" + ("" if column is None else f", column {column},")
        member = members[min(column or 0, len(members) - 1)]
        return f"X[{member!r}]" if isinstance(member, str) else f"X[:, {member}]"

    def columns(self, name: Any, part: np.ndarray) -> Any:
        """Get a dict of the columns of a part, by their names in X; an array without names."""
        if self.form in ("array", "text"):
            return {self.names[0]: part} if len(self.names) == 1 else part
        members = self._members(name) if self.form == "inputs" else []
        if part.ndim == 2 and len(members) == part.shape[1]:
            return {member: part[:, j] for j, member in enumerate(members)}
        return {members[0] if len(members) == 1 else name: part}

    def _members(self, name: str) -> list[Any]:
        columns = self.inputs.get(name, ())
        if isinstance(columns, slice):
            return []
        return [columns] if isinstance(columns, str | int | np.integer) else list(columns)


def layout_of(X: Any, y: Any, inputs: Any, owner: str) -> Layout:
    """Determine the layout of the X of a fit.

    Parameters
    ----------
    X : array-like, data frame, sparse matrix, dict or list of arrays
        The features as the user passed them.
    y : array-like
        The target. Its length distinguishes a list of rows from a list of arrays.
    inputs : dict or None
        The estimator's parameter.
    owner : str
        The class of the estimator.

    Raises
    ------
    TypeError, ValueError
        If `inputs` is not valid.
    """
    if inputs is not None:
        return Layout("inputs", owner, inputs=_checked_inputs(inputs))
    if sparse.issparse(X):  # this check comes first, because one sparse format is a dict
        return Layout("array", owner)
    if isinstance(X, Mapping):
        return Layout("dict", owner, names=tuple(X))
    if _is_list_of_arrays(X, y):
        return Layout("list", owner, names=tuple(range(len(X))))
    fields = getattr(getattr(X, "dtype", None), "names", None)
    if fields:
        return Layout("fields", owner, names=fields)
    if is_frame(X):
        return _layout_of_frame(X, owner)
    values = as_array(X)
    if not has_text(values):
        return Layout("array", owner)
    # Rows with different numbers of texts become an array of lists, not an array of text.
    if values.ndim > 2 or len(values) != len(X) or not _is_all_text(values):
        check_no_text(owner, values)
        return Layout("array", owner)  # all text in it can be converted to numbers
    return Layout("text", owner)


def read(X: Any, layout: Layout) -> Features:
    """Read X into one array, or one array for each part, without checks of the values.

    Raises
    ------
    ValueError
        If X does not have the layout of the fit, or its parts have different numbers of rows.
    """
    parts: dict[Any, Any]
    if layout.form == "inputs":
        parts = {name: _columns(X, name, columns) for name, columns in layout.inputs.items()}
    elif layout.form == "columns":
        parts = {
            name: _column(X, name, f"X, which {layout.owner} was fitted on, had")
            for name in layout.names
        }
    elif layout.form in ("fields", "dict"):
        parts = {name: _part(X, name, layout) for name in layout.names}
    elif layout.form == "list":
        if not isinstance(X, list | tuple) or len(X) != len(layout.names):
            raise ValueError(
                f"{layout.owner} was fitted on a list of {counted(len(layout.names), 'array')}, "
                "and X must be a list of as many arrays"
            )
        parts = dict(enumerate(X))
    else:
        return _one_array(X, layout)
    parts = {name: dense_part(part) for name, part in parts.items()}
    for name, part in parts.items():
        check_no_times(layout.label(name), part)
    _check_lengths(parts, layout)
    return parts


def n_rows(features: Features) -> int:
    """Get the number of rows of features."""
    first = next(iter(features.values())) if isinstance(features, dict) else features
    return int(first.shape[0])


def take(features: Features, rows: Any) -> Features:
    """Select rows of features by a slice, indices or a mask."""
    if isinstance(features, dict):
        return {name: part[rows] for name, part in features.items()}
    return features[rows]


def first_row(features: Features) -> Features:
    """Get the first row of features with all its parts, as dense arrays in memory."""
    return take(dense(features.example if is_loaded(features) else features), slice(1))


def is_default_encoder(encoder: Any) -> bool:
    """Tell whether a `feature_encoder` does not change features."""
    return type(encoder) is FunctionTransformer and encoder.func is None


def describe(features: Features, layout: Layout) -> dict[Any, Bunch] | None:
    """Collect facts about the named parts of the training rows, for the model-building function.

    Returns
    -------
    inputs : dict of str to Bunch, or None
        For each part, ``shape`` (of a row) and ``dtype``. Whole numbers and text with at most one
        axis in a row also have ``n_categories`` and the sorted ``vocabulary``, a list. None if X
        has no named parts.
    """
    if is_loaded(features):  # an example of few rows does not have all categories
        found = describe(features.example, layout)
        for part in (found or {}).values():
            for name in ("vocabulary", "n_categories"):
                part.pop(name, None)
        return found
    if isinstance(features, dict):
        return {name: _described(part) for name, part in features.items()}
    if features.ndim != 2 or len(layout.names) != features.shape[1]:
        return None
    columns = {}
    for j, name in enumerate(layout.names):
        columns[name] = _described(column_of(features, j, layout))
    return columns


def column_of(array: np.ndarray, j: int, layout: Layout) -> np.ndarray:
    """Get a column of an array that was a data frame, with the column's own integer dtype.

    An array of a data frame with floats is a float array.
    """
    dtype = layout.dtypes[j] if layout.dtypes else None
    whole = dtype is not None and dtype.kind in "iub"
    return array[:, j].astype(dtype) if whole else array[:, j]


def _described(part: np.ndarray) -> Bunch:
    found = Bunch(shape=part.shape[1:], dtype=part.dtype)
    if part.dtype.kind in "iubUSO" and part.ndim <= 2:
        values = [value for value in pd.unique(part.ravel()) if not is_missing(value)]
        kinds = {isinstance(value, str | bytes) for value in values}
        if part.dtype.kind != "O" or kinds == {True}:
            found.vocabulary = sorted(as_python(value) for value in values)
            found.n_categories = len(values)
    return found


def shape_and_dtype(features: Features) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Get the shape and dtype of features as one table; each named part counts as one column."""
    if is_loaded(features):
        (_, *shape), dtype = shape_and_dtype(features.example)
        return (len(features), *shape), dtype
    if isinstance(features, dict):
        dtypes = {part.dtype for part in features.values()}
        dtype = dtypes.pop() if len(dtypes) == 1 else np.dtype(object)
        return (n_rows(features), len(features)), dtype
    return features.shape if features.ndim > 1 else (len(features), 1), features.dtype


def _layout_of_frame(X: Any, owner: str) -> Layout:
    names = tuple(X.columns)
    texts = [name for name, column in columns_of(X) if has_text(column)]
    if not texts:
        dtypes = tuple(_dtype(X, *column) for column in zip(names, X.dtypes, strict=True))
        return Layout("array", owner, names=names, dtypes=dtypes)
    if len(names) == 1:
        return Layout("text", owner, names=names)
    if len(set(names)) < len(names):
        check_no_text(owner, X)
    return Layout("columns", owner, names=names)


def _dtype(X: Any, name: Any, dtype: Any) -> Any:
    """Get NumPy's dtype of a column of numbers; None if the column has no such dtype."""
    dtype = getattr(dtype, "numpy_dtype", dtype)  # pandas' nullable dtypes have this attribute
    if not hasattr(X, "iloc"):
        return np.asarray(X[name][:1]).dtype
    return dtype if isinstance(dtype, np.dtype) else None


def _checked_inputs(inputs: Any) -> dict[str, Any]:
    wanted = (
        "a dict from the names of the model's Inputs to columns of X: a name, a list of names, or "
        "positions, for example {'numbers': ['age', 'fare'], 'cabin': 'cabin'}; to set an "
        "argument `inputs` of the model-building function, pass model__inputs"
    )
    if not isinstance(inputs, Mapping) or not inputs:
        raise TypeError(f"inputs={inputs!r} must be {wanted}")
    taken: dict[Any, str] = {}
    for name, columns in inputs.items():
        single = _is_name(columns) or _is_position(columns)
        several = isinstance(columns, list | tuple | np.ndarray) and len(columns) > 0
        if not isinstance(name, str) or not (single or several or isinstance(columns, slice)):
            raise TypeError(f"inputs has {name!r}: {columns!r}; it must be {wanted}")
        members = [columns] if single else [] if isinstance(columns, slice) else list(columns)
        if not (all(map(_is_name, members)) or all(map(_is_position, members))):
            raise TypeError(f"inputs has {name!r}: {columns!r}; it must be {wanted}")
        for column in members:
            if column in taken:
                other = taken[column]
                both = f"both inputs[{other!r}] and inputs[{name!r}]"
                where = f"inputs[{name!r}] twice" if other == name else both
                raise ValueError(
                    f"the column {column!r} of X is in {where}; a column goes to one Input only"
                )
            taken[column] = name
    return {
        name: columns.tolist() if isinstance(columns, np.ndarray) else columns
        for name, columns in inputs.items()
    }


def _is_name(value: Any) -> bool:
    return isinstance(value, str)


def _is_position(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _is_list_of_arrays(X: Any, y: Any) -> bool:
    """Tell whether X is a list of arrays, one for each Input, and not a list of rows."""
    if not isinstance(X, list | tuple) or not X or y is None or not hasattr(y, "__len__"):
        return False
    lengths = {len(part) if getattr(part, "ndim", 0) else None for part in X}
    return len(X) != len(y) and lengths == {len(y)}


def _is_all_text(values: np.ndarray) -> bool:
    if values.dtype.kind in "US":
        return True
    one_a_row = values.ndim == 1
    return all(isinstance(v, str | bytes) or (one_a_row and is_missing(v)) for v in values.flat)


def _one_array(X: Any, layout: Layout) -> np.ndarray:
    """Read X as one array of text."""
    if is_frame(X):
        values = _column(X, layout.names[0] if layout.names else X.columns[0], "X had")
    else:
        values = np.asarray(as_array(X))
    if not has_text(values):
        raise ValueError(f"X has no text, but {layout.owner} was fitted on text")
    return values


def _columns(X: Any, name: str, columns: Any) -> Any:
    """Read the columns that `inputs` names for one Input."""
    wants = f"inputs[{name!r}] needs"
    if _is_name(columns):
        return _column(X, columns, wants)
    if isinstance(columns, slice) or _is_position(columns) or _is_position(columns[0]):
        return _positions(X, columns, wants)
    parts = [np.asarray(_column(X, column, wants)) for column in columns]
    return np.stack(_of_one_kind(parts), axis=1)


def _of_one_kind(parts: list[np.ndarray]) -> list[np.ndarray]:
    """Convert arrays to objects if only some are text; stacking would turn numbers into text."""
    if len({part.dtype.kind in "USO" for part in parts}) > 1:
        return [part.astype(object) for part in parts]
    return parts


def _column(X: Any, name: Any, wants: str) -> np.ndarray:
    fields = getattr(getattr(X, "dtype", None), "names", None)
    if not is_frame(X) and not fields:
        raise ValueError(
            f"{wants} the column {name!r}, but X is {_kind(X)} without names: pass a data frame "
            '(set_output(transform="pandas") in a pipeline), or use positions in inputs'
        )
    names = list(fields or X.columns)
    if name not in names:
        raise ValueError(
            f"{wants} the column {name!r}, which X does not have; it has "
            f"{listed([repr(n) for n in names], 8)}{did_you_mean(str(name), map(str, names))}"
        )
    if names.count(name) > 1:
        raise ValueError(f"{wants} the column {name!r}, which X has {names.count(name)} times")
    return _values(X[name])


def _positions(X: Any, columns: Any, wants: str) -> np.ndarray:
    if is_frame(X):
        n_columns = len(X.columns)
    elif sparse.issparse(X):
        n_columns = X.shape[1]
    else:
        X = as_array(X)
        n_columns = X.shape[1] if X.ndim > 1 else 0
    chosen = range(n_columns)[columns] if isinstance(columns, slice) else np.ravel(columns).tolist()
    beyond = [i for i in chosen if not -n_columns <= i < n_columns]
    if beyond or not len(chosen):
        which = f"column {beyond[0]}" if beyond else f"the columns {columns}"
        raise ValueError(f"{wants} {which}, but X has {counted(n_columns, 'column')}")
    if is_frame(X):
        names = [X.columns[i] for i in chosen]
        parts = [
            _values(X.iloc[:, i] if hasattr(X, "iloc") else X[n])
            for i, n in zip(chosen, names, strict=True)
        ]
        return parts[0] if _is_position(columns) else np.stack(_of_one_kind(parts), axis=1)
    return X[:, int(columns)] if _is_position(columns) else X[:, list(chosen)]


def _part(X: Any, name: Any, layout: Layout) -> Any:
    """Get a field of a structured array, or an array of a dict."""
    names = (
        tuple(X) if isinstance(X, Mapping) else getattr(getattr(X, "dtype", None), "names", None)
    )
    if not names:
        what = "a structured array" if layout.form == "fields" else "a dict of arrays"
        raise ValueError(
            f"{layout.owner} was fitted on {what} with {listed([repr(n) for n in layout.names])}, "
            f"but X is {_kind(X)}"
        )
    if name not in names:
        raise ValueError(
            f"X does not have {name!r}, which {layout.owner} was fitted on"
            f"{did_you_mean(str(name), [str(n) for n in names])}"
        )
    return X[name]


def _values(column: Any) -> np.ndarray:
    """Get the values of a column of a data frame; whole numbers stay integers."""
    kind = getattr(getattr(column, "dtype", None), "kind", "O")
    values = np.asarray(column)
    if values.dtype == object and kind in "iufb" and hasattr(column, "to_numpy"):  # pandas' Int64
        missing = bool(column.isna().any())
        if missing:
            return column.to_numpy(np.float64, na_value=np.nan)
        return column.to_numpy(column.dtype.numpy_dtype)
    return values


def dense_part(part: Any) -> np.ndarray:
    """Get the values of an array-like, series, data frame or sparse matrix as a dense array."""
    if sparse.issparse(part):
        return part.toarray()
    if is_frame(part):
        columns = [_values(part[name]) for name in part.columns]
        return np.stack(_of_one_kind(columns), axis=1)
    values = np.asarray(_values(part) if hasattr(part, "to_numpy") else as_array(part))
    return np.ascontiguousarray(values) if values.ndim else values


def _check_lengths(parts: Mapping[Any, np.ndarray], layout: Layout) -> None:
    for name, part in parts.items():
        if not part.ndim:
            raise ValueError(f"{layout.label(name)} is {part!r}, which has no rows")
    lengths = {name: len(part) for name, part in parts.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{layout.label(name)} {n}" for name, n in lengths.items())
        raise ValueError(f"the parts of X have different numbers of rows: {told}")


def _kind(X: Any) -> str:
    return "an array" if isinstance(X, np.ndarray) else f"a {type(X).__name__}"
