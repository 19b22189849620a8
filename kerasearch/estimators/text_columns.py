"""Checks for text and times in features, before scikit-learn or NumPy fail on them."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from .._utils.text import counted, listed, one_line
from ..training.backend_facts import backend_name, models_take_text


def check_no_text(who: str, X: Any) -> None:
    """Raise for features that are text, categories of text, or rows of different lengths.

    Parameters
    ----------
    who : str
        The class of the estimator whose model needs numbers, for the message.
    X : array-like, data frame, sparse matrix or dict of columns
        The features. Nothing is raised for objects and categories that can be converted to
        numbers, such as ``"1.5"``.

    Raises
    ------
    ValueError
        If X has text. The message names the columns and a transformer that encodes them.
    """
    found: list[tuple[Any, Any]] = []
    for name, column in columns_of(X):
        check_no_times("X" if name is None else f"X[{name!r}]", column)
        text = _first_text(column)
        if text is not None:
            found.append((name, text))
    if not found:
        return
    name, text = found[0]
    if isinstance(text, bytes):
        text = text.decode(errors="replace")
    value = repr(one_line(text, 40))
    takes, otherwise = f"the model of {who} needs numbers", "or"
    if not models_take_text():
        takes = f"models on {backend_name()} need numbers"
        otherwise = "or use the backend for text, KERAS_BACKEND=tensorflow, and"
    if name is None or (len(found) == 1 and len(str(text).split()) > 2):
        one_of = "" if name is None else f" in column {name!r}"
        step = "TfidfVectorizer()"
        if name is not None:
            step = f"make_column_transformer(({step}, {name!r}), remainder='passthrough')"
        raise ValueError(
            f"X has text{one_of} ({value}), but {takes}: convert documents to numbers first, for "
            f"example with make_pipeline({step}, {who}(...)), {otherwise} begin the model with "
            'keras.Input((), dtype="string") and an adapted keras.layers.TextVectorization'
        )
    names = [repr(name) for name, _ in found]
    noun = "column" if len(found) == 1 else f"{counted(len(found), 'column')}:"
    if _is_number(text):
        value += ", which X.astype(float) converts to a number"
    columns = "[" + ", ".join(names) + "]" if len(names) <= 3 else "[...]"
    raise ValueError(
        f"X has text in {noun} {listed(names)} (for example {value}), but {takes}: encode text "
        "first with OneHotEncoder or OrdinalEncoder, as in make_pipeline("
        f"make_column_transformer((OneHotEncoder(handle_unknown='ignore'), {columns}), "
        f"remainder='passthrough'), {who}(...)); {otherwise} add an Input with dtype=\"string\" "
        "to the model, and pass inputs= to say which columns go to which Input"
    )


def check_no_times(name: str, values: Any) -> None:
    """Raise for dates and durations, which NumPy would convert to numbers in an arbitrary unit."""
    if values is None or sparse.issparse(values):
        return
    array = np.asarray(values)
    first = array.ravel()[0] if array.dtype == object and array.size else None
    is_time = isinstance(first, np.datetime64 | np.timedelta64 | datetime.date | datetime.timedelta)
    if array.dtype.kind in "mM" or is_time or hasattr(first, "start_time"):
        kind = array.dtype if first is None else type(first).__name__
        raise ValueError(
            f"{name} must be numeric, but has times ({kind}): convert them to numbers in a unit "
            f"of your choice first, for example with ({name} - {name}.min()) / "
            "numpy.timedelta64(1, 'D')"
        )


def check_no_missing_text(name: str, values: np.ndarray) -> None:
    """Raise for missing values in text, which no model accepts."""
    if values.dtype != object or not has_text(values):
        return
    for i, value in enumerate(values.flat):
        if is_missing(value):
            raise ValueError(
                f"{name} has text and missing values, for example {value!r} in row "
                f"{i // max(1, values[0].size if values.ndim > 1 else 1)}: fill them first, for "
                f'example with {name}.fillna("")'
            )


def is_missing(value: Any) -> bool:
    """Tell whether a value is missing: None, NaN or pandas' NA."""
    return value is None or value is pd.NA or (isinstance(value, float) and value != value)


def columns_of(X: Any) -> Iterator[tuple[Any, np.ndarray]]:
    """List the columns that may not be numeric, by name or index.

    The name is None if X has no columns, such as an array with one text in each row.
    """
    if sparse.issparse(X) or _is_of_numbers(getattr(X, "dtype", None)):
        return
    if isinstance(X, dict):
        yield from X.items()
        return
    if is_frame(X):
        for i, (name, dtype) in enumerate(zip(X.columns, X.dtypes, strict=True)):
            if not _is_of_numbers(dtype):
                yield name, np.asarray(X.iloc[:, i] if hasattr(X, "iloc") else X[name])
        return
    array = as_array(X)
    if array.dtype.kind not in "fiubc":
        if array.ndim == 2 and array.dtype.kind not in "mM":
            yield from ((j, array[:, j]) for j in range(array.shape[1]))
        else:
            yield None, array


def _is_of_numbers(dtype: Any) -> bool:
    """Tell whether a column is numeric by its dtype, which may come from any library."""
    is_numeric = getattr(dtype, "is_numeric", None)  # a method of polars' dtypes
    return getattr(dtype, "kind", "O") in "fiubc" or (callable(is_numeric) and is_numeric())


def is_frame(X: Any) -> bool:
    """Tell whether X is a data frame of any library."""
    return hasattr(X, "columns") and hasattr(X, "dtypes")


def has_text(column: np.ndarray) -> bool:
    """Tell whether an array has text, including text such as ``"1.5"``."""
    if column.dtype.kind in "fiubcmM":
        return False
    return column.dtype.kind in "US" or any(isinstance(v, str | bytes) for v in column.flat)


def as_array(X: Any) -> np.ndarray:
    """Make an array of rows; a list with text becomes an array of objects."""
    try:
        array = np.asarray(X)
    except ValueError:
        lengths = sorted({len(row) for row in X if hasattr(row, "__len__")})
        if len(lengths) < 2:
            return np.empty(0)  # scikit-learn raises an error for it
        flat = [value for row in X if hasattr(row, "__iter__") for value in row]
        if any(isinstance(value, str | bytes) for value in flat):
            return np.array(flat, dtype=object)
        raise ValueError(
            f"X has rows of different lengths ({listed(lengths, 4)}): make the lengths equal, for "
            "example with keras.utils.pad_sequences(X)"
        ) from None
    if array.dtype.kind in "US" and isinstance(X, (list, tuple)):
        return np.array(X, dtype=object)  # keep numbers in a list with text
    return array


def _first_text(column: np.ndarray) -> Any:
    """Get the first text that is not a number; None if there is no such text."""
    if column.dtype.kind in "fiubcmM":
        return None
    if column.dtype.kind in "US":
        return column.flat[0] if column.size else None
    for value in column.flat:
        if isinstance(value, str | bytes) and not _is_number(value):
            return value
    return None


def _is_number(text: str | bytes) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
