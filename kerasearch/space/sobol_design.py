"""Quasi-random designs: points that fill a space more evenly than independent draws."""

from __future__ import annotations

import inspect
import math
from collections.abc import Hashable
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from .._utils.checks import check_integer
from .._utils.user_warnings import warn
from .._utils.values import candidate_identity
from .branches import Space, as_distributions, cartesian, n_candidates
from .distributions import Distribution

# the largest number of points for each requested candidate, since points may give equal candidates
_MOST_POINTS = 64


def sobol(
    space: Space, n: int, random_state: int | np.random.RandomState | None = None
) -> list[dict[str, list[Any]]]:
    """Choose `n` candidates by a scrambled Sobol sequence.

    Random draws leave gaps and clusters in the space. The points of a Sobol sequence fill every
    range, and every pair of ranges, more evenly. They are the most even if `n` is a power of two.
    The quantile function of each distribution maps a coordinate to a value. If `space` is a list of
    dicts, a further coordinate chooses the dict; each dict is chosen equally often.

    Parameters
    ----------
    space : dict or list of dict
        Lists and distributions by full parameter names, as `param_distributions` and
        `param_grid` return them. A SciPy distribution must have a ``ppf``.
    n : int
        The number of candidates. All candidates are different, so a small discrete space may have
        fewer than `n`.
    random_state : int, RandomState or None, default=None
        The source of randomness for the scrambling. An int gives the same design in every call.
        None uses NumPy's global generator.

    Returns
    -------
    list of dict
        A list of grids with one candidate each. It can be passed to `GridSearchCV` as
        ``param_grid``.

    Raises
    ------
    TypeError
        If `space` is neither a dict nor a list of dicts, or if a distribution has no quantile
        function.
    ValueError
        If `n` is not a positive integer.

    Warns
    -----
    UserWarning
        If fewer than `n` different candidates are found.

    See Also
    --------
    param_distributions : Make a space from short parameter names.
    search_cost : Predict the number of fits of a search.

    References
    ----------
    I. M. Sobol, "On the distribution of points in a cube and the approximate evaluation of
    integrals", 1967; scrambling: A. B. Owen, "Scrambling Sobol and Niederreiter-Xing points",
    Journal of Complexity 14, 1998. In tuning: J. Bergstra and Y. Bengio, "Random Search for
    Hyper-Parameter Optimization", JMLR 13, 2012, section 4.

    Examples
    --------
    >>> from kerasearch import log_uniform, sobol
    >>> design = sobol({"alpha": log_uniform(1e-4, 1), "penalty": ["l1", "l2"]}, 4, random_state=0)
    >>> sorted(candidate["penalty"][0] for candidate in design)
    ['l1', 'l1', 'l2', 'l2']
    """
    n = check_integer("n", n, 1)
    branches = as_distributions(space)
    if n_candidates(branches) <= n:
        chosen = {candidate_identity(c): c for branch in branches for c in cartesian(branch)}
    else:
        chosen = _first_distinct(branches, n, check_random_state(random_state))
    if len(chosen) < n:
        warn(f"n={n} candidates were requested, but only {len(chosen)} different ones were found")
    return [{name: [value] for name, value in c.items()} for c in chosen.values()]


def _first_distinct(
    branches: list[dict[str, Distribution]], n: int, rng: np.random.RandomState
) -> dict[Hashable, dict[str, Any]]:
    """Draw until `n` different candidates are found, or until more are unlikely to be found."""
    from scipy.stats import qmc

    columns = _columns(branches)
    n_dimensions = 1 + sum(len(columns_) for columns_ in columns.values())
    seed = np.random.default_rng(rng.randint(2**31))
    new_name = "rng" in inspect.signature(qmc.Sobol).parameters  # SciPy 1.15
    sequence = qmc.Sobol(n_dimensions, **{"rng" if new_name else "seed": seed})
    chosen: dict[Hashable, dict[str, Any]] = {}
    size = 2 ** math.ceil(math.log2(n))  # blocks of powers of two keep the sequence's balance
    while sequence.num_generated < _MOST_POINTS * size:
        for point in sequence.random(max(size, sequence.num_generated)):
            branch = branches[min(int(point[0] * len(branches)), len(branches) - 1)]
            candidate = {
                name: d.at(point[columns[name]][: d.n_dimensions]) for name, d in branch.items()
            }
            chosen.setdefault(candidate_identity(candidate), candidate)
            if len(chosen) == n:
                return chosen
    return chosen


def _columns(branches: list[dict[str, Distribution]]) -> dict[str, list[int]]:
    """Assign coordinates to each parameter; branches share coordinates of equal names."""
    sizes: dict[str, int] = {}
    for branch in branches:
        for name, distribution in branch.items():
            sizes[name] = max(sizes.get(name, 0), distribution.n_dimensions)
    ends = np.cumsum([1, *sizes.values()]).tolist()
    return {
        name: list(range(begin, begin + size))
        for (name, size), begin in zip(sizes.items(), ends, strict=False)
    }
