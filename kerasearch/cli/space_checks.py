"""Check the names and values of ``--param`` against the network before the first fit."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from sklearn.base import clone

from .._utils.names import last_part
from .._utils.text import listed, one_line
from ..space import Choice
from ..space.names import resolve as full_names
from .arguments import option_of
from .errors import UsageError
from .parameters import describe, show

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

    from .data import Dataset

_MOST_PROBES = 64
# the prefix of the network's parameters in the pipeline
_STEPS = re.compile(r"\bnetwork__(regressor__)?")


def resolve(estimator: Pipeline, space: Mapping[str, Any]) -> dict[str, Any]:
    """Turn the names of a space into full names of the estimator's parameters.

    Raises
    ------
    UsageError
        If a name is unknown or ambiguous. The message suggests similar names or all candidates.
    """
    try:
        return full_names(estimator, space)
    except ValueError as error:
        # nobody types the names of the pipeline's steps, so the message leaves them out
        message = _STEPS.sub("", str(error))
        what, is_unlike, _ = message.partition(f" in {type(estimator).__name__}; get_params()")
        option = option_of(last_part(what.partition(":")[0]))
        if "there is no such parameter" in what and option is not None:
            message = f"{what.partition(';')[0]}; use the option {option}"
        elif is_unlike:
            message = f"{what}; known parameters are {listed(_names(estimator))}; see also --help"
        raise UsageError(f"--param {message}") from None


def check_values(
    estimator: Pipeline, typed: Mapping[str, str], space: Mapping[str, Any], dataset: Dataset
) -> None:
    """Raise `UsageError` for a value with which no candidate can be trained.

    The function builds the network for the data with each value and with the first values of the
    other parameters. If an error does not name the value, it may depend on the other parameters.
    Then the function ignores it, and the search reports it.

    Parameters
    ----------
    estimator : Pipeline
        The pipeline from raw rows to predictions, with the network as its last step.
    typed : mapping of str to str
        The full name of each name as typed.
    space : mapping of str to list or distribution
        The search space by full names.
    dataset : Dataset
        The training data.

    Raises
    ------
    UsageError
        If the network cannot be built with a value.
    """
    names = {full: name for name, full in typed.items()}
    tried = {full: list(_telling_values(values)) for full, values in space.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the fits issue the same warnings
        try:
            X = clone(estimator[:-1]).fit_transform(dataset.X, dataset.y)
        except ValueError:  # the search reports it
            return
        for candidate in _probes(tried):
            try:
                probe = clone(estimator).set_params(**candidate)[-1]
                getattr(probe, "regressor", probe).initialize(X, dataset.y)
            except (ValueError, TypeError) as error:
                for full, value in candidate.items():
                    if (reason := _reason(str(error), last_part(full), value)) is not None:
                        of_range = "" if isinstance(space[full], list) else describe(space[full])
                        given = f"{of_range}: {show(value)}" if of_range else show(value)
                        raise UsageError(f"--param {names[full]}={given}{reason}") from None


def _names(estimator: Pipeline) -> list[str]:
    """List the most common hyperparameters by the names that can be typed."""
    names = [_STEPS.sub("", name) for name in estimator.get_params()]
    of_model = [last_part(name) for name in names if name.startswith("model__")]
    return [*of_model, "learning_rate", "batch_size", "epochs", "optimizer"]


def _telling_values(values: Any) -> Iterator[Any]:
    """Yield the extreme values to try; if any value is out of bounds, one of them is."""
    if hasattr(values, "support"):
        yield from values.support()
    elif not isinstance(values, list | Choice):  # such a distribution has checked its bounds
        yield values.rvs(0)
    else:
        numbers: dict[type, list[Any]] = {}
        for value in values:
            if type(value) in (int, float):
                numbers.setdefault(type(value), []).append(value)
            else:
                yield value
        for some in numbers.values():
            yield from dict.fromkeys([min(some), max(some)])


def _probes(tried: Mapping[str, list[Any]]) -> Iterable[dict[str, Any]]:
    """Make candidates that each have one of the values, and the first values of the others."""
    first = {full: values[0] for full, values in tried.items()}
    probes = [{**first, full: v} for full, values in tried.items() for v in values[1:]]
    return [first, *probes][:_MOST_PROBES]


def _reason(error: str, name: str, value: Any) -> str | None:
    """Find in an error the reason against a parameter's value; None if it is about another."""
    ways = {repr(value)}
    if isinstance(value, int) and not isinstance(value, bool):
        ways.add(repr(float(value)))
    given = rf"(?<!\w)(?:\w+__)*{re.escape(name)}=(?:{'|'.join(map(re.escape, ways))})(?![\w.])"
    if begin := re.match(given, error):
        return f" {one_line(error[begin.end() :], 1000)}"
    # Keras writes the names of arguments in backquotes
    if re.search(rf"{given}|`{re.escape(name)}`", error):
        return f": {one_line(error, 1000)}"
    return None
