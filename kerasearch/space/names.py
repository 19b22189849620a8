"""Short names of parameters to full ones, however deep in an estimator they are."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sklearn.base import clone

from .._utils.names import PARENTS, did_you_mean, last_part
from .distributions import Choice

_MOST_PROBES = 64


def resolve(estimator: Any, space: Mapping[str, Any]) -> dict[str, Any]:
    """Turn the names of a space into full names of the estimator's parameters, in the same order.

    Names are short, routed or full. Values of ``model``, ``optimizer`` and their like, and those
    that are estimators, decide which other names there are: these must exist with each of the
    values. The estimator is not changed; if it has no parameters, that is a `TypeError`. A name
    that is unknown, that could be several, or that two names mean is a `ValueError`.
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
    """Raise `TypeError` for what has no parameters to search."""
    if not _is_estimator(estimator):
        raise TypeError(
            f"estimator={estimator!r} must be an instance of an estimator, with get_params"
        )


def full_name(estimator: Any, name: str) -> str:
    """Find the one parameter that `name` means; `resolve` says what is raised."""
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
        raise ValueError(f"{name} could be {' or '.join(found)}; give that name")
    near = nearest_names(name, known)
    raise ValueError(
        f"{name}: there is no such parameter"
        + (near or f" in {type(estimator).__name__}; get_params() lists what there is")
    )


def nearest_names(name: str, known: Iterable[str]) -> str:
    """Say which of the known full names may be meant, as the end of an error message."""
    known = list(known)
    same_ending = [full for full in known if last_part(full) == last_part(name)]
    if same_ending:
        return f"; did you mean {' or '.join(same_ending[:3])}?"
    return did_you_mean(last_part(name), map(last_part, known))


def _unlisted_routes(
    estimator: Any, known: Mapping[str, Any], name: str, found: Iterable[str]
) -> list[str]:
    """Find the callbacks, losses and metrics that take an argument `name`, and are not in `found`.

    A network's parameters list only those of their arguments that were set.
    """
    probe, routes = None, []
    for full, value in known.items():
        if last_part(full) not in PARENTS[2:] or value is None or isinstance(value, str):
            continue
        if f"{full}__{name}" in found:  # set for all of them
            continue
        probe = clone(estimator) if probe is None else probe
        parts = {full: value}
        if isinstance(value, list | tuple | Mapping):
            keys = value if isinstance(value, Mapping) else range(len(value))
            parts = {f"{full}__{key}": value[key] for key in keys}
        for path, part in parts.items():
            if _takes(probe, f"{path}__no_argument_is_called_so"):  # by its **kwargs
                takes = _names_argument(part, name)
            else:
                takes = _takes(probe, f"{path}__{name}")
            if takes:
                routes.append(f"{path}__{name}")
    return [route for route in routes if route not in found]


def _takes(probe: Any, name: str) -> bool:
    """Tell whether an estimator has a parameter; it may be set."""
    try:
        probe.set_params(**{name: None})
    except (ValueError, TypeError, AttributeError):
        return False
    return True


def _names_argument(part: Any, name: str) -> bool:
    """Tell whether a class or function has an argument of that name itself."""
    try:
        return name in inspect.signature(part).parameters
    except (TypeError, ValueError):
        return False


def _leaves_out_steps(name: str, full: str) -> bool:
    """Tell whether `name` is the full name without some steps: ``clf__learning_rate``."""
    *steps, last = name.split("__")
    *full_steps, full_last = full.split("__")
    rest = iter(full_steps)
    return last == full_last and all(step in rest for step in steps)


def _settable_names(estimator: Any, known: Mapping[str, Any], name: str) -> Iterator[str]:
    """Find what has no default, and so is not among the parameters, but can be set."""
    inner = {f"{prefix}__": part for prefix, part in known.items() if _is_estimator(part)}
    for prefix, part in {"": estimator, **inner}.items():
        probe = clone(part)
        if not _takes(probe, name):
            continue
        new = probe.get_params().keys() - part.get_params().keys()
        ending = [full for full in new if full == name or full.endswith(f"__{name}")]
        yield prefix + (ending[0] if len(ending) == 1 else name)


def _name_in_all(probes: Mapping[str, Any], name: str) -> str:
    """Find the parameter that `name` means in all of the probes."""
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
            "search that by itself"
        )
    if len(set(found.values())) > 1:
        raise ValueError(f"{name} could be {' or '.join(set(found.values()))}; give that name")
    return next(iter(found.values()))


def _set_each_value(
    probes: Mapping[str, Any], name: str, full: str, values: Iterable[Any]
) -> dict[str, Any]:
    """Set each of the values in each of the probes."""
    each = {}
    for label, probe in probes.items():
        for value in values:
            also = f"{label} and " if label else ""
            text = value if isinstance(value, str) else repr(value)
            each[f"{also}{name}={text}"] = clone(probe).set_params(**{full: value})
            if len(each) == _MOST_PROBES:  # a mistake in the others shows when they are fitted
                return each
    return each


def _decides_other_names(name: str, values: Any) -> bool:
    """Tell whether the values of a parameter decide which other parameters there are."""
    if not isinstance(values, list | Choice):
        return False
    return last_part(name) in PARENTS or any(_is_estimator(value) for value in values)


def _is_estimator(value: Any) -> bool:
    return (
        hasattr(value, "get_params") and hasattr(value, "set_params") and not inspect.isclass(value)
    )
