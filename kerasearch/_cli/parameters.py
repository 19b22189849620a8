"""``--param name=values``: from the text of the options to a grid or to distributions."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats
from sklearn.base import BaseEstimator, clone
from sklearn.utils import check_random_state

from . import UsageError, did_you_mean

Space = dict[str, Any]

_CALL = re.compile(r"(\w+)\s*\((.*)\)", re.DOTALL)
_WORD = re.compile(r"[A-Za-z_][\w.\-]*")
_KEYWORDS = {"true": True, "false": False, "none": None}
_BRACKETS = {"(": ")", "[": "]", "{": "}"}
# these decide which other names there are, so they are looked up first
_PARENTS = ("model", "optimizer", "loss", "metrics", "callbacks")


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
            space[name] = _distinct(space[name] + values)
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
        ``uniform(a,b)``, ``int(a,b)`` and ``logint(a,b)``, whose bounds are both included.

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
    return _distinct([_literal(name, piece) for piece in _split(name, text)])


def is_distribution(values: Any) -> bool:
    """Tell a distribution from a list."""
    return hasattr(values, "rvs")


def describe(values: Any) -> str:
    """Write values as they could have been typed."""
    if isinstance(values, LogIntegers):
        return f"logint({values.low},{values.high})"
    if is_distribution(values):
        kind = {"loguniform": "log", "reciprocal": "log", "randint": "int"}
        low, high = values.support()
        return f"{kind.get(values.dist.name, values.dist.name)}({low:g},{high:g})"
    return ",".join(show(value) for value in values)


def show(value: Any, digits: int | None = None) -> str:
    """Write one value: a word without quotes, a tuple without spaces, a float to `digits`."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, str):
        return value if _WORD.fullmatch(value) else repr(value)
    if isinstance(value, float) and digits:
        return f"{value:.{digits}g}"
    return repr(value).replace(", ", ",")


@dataclass(frozen=True)
class LogIntegers:
    """Integers from `low` to `high`, both included, uniform on the scale of their logarithm."""

    low: int
    high: int

    def rvs(self, random_state: Any = None) -> int:
        """Draw one integer."""
        ends = math.log(self.low), math.log(self.high + 1)
        drawn = math.floor(math.exp(check_random_state(random_state).uniform(*ends)))
        return min(max(drawn, self.low), self.high)


def resolve(estimator: BaseEstimator, prefix: str, space: Mapping[str, Any]) -> Space:
    """Turn the names of a space into full names of the estimator's parameters.

    Parameters
    ----------
    estimator : estimator
        What the search will tune.
    prefix : str
        Where the Keras estimator is in it, ``"network__"``. A short name is looked for among its
        parameters alone.
    space : mapping
        Values by short, routed or full names.

    Returns
    -------
    resolved : dict
        The same values by full names.

    Raises
    ------
    UsageError
        If a name is unknown or could be several; the message has the nearest or all of them.
    """
    probe = clone(estimator)
    full_names: dict[str, str] = {}
    for name in sorted(space, key=lambda name: name not in _PARENTS):
        full = _full_name(probe, prefix, name)
        if full in full_names.values():
            other = next(n for n, f in full_names.items() if f == full)
            raise UsageError(f"--param {other} and --param {name} are the same parameter")
        full_names[name] = full
        if name in _PARENTS and isinstance(space[name], list):
            _check_each(probe, full, name, space, prefix)
            probe.set_params(**{full: space[name][0]})
    return {full_names[name]: values for name, values in space.items()}


def _check_each(
    probe: BaseEstimator, full: str, parent: str, space: Mapping[str, Any], prefix: str
) -> None:
    """Raise for a name that exists with one value of `parent` and not with another."""
    probes = {show(v): clone(probe).set_params(**{full: v}) for v in space[parent]}
    for name in space.keys() - {*_PARENTS}:
        failed: dict[str, UsageError] = {}
        for value, one in probes.items():
            try:
                _full_name(one, prefix, name)
            except UsageError as error:
                failed[value] = error
        if failed and len(failed) < len(probes):
            raise UsageError(
                f"--param {name}: there is no such parameter with {parent}={','.join(failed)}; "
                "search that by itself"
            )


def _full_name(estimator: BaseEstimator, prefix: str, name: str) -> str:
    known = estimator.get_params()
    for exact in (prefix + name, name):
        if exact in known:
            return exact
    ending = [full for full in known if full.startswith(prefix) and full.endswith(f"__{name}")]
    if len(ending) == 1:
        return ending[0]
    if ending:
        choices = " or ".join(full.removeprefix(prefix) for full in ending)
        raise UsageError(f"--param {name} could be {choices}; give that name")
    try:  # what has no default is not among the parameters, and still can be set
        clone(estimator).set_params(**{prefix + name: None})
    except ValueError:
        own = [full.removeprefix(prefix) for full in known if full.startswith(prefix)]
        near = did_you_mean(name.rpartition("__")[2], [n.rpartition("__")[2] for n in own])
        common = "; learning_rate, batch_size and epochs always exist"
        raise UsageError(f"--param {name}: there is no such parameter{near or common}") from None
    return prefix + name


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


def _distinct(values: list[Any]) -> list[Any]:
    """Drop what is there already; True and 1, 1 and 1.0 are different."""
    return list({repr(value): value for value in values}.values())


def _distribution(name: str, kind: str, text: str) -> Any:
    forms = ("log", "uniform", "int", "logint")
    if kind not in forms:
        known = ", ".join(f"{form}(a,b)" for form in forms)
        raise UsageError(f"--param {name}={kind}({text}): the distributions are {known}")
    ends = [_literal(name, piece) for piece in _split(name, text)]
    as_typed = f"--param {name}={kind}({text})"
    number = int if kind.endswith("int") else (int, float)
    if len(ends) != 2 or not all(
        isinstance(end, number) and not isinstance(end, bool) and math.isfinite(end) for end in ends
    ):
        which = "two whole numbers" if number is int else "two numbers"
        raise UsageError(f"{as_typed} must have {which}, the lowest and the highest value")
    low, high = ends
    if low >= high:
        raise UsageError(f"{as_typed}: the first number must be the smaller one")
    if kind.startswith("log") and low <= 0:
        raise UsageError(f"{as_typed}: a logarithmic scale begins above 0")
    if kind == "log":
        return stats.loguniform(low, high)
    if kind == "uniform":
        return stats.uniform(low, high - low)
    if kind == "int":
        return stats.randint(low, high + 1)
    return LogIntegers(low, high)
