"""Values of hyperparameters as columns: dtypes restored, anything else as readable text."""

from __future__ import annotations

import functools
import math
import numbers
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from .._utils.json_values import as_python

_CLEARLY = 0.1  # so much nearer to the middle must the median lie on a logarithmic scale
LONGEST = 60  # characters of a value's text


class _Missing:
    """The value of a parameter that a candidate does not have."""

    def __repr__(self) -> str:
        return "MISSING"

    def __reduce__(self) -> str:
        return "MISSING"  # one object, in every process

    def __bool__(self) -> bool:
        return False


MISSING = _Missing()


def readable(value: Any) -> str:
    """Write one value for people: the name of a callable, a list on one line, never a page."""
    value = as_python(value)
    if isinstance(value, str):
        text = value
    elif isinstance(value, np.ndarray):
        text = readable(value.tolist())
    elif isinstance(value, tuple) and type(value) is tuple:
        inner = ", ".join(map(readable, value))
        text = f"({inner},)" if len(value) == 1 else f"({inner})"
    elif isinstance(value, list):
        text = f"[{', '.join(map(readable, value))}]"
    elif isinstance(value, dict):
        text = "{" + ", ".join(f"{readable(k)}: {readable(v)}" for k, v in value.items()) + "}"
    elif isinstance(value, functools.partial):
        parts = [value.func, *value.args]
        given = [f"{name}={readable(part)}" for name, part in value.keywords.items()]
        text = f"partial({', '.join([*map(readable, parts), *given])})"
    elif callable(value) and hasattr(value, "__name__"):
        text = value.__name__
    else:
        text = " ".join(repr(value).split())
        if type(value).__repr__ is object.__repr__:  # an address says nothing
            text = f"{type(value).__name__}()"
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."


def column(values: Iterable[Any], name: str | None = None) -> pd.Series:
    """Make a column of a parameter's values, with the dtype that they have.

    Parameters
    ----------
    values : iterable of object
        One value a candidate, ``MISSING`` where it has none.
    name : str, default=None
        Name of the series.

    Returns
    -------
    column : Series
        int64, float64 or bool; with missing values Int64, float64 or boolean; strings as pandas
        has them; a mix of plain values (``None`` and numbers) as objects. Lists, tuples, callables
        and other objects are text, so that a table can be sorted and grouped by them.
    """
    cells = [as_python(value) for value in values]
    kinds = set(map(type, cells))
    has_missing = _Missing in kinds
    missing: Any = pd.NA
    kinds.discard(_Missing)
    if not kinds:
        return pd.Series([np.nan] * len(cells), name=name, dtype=float)
    if kinds <= {int, float} and not (kinds == {int} and _too_wide(cells)):
        if float in kinds:
            dtype, missing = "float64", math.nan
        else:
            dtype = "Int64" if has_missing else "int64"
    elif kinds == {bool}:
        dtype = "boolean" if has_missing else "bool"
    elif kinds == {str}:
        filled = [np.nan if cell is MISSING else cell for cell in cells]
        return pd.Series(filled, name=name)
    else:
        scalars = kinds <= {int, float, bool, str, type(None)}
        show = (lambda cell: cell) if scalars else _text_or_none
        filled = [np.nan if cell is MISSING else show(cell) for cell in cells]
        return pd.Series(filled, name=name, dtype=object)
    return pd.Series([missing if c is MISSING else c for c in cells], name=name, dtype=dtype)


def numeric(values: Iterable[Any]) -> np.ndarray | None:
    """Read values as floats of shape (n,), NaN where missing; None if any is not a number."""
    cells = [math.nan if value is MISSING else as_python(value) for value in values]
    if not all(isinstance(c, numbers.Real) and not isinstance(c, bool) for c in cells):
        return None
    array = np.array(cells, dtype=float)
    return None if np.isnan(array).all() else array


def is_log_spread(values: np.ndarray) -> bool:
    """Tell whether numbers are spread evenly on a logarithmic scale rather than a linear one.

    So are 0.001, 0.01, 0.1, and draws from a log-uniform distribution. All must be positive and
    span at least a factor of 8 (of 10 where there are but two).
    """
    distinct = np.unique(values[np.isfinite(values)])
    if len(distinct) < 2 or distinct[0] <= 0:
        return False
    ratio = distinct[-1] / distinct[0]
    if len(distinct) == 2:
        return bool(ratio >= 10)
    linear, log = _place_of_median(distinct), _place_of_median(np.log(distinct))
    return bool(ratio >= 8 and abs(log - 0.5) < abs(linear - 0.5) - _CLEARLY)


def _too_wide(cells: Sequence[Any]) -> bool:
    return any(cell is not MISSING and not -(2**63) <= cell < 2**63 for cell in cells)


def _text_or_none(value: Any) -> str | None:
    return None if value is None else readable(value)


def _place_of_median(values: np.ndarray) -> float:
    return float((np.median(values) - values[0]) / (values[-1] - values[0]))
