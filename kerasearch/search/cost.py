"""The cost of a search before it runs: candidates, fits, epochs and compiled programs."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.model_selection import check_cv

from .._utils.checks import as_integer, check_integer
from .._utils.names import last_part
from .._utils.text import counted
from .._utils.values import candidate_identity, unique
from ..space.branches import Branch, as_branches, cartesian
from ..space.scipy_distributions import as_distribution, is_distribution
from .base import halving_schedule
from .hyperband import hyperband_schedule, planned_rungs

if TYPE_CHECKING:
    import pandas as pd

# hyperparameters that are inputs of a compiled program; all others are part of the program
SHARED = frozenset({"learning_rate", "batch_size", "epochs", "random_state", "seed"})
_MOST_COUNTED = 100_000
_HEADING = "With one more value of a parameter:"
_DRAWN_NOTE = "Candidates are drawn: more values or more parameters do not add fits"


@dataclass(frozen=True, repr=False)
class Cost:
    """The cost of a search, as `search_cost` returns it.

    Attributes
    ----------
    n_candidates : int or None
        The number of distinct candidates; None if it depends on the data.
    n_splits : int
        The number of folds, which is the number of fits of a candidate.
    n_fits : int or None
        The total number of fits, with the refit on all rows; None if it depends on the data.
    n_epochs : int or None
        The total number of epochs; None if it is not known. Early stopping and a store of fits
        may reduce it. It is an expected value if the epochs are searched and drawn, or if the
        epochs of the best candidate are not known.
    n_programs : int or None
        The number of programs to compile; None if the number of candidates is not known.
        Candidates that differ only in learning rate, batch size, epochs or seed share a program.
        If candidates are drawn, it is an upper bound.
    frame : DataFrame
        A row for each parameter, and a row for all parameters together. ``n_values`` is the number
        of values of the parameter. ``n_candidates``, ``n_fits``, ``n_epochs`` and ``growth`` are
        the cost of the search if the parameter had one more value.
    note : str
        The reason why a count is not known, or how the search reduces its candidates. It is often
        empty.
    """

    n_candidates: int | None
    n_splits: int
    n_fits: int | None
    n_epochs: int | None
    n_programs: int | None
    frame: pd.DataFrame = field(compare=False)
    note: str = ""

    def __repr__(self) -> str:
        if not self._grows():
            return self._summary()
        table = self.frame.to_string(na_rep="", formatters=_FORMATS)
        return f"{self._summary()}\n\n{_HEADING}\n{table}"

    def _repr_html_(self) -> str:
        summary = "<br>".join(map(html.escape, self._summary().splitlines()))
        if not self._grows():
            return f"<p>{summary}</p>"
        table = self.frame.to_html(na_rep="", formatters=_FORMATS)
        return f"<p>{summary}</p><p>{_HEADING}</p>{table}"

    def _grows(self) -> bool:
        return bool((self.frame["growth"] > 0).any())

    def _summary(self) -> str:
        fits = f"{_counted(self.n_fits, 'fit')}, {_counted(self.n_epochs, 'epoch')}"
        lines = [
            f"{_counted(self.n_candidates, 'candidate')}, "
            f"{_counted(self.n_splits, 'fold')}: {fits}",
            f"{_counted(self.n_programs, 'program')} to compile at most",
        ]
        return "\n".join([*lines, self.note] if self.note else lines)


def search_cost(
    search_or_space: Any, cv: Any = None, n_iter: int | None = None, epochs: int | None = None
) -> Cost:
    """Compute the cost of a search before it runs.

    Parameters
    ----------
    search_or_space : search, dict or list of dict
        A search of scikit-learn, or a search of this package that has a space. It need not be
        fitted. Or a space for `GridSearchCV`, or for `RandomizedSearchCV` if `n_iter` is given; the
        cost then includes a refit on all rows.
    cv : int, splitter or list of splits, default=None
        The cross-validation for a space; None means 5 folds. Do not pass it with a search, which
        has its own `cv`.
    n_iter : int, default=None
        The number of candidates that are drawn from a space. Do not pass it with a search.
    epochs : int, default=None
        The number of epochs of a fit, if neither the space nor the estimator of the search sets it.
        Early stopping may train fewer epochs.

    Returns
    -------
    cost : Cost
        The numbers of candidates, folds, fits, epochs and programs.

    Raises
    ------
    TypeError
        If `search_or_space` is neither a search nor a space.
    ValueError
        If `n_iter` is missing for a space with distributions, if a number is not positive, if `cv`
        or `n_iter` is given with a search, or if the number of folds depends on the data.

    Examples
    --------
    The number of candidates grows fast with the number of parameters:

    >>> from kerasearch import search_cost
    >>> space = {"optimizer__learning_rate": [0.1, 0.01], "units": [16, 32, 64]}
    >>> search_cost(space, cv=3, epochs=10)
    6 candidates, 3 folds: 19 fits, 190 epochs
    3 programs to compile at most
    <BLANKLINE>
    With one more value of a parameter:
                             n_values n_candidates n_fits n_epochs growth
    optimizer__learning_rate        2            9     28      280   +47%
    units                           3            8     25      250   +32%
    all of them                                 12     37      370   +95%
    """
    if epochs is not None:
        check_integer("epochs", epochs, 1)
    if hasattr(search_or_space, "get_params") and hasattr(search_or_space, "estimator"):
        if cv is not None or n_iter is not None:
            raise ValueError("a search has its own cv and n_iter; pass them only with a space")
        plan = _read_plan(search_or_space, epochs)
    else:
        branches = as_branches(search_or_space)
        plan = _Plan(branches, _n_splits(5 if cv is None else cv), n_iter, epochs)
        if n_iter is None:
            _check_no_distributions(branches)
        else:
            plan.note = _DRAWN_NOTE
    return plan.cost()


@dataclass
class _Plan:
    """The settings of a search that determine its cost."""

    branches: list[Branch]
    n_splits: int
    n_iter: int | None = None
    epochs: int | None = None
    refit: bool = True
    # A function of the number of candidates in the space. For each rung it returns the number of
    # candidates, and the epochs if they are the resource.
    rungs: Callable[[float], list[tuple[int, Any]]] | None = None
    note: str = ""
    unknown: set[str] = field(default_factory=set)  # names of counts that are not known

    def __post_init__(self) -> None:
        if self.n_iter is not None:
            check_integer("n_iter", self.n_iter, 1)

    def cost(self) -> Cost:
        import pandas as pd

        first = self._counts([_sizes(branch) for branch in self.branches])
        names = list(dict.fromkeys(name for branch in self.branches for name in branch))
        rows = {
            name: {"n_values": self._n_values(name), **self._row(first, {name})} for name in names
        }
        if len(names) > 1:
            rows["all of them"] = {"n_values": math.nan, **self._row(first, set(names))}
        frame = pd.DataFrame.from_dict(rows, orient="index", dtype=float)
        n_candidates, n_fits, n_epochs = first
        return Cost(
            n_candidates,
            self.n_splits,
            n_fits,
            n_epochs,
            self._n_programs(n_candidates),
            frame,
            self.note,
        )

    def _n_values(self, name: str) -> float:
        """Count the distinct values of a parameter in all branches together."""
        specs = [branch[name] for branch in self.branches if name in branch]
        if any(is_distribution(spec) for spec in specs):
            return max(map(_size, specs))
        return len(unique(value for spec in specs for value in spec))

    def _grown(self, names: set[str]) -> list[dict[str, float]]:
        """Get the sizes if each of these parameters had one more value.

        If the branches have different values of a parameter, only one branch gets the new value.
        """
        sizes = [_sizes(branch) for branch in self.branches]
        for name in names:
            having = [i for i, branch in enumerate(self.branches) if name in branch]
            same = len({repr(self.branches[i][name]) for i in having}) == 1
            for i in having if same else having[:1]:
                sizes[i][name] += 1
        return sizes

    def _row(self, first: tuple[Any, Any, Any], names: set[str]) -> dict[str, float]:
        """Compute the row of the table for one more value of each of these parameters."""
        after = self._counts(self._grown(names))
        grown, before = next(
            ((a, b) for a, b in ((after[1], first[1]), (after[0], first[0])) if a is not None),
            (math.nan, 1),
        )
        counts = [math.nan if count is None else count for count in after]
        row = dict(zip(("n_candidates", "n_fits", "n_epochs"), counts, strict=True))
        return {**row, "growth": grown / before - 1}

    def _counts(self, sizes: list[dict[str, float]]) -> tuple[int | None, int | None, int | None]:
        """Count candidates, fits and epochs from the numbers of values of the parameters."""
        n_possible = sum(math.prod(size.values()) for size in sizes)
        if "n_candidates" in self.unknown:
            return None, None, None
        n_candidates = int(n_possible if self.n_iter is None else min(self.n_iter, n_possible))
        if self.unknown:
            return n_candidates, None, None
        if self.rungs is not None:
            each_rung = [(n, each or self.epochs) for n, each in self.rungs(n_possible)]
            n_fits = sum(n for n, _ in each_rung) * self.n_splits + self.refit
            fits = [(n * self.n_splits, each) for n, each in each_rung]
            fits.append((int(self.refit), each_rung[-1][1]))
            n_epochs = sum(n * each for n, each in fits if each is not None)
            return n_candidates, n_fits, n_epochs or None
        n_fits = n_candidates * self.n_splits + self.refit
        mean = self._mean_epochs()
        return n_candidates, n_fits, None if mean is None else round(n_fits * mean)

    def _mean_epochs(self) -> float | None:
        """Get the mean number of epochs of a fit; None if it is not known."""
        weights, means = [], []
        for branch in self.branches:
            n = math.prod(_sizes(branch).values()) if self.n_iter is None else 1.0
            specs = [spec for name, spec in branch.items() if _is_epochs(name)]
            mean = _mean(specs[0]) if specs else self.epochs
            if mean is None:
                return None
            weights.append(n)
            means.append(mean)
        return float(np.average(means, weights=weights))

    def _n_programs(self, n_candidates: int | None) -> int | None:
        if n_candidates is None:
            return None
        fixed = [
            {name: spec for name, spec in branch.items() if last_part(name) not in SHARED}
            for branch in self.branches
        ]
        sizes = [math.prod(_sizes(branch).values()) for branch in fixed]
        if sum(sizes) <= _MOST_COUNTED:
            finite = [{name: as_distribution(spec) for name, spec in b.items()} for b in fixed]
            different = {candidate_identity(c) for branch in finite for c in cartesian(branch)}
            return min(len(different), n_candidates)
        return int(min(sum(sizes), n_candidates))


def _read_plan(search: Any, epochs: int | None) -> _Plan:
    """Read the settings of a search from its parameters."""
    params = search.get_params(deep=False)
    kind = type(search).__name__
    space = next(
        (params[k] for k in ("param_grid", "param_distributions", "space") if k in params), None
    )
    if space is None:
        raise TypeError(f"the cost of {kind} is not known: it has neither a grid nor a space")
    branches = as_branches(space)
    if "n_iter" in params:
        check_integer("n_iter", params["n_iter"], 1)
    plan = _Plan(
        branches,
        _n_splits(params.get("cv")),
        params.get("n_iter"),
        _own_epochs(search.estimator, epochs),
        bool(params.get("refit")),
    )
    if "factor" in params and "min_resources" in params:
        _plan_halving(plan, search)
    elif "max_resources" in params and "factor" in params:
        _plan_hyperband(plan, params)
    elif plan.n_iter is None:
        _check_no_distributions(branches)
    else:
        plan.note = _DRAWN_NOTE
    return plan


def _plan_halving(plan: _Plan, search: Any) -> None:
    """Read scikit-learn's successive halving, unless it depends on the number of rows."""
    is_drawn = hasattr(search, "n_candidates")
    n_possible = sum(math.prod(_sizes(branch).values()) for branch in plan.branches)
    n_candidates: Any = search.n_candidates if is_drawn else n_possible
    if search.resource == "n_samples":
        plan.note = "Successive halving: the number of fits depends on the number of rows"
        plan.unknown = {"n_fits", "n_candidates"} if n_candidates == "exhaust" else {"n_fits"}
    elif n_candidates != "exhaust" and min(n_candidates, n_possible) > _MOST_COUNTED:
        plan.note = f"Successive halving: not counted beyond {_MOST_COUNTED:,} candidates"
        plan.unknown = {"n_fits"}
    if plan.unknown:
        plan.n_iter = n_candidates if is_drawn and n_candidates != "exhaust" else None
        return
    rungs = halving_schedule(search)
    plan.n_iter = rungs[0][0]
    fixed = _with_epochs(rungs, search.resource)
    plan.rungs = lambda n_possible: fixed
    plan.note = "Successive halving: " + ", then ".join(
        f"{n} with {search.resource}={amount}" for n, amount in rungs
    )


def _plan_hyperband(plan: _Plan, params: Mapping[str, Any]) -> None:
    settings = params["max_resources"], params["factor"]
    schedule = hyperband_schedule(*settings)
    plan.rungs = lambda n: _with_epochs(planned_rungs(*settings, n), str(params.get("resource")))
    plan.n_iter = int(schedule.loc[schedule["rung"] == 0, "n_candidates"].sum())
    plan.note = "Hyperband: if survivors continue their training, fewer epochs are trained"


def _with_epochs(rungs: Iterable[tuple[int, int]], resource: str) -> list[tuple[int, Any]]:
    """Replace the amounts by None if the resource is not the number of epochs."""
    return [(n, amount if _is_epochs(resource) else None) for n, amount in rungs]


def _check_no_distributions(branches: Iterable[Branch]) -> None:
    for branch in branches:
        for name, spec in branch.items():
            if is_distribution(spec):
                raise ValueError(
                    f"{name}: {spec!r} is a distribution; pass n_iter, the number of candidates to "
                    "draw"
                )


def _n_splits(cv: Any) -> int:
    if hasattr(cv, "__next__"):
        raise ValueError("cv is an iterator, which can be read only once; pass a list of splits")
    try:
        return int(check_cv(cv).get_n_splits())
    except (TypeError, ValueError) as error:
        if cv is None or isinstance(cv, int) or not hasattr(cv, "get_n_splits"):
            raise ValueError(f"cv={cv!r} must be a number of folds or a splitter") from error
        raise ValueError(
            f"cv={cv!r}: the number of splits depends on the data; count the splits, and pass "
            "search_cost() a space and cv=<number of splits>"
        ) from error


def _own_epochs(estimator: Any, epochs: int | None) -> int | None:
    """Get the estimator's number of epochs if it is unique, or else `epochs`."""
    own = {value for name, value in estimator.get_params().items() if _is_epochs(name)}
    counts = [n for n in map(as_integer, own) if n is not None]
    return counts[0] if len(counts) == 1 else epochs


def _is_epochs(name: str) -> bool:
    return last_part(name) == "epochs"


def _sizes(branch: Branch) -> dict[str, float]:
    return {name: _size(spec) for name, spec in branch.items()}


def _size(spec: Any) -> float:
    if not is_distribution(spec):
        return len(spec)
    try:
        return as_distribution(spec).n_values
    except TypeError:
        return math.inf


def _mean(spec: Any) -> float:
    if not is_distribution(spec):
        return float(np.mean(spec))
    distribution = as_distribution(spec)
    return float(np.mean([distribution.at([(i + 0.5) / 1000]) for i in range(1000)]))


def _counted(n: int | None, noun: str) -> str:
    return f"{noun}s: not known" if n is None else counted(n, noun)


def _count(value: float) -> str:
    return "" if math.isnan(value) else "inf" if math.isinf(value) else f"{value:,.0f}"


def _growth(value: float) -> str:
    return "" if math.isnan(value) else f"{value:+.0%}"


_FORMATS: Any = {
    **dict.fromkeys(("n_values", "n_candidates", "n_fits", "n_epochs"), _count),
    "growth": _growth,
}
