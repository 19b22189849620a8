"""The parameters of the candidates, also from tables that were written to CSV or Parquet.

A CSV file contains every value as text; an object is written as its ``repr``. A Parquet file turns
sequences into arrays. In its dicts, a parameter that a candidate does not have is ``None``. In both
kinds of file, integers become floats if a value of the column is missing.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from .._utils.plain_values import as_python
from .._utils.text import listed
from .._utils.user_warnings import warn
from .values import MISSING

_NUMPY_SCALAR = re.compile(r"\bnp\.(?:float|int|uint|str|bool)\w*\(([^()]*)\)")
# the text in a CSV file of an object with the default repr; the address distinguishes objects
_OBJECT = re.compile(r"<(?:[\w.<>]*\.)?(\w+) object at 0x\w+>")
# the text in a CSV file of a callable; the last part is its name
_CALLABLE = re.compile(
    r"<(?:built-in function|function|cyfunction|class|ufunc) "
    r"'?(?:[\w.<>]*\.)?(<?\w+>?)'?(?: at 0x\w+)?>"
)


def read_params(table: Mapping[str, Any], is_frame: bool) -> list[dict[str, Any]]:
    """Read the parameters of each candidate.

    The parameters are in the column ``params``. In a CSV file this column may contain text that is
    not a literal, such as ``SVC(C=1)``. Then the columns ``param_...`` are read, and also if there
    is no column ``params``.

    Parameters
    ----------
    table : mapping of str to column
        The columns of ``cv_results_``.
    is_frame : bool
        Whether the table is a data frame, which may have been read from a file.

    Returns
    -------
    params : list of dict
        The parameters of each candidate.

    Raises
    ------
    ValueError
        If the table has neither ``params`` nor columns ``param_...``.
    """
    columns = {
        name.removeprefix("param_"): values
        for name, values in table.items()
        if name.startswith("param_")
    }
    given = list(table.get("params", ()))
    params = [_parsed(value) for value in given]
    if params and all(isinstance(each, dict) for each in params):
        if is_frame and not any(isinstance(value, str) for value in given):
            return _undo_parquet(params, columns)
        return [dict(each) for each in params]
    if not columns:
        raise ValueError("cv_results_ has neither a column params nor a column param_...")
    cells = {name: _read_column(list(values)) for name, values in columns.items()}
    return [
        {name: value for name, value in zip(cells, row, strict=True) if value is not MISSING}
        for row in zip(*cells.values(), strict=True)
    ]


def _parsed(value: Any) -> Any:
    """Evaluate the text of a literal from a CSV file; return any other value unchanged."""
    if not isinstance(value, str):
        return value
    simpler = _NUMPY_SCALAR.sub(r"\1", value)
    for text in (value, simpler, _CALLABLE.sub(r"'\1'", simpler)):
        try:
            return ast.literal_eval(text)
        except (ValueError, SyntaxError):
            continue
    return value


def _undo_parquet(
    params: Sequence[Mapping[str, Any]], columns: Mapping[str, pd.Series]
) -> list[dict[str, Any]]:
    """Remove the ``None`` of absent parameters, and restore integers and tuples.

    If a parameter with numbers contains ``None``, then ``None`` stands for absent parameters in the
    whole table. As ``None`` may also have been a value of the parameter, a warning is issued.
    """
    filled = {
        name
        for name, values in columns.items()
        if values.dtype.kind in "fiu" and any(each.get(name, 0) is None for each in params)
    }
    if filled:
        warn(
            "a Parquet file does not distinguish the value None from a parameter that a candidate "
            f"does not have: None in {listed(sorted(filled))} is read as an absent parameter. A "
            "CSV file and cv_results_ itself distinguish the two"
        )
    whole = {name for name in filled if _are_whole(each.get(name) for each in params)}
    return [
        {
            name: int(value) if name in whole else _as_tuple(value)
            for name, value in each.items()
            if value is not None or not filled
        }
        for each in params
    ]


def _read_column(values: Sequence[Any]) -> list[Any]:
    """Read one ``param_...`` column.

    Masked and NaN entries are missing values. The text of a literal becomes its value.
    """
    cells: list[Any] = [
        MISSING if _is_missing(value) else _read_cell(as_python(value)) for value in values
    ]
    if MISSING in cells and _are_whole(cells):
        return [cell if cell is MISSING else int(cell) for cell in cells]
    objects = [cell for cell in cells if isinstance(cell, str) and _OBJECT.fullmatch(cell)]
    number = {text: n for n, text in enumerate(dict.fromkeys(objects), start=1)}
    texts = {text: _OBJECT.sub(rf"\1 #{n}", text) for text, n in number.items()}
    return [texts.get(cell, cell) if isinstance(cell, str) else cell for cell in cells]


def _is_missing(value: Any) -> bool:
    return value is np.ma.masked or value is pd.NA or (isinstance(value, float) and value != value)


def _read_cell(value: Any) -> Any:
    if not isinstance(value, str):
        return _as_tuple(value)
    if named := _CALLABLE.fullmatch(value):
        return named[1]
    return _parsed(value) if value[:1] in "([{" or value in ("True", "False", "None") else value


def _are_whole(cells: Iterable[Any]) -> bool:
    """Tell whether all given values are whole floats, which were integers before a value lacked."""
    given = [cell for cell in cells if cell is not MISSING and cell is not None]
    return all(isinstance(cell, float) and cell.is_integer() for cell in given)


def _as_tuple(value: Any) -> Any:
    """Turn lists and arrays into tuples, also inside other lists and arrays."""
    if isinstance(value, np.ndarray):
        return tuple(map(_as_tuple, value.tolist()))
    return tuple(map(_as_tuple, value)) if isinstance(value, list) else value
