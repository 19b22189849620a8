"""Distributions of one hyperparameter: what scikit-learn's random searches draw from.

Each is a map from the unit cube to values, `Distribution.at`; drawing, quantiles and
quasi-random designs all go through it. Bounds are included.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from .._utils.checks import check_integer, check_number
from .._utils.user_warnings import warn
from .._utils.values import as_list, identity, unique


def uniform(low: float, high: float, log: bool = False) -> Uniform:
    """Floats from `low` to `high`, uniform in the number itself or in its logarithm.

    Parameters
    ----------
    low, high : float
        The bounds, both included. `low` is below `high`, and above 0 where `log` is set.
    log : bool, default=False
        Whether the logarithm is uniform, and not the number. This is for what is tried by
        factors, such as the learning rate: from 0.0001 to 0.001 is then as likely as from 0.001
        to 0.01.

    Returns
    -------
    Uniform

    Raises
    ------
    ValueError
        If the bounds are equal, reversed or not finite, or not positive where `log` is set.

    Examples
    --------
    >>> from kerasearch import uniform
    >>> dropout = uniform(0, 0.5)
    >>> dropout.ppf(0.5), 0 <= dropout.rvs(random_state=0) <= 0.5
    (0.25, True)
    >>> round(uniform(1e-4, 1e-2, log=True).ppf(0.5), 10)
    0.001
    """
    return Uniform(low, high, log)


def log_uniform(low: float, high: float) -> Uniform:
    """Floats from `low` to `high`, uniform in their logarithm: ``uniform(low, high, log=True)``.

    Parameters
    ----------
    low, high : float
        The bounds, both included; ``0 < low < high``.

    Returns
    -------
    Uniform

    Raises
    ------
    ValueError
        If the bounds are equal, reversed, not positive or not finite.

    Examples
    --------
    >>> from kerasearch import log_uniform
    >>> log_uniform(1e-4, 1e-2)
    uniform(0.0001, 0.01, log=True)
    """
    return Uniform(low, high, log=True)


def integers(low: int, high: int, step: int = 1, log: bool = False) -> Integers:
    """Integers from `low` to `high`, uniform in the number itself or in its logarithm.

    Parameters
    ----------
    low, high : int
        The bounds, both included. `low` is below `high`, and above 0 where `log` is set.
    step : int, default=1
        The distance between two neighbors; `high` is a whole number of steps above `low`.
    log : bool, default=False
        Whether the logarithm is uniform, and not the number. An integer k then has the
        probability ``log((k + 1) / k) / log((high + 1) / low)``, so that 1, 2 to 3, 4 to 7 and 8
        to 15 are equally likely. It takes no `step`.

    Returns
    -------
    Integers

    Raises
    ------
    ValueError
        If the bounds are equal or reversed, or not positive where `log` is set; or if `step` does
        not reach `high` from `low`, or is given together with `log`.

    Examples
    --------
    >>> from kerasearch import integers
    >>> list(integers(16, 64, step=16))
    [16, 32, 48, 64]
    >>> integers(1, 1023, log=True).ppf(0.5)
    32
    """
    return Integers(low, high, step, log)


def log_integers(low: int, high: int) -> Integers:
    """Integers from `low` to `high`, uniform in their logarithm: ``integers(..., log=True)``.

    Parameters
    ----------
    low, high : int
        The bounds, both included; ``0 < low < high``.

    Returns
    -------
    Integers

    Raises
    ------
    ValueError
        If the bounds are equal, reversed or not positive.

    Examples
    --------
    >>> from kerasearch import log_integers
    >>> log_integers(16, 512)
    integers(16, 512, log=True)
    """
    return Integers(low, high, log=True)


def choice(values: Iterable[Any], p: Sequence[float] | None = None) -> Choice:
    """One of `values`, each as likely as `p` says.

    Parameters
    ----------
    values : list or other sequence
        What to choose from: strings, numbers, tuples, None, functions, anything. Values that are
        there twice are dropped with a warning; their probabilities are added up.
    p : sequence of float, default=None
        The probability of each; they sum to 1. None makes all equally likely.

    Returns
    -------
    Choice

    Raises
    ------
    ValueError
        If there are no values, or `p` is not one probability for each.
    TypeError
        If `values` is a string or not a sequence.

    Examples
    --------
    >>> from kerasearch import choice
    >>> optimizer = choice(["adam", "sgd"], p=[0.8, 0.2])
    >>> optimizer.ppf(0.79), optimizer.ppf(0.81), len(optimizer)
    ('adam', 'sgd', 2)
    """
    values = as_list(values, "choice")
    whole = Choice(tuple(values), None if p is None else tuple(p))  # checks p
    distinct = unique(values)
    if len(distinct) == len(values):
        return whole
    warn(f"choice: values given twice were dropped from {values!r}")
    if whole.p is None:
        return Choice(tuple(distinct))
    total = {identity(value): 0.0 for value in distinct}
    for value, probability in zip(values, whole.p, strict=True):
        total[identity(value)] += probability
    return Choice(tuple(distinct), tuple(total.values()))


class Distribution:
    """What all distributions have in common.

    Attributes
    ----------
    n_dimensions : int
        How many coordinates of the unit cube a value is made of; 1 but for `layer_sizes`.
    n_values : int or inf
        How many values there are.
    """

    n_dimensions: int = 1

    @property
    def n_values(self) -> float:
        """How many values there are, ``math.inf`` for a continuous range."""
        return math.inf

    def at(self, u: Sequence[float]) -> Any:
        """The value at a point of the unit cube.

        Parameters
        ----------
        u : sequence of float of length `n_dimensions`
            The point, each coordinate in [0, 1].

        Returns
        -------
        value
            Of a type of Python's own, never NumPy's.

        Raises
        ------
        ValueError
            If the point has another number of coordinates or lies outside the cube.
        """
        point = [float(x) for x in u]
        if len(point) != self.n_dimensions or not all(0 <= x <= 1 for x in point):
            raise ValueError(
                f"u={list(u)!r} must have {self.n_dimensions} coordinate(s) in [0, 1] for {self!r}"
            )
        return self._at(point)

    def _at(self, u: list[float]) -> Any:
        raise NotImplementedError

    def rvs(
        self, random_state: int | np.random.RandomState | np.random.Generator | None = None
    ) -> Any:
        """Draw one value.

        Parameters
        ----------
        random_state : int, RandomState, Generator or None, default=None
            Where randomness comes from; an int gives the same value in every call, None draws
            from NumPy's global generator.

        Returns
        -------
        value
            Of a type of Python's own, never NumPy's.
        """
        if isinstance(random_state, np.random.Generator):
            return self._at(random_state.random(self.n_dimensions).tolist())
        return self._at(check_random_state(random_state).random(self.n_dimensions).tolist())


class OneDimensional(Distribution):
    """A distribution with quantiles."""

    def ppf(self, q: Any) -> Any:
        """The quantile function, the inverse of the cumulative distribution function.

        Parameters
        ----------
        q : float or array-like
            Probabilities in [0, 1].

        Returns
        -------
        value or ndarray of the shape of `q`
        """
        if np.ndim(q) == 0:
            return self.at([q])
        q = np.asarray(q, dtype=float)
        values = np.empty(q.shape, dtype=object)
        for i in np.ndindex(q.shape):
            values[i] = self.at([q[i]])
        return values if isinstance(self, Choice) else values.astype(type(self.at([0])))


@dataclass(frozen=True, repr=False)
class Uniform(OneDimensional):
    """Floats within bounds; `uniform` makes it."""

    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        _check_bounds(self, "uniform", check_number)

    def support(self) -> tuple[float, float]:
        """Get the smallest and the largest value."""
        return self.low, self.high

    def _at(self, u: list[float]) -> float:
        if not self.log:
            value = self.low * (1 - u[0]) + self.high * u[0]
        elif u[0] in (0, 1):  # exp(log(x)) may miss x by a rounding error
            value = self.high if u[0] else self.low
        else:
            value = math.exp(math.log(self.low) * (1 - u[0]) + math.log(self.high) * u[0])
        return min(max(value, self.low), self.high)

    def __repr__(self) -> str:
        return f"uniform({self.low!r}, {self.high!r}{', log=True' if self.log else ''})"


@dataclass(frozen=True, repr=False)
class Integers(OneDimensional):
    """Integers within bounds; `integers` makes it."""

    low: int
    high: int
    step: int = 1
    log: bool = False

    def __post_init__(self) -> None:
        _check_bounds(self, "integers", check_integer)
        step = check_integer("integers: step", self.step, 1)
        object.__setattr__(self, "step", step)
        if self.log and step != 1:
            raise ValueError(
                f"integers: step={step} and log=True exclude each other: on a logarithmic scale "
                "every integer is there; leave step out"
            )
        rest = (self.high - self.low) % step
        if rest:
            below = self.high - rest
            near = f"{below} or {below + step}" if below > self.low else f"{below + step}"
            raise ValueError(
                f"integers: step={step} does not fit, high={self.high} is not a whole number of "
                f"steps above low={self.low}; high={near} would be"
            )

    def support(self) -> tuple[int, int]:
        """Get the smallest and the largest value."""
        return self.low, self.high

    @property
    def n_values(self) -> int:
        """How many values there are."""
        return (self.high - self.low) // self.step + 1

    def __len__(self) -> int:
        return self.n_values

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.low, self.high + 1, self.step))

    def _at(self, u: list[float]) -> int:
        if self.log:
            return log_integer(self.low, self.high, u[0])
        return self.low + self.step * min(int(u[0] * self.n_values), self.n_values - 1)

    def __repr__(self) -> str:
        step = f", step={self.step}" if self.step != 1 else ""
        return f"integers({self.low}, {self.high}{step}{', log=True' if self.log else ''})"


@dataclass(frozen=True, repr=False, eq=False)
class Choice(OneDimensional):
    """One of some values; `choice` makes it."""

    values: tuple[Any, ...]
    p: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", tuple(as_list(self.values, "choice")))
        if self.p is None:
            return
        p = tuple(float(probability) for probability in self.p)
        fits = len(p) == len(self.values) and all(probability >= 0 for probability in p)
        if not fits or abs(sum(p) - 1) > 1e-8:
            raise ValueError(
                f"choice: p={list(p)!r} must hold {len(self.values)} probabilities, one for each "
                "value, that sum to 1"
            )
        object.__setattr__(self, "p", p)

    @property
    def n_values(self) -> int:
        """How many values there are."""
        return len(self.values)

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.values)

    def _at(self, u: list[float]) -> Any:
        if self.p is None:
            return self.values[min(int(u[0] * len(self.values)), len(self.values) - 1)]
        reached = np.searchsorted(np.cumsum(self.p), u[0], side="right")
        possible = np.flatnonzero(self.p)  # at 1, and by rounding, the end may have p = 0
        return self.values[min(int(reached), int(possible[-1]))]

    # True and 1 are different values, and a list has no hash
    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Choice):
            return NotImplemented
        return identity(self.values) == identity(other.values) and self.p == other.p

    def __hash__(self) -> int:
        return hash((identity(self.values), self.p))

    def __repr__(self) -> str:
        p = f", p={list(self.p)!r}" if self.p is not None else ""
        return f"choice({list(self.values)!r}{p})"


def _check_bounds(
    made: Uniform | Integers, name: str, checked: Callable[[str, Any], float]
) -> None:
    """Raise unless ``low < high``, both positive for a logarithm; make them Python's numbers."""
    if not isinstance(made.log, bool | np.bool_):
        raise ValueError(f"{name}: log={made.log!r} must be True or False")
    object.__setattr__(made, "log", bool(made.log))
    for end in ("low", "high"):
        object.__setattr__(made, end, checked(f"{name}: {end}", getattr(made, end)))
    if made.log and made.low <= 0:
        raise ValueError(
            f"{name}: low={made.low!r} must be above 0 with log=True: 0 has no logarithm"
        )
    if made.low >= made.high:
        raise ValueError(
            f"{name}: low={made.low!r} must be below high={made.high!r}"
            + ("; for one value alone, give a list" if made.low == made.high else "")
        )


def log_integer(low: int, high: int, u: float) -> int:
    """Map [0, 1] to integers: each k has the part of the logarithmic scale from k to k + 1."""
    if u == 0:
        return low
    exponent = math.log(low) * (1 - u) + math.log(high + 1) * u
    return min(max(math.floor(math.exp(exponent)), low), high)
