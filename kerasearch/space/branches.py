"""The type of a search space: a dict from parameter names to values, or a list of such dicts.

Each dict is a branch. The values of a branch are lists or distributions.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .._utils.values import as_list
from .distributions import Distribution
from .scipy_distributions import as_distribution, is_distribution

Branch = dict[str, Any]
Space = Branch | list[Branch]


def as_branches(space: object) -> list[Branch]:
    """Check that an object is a search space, and list its branches.

    Distributions of kerasearch and SciPy stay as they are. Any other values become a list with
    Python's own types.

    Parameters
    ----------
    space : dict or list of dict
        The object to check.

    Returns
    -------
    branches : list of dict
        The branches, with a list or distribution for each parameter name.

    Raises
    ------
    TypeError
        If `space` is neither a dict nor a non-empty list of dicts, a name is not a string, or
        values are neither a list nor a distribution.
    ValueError
        If a list of values is empty.
    """
    branches = [space] if isinstance(space, Mapping) else space
    if not isinstance(branches, list | tuple) or not branches:
        raise TypeError(
            f"space={space!r} must be a dict from parameter names to lists or distributions, or a "
            "list of such dicts; param_grid() and param_distributions() return such spaces"
        )
    for branch in branches:
        if not isinstance(branch, Mapping):
            raise TypeError(f"space must be a list of dicts: {branch!r} is not a dict")
        for name in branch:
            if not isinstance(name, str):
                raise TypeError(f"space: parameter names must be strings, but {name!r} is not")
    return [
        {
            name: values if is_distribution(values) else as_list(values, name)
            for name, values in branch.items()
        }
        for branch in branches
    ]


def as_distributions(space: object) -> list[dict[str, Distribution]]:
    """List the branches of a search space, with every list turned into a `Distribution`.

    Raises
    ------
    TypeError
        As in `as_branches`; also if a distribution has no quantile function.
    ValueError
        As in `as_branches`.
    """
    return [
        {name: _distribution(name, values) for name, values in branch.items()}
        for branch in as_branches(space)
    ]


def _distribution(name: str, values: Any) -> Distribution:
    try:
        return as_distribution(values)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{name}: {error}") from None


def n_candidates(branches: Iterable[Mapping[str, Distribution]]) -> float:
    """Count the candidates of a search space; infinitely many if a distribution is continuous."""
    return sum(math.prod(values.n_values for values in branch.values()) for branch in branches)


def cartesian(branch: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Make all combinations of the values of a branch; the last parameter changes fastest."""
    for values in itertools.product(*branch.values()):
        yield dict(zip(branch, values, strict=True))


def one_or_list(branches: list[Branch]) -> Space:
    """Return a single branch as a dict and several branches as a list, as searches accept them."""
    return branches[0] if len(branches) == 1 else branches
