"""Read ``--param name=values``: from the text of the options to lists and distributions."""

from __future__ import annotations

import ast
import inspect
import keyword
import re
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .._utils.text import one_line
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
from ..space.scipy_distributions import is_distribution as is_distribution
from .errors import UsageError

Space = dict[str, Any]

# the short names for the command line, and the names of the same distributions in Python
_DISTRIBUTIONS: dict[str, Callable[..., Any]] = {
    "log": log_uniform,
    "uniform": uniform,
    "int": integers,
    "logint": log_integers,
    "choice": lambda *values: choice(values),
    "layer_sizes": layer_sizes,
    "log_uniform": log_uniform,
    "integers": integers,
    "log_integers": log_integers,
}
_CONSTANTS = {"true": True, "false": False, "none": None}
# words that Python would read as a difference or an attribute: he-normal, glorot.uniform
_WORD = re.compile(r"[A-Za-z_][\w.\-]*")


def parse(options: Sequence[str]) -> Space:
    """Read the options ``name=values``.

    Two lists of the same name are joined.

    Parameters
    ----------
    options : sequence of str
        The value of each ``--param``.

    Returns
    -------
    space : dict of str to list or distribution
        The values by the names as they were typed.

    Raises
    ------
    UsageError
        If an option cannot be read, or if a name with a distribution is given twice.
    """
    space: Space = {}
    for option in options:
        name, equals, text = option.partition("=")
        name = name.strip()
        if not equals or not name.isidentifier():
            raise UsageError(
                f"--param {option!r} must be name=values, such as learning_rate=0.01,0.001"
            )
        values = parse_values(name, text.strip())
        if name not in space:
            space[name] = values
        elif isinstance(values, list) and isinstance(space[name], list):
            space[name] = unique(space[name] + values)
        else:
            raise UsageError(
                f"--param {name} is given twice, but a distribution cannot be joined with other "
                "values; keep one of the two"
            )
    return space


def parse_values(name: str, text: str) -> Any:
    """Read the values of one parameter: a list or a distribution.

    The text is parsed as Python code but never evaluated. It may contain only literals, words,
    tuples, lists, dicts, and one call of a distribution.

    Parameters
    ----------
    name : str
        The name of the parameter, for error messages.
    text : str
        Python literals or words, separated by commas; or one of ``log(low,high)``,
        ``uniform(low,high)``, ``int(low,high,step)``, ``logint(low,high)``, ``choice(a,b,...)``
        and ``layer_sizes(depth,units,shape)``. All bounds are included. The names
        ``log_uniform``, ``integers`` and ``log_integers`` are accepted as well.

    Returns
    -------
    values : list or distribution
        The values.

    Raises
    ------
    UsageError
        If the text cannot be read.
    """
    try:
        match _parsed(text):
            case []:
                raise ValueError("a value is missing")
            case [ast.Call() as call]:
                return _distribution(call)
            case nodes:
                return unique([_value(node) for node in nodes])
    except (ValueError, TypeError, RecursionError, MemoryError) as error:
        raise UsageError(f"--param {name}={text}: {error}") from None


def describe(values: Any) -> str:
    """Write values in the form in which they are typed on the command line."""
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
    """Write one value: a word without quotes, a tuple without spaces, a float with `digits`."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, str):
        plain = value.isidentifier() and not keyword.iskeyword(value)
        return value if plain and value.lower() not in _CONSTANTS else repr(value)
    if isinstance(value, float) and digits:
        return f"{value:.{digits}g}"
    return repr(value).replace(", ", ",")


def _parsed(text: str) -> list[ast.expr]:
    """Parse the values between the outermost commas."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python warns of unusual literals
        try:
            ast.parse(text.strip() or "()", mode="eval")  # an error then refers to the typed text
            values = ast.parse(f"[{text}\n]", mode="eval").body
        except SyntaxError as error:
            place = one_line((error.text or "")[max(error.offset or 1, 1) - 1 :], 30)
            raise ValueError(
                f"{error.msg.partition(' (')[0]}{f' at {place!r}' if place else ''}; separate "
                "values with commas, and put text that is not a plain word in quotes"
            ) from None
    assert isinstance(values, ast.List)  # because the text alone is an expression
    return values.elts


def _value(node: ast.expr) -> Any:
    """Read a literal, a word, or a tuple, list or dict of such values."""
    match node:
        case ast.Constant(value=value) if value is not ...:
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
            return -number
        case ast.UnaryOp(op=ast.UAdd(), operand=ast.Constant(value=int() | float() as number)):
            return number
        case ast.Name(id=word):
            return _CONSTANTS.get(word.lower(), word)
        case ast.Tuple(elts=nodes):
            return tuple(map(_value, nodes))
        case ast.List(elts=nodes):
            return list(map(_value, nodes))
        case ast.Dict(keys=keys, values=nodes) if None not in keys:
            return dict(zip([_value(key) for key in keys if key], map(_value, nodes), strict=True))
    text = ast.unparse(node)
    word = text.replace(" - ", "-")
    if isinstance(node, ast.BinOp | ast.Attribute) and _WORD.fullmatch(word):
        return word
    if isinstance(node, ast.Call):
        raise ValueError(f"the distribution {text} cannot be combined with other values")
    raise ValueError(f"{text} is not a value; put text in quotes")


def _distribution(call: ast.Call) -> Any:
    """Make the distribution of a call."""
    name = ast.unparse(call.func)
    if name not in _DISTRIBUTIONS:
        raise ValueError(f"the distributions are {', '.join(map(_form, _DISTRIBUTIONS))}")
    make = _DISTRIBUTIONS[name]
    positional = [_value(node) for node in call.args]
    named = {str(argument.arg): _value(argument.value) for argument in call.keywords}
    try:
        inspect.signature(make).bind(*positional, **named)
    except TypeError:
        raise ValueError(f"the form must be {_form(name)}") from None
    if len(named) < len(call.keywords):
        raise ValueError("an argument is given twice")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # repeated values of a list give no warning either
            return make(*positional, **named)
    except (TypeError, ValueError) as error:
        raise ValueError(str(error).partition(": ")[2] or error) from None


def _form(name: str) -> str:
    """Write the form of a distribution, such as ``log(low,high)``."""
    arguments = inspect.signature(_DISTRIBUTIONS[name]).parameters
    return f"{name}({'a,b,...' if name == 'choice' else ','.join(arguments)})"
