"""The checks of integers and of finite numbers that all settings share."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np


def as_integer(value: Any) -> int | None:
    """Convert an integer of any type to a Python int; return None for any other value.

    A boolean is not an integer here.
    """
    if isinstance(value, bool | np.bool_):
        return None
    try:
        return operator.index(value)
    except TypeError:
        return None


def as_real(value: Any) -> float | None:
    """Convert a finite number to a Python float; return None for any other value.

    A boolean or a text is not a number here.
    """
    if isinstance(value, bool | np.bool_ | str | bytes):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def check_integer(name: str, value: Any, at_least: int | None = None, hint: str = "") -> int:
    """Check that a setting is an integer of Python or NumPy and is not below its lower bound.

    Parameters
    ----------
    name : str
        The name of the setting, for the error message.
    value : object
        The value of the setting. A boolean is not an integer.
    at_least : int, default=None
        The smallest integer that is allowed; None allows every integer.
    hint : str, default=""
        The end of the error message. It says which other values are allowed, or what to do.

    Returns
    -------
    number : int
        The value as a Python int.

    Raises
    ------
    ValueError
        If the value is not an integer, or is below `at_least`.
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
        The name of the setting, for the error message.
    value : object
        The value of the setting. A boolean is not a number.
    what : str, default="a finite number"
        The requirement in words, such as ``"a positive number of seconds"``.
    above : float, default=None
        The value must be larger than this bound; None sets no bound.
    at_least : float, default=None
        The value must not be smaller than this bound; None sets no bound.

    Returns
    -------
    number : float
        The value as a Python float.

    Raises
    ------
    ValueError
        If the value is not a finite number, or violates a bound.
    """
    number = as_real(value)
    if (
        number is None
        or (above is not None and not number > above)
        or (at_least is not None and not number >= at_least)
    ):
        raise ValueError(f"{name}={value!r} must be {what}")
    return number
