"""Distributions of one hyperparameter, from which scikit-learn's random searches draw.

Each distribution is a map from the unit cube to values, `Distribution.at`. Random draws, quantiles
and quasi-random designs all use this map. Bounds are included.
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
    """Make a distribution of floats, uniform in the number or in its logarithm.

    Parameters
    ----------
    low, high : float
        The bounds, both included. `low` must be below `high`. With ``log=True``, `low` must be
        above 0.
    log : bool, default=False
        Whether the logarithm of the number is uniformly distributed, and not the number. Use it
        for a parameter that changes by factors, such as the learning rate: a value from 0.0001 to
        0.001 is then as likely as a value from 0.001 to 0.01.

    Returns
    -------
    Uniform
        The distribution, which random searches and `sobol` accept.

    Raises
    ------
    ValueError
        If the bounds are equal, reversed or not finite; or if `low` is not positive with
        ``log=True``.

    See Also
    --------
    log_uniform : The same distribution with ``log=True``.
    integers : Uniformly distributed integers.

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
    """Make a distribution of floats that is uniform in their logarithm.

    It is a short form of ``uniform(low, high, log=True)``.

    Parameters
    ----------
    low, high : float
        The bounds, both included; ``0 < low < high``.

    Returns
    -------
    Uniform
        The distribution, which random searches and `sobol` accept.

    Raises
    ------
    ValueError
        If the bounds are equal, reversed, not positive or not finite.

    See Also
    --------
    uniform : Floats that are uniform in the number itself.
    log_integers : Integers that are uniform in their logarithm.

    Examples
    --------
    >>> from kerasearch import log_uniform
    >>> log_uniform(1e-4, 1e-2)
    uniform(0.0001, 0.01, log=True)
    """
    return Uniform(low, high, log=True)


def integers(low: int, high: int, step: int = 1, log: bool = False) -> Integers:
    """Make a distribution of integers, uniform in the number or in its logarithm.

    Parameters
    ----------
    low, high : int
        The bounds, both included. `low` must be below `high`. With ``log=True``, `low` must be
        above 0.
    step : int, default=1
        The distance between two neighboring values. ``high - low`` must be a multiple of `step`.
    log : bool, default=False
        Whether the logarithm of the number is uniformly distributed, and not the number. An
        integer k then has the probability ``log((k + 1) / k) / log((high + 1) / low)``. For
        example, the ranges 1, 2 to 3, 4 to 7 and 8 to 15 are equally likely. It cannot be
        combined with a `step` other than 1.

    Returns
    -------
    Integers
        The distribution, which random searches and `sobol` accept.

    Raises
    ------
    ValueError
        If the bounds are not integers, or are equal or reversed; if `low` is not positive with
        ``log=True``; if `step` is not a positive integer, if ``high - low`` is not a multiple of
        `step`, or if a `step` other than 1 is given together with ``log=True``.

    See Also
    --------
    log_integers : The same distribution with ``log=True``.
    uniform : Uniformly distributed floats.

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
    """Make a distribution of integers that is uniform in their logarithm.

    It is a short form of ``integers(low, high, log=True)``.

    Parameters
    ----------
    low, high : int
        The bounds, both included; ``0 < low < high``.

    Returns
    -------
    Integers
        The distribution, which random searches and `sobol` accept.

    Raises
    ------
    ValueError
        If the bounds are not integers, or are equal, reversed or not positive.

    See Also
    --------
    integers : Integers that are uniform in the number itself, or on a grid with a step.
    log_uniform : Floats that are uniform in their logarithm.

    Examples
    --------
    >>> from kerasearch import log_integers
    >>> log_integers(16, 512)
    integers(16, 512, log=True)
    """
    return Integers(low, high, log=True)


def choice(values: Iterable[Any], p: Sequence[float] | None = None) -> Choice:
    """Make a distribution over several values, with equal or given probabilities.

    Parameters
    ----------
    values : sequence
        The values to choose from, of any type: strings, numbers, tuples, None, functions, objects.
        A repeated value is dropped with a warning, and its probabilities are added up.
    p : sequence of float, default=None
        The probability of each value. The probabilities must sum to 1. None makes all values
        equally likely.

    Returns
    -------
    Choice
        The distribution, which random searches and `sobol` accept.

    Raises
    ------
    ValueError
        If `values` is empty; if `p` does not have one probability for each value, if a probability
        is negative, or if the probabilities do not sum to 1.
    TypeError
        If `values` is a string or not a sequence.

    Warns
    -----
    UserWarning
        If a value is repeated.

    See Also
    --------
    param_distributions : A plain list there means equally likely values.

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
    warn(f"choice: repeated values were dropped from {values!r}")
    if whole.p is None:
        return Choice(tuple(distinct))
    total = {identity(value): 0.0 for value in distinct}
    for value, probability in zip(values, whole.p, strict=True):
        total[identity(value)] += probability
    return Choice(tuple(distinct), tuple(total.values()))


class Distribution:
    """The base class of all distributions.

    Attributes
    ----------
    n_dimensions : int
        The number of coordinates of the unit cube that determine a value. It is 1, except for
        `layer_sizes`.
    n_values : int or inf
        The number of different values.
    """

    n_dimensions: int = 1

    @property
    def n_values(self) -> float:
        """The number of different values; ``math.inf`` for a continuous range."""
        return math.inf

    def at(self, u: Sequence[float]) -> Any:
        """Get the value at a point of the unit cube.

        Parameters
        ----------
        u : sequence of float of length `n_dimensions`
            The point. Each coordinate is in [0, 1].

        Returns
        -------
        value : object
            The value. A number has a type of Python, never a type of NumPy.

        Raises
        ------
        ValueError
            If the point does not have `n_dimensions` coordinates, or lies outside the cube.
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
            The source of randomness. An int gives the same value in every call. None uses NumPy's
            global generator.

        Returns
        -------
        value : object
            The value. A number has a type of Python, never a type of NumPy.
        """
        if isinstance(random_state, np.random.Generator):
            return self._at(random_state.random(self.n_dimensions).tolist())
        return self._at(check_random_state(random_state).random(self.n_dimensions).tolist())


class OneDimensional(Distribution):
    """The base class of distributions that have a quantile function."""

    def ppf(self, q: Any) -> Any:
        """Evaluate the quantile function, the inverse of the cumulative distribution function.

        Parameters
        ----------
        q : float or array-like
            Probabilities in [0, 1].

        Returns
        -------
        value or ndarray of the shape of `q`
            The quantiles.

        Raises
        ------
        ValueError
            If a probability is outside [0, 1].
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
    """Uniformly or log-uniformly distributed floats, as returned by `uniform`."""

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
    """Uniformly or log-uniformly distributed integers, as returned by `integers`."""

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
                f"integers: step={step} cannot be combined with log=True, because a logarithmic "
                "range contains every integer; leave step out"
            )
        rest = (self.high - self.low) % step
        if rest:
            below = self.high - rest
            near = f"{below} or {below + step}" if below > self.low else f"{below + step}"
            raise ValueError(
                f"integers: high={self.high} is not low={self.low} plus a multiple of step={step}; "
                f"use high={near}"
            )

    def support(self) -> tuple[int, int]:
        """Get the smallest and the largest value."""
        return self.low, self.high

    @property
    def n_values(self) -> int:
        """The number of different values."""
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
    """One of several values, as returned by `choice`."""

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
                f"choice: p={list(p)!r} must have {len(self.values)} probabilities, one for each "
                "value, that sum to 1"
            )
        object.__setattr__(self, "p", p)

    @property
    def n_values(self) -> int:
        """The number of different values."""
        return len(self.values)

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.values)

    def _at(self, u: list[float]) -> Any:
        if self.p is None:
            return self.values[min(int(u[0] * len(self.values)), len(self.values) - 1)]
        reached = np.searchsorted(np.cumsum(self.p), u[0], side="right")
        possible = np.flatnonzero(self.p)  # u = 1, or rounding, may lead to a value with p = 0
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
    """Check ``low < high``, and ``low > 0`` with a logarithm; store them as Python numbers."""
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
            + ("; for a single value, pass a list" if made.low == made.high else "")
        )


def log_integer(low: int, high: int, u: float) -> int:
    """Map [0, 1] to integers; an integer k covers the logarithmic scale from k to k + 1."""
    if u == 0:
        return low
    exponent = math.log(low) * (1 - u) + math.log(high + 1) * u
    return min(max(math.floor(math.exp(exponent)), low), high)
