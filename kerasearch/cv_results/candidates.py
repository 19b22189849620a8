"""The parameters of the candidates, also from tables that were written to CSV or Parquet.

A CSV file has every value as text, and what has no text of its own as Python's ``repr``. A Parquet
file makes arrays of sequences, and in its dicts gives ``None`` to every parameter that a candidate
does not have. In both, integers beside a gap are floats.
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
# what a CSV file has of an object without a text of its own: its address tells it from others
_OBJECT = re.compile(r"<(?:[\w.<>]*\.)?(\w+) object at 0x\w+>")
# what a CSV file has of a callable; its name is the last part
_CALLABLE = re.compile(
    r"<(?:built-in function|function|cyfunction|class|ufunc) "
    r"'?(?:[\w.<>]*\.)?(<?\w+>?)'?(?: at 0x\w+)?>"
)


def read_params(table: Mapping[str, Any], is_frame: bool) -> list[dict[str, Any]]:
    """Read each candidate's parameters.

    They are in ``params``. A CSV file may have there what no literal is, such as ``SVC(C=1)``: then
    the columns ``param_...`` are read, which are enough without ``params`` too.

    Parameters
    ----------
    table : mapping of str to column
        The columns of ``cv_results_``.
    is_frame : bool
        Whether it was a data frame, and may have come from a file.

    Returns
    -------
    params : list of dict

    Raises
    ------
    ValueError
        If there is neither.
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
        raise ValueError("cv_results_ has neither params nor a column param_... to read")
    cells = {name: _read_column(list(values)) for name, values in columns.items()}
    return [
        {name: value for name, value in zip(cells, row, strict=True) if value is not MISSING}
        for row in zip(*cells.values(), strict=True)
    ]


def _parsed(value: Any) -> Any:
    """Read the text of a literal, as a CSV file has it; anything unreadable stays as it is."""
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
    """Take out what fills the gaps, and make integers and tuples again.

    ``None`` in a parameter of numbers shows that it fills gaps; then it does so everywhere. It may
    have been a value of that parameter, which a warning says.
    """
    filled = {
        name
        for name, values in columns.items()
        if values.dtype.kind in "fiu" and any(each.get(name, 0) is None for each in params)
    }
    if filled:
        warn(
            f"a Parquet file does not tell None from a parameter that a candidate does not have: "
            f"None in {listed(sorted(filled))} is read as not there. A CSV file, and the search's "
            "own cv_results_, tell them apart"
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
    """Read one ``param_...`` column: masked and NaN are missing, text of a literal is its value."""
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
    """Tell whether all are whole floats: integers, before gaps made them floats."""
    given = [cell for cell in cells if cell is not MISSING and cell is not None]
    return all(isinstance(cell, float) and cell.is_integer() for cell in given)


def _as_tuple(value: Any) -> Any:
    """Make tuples of arrays, and of arrays within them."""
    if isinstance(value, np.ndarray):
        return tuple(map(_as_tuple, value.tolist()))
    return tuple(map(_as_tuple, value)) if isinstance(value, list) else value
