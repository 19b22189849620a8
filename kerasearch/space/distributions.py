"""Distributions of one hyperparameter: what scikit-learn's random searches draw from.

Each is a map from the unit cube to values, `Distribution.at`; drawing, quantiles and
quasi-random designs all go through it. Bounds are included.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from .._utils.checks import as_integer, as_real
from .._utils.user_warnings import warn
from .._utils.values import as_list, identity, unique


def uniform(low: float, high: float) -> Uniform:
    """Floats from `low` to `high`, all equally likely.

    Parameters
    ----------
    low, high : float
        The bounds, both included. `low` is below `high`.

    Returns
    -------
    Uniform

    Raises
    ------
    ValueError
        If the bounds are equal, reversed or not finite.

    Examples
    --------
    >>> from kerasearch import uniform
    >>> dropout = uniform(0, 0.5)
    >>> dropout.ppf(0.5), 0 <= dropout.rvs(random_state=0) <= 0.5
    (0.25, True)
    """
    return Uniform(low, high)


def log_uniform(low: float, high: float) -> LogUniform:
    """Floats from `low` to `high`, uniform on the scale of their logarithm.

    For what is tried by factors, such as the learning rate: from 0.0001 to 0.001 is as likely as
    from 0.001 to 0.01.

    Parameters
    ----------
    low, high : float
        The bounds, both included; ``0 < low < high``.

    Returns
    -------
    LogUniform

    Raises
    ------
    ValueError
        If the bounds are equal, reversed, not positive or not finite.

    Examples
    --------
    >>> from kerasearch import log_uniform
    >>> round(log_uniform(1e-4, 1e-2).ppf(0.5), 10)
    0.001
    """
    return LogUniform(low, high)


def integers(low: int, high: int, step: int = 1) -> Integers:
    """Every `step`-th integer from `low` to `high`, all equally likely.

    Parameters
    ----------
    low, high : int
        The bounds, both included. `low` is below `high`.
    step : int, default=1
        What lies between two neighbors; `high` is a whole number of steps from `low`.

    Returns
    -------
    Integers

    Raises
    ------
    ValueError
        If the bounds are equal or reversed, or `step` does not reach `high` from `low`.

    Examples
    --------
    >>> from kerasearch import integers
    >>> list(integers(16, 64, step=16))
    [16, 32, 48, 64]
    """
    return Integers(low, high, step)


def log_integers(low: int, high: int) -> LogIntegers:
    """Integers from `low` to `high`, uniform on the scale of their logarithm.

    An integer k has the probability ``log((k + 1) / k) / log((high + 1) / low)``, so that 1, 2 to
    3, 4 to 7, 8 to 15 are equally likely.

    Parameters
    ----------
    low, high : int
        The bounds, both included; ``0 < low < high``.

    Returns
    -------
    LogIntegers

    Raises
    ------
    ValueError
        If the bounds are equal, reversed or not positive.

    Examples
    --------
    >>> from kerasearch import log_integers
    >>> log_integers(1, 1023).ppf(0.5)
    32
    """
    return LogIntegers(low, high)


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

    def rvs(self, random_state: Any = None) -> Any:
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
        if not isinstance(random_state, np.random.Generator):
            random_state = check_random_state(random_state)
        return self._at(random_state.random(self.n_dimensions).tolist())


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
    """See `uniform`."""

    low: float
    high: float

    def __post_init__(self) -> None:
        _check_range(self, "uniform", float)

    def support(self) -> tuple[float, float]:
        """The smallest and the largest value."""
        return self.low, self.high

    def _at(self, u: list[float]) -> float:
        return _between(self.low, self.high, self.low * (1 - u[0]) + self.high * u[0])

    def __repr__(self) -> str:
        return f"uniform({self.low!r}, {self.high!r})"


@dataclass(frozen=True, repr=False)
class LogUniform(OneDimensional):
    """See `log_uniform`."""

    low: float
    high: float

    def __post_init__(self) -> None:
        _check_range(self, "log_uniform", float, positive=True)

    def support(self) -> tuple[float, float]:
        """The smallest and the largest value."""
        return self.low, self.high

    def _at(self, u: list[float]) -> float:
        if u[0] in (0, 1):  # exp(log(x)) may miss x by a rounding error
            return self.high if u[0] else self.low
        exponent = math.log(self.low) * (1 - u[0]) + math.log(self.high) * u[0]
        return _between(self.low, self.high, math.exp(exponent))

    def __repr__(self) -> str:
        return f"log_uniform({self.low!r}, {self.high!r})"


class _Discrete(OneDimensional):
    @property
    def n_values(self) -> float:
        """How many values there are."""
        raise NotImplementedError

    def __len__(self) -> int:
        return int(self.n_values)


@dataclass(frozen=True, repr=False)
class Integers(_Discrete):
    """See `integers`."""

    low: int
    high: int
    step: int = 1

    def __post_init__(self) -> None:
        _check_range(self, "integers", int)
        step = as_integer(self.step)
        if step is None or step < 1:
            raise ValueError(f"integers: step={self.step!r} must be a positive integer")
        object.__setattr__(self, "step", step)
        rest = (self.high - self.low) % step
        if rest:
            below = self.high - rest
            near = f"{below} or {below + step}" if below > self.low else f"{below + step}"
            raise ValueError(
                f"integers: step={step} does not fit, high={self.high} is not a whole number of "
                f"steps above low={self.low}; high={near} would be"
            )

    def support(self) -> tuple[int, int]:
        """The smallest and the largest value."""
        return self.low, self.high

    @property
    def n_values(self) -> float:
        """How many values there are."""
        return (self.high - self.low) // self.step + 1

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.low, self.high + 1, self.step))

    def _at(self, u: list[float]) -> int:
        n = int(self.n_values)
        return self.low + self.step * min(int(u[0] * n), n - 1)

    def __repr__(self) -> str:
        step = f", step={self.step}" if self.step != 1 else ""
        return f"integers({self.low}, {self.high}{step})"


@dataclass(frozen=True, repr=False)
class LogIntegers(_Discrete):
    """See `log_integers`."""

    low: int
    high: int

    def __post_init__(self) -> None:
        _check_range(self, "log_integers", int, positive=True)

    def support(self) -> tuple[int, int]:
        """The smallest and the largest value."""
        return self.low, self.high

    @property
    def n_values(self) -> float:
        """How many values there are."""
        return self.high - self.low + 1

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.low, self.high + 1))

    def _at(self, u: list[float]) -> int:
        return log_integer(self.low, self.high, u[0])

    def __repr__(self) -> str:
        return f"log_integers({self.low}, {self.high})"


@dataclass(frozen=True, repr=False, eq=False)
class Choice(_Discrete):
    """See `choice`."""

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
    def n_values(self) -> float:
        """How many values there are."""
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


def _check_range(
    made: Uniform | LogUniform | Integers | LogIntegers,
    name: str,
    kind: type,
    positive: bool = False,
) -> None:
    """Raise unless ``low < high``, and make both of the type `kind`."""
    for end in ("low", "high"):
        given = getattr(made, end)
        value = as_integer(given) if kind is int else as_real(given)
        if value is None:
            what = "an integer" if kind is int else "a finite number"
            raise ValueError(f"{name}: {end}={given!r} must be {what}")
        object.__setattr__(made, end, value)
    if positive and made.low <= 0:
        raise ValueError(f"{name}: low={made.low!r} must be above 0, where a logarithm begins")
    if made.low >= made.high:
        raise ValueError(
            f"{name}: low={made.low!r} must be below high={made.high!r}"
            + ("; for one value alone, give a list" if made.low == made.high else "")
        )


def _between(low: float, high: float, value: float) -> float:
    return min(max(value, low), high)


def log_integer(low: int, high: int, u: float) -> int:
    """Each k has the part of the logarithmic scale from k to k + 1."""
    if u == 0:
        return low
    exponent = math.log(low) * (1 - u) + math.log(high + 1) * u
    return min(max(math.floor(math.exp(exponent)), low), high)
