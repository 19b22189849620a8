"""The one check of whole numbers and the one of numbers, for every setting that is one."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np


def as_integer(value: Any) -> int | None:
    """Convert an integer of any kind to Python's; None for anything else, booleans included."""
    if isinstance(value, bool | np.bool_):
        return None
    try:
        return operator.index(value)
    except TypeError:
        return None


def as_real(value: Any) -> float | None:
    """Convert a finite number to Python's float; None for anything else, booleans included."""
    if isinstance(value, bool | np.bool_ | str | bytes):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def check_integer(name: str, value: Any, at_least: int | None = None, hint: str = "") -> int:
    """Check that a setting is an integer, of Python or of NumPy, and large enough.

    Parameters
    ----------
    name : str
        What the setting is called, for the message.
    value : object
        What it was given. A boolean is no integer.
    at_least : int, default=None
        The smallest integer that is allowed; None allows all.
    hint : str, default=""
        The end of the message: what else is allowed, or what to do.

    Returns
    -------
    number : int
        The same as Python's integer.

    Raises
    ------
    ValueError
        If it is no integer, or too small.
    """
    number = as_integer(value)
    if number is None or (at_least is not None and number < at_least):
        bound = "" if at_least is None else f" of at least {at_least}"
        raise ValueError(f"{name}={value!r} must be an integer{bound}{hint}")
    return number


def check_number(
    name: str,
    value: Any,
    what: str = "a finite number",
    *,
    above: float | None = None,
    at_least: float | None = None,
) -> float:
    """Check that a setting is a finite number within its bound.

    Parameters
    ----------
    name : str
        What the setting is called, for the message.
    value : object
        What it was given. A boolean is no number.
    what : str, default="a finite number"
        What it must be, in words: ``"a positive number of seconds"``.
    above, at_least : float, default=None
        The bound, excluded or included; None for none.

    Returns
    -------
    number : float
        The same as Python's float.

    Raises
    ------
    ValueError
        If it is no finite number, or beyond the bound.
    """
    number = as_real(value)
    if (
        number is None
        or (above is not None and not number > above)
        or (at_least is not None and not number >= at_least)
    ):
        raise ValueError(f"{name}={value!r} must be {what}")
    return number
