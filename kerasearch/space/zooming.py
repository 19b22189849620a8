"""From a finished search to a narrower space round its best candidates."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from .._utils.checks import as_real
from .._utils.plain_values import as_python
from .._utils.values import candidate_identity, identity
from ..cv_results.reading import read
from .branches import Branch, Space, as_branches
from .distributions import Choice
from .narrowing import Tried, narrowed


def zoom(
    search: Any,
    space: Space,
    keep: float = 0.25,
    factor: float = 0.5,
    metric: str | None = None,
) -> Space:
    """Make a narrower space round the best candidates of a finished search.

    The best share `keep` of the candidates is looked at. A range becomes as wide as their values,
    but not narrower than the share `factor` of what it was, in its own scale: the logarithm of a
    learning rate, say. So a parameter that made no difference keeps nearly its range. Where the
    best value is at an end of a range, the range goes on past it, and a warning says so: half as
    wide as `factor` has it, never below zero where it was not before, and within [0, 1) for a float
    range that was.

    A list keeps the values of the best candidates, those of its better half that scored nearly as
    well, and those that were never tried; other values are left out.

    A list of numbers narrows as a range does and is filled up to its length. Whole numbers keep to
    the steps of the list: of 16, 32 and 64 they stay powers of two, of 10, 20 and 30 multiples of
    ten, also where the list goes on past its end, by one step at least. So it may become shorter.

    Parameters
    ----------
    search : fitted search, dict or DataFrame
        Anything with ``cv_results_``, or such a table itself, also one that several searches were
        merged into. Candidates without a finite score do not count. Where there are
        ``n_resources`` (successive halving, Hyperband), those that got more of them are better.
    space : dict or list of dict
        What was searched, by full names: lists or distributions. Dicts of a list none of whose
        candidates is among the best drop out.
    keep : float, default=0.25
        The share of the candidates that are looked at, in (0, 1]; one at least.
    factor : float, default=0.5
        The most that a range can narrow, in (0, 1).
    metric : str, default=None
        Of several metrics, the one to go by; None takes the one that the search's `refit` names,
        or else the first.

    Returns
    -------
    dict or list of dict
        Lists stay lists and distributions stay distributions, so that the same kind of search
        takes the result.

    Warns
    -----
    UserWarning
        Where a range is extended.

    Raises
    ------
    TypeError
        If `search` is no search or `space` is no space.
    NotFittedError
        If the search was not fitted.
    ValueError
        If no candidate has a score or is of this space, the metric is not there, or a share is
        out of range.

    Examples
    --------
    >>> from kerasearch import log_uniform, zoom
    >>> results = {
    ...     "params": [{"alpha": 1e-4}, {"alpha": 1e-3}, {"alpha": 1e-2}, {"alpha": 1e-1}],
    ...     "mean_test_score": [0.7, 0.9, 0.8, 0.6],
    ... }
    >>> zoom(results, {"alpha": log_uniform(1e-5, 1e-1)})
    {'alpha': uniform(0.0001, 0.01, log=True)}
    """
    if not 0 < (as_real(keep) or 0) <= 1:
        raise ValueError(f"keep={keep!r} must be a share of the candidates in (0, 1]")
    if not 0 < (as_real(factor) or 0) < 1:
        raise ValueError(f"factor={factor!r} must be in (0, 1): the most that a range narrows")
    branches = as_branches(space)
    scored, failed = (_by_branch(each, branches) for each in _ranked(search, metric))
    if not scored:
        raise ValueError(
            f"no candidate with a score has the parameters of the space: {_names(branches)}"
        )
    n_best = max(1, math.ceil(keep * len(scored)))
    narrower = []
    for i, branch in enumerate(branches):
        kept = [searched for j, searched, _ in scored[:n_best] if i == j]
        rest = [(searched, score) for j, searched, score in scored if i == j]
        without = [searched for j, searched, _ in failed if i == j]
        if kept:
            narrower.append(
                {
                    name: narrowed(
                        name,
                        spec,
                        Tried(
                            [searched[name] for searched in kept],
                            [(searched[name], score) for searched, score in rest],
                            [searched[name] for searched in without],
                        ),
                        factor,
                    )
                    for name, spec in branch.items()
                }
            )
        elif not rest and not without:
            narrower.append(branch)
    return narrower[0] if isinstance(space, Mapping) else narrower


_Scored = list[tuple[dict[str, Any], float]]


def _ranked(search: Any, metric: str | None) -> tuple[_Scored, _Scored]:
    """List the candidates that have a finite score, best first, and those that have none.

    A score that does not compare with the best one's, as it had fewer resources, is NaN.
    """
    results = read(search)
    order, mean = results.order(metric), results.mean(metric)
    is_finite = np.isfinite(mean)
    if not is_finite.any():
        raise ValueError("no candidate of the search has a finite score")
    scores = np.where(results.comparable_by(metric), mean, np.nan)
    pairs = [(results.params[i], float(scores[i]), bool(is_finite[i])) for i in order]
    scored = [(params, score) for params, score, finite in pairs if finite]
    return scored, [(params, score) for params, score, finite in pairs if not finite]


def _by_branch(
    candidates: _Scored, branches: Sequence[Branch]
) -> list[tuple[int, dict[str, Any], float]]:
    """Find the branch of each candidate, and what was searched of it; once, if in several rungs."""
    found: dict[Hashable, tuple[int, dict[str, Any], float]] = {}
    for candidate, score in candidates:
        i = _branch_of(candidate, branches)
        if i is not None:
            searched = {name: as_python(candidate[name]) for name in branches[i]}
            found.setdefault(candidate_identity(searched), (i, searched, score))
    return list(found.values())


def _branch_of(candidate: Mapping[str, Any], branches: Sequence[Branch]) -> int | None:
    """Find the branch with the most parameters of the candidate; of several, with its values."""
    fitting = [i for i, branch in enumerate(branches) if branch.keys() <= candidate.keys()]
    if not fitting:
        return None
    most = max(len(branches[i]) for i in fitting)
    fitting = [i for i in fitting if len(branches[i]) == most]
    return max(fitting, key=lambda i: _n_shared(candidate, branches[i]))


def _n_shared(candidate: Mapping[str, Any], branch: Branch) -> int:
    """Count the values of a candidate that are among the values of a branch."""
    return sum(
        identity(candidate[name]) in set(map(identity, spec))
        for name, spec in branch.items()
        if isinstance(spec, list | Choice)
    )


def _names(branches: Sequence[Branch]) -> str:
    return " or ".join(", ".join(branch) for branch in branches)
