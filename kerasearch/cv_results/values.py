"""Values of hyperparameters as columns: with their dtypes, or as readable text."""

from __future__ import annotations

import math
import numbers
from collections.abc import Hashable, Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from .._utils.descriptions import describe, describe_all
from .._utils.plain_values import as_python
from .._utils.text import alike, cut_apart, shortened
from .._utils.values import identity

# on a logarithmic scale, the median must be closer to the middle by this share of the range
_CLEARLY = 0.1
LONGEST = 60  # the largest number of characters of a value's text


class _Missing:
    """The value of a parameter that a candidate does not have."""

    def __repr__(self) -> str:
        return "MISSING"

    def __reduce__(self) -> str:
        return "MISSING"  # every process has one such object

    def __bool__(self) -> bool:
        return False


MISSING = _Missing()


def readable(value: Any) -> str:
    """Write one value as short readable text; an object is written with its arguments.

    For several values, use `labels`, which gives different texts to different values.
    """
    return shortened(describe(value), LONGEST)


def labels(values: Iterable[Any], detail: int = 0) -> list[str]:
    """Write the values of a parameter as readable text; different values have different texts.

    Parameters
    ----------
    values : iterable of object
        One value for each candidate; ``MISSING`` if the candidate does not have the parameter.
    detail : {0, 1, 2}, default=0
        The smallest amount of detail, as in `describe`. With 1, text is in quotes.

    Returns
    -------
    texts : list of str
        The texts, as `readable` writes them. Different values with equal texts are written in more
        detail. If their texts are still equal, they are numbered.

    Examples
    --------
    >>> from kerasearch.cv_results.values import labels
    >>> labels([None, "None", 1, True, None, object(), object()])
    ['None', "'None'", '1', 'True', 'None', 'object() #1', 'object() #2']
    """
    cells = [as_python(value) for value in values]
    keys = [identity(cell) for cell in cells]
    distinct: dict[Hashable, Any] = {}
    for key, cell in zip(keys, cells, strict=True):
        distinct.setdefault(key, cell)
    texts = cut_apart(_different_texts(list(distinct.values()), detail), LONGEST)
    by_key = dict(zip(distinct, texts, strict=True))
    return [by_key[key] for key in keys]


def _different_texts(values: Sequence[Any], detail: int) -> list[str]:
    texts = describe_all(values, detail)
    for more in range(detail + 1, 3):
        for same in alike(texts):
            fuller = describe_all([values[i] for i in same], more)
            if len(set(fuller)) > 1:
                for i, text in zip(same, fuller, strict=True):
                    texts[i] = text
    for same in alike(texts):
        for n, i in enumerate(same, start=1):
            texts[i] += f" #{n}"
    return texts


def column(values: Iterable[Any], name: str | None = None) -> pd.Series:
    """Make a column of a parameter's values, with a dtype that fits the values.

    Parameters
    ----------
    values : iterable of object
        One value for each candidate; ``MISSING`` if the candidate does not have the parameter.
    name : str, default=None
        The name of the series.

    Returns
    -------
    column : Series of length n_candidates
        The dtype is int64, float64 or bool; with missing values it is Int64, float64 or boolean.
        Strings have the dtype that pandas gives them. A mix of plain values, such as ``None`` and
        numbers, has the dtype object. Lists, tuples, callables and other objects become text, so
        that a table can be sorted and grouped by them.
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
        shown = cells if scalars else labels(cells)
        filled = [
            np.nan if cell is MISSING else None if cell is None else text
            for cell, text in zip(cells, shown, strict=True)
        ]
        return pd.Series(filled, name=name, dtype=object)
    return pd.Series([missing if c is MISSING else c for c in cells], name=name, dtype=dtype)


def numeric(values: Iterable[Any]) -> np.ndarray | None:
    """Convert values to floats of shape (n,), with NaN for missing values.

    The result is None if a value is not a number, or if all values are missing.
    """
    cells = [math.nan if value is MISSING else as_python(value) for value in values]
    if not all(isinstance(c, numbers.Real) and not isinstance(c, bool) for c in cells):
        return None
    array = np.array(cells, dtype=float)
    return None if np.isnan(array).all() else array


def is_log_spread(values: np.ndarray) -> bool:
    """Tell whether numbers are spread more evenly on a logarithmic scale than on a linear scale.

    Examples are the numbers 0.001, 0.01 and 0.1, and draws from a log-uniform distribution. All
    numbers must be positive, and the largest must be at least 8 times the smallest (10 times if
    there are only two different numbers).
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


def _place_of_median(values: np.ndarray) -> float:
    return float((np.median(values) - values[0]) / (values[-1] - values[0]))
