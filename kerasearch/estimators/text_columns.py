"""Text and times among the features: found before scikit-learn or NumPy fail on them."""

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
        The class of the estimator whose model wants numbers, for the message.
    X : array-like, data frame, sparse matrix or dict of columns
        The features. Text that is a number, as ``"1.5"`` among objects, and categories that are
        numbers are left to scikit-learn.

    Raises
    ------
    ValueError
        Naming the columns, one of the values, and the transformer that makes numbers of them.
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
    takes, otherwise = f"the model of {who} takes numbers", "or"
    if not models_take_text():
        takes = f"models on {backend_name()} take numbers alone"
        otherwise = "or choose the backend that takes text, by KERAS_BACKEND=tensorflow, and"
    if name is None or (len(found) == 1 and len(str(text).split()) > 2):
        one_of = "" if name is None else f" in column {name!r}"
        step = "TfidfVectorizer()"
        if name is not None:
            step = f"make_column_transformer(({step}, {name!r}), remainder='passthrough')"
        raise ValueError(
            f"X has text{one_of} ({value}), and {takes}: turn documents into numbers first, by "
            f"make_pipeline({step}, {who}(...)) for example, {otherwise} let the model begin with "
            'keras.Input((), dtype="string") and an adapted keras.layers.TextVectorization'
        )
    names = [repr(name) for name, _ in found]
    noun = "column" if len(found) == 1 else f"{counted(len(found), 'column')}:"
    if _is_number(text):
        value += ", which X.astype(float) makes a number"
    columns = "[" + ", ".join(names) + "]" if len(names) <= 3 else "[...]"
    raise ValueError(
        f"X has text in {noun} {listed(names)} ({value}, for example), and {takes}: encode it "
        "first, with OneHotEncoder or OrdinalEncoder: make_pipeline("
        f"make_column_transformer((OneHotEncoder(handle_unknown='ignore'), {columns}), "
        f"remainder='passthrough'), {who}(...)); {otherwise} give the model an Input for it, with "
        'dtype="string", and say by inputs= which columns go where'
    )


def check_no_times(name: str, values: Any) -> None:
    """Raise for dates and durations, which NumPy would turn into its own ticks."""
    if values is None or sparse.issparse(values):
        return
    array = np.asarray(values)
    first = array.ravel()[0] if array.dtype == object and array.size else None
    is_time = isinstance(first, np.datetime64 | np.timedelta64 | datetime.date | datetime.timedelta)
    if array.dtype.kind in "mM" or is_time or hasattr(first, "start_time"):
        kind = array.dtype if first is None else type(first).__name__
        raise ValueError(
            f"{name} must be numeric, but holds times ({kind}): turn them into numbers of a unit "
            f"of your choice first, by ({name} - {name}.min()) / numpy.timedelta64(1, 'D') for "
            "example"
        )


def check_no_missing_text(name: str, values: np.ndarray) -> None:
    """Raise for None, NaN and the like among text, which no model takes."""
    if values.dtype != object or not has_text(values):
        return
    for i, value in enumerate(values.flat):
        if is_missing(value):
            raise ValueError(
                f"{name} has missing values beside text, {value!r} in row "
                f"{i // max(1, values[0].size if values.ndim > 1 else 1)} for example: fill them "
                f'first, by {name}.fillna("") for example'
            )


def is_missing(value: Any) -> bool:
    """Tell whether a value stands for none: None, NaN, pandas' NA."""
    return value is None or value is pd.NA or (isinstance(value, float) and value != value)


def columns_of(X: Any) -> Iterator[tuple[Any, np.ndarray]]:
    """The columns that are not plainly numbers, by name or number; None names a text a row."""
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
    """Tell by its dtype, of whatever library, that a column needs no look at its values."""
    is_numeric = getattr(dtype, "is_numeric", None)  # of polars
    return getattr(dtype, "kind", "O") in "fiubc" or (callable(is_numeric) and is_numeric())


def is_frame(X: Any) -> bool:
    """Tell whether X is a data frame, of whatever library."""
    return hasattr(X, "columns") and hasattr(X, "dtypes")


def has_text(column: np.ndarray) -> bool:
    """Tell whether an array has text in it, be it a number or not."""
    if column.dtype.kind in "fiubcmM":
        return False
    return column.dtype.kind in "US" or any(isinstance(v, str | bytes) for v in column.flat)


def as_array(X: Any) -> np.ndarray:
    """Make an array of rows, with the objects as they are where there is text among them."""
    try:
        array = np.asarray(X)
    except ValueError:
        lengths = sorted({len(row) for row in X if hasattr(row, "__len__")})
        if len(lengths) < 2:
            return np.empty(0)  # for scikit-learn to complain of
        flat = [value for row in X if hasattr(row, "__iter__") for value in row]
        if any(isinstance(value, str | bytes) for value in flat):
            return np.array(flat, dtype=object)
        raise ValueError(
            f"X has rows of different lengths ({listed(lengths, 4)}): make them one length, by "
            "keras.utils.pad_sequences(X) for example"
        ) from None
    if array.dtype.kind in "US" and isinstance(X, (list, tuple)):
        return np.array(X, dtype=object)  # numbers beside text are still numbers
    return array


def _first_text(column: np.ndarray) -> Any:
    """The first value that is text and no number, None where there is none."""
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
