"""``--param name=values``: from the text of the options to a grid or to distributions."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from .._utils.values import unique
from ..space import (
    Choice,
    Integers,
    LayerSizes,
    Uniform,
    choice,
    integers,
    layer_sizes,
    log_integers,
    log_uniform,
    uniform,
)
from ..space.names import resolve as full_names
from ..space.scipy_distributions import is_distribution as is_distribution
from .errors import UsageError

Space = dict[str, Any]

# as typed -> what makes it, and its arguments
_FORMS: dict[str, tuple[Callable[..., Any], str]] = {
    "log": (log_uniform, "a,b"),
    "uniform": (uniform, "a,b"),
    "int": (integers, "a,b"),
    "logint": (log_integers, "a,b"),
    "choice": (lambda *values: choice(values), "a,b,..."),
    "layer_sizes": (layer_sizes, "depth,units,shape"),
}
_CALL = re.compile(r"(\w+)\s*\((.*)\)", re.DOTALL)
_WORD = re.compile(r"[A-Za-z_][\w.\-]*")
_ARGUMENT = re.compile(r"([A-Za-z_]\w*)\s*=(.*)", re.DOTALL)
_KEYWORDS = {"true": True, "false": False, "none": None}
_BRACKETS = {"(": ")", "[": "]", "{": "}"}


def parse(options: Sequence[str]) -> Space:
    """Read ``name=values`` options.

    A name that is given twice has the values of both lists; a distribution stands alone.

    Parameters
    ----------
    options : sequence of str
        What stood after each ``--param``.

    Returns
    -------
    space : dict of str to list or distribution
        By the names as they were typed.

    Raises
    ------
    UsageError
        If an option cannot be read.
    """
    space: Space = {}
    for option in options:
        name, equals, text = option.partition("=")
        name = name.strip()
        if not equals or not name.isidentifier():
            raise UsageError(
                f"--param {option!r} is not name=values, such as learning_rate=0.01,0.001"
            )
        values = parse_values(name, text.strip())
        if name not in space:
            space[name] = values
        elif isinstance(values, list) and isinstance(space[name], list):
            space[name] = unique(space[name] + values)
        else:
            raise UsageError(f"--param {name} has a distribution and is given twice; keep one")
    return space


def parse_values(name: str, text: str) -> Any:
    """Read the values of one parameter: a list, or a distribution with ``rvs``.

    Parameters
    ----------
    name : str
        For error messages.
    text : str
        Python literals or bare words with commas between them, or one of ``log(a,b)``,
        ``uniform(a,b)``, ``int(a,b)``, ``logint(a,b)``, ``choice(a,b,...)`` and
        ``layer_sizes(depth,units,shape)``, whose bounds are all included.

    Returns
    -------
    values : list or distribution

    Raises
    ------
    UsageError
        If it is none of these.
    """
    call = _CALL.fullmatch(text)
    if call and _WORD.fullmatch(call[1]):
        return _distribution(name, call[1], call[2])
    return unique(_literal(name, piece) for piece in _split(name, text))


def describe(values: Any) -> str:
    """Write values as they could have been typed."""
    match values:
        case Uniform(low, high, log):
            return f"{'log' if log else 'uniform'}({low:g},{high:g})"
        case Integers(low, high, step, log):
            each = "" if step == 1 else f",step={step}"
            return f"{'logint' if log else 'int'}({low},{high}{each})"
        case LayerSizes(depth, units, shape):
            return f"layer_sizes({show(depth)},{show(units)},{shape})"
        case Choice():
            return f"choice({','.join(map(show, values))})"
    return ",".join(map(show, values))


def show(value: Any, digits: int | None = None) -> str:
    """Write one value: a word without quotes, a tuple without spaces, a float to `digits`."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, str):
        return value if _WORD.fullmatch(value) else repr(value)
    if isinstance(value, float) and digits:
        return f"{value:.{digits}g}"
    return repr(value).replace(", ", ",")


def resolve(estimator: BaseEstimator, space: Mapping[str, Any]) -> Space:
    """Turn the names of a space into full names of the estimator's parameters.

    Raises
    ------
    UsageError
        If a name is unknown or could be several; the message has the nearest or all of them.
    """
    try:
        return full_names(estimator, space)
    except ValueError as error:
        raise UsageError(f"--param {error}") from None


def _split(name: str, text: str) -> list[str]:
    """Split at the commas that are in no bracket and in no quotes."""
    pieces, expected, quote = [""], [], ""
    for character in text:
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character in _BRACKETS:
            expected.append(_BRACKETS[character])
        elif character in _BRACKETS.values():
            if not expected or expected.pop() != character:
                raise UsageError(f"--param {name}={text}: there is a {character!r} too many")
        elif character == "," and not expected:
            pieces.append("")
            continue
        pieces[-1] += character
    if expected or quote:
        raise UsageError(
            f"--param {name}={text}: a {expected[-1] if expected else quote} is missing"
        )
    if len(pieces) > 1 and not pieces[-1].strip():
        pieces.pop()
    return pieces


def _literal(name: str, piece: str) -> Any:
    piece = piece.strip()
    if piece.lower() in _KEYWORDS:
        return _KEYWORDS[piece.lower()]
    if _WORD.fullmatch(piece):
        return piece
    try:
        return ast.literal_eval(piece)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        what = f"{piece!r} is neither a number, a word nor another Python literal"
        raise UsageError(f"--param {name}: {what if piece else 'a value is missing'}") from None


def _distribution(name: str, form: str, text: str) -> Any:
    if form not in _FORMS:
        known = ", ".join(f"{known}({inside})" for known, (_, inside) in _FORMS.items())
        raise UsageError(f"--param {name}={form}({text}): the distributions are {known}")
    make, inside = _FORMS[form]
    positional, named = [], {}
    for piece in _split(name, text) if text.strip() else []:
        argument = _ARGUMENT.fullmatch(piece.strip())
        if argument:
            named[argument[1]] = _literal(name, argument[2])
        else:
            positional.append(_literal(name, piece))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of values given twice, as in a list
            return make(*positional, **named)
    except TypeError:
        expected = f"{form}({inside})"
        raise UsageError(f"--param {name}={form}({text}) is not of the form {expected}") from None
    except ValueError as error:
        reason = str(error).partition(": ")[2]
        raise UsageError(f"--param {name}={form}({text}): {reason}") from None
