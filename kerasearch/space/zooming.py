"""From a finished search to a narrower space around its best candidates."""

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
    """Make a narrower search space around the best candidates of a finished search.

    The function looks at the best share `keep` of the candidates.

    *A range* becomes as wide as the values of these candidates, but keeps at least the share
    `factor` of its old width. The width is measured on the scale of the range; for a learning
    rate this is usually the logarithm. Therefore a parameter that had no influence on the score
    keeps nearly its whole range. If the best value is at an end of a range, the range is extended
    beyond this end, and a warning says so. The extension reaches beyond the best value by half of
    `factor` times the old width. A range without negative numbers is not extended below zero, and
    a range of floats within [0, 1) stays within [0, 1).

    *A list of other values* keeps the values of the best candidates, further values with nearly
    the best score, and values that were never tried. All other values are removed.

    *A list of numbers* is narrowed as a range is, and new numbers fill it up to its old length.
    Integers stay on the steps of the list. For example, a list of 16, 32 and 64 keeps to powers
    of two, and a list of 10, 20 and 30 keeps to multiples of ten. For this reason the list may
    become shorter. If it is extended beyond an end, it is extended by at least one step.

    Parameters
    ----------
    search : fitted search, dict or DataFrame
        A search with ``cv_results_``, or the table ``cv_results_`` itself. It may be a table that
        was merged from several searches. A candidate without a finite score is never among the
        best. If the table has a column ``n_resources`` (successive halving, Hyperband), a candidate
        with more resources ranks before a candidate with fewer resources.
    space : dict or list of dict
        The space that was searched: lists or distributions by full parameter names. In a list, a
        dict is dropped if its candidates were tried and none is among the best.
    keep : float, default=0.25
        The share of the candidates to look at, in (0, 1]. At least one candidate is used.
    factor : float, default=0.5
        The smallest width of a new range, as a share of the old width, in (0, 1).
    metric : str, default=None
        The metric by which candidates are ranked. None uses the metric that `refit` of the search
        names, or else the first metric.

    Returns
    -------
    dict or list of dict
        The narrower space. Lists stay lists and distributions stay distributions, so the same kind
        of search accepts it. A range that shrinks to one value becomes a list.

    Raises
    ------
    TypeError
        If `search` is not a search, or `space` is not a search space.
    NotFittedError
        If the search was not fitted.
    ValueError
        If no candidate with a finite score has the parameters of `space`, if the search has no
        such metric, or if `keep` or `factor` is out of range.

    Warns
    -----
    UserWarning
        If a range is extended.

    See Also
    --------
    common_space : A space to start with.
    importance : The influence of each hyperparameter on the score.

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
        raise ValueError(
            f"factor={factor!r} must be in (0, 1): it is the smallest width of a new range, as a "
            "share of the old width"
        )
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
    """List the candidates with a finite score, best first, and the candidates without one.

    A score that is not comparable with the best score, because of fewer resources, is set to NaN.
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
    """Find the branch of each candidate and its searched parameters.

    A candidate that occurs in several rungs is listed once.
    """
    found: dict[Hashable, tuple[int, dict[str, Any], float]] = {}
    for candidate, score in candidates:
        i = _branch_of(candidate, branches)
        if i is not None:
            searched = {name: as_python(candidate[name]) for name in branches[i]}
            found.setdefault(candidate_identity(searched), (i, searched, score))
    return list(found.values())


def _branch_of(candidate: Mapping[str, Any], branches: Sequence[Branch]) -> int | None:
    """Find the branch that has the most parameters of the candidate.

    Of several such branches, it is the branch that contains the most values of the candidate.
    """
    fitting = [i for i, branch in enumerate(branches) if branch.keys() <= candidate.keys()]
    if not fitting:
        return None
    most = max(len(branches[i]) for i in fitting)
    fitting = [i for i in fitting if len(branches[i]) == most]
    return max(fitting, key=lambda i: _n_shared(candidate, branches[i]))


def _n_shared(candidate: Mapping[str, Any], branch: Branch) -> int:
    """Count the values of a candidate that the lists of a branch contain."""
    return sum(
        identity(candidate[name]) in set(map(identity, spec))
        for name, spec in branch.items()
        if isinstance(spec, list | Choice)
    )


def _names(branches: Sequence[Branch]) -> str:
    return " or ".join(", ".join(branch) for branch in branches)
