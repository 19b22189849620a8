"""Reading of y into a target: one array, or one array for each field.

y is one array with any number of axes, or a data frame or structured array with a field for each
head of the model. A fit determines the `TargetLayout` of y before a model is built. Later calls
read y with the same layout. The module `target_reading` decides whether a field has labels or
values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from .._utils.names import did_you_mean
from .._utils.text import listed
from .features import dense_part
from .text_columns import check_no_times, columns_of, has_text, is_frame


@dataclass(frozen=True)
class TargetLayout:
    """How the rows of y become a target.

    Attributes
    ----------
    form : str
        ``"array"``; ``"columns"`` (a data frame of numbers, which is read as fields if the model
        has several heads, otherwise as one array); or ``"fields"`` (a structured array, or a data
        frame with columns of labels).
    names : tuple
        The names of the fields.
    dtypes : tuple of dtype
        The dtypes of the fields, if y is a data frame.
    frame : type or None
        The class of the data frame; None if y is not a data frame.
    categories : dict
        All labels of each categorical column, by name.
    """

    form: str
    names: tuple[Any, ...] = ()
    dtypes: tuple[Any, ...] = ()
    frame: Any = None
    categories: Mapping[Any, np.ndarray] = field(default_factory=dict)

    def in_form(self, parts: Mapping[Any, np.ndarray], index: Any = None) -> Any:
        """Give predictions of the fields the form of y.

        Parameters
        ----------
        parts : dict of arrays
            The predictions, by the names of the fields.
        index : pandas.Index, default=None
            The index of X, if it has one.

        Returns
        -------
        predictions : data frame or structured array
            The predictions. In a data frame, a field with arrays as rows is a column of objects.
        """
        if self.frame is None:
            return structured(parts)
        columns = {name: part if part.ndim == 1 else list(part) for name, part in parts.items()}
        if not hasattr(self.frame, "iloc"):
            return self.frame(columns)
        return self.frame(columns, index=index)


def layout_of_target(y: Any, *, labels: bool) -> TargetLayout:
    """Determine the layout of the y of a fit.

    Parameters
    ----------
    y : array-like, data frame or structured array
        The target as the user passed it.
    labels : bool
        Whether the estimator is a classifier. All columns of its data frames are labels.

    Raises
    ------
    ValueError
        If a classifier gets a y with fields.
    """
    fields = getattr(getattr(y, "dtype", None), "names", None)
    if labels and (fields or (is_frame(y) and _is_mixed(y))):
        raise ValueError(
            f"y has the fields {listed(map(repr, fields or y.columns))}, one for each head: for "
            "several heads, use KerasRegressor, whose heads may have labels too. KerasClassifier "
            "accepts one target, or several columns of classes"
        )
    if fields:
        return TargetLayout("fields", tuple(fields))
    if labels or not is_frame(y) or len(y.columns) < 2 or len(set(y.columns)) < len(y.columns):
        return TargetLayout("array")
    columns = {name: y[name] for name in y.columns}
    parts = {name: dense_part(column) for name, column in columns.items()}
    categories = {
        name: np.asarray(column.cat.categories)
        for name, column in columns.items()
        if isinstance(getattr(column, "dtype", None), pd.CategoricalDtype)
    }
    are_numbers = all(
        part.dtype.kind in "fiub" or (part.dtype.kind == "O" and not has_text(part))
        for part in parts.values()
    )
    return TargetLayout(
        "columns" if are_numbers else "fields",
        tuple(columns),
        tuple(part.dtype for part in parts.values()),
        type(y),
        categories,
    )


def read_fields(y: Any, layout: TargetLayout, owner: str) -> np.ndarray:
    """Read a y with fields into a structured array.

    Raises
    ------
    ValueError
        If y does not have the same fields as in the fit.
    """
    names = tuple(y.columns) if is_frame(y) else getattr(getattr(y, "dtype", None), "names", None)
    if names is None:
        raise ValueError(
            f"{owner} was fitted on a y with the fields {listed(map(repr, layout.names))}, but "
            f"y is a {type(y).__name__} without names"
        )
    for name in layout.names:
        if name not in names:
            raise ValueError(
                f"y does not have the field {name!r}, which {owner} was fitted on"
                f"{did_you_mean(str(name), [str(n) for n in names])}"
            )
    for name in names:
        if name not in layout.names:
            raise ValueError(
                f"y has a field {name!r}, which {owner} was not fitted on"
                f"{did_you_mean(str(name), [str(n) for n in layout.names])}"
            )
    parts = {name: dense_part(y[name]) for name in layout.names}
    for name, part in parts.items():
        check_no_times(f"y[{name!r}]", part)
        if part.dtype.kind == "O" and not has_text(part) and not _has_labels(part):
            part = parts[name] = np.asarray(part, dtype=np.float64)
        if part.dtype.kind == "f" and np.isinf(part).any():
            raise ValueError(f"y[{name!r}] has infinite values")
    return structured(parts)


def fields_of(y: np.ndarray, layout: TargetLayout) -> dict[Any, np.ndarray]:
    """Get the fields of a target by name; integer columns of a data frame stay integers."""
    if y.dtype.names is not None:
        return {name: y[str(name)] for name in layout.names}
    parts = {}
    for j, (name, dtype) in enumerate(zip(layout.names, layout.dtypes, strict=True)):
        whole = dtype.kind in "iub" and not np.isnan(y[:, j]).any()
        parts[name] = y[:, j].astype(dtype) if whole else y[:, j]
    return parts


def structured(parts: Mapping[Any, np.ndarray]) -> np.ndarray:
    """Combine arrays as the fields of a structured array."""
    dtype = np.dtype([(str(name), part.dtype, part.shape[1:]) for name, part in parts.items()])
    rows = np.empty(len(next(iter(parts.values()))), dtype=dtype)
    for name, part in parts.items():
        rows[str(name)] = part
    return rows


def labels_in(values: np.ndarray) -> np.ndarray | None:
    """Get the sorted labels of all positions, without missing ones; None if there are fractions."""
    values = values.ravel()
    if values.dtype.kind in "fO":
        values = values[~pd.isna(values)]
    if values.dtype.kind == "f" and not np.array_equal(values, np.round(values)):
        return None
    return np.unique(values)


def rarest_labels(y: np.ndarray) -> np.ndarray:
    """Get the index of the rarest label of each row, as strata.

    Labels that only one row has are ignored, because a stratum needs at least two rows.
    """
    missing = is_missing_in(y)
    labels, numbers = np.unique(y[~missing], return_inverse=True)
    at: Any = np.full(y.shape, -1)
    at[~missing] = numbers
    at = at.reshape(len(y), -1)
    has = np.stack([(at == number).any(axis=1) for number in range(len(labels))], axis=1)
    n_rows = np.where(has.sum(axis=0) < 2, len(y) + 1, has.sum(axis=0))
    strata = np.where(has, n_rows, len(y) + 2).argmin(axis=1)
    sizes = np.bincount(strata)
    return np.where(sizes[strata] < 2, sizes.argmax(), strata)


def is_missing_in(values: np.ndarray) -> np.ndarray:
    """Tell which cells of a target are NaN, None or pandas' NA."""
    if values.dtype.kind not in "fO":
        return np.zeros(values.shape, dtype=bool)
    return np.asarray(pd.isna(values))


def _is_mixed(frame: Any) -> bool:
    """Tell whether some columns of a frame are text and others are numbers."""
    texts = {name for name, column in columns_of(frame) if has_text(column)}
    return 0 < len(texts) < len(frame.columns)


def _has_labels(part: np.ndarray) -> bool:
    """Tell whether an array of objects has booleans."""
    return any(isinstance(value, bool | np.bool_) for value in part.flat)
