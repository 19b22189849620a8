"""From short names of parameters to full names, also of estimators inside other estimators."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sklearn.base import clone

from .._utils.names import PARENTS, RENAMED, did_you_mean, last_part
from .distributions import Choice

_MOST_PROBES = 64


def resolve(estimator: Any, space: Mapping[str, Any]) -> dict[str, Any]:
    """Turn the names of a space into full names of the estimator's parameters, in the same order.

    The values of some parameters determine which other parameters exist. Examples are ``model``,
    ``optimizer``, and a step of a pipeline whose values are estimators. Every other name must
    exist with each of these values.

    Parameters
    ----------
    estimator : estimator
        The estimator that will be searched. It is not changed.
    space : mapping of str to list or distribution
        The values by short, routed or full names.

    Returns
    -------
    space : dict of str to list or distribution
        The values by full names.

    Raises
    ------
    TypeError
        If `estimator` has no parameters.
    ValueError
        If a name is unknown or ambiguous, or if two names mean the same parameter.
    """
    check_estimator(estimator)
    probes = {"": clone(estimator)}
    full_names: dict[str, str] = {}
    for name in sorted(space, key=lambda name: not _decides_other_names(name, space[name])):
        full = _name_in_all(probes, name)
        for other, taken in full_names.items():
            if taken == full:
                raise ValueError(f"{other} and {name} are the same parameter, {full}")
        full_names[name] = full
        if _decides_other_names(name, space[name]):
            probes = _set_each_value(probes, name, full, space[name])
    return {full_names[name]: values for name, values in space.items()}


def check_estimator(estimator: Any) -> None:
    """Raise `TypeError` for an object that has no parameters to search."""
    if not _is_estimator(estimator):
        raise TypeError(
            f"estimator={estimator!r} must be an instance of an estimator, with get_params"
        )


def full_name(estimator: Any, name: str) -> str:
    """Find the full name of the one parameter that `name` means; it raises as `resolve` does."""
    known = estimator.get_params()
    if name in known:
        return name
    found = [full for full in known if full.endswith(f"__{name}")]
    found += _unlisted_routes(estimator, known, name, found)
    found = found or [full for full in known if _leaves_out_steps(name, full)]
    found = found or list(dict.fromkeys(_settable_names(estimator, known, name)))
    if len(found) == 1:
        return found[0]
    if found:
        raise ValueError(f"{name} is ambiguous; use the full name, {' or '.join(found)}")
    near = nearest_names(name, known)
    raise ValueError(
        f"{name}: there is no such parameter"
        + (near or f" in {type(estimator).__name__}; get_params() lists the parameters")
    )


def nearest_names(name: str, known: Iterable[str]) -> str:
    """Write the known full names that may be meant, as the end of an error message."""
    known = list(known)
    same_ending = [full for full in known if last_part(full) == last_part(name)]
    if same_ending:
        return f"; did you mean {' or '.join(same_ending[:3])}?"
    short = list(map(last_part, known))
    renamed = last_part(RENAMED.get(last_part(name), ("", ""))[1])
    if renamed in short:
        return f"; did you mean {renamed}?"
    return did_you_mean(last_part(name), short)


def _unlisted_routes(
    estimator: Any, known: Mapping[str, Any], name: str, found: Iterable[str]
) -> list[str]:
    """Find the callbacks, losses, metrics and classes that take an argument `name`.

    ``get_params`` of a network lists only the arguments of these objects that were already set. A
    class is a value such as a learning-rate schedule. Routes in `found` are left out.
    """
    probe, routes = None, []
    for full, value in known.items():
        is_listed = last_part(full) not in PARENTS[2:] and not inspect.isclass(value)
        if is_listed or value is None or isinstance(value, str):
            continue
        if f"{full}__{name}" in found:  # the argument is set for all objects of the list
            continue
        probe = clone(estimator) if probe is None else probe
        parts = {full: value}
        if isinstance(value, list | tuple | Mapping):
            keys = value if isinstance(value, Mapping) else range(len(value))
            parts = {f"{full}__{key}": value[key] for key in keys}
        for path, part in parts.items():
            if _takes(probe, f"{path}__no_argument_is_called_so"):  # it accepts any **kwargs
                takes = _names_argument(part, name)
            else:
                takes = _takes(probe, f"{path}__{name}")
            if takes:
                routes.append(f"{path}__{name}")
    return [route for route in routes if route not in found]


def _takes(probe: Any, name: str) -> bool:
    """Tell whether a parameter of an estimator can be set; the probe is changed by this."""
    try:
        probe.set_params(**{name: None})
    except (ValueError, TypeError, AttributeError):
        return False
    return True


def _names_argument(part: Any, name: str) -> bool:
    """Tell whether a class or function has an argument of this name in its own signature."""
    try:
        return name in inspect.signature(part).parameters
    except (TypeError, ValueError):
        return False


def _leaves_out_steps(name: str, full: str) -> bool:
    """Tell whether `name` is the full name without some steps, such as ``clf__learning_rate``."""
    *steps, last = name.split("__")
    *full_steps, full_last = full.split("__")
    rest = iter(full_steps)
    return last == full_last and all(step in rest for step in steps)


def _settable_names(estimator: Any, known: Mapping[str, Any], name: str) -> Iterator[str]:
    """Find parameters that can be set but have no default, so that ``get_params`` lacks them."""
    inner = {f"{prefix}__": part for prefix, part in known.items() if _is_estimator(part)}
    for prefix, part in {"": estimator, **inner}.items():
        probe = clone(part)
        if not _takes(probe, name):
            continue
        new = probe.get_params().keys() - part.get_params().keys()
        ending = [full for full in new if full == name or full.endswith(f"__{name}")]
        yield prefix + (ending[0] if len(ending) == 1 else name)


def _name_in_all(probes: Mapping[str, Any], name: str) -> str:
    """Find the parameter that `name` means in every probe."""
    found: dict[str, str] = {}
    failed: dict[str, ValueError] = {}
    for label, probe in probes.items():
        try:
            found[label] = full_name(probe, name)
        except ValueError as error:
            failed[label] = error
    if not found:
        raise next(iter(failed.values()))
    if failed:
        raise ValueError(
            f"{name}: there is no such parameter with {' or with '.join(failed)}; "
            "search these values separately, or make the parameter conditional with when()"
        )
    if len(set(found.values())) > 1:
        names = " or ".join(set(found.values()))
        raise ValueError(f"{name} is ambiguous; use the full name, {names}")
    return next(iter(found.values()))


def _set_each_value(
    probes: Mapping[str, Any], name: str, full: str, values: Iterable[Any]
) -> dict[str, Any]:
    """Make a probe for each combination of a probe and a value."""
    each = {}
    for label, probe in probes.items():
        for value in values:
            also = f"{label} and " if label else ""
            text = value if isinstance(value, str) else repr(value)
            each[f"{also}{name}={text}"] = clone(probe).set_params(**{full: value})
            if len(each) == _MOST_PROBES:  # an error in the remaining values appears in their fits
                return each
    return each


def _decides_other_names(name: str, values: Any) -> bool:
    """Tell whether the values of a parameter determine which other parameters exist."""
    if not isinstance(values, list | Choice):
        return False
    if last_part(name) in PARENTS:
        return True
    # arguments of a class, such as a learning-rate schedule, are parameters too
    return any(_is_estimator(value) or inspect.isclass(value) for value in values)


def _is_estimator(value: Any) -> bool:
    return (
        hasattr(value, "get_params") and hasattr(value, "set_params") and not inspect.isclass(value)
    )
