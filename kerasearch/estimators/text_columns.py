"""Text and times among the features: found before scikit-learn or NumPy fail on them."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy import sparse

from .._utils.text import counted, listed, one_line


def check_no_text(estimator: Any, X: Any) -> None:
    """Raise for features that are text, categories of text, or rows of different lengths.

    Parameters
    ----------
    estimator : estimator
        Who wants numbers, for the message.
    X : array-like, data frame or sparse matrix
        The features as the user gave them. Text that is a number, as ``"1.5"`` among objects, and
        categories that are numbers are left to scikit-learn.

    Raises
    ------
    ValueError
        Naming the columns, one of the values, and the transformer that makes numbers of them.
    """
    found: list[tuple[Any, Any]] = []
    for name, column in _columns(X):
        check_no_times("X" if name is None else f"X[{name!r}]", column)
        text = _first_text(column)
        if text is not None:
            found.append((name, text))
    if not found:
        return
    who = type(estimator).__name__
    name, text = found[0]
    if isinstance(text, bytes):
        text = text.decode(errors="replace")
    value = repr(one_line(text, 40))
    if name is None or (len(found) == 1 and len(str(text).split()) > 2):
        one_of = "" if name is None else f" in column {name!r}"
        step = "TfidfVectorizer()"
        if name is not None:
            step = f"make_column_transformer(({step}, {name!r}), remainder='passthrough')"
        raise ValueError(
            f"X has text{one_of} ({value}), and {who} takes numbers: turn documents into numbers "
            f"first, by make_pipeline({step}, {who}(...)) for example, or by an adapted "
            "keras.layers.TextVectorization"
        )
    names = [repr(name) for name, _ in found]
    noun = "column" if len(found) == 1 else f"{counted(len(found), 'column')}:"
    if _is_number(text):
        value += ", which X.astype(float) makes a number"
    columns = "[" + ", ".join(names) + "]" if len(names) <= 3 else "[...]"
    raise ValueError(
        f"X has text in {noun} {listed(names)} ({value}, for example), and {who} takes numbers: "
        "encode it first, with OneHotEncoder or OrdinalEncoder: make_pipeline("
        f"make_column_transformer((OneHotEncoder(handle_unknown='ignore'), {columns}), "
        f"remainder='passthrough'), {who}(...))"
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


def _columns(X: Any) -> Iterator[tuple[Any, np.ndarray]]:
    """The columns that are not plainly numbers, by name or number; None names a text a row."""
    if sparse.issparse(X) or _is_of_numbers(getattr(X, "dtype", None)):
        return
    if hasattr(X, "columns"):
        for i, (name, dtype) in enumerate(zip(X.columns, X.dtypes, strict=True)):
            if not _is_of_numbers(dtype):
                yield name, np.asarray(X.iloc[:, i] if hasattr(X, "iloc") else X[name])
        return
    array = _as_array(X)
    if array.dtype.names:
        yield from ((name, array[name]) for name in array.dtype.names)
    elif array.dtype.kind not in "fiubc":
        if array.ndim == 2 and array.dtype.kind not in "mM":
            yield from ((j, array[:, j]) for j in range(array.shape[1]))
        else:
            yield None, array


def _is_of_numbers(dtype: Any) -> bool:
    """Tell by its dtype, of whatever library, that a column needs no look at its values."""
    is_numeric = getattr(dtype, "is_numeric", None)  # of polars
    return getattr(dtype, "kind", "O") in "fiubc" or (callable(is_numeric) and is_numeric())


def _as_array(X: Any) -> np.ndarray:
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
