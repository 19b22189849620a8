"""What a search space is: a dict from parameter names to values, or a list of such dicts.

Each dict is a branch. Its values are lists or distributions.
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
    """Check that something is a search space, and list its dicts.

    Distributions, this package's or scipy's, stay as they are; anything else becomes a list of
    Python's own values. `TypeError` or `ValueError` says what is no name, no list or empty.
    """
    branches = [space] if isinstance(space, Mapping) else space
    if not isinstance(branches, list | tuple) or not branches:
        raise TypeError(
            f"space={space!r} must be a dict from parameter names to lists or distributions, or a "
            "list of such dicts; param_grid() and param_distributions() make them"
        )
    for branch in branches:
        if not isinstance(branch, Mapping):
            raise TypeError(f"space must be a list of dicts: {branch!r} is not a dict")
        for name in branch:
            if not isinstance(name, str):
                raise TypeError(f"space: {name!r} is not a name; the names must be strings")
    return [
        {
            name: values if is_distribution(values) else as_list(values, name)
            for name, values in branch.items()
        }
        for branch in branches
    ]


def as_distributions(space: object) -> list[dict[str, Distribution]]:
    """List the dicts of a search space as `as_branches` does, with our distributions alone.

    A distribution without a quantile function is a `TypeError`.
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
    """Count the candidates of a search space; infinite where a distribution is continuous."""
    return sum(math.prod(values.n_values for values in branch.values()) for branch in branches)


def cartesian(branch: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Make all combinations of lists or finite distributions, the last one changing fastest."""
    for values in itertools.product(*branch.values()):
        yield dict(zip(branch, values, strict=True))


def one_or_list(branches: list[Branch]) -> Space:
    """Write branches as scikit-learn's searches take them: one dict, or a list of several."""
    return branches[0] if len(branches) == 1 else branches
