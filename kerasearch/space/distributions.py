"""Distributions of one hyperparameter: what scikit-learn's random searches draw from.

Each is a map from the unit cube to values, `Distribution.at`; drawing, quantiles and
quasi-random designs all go through it. Bounds are included.
"""

from __future__ import annotations

import itertools
import math
import operator
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from .values import as_list, identity, unique, warn

__all__ = [
    "Choice",
    "Distribution",
    "Integers",
    "Layers",
    "LogIntegers",
    "LogUniform",
    "Uniform",
    "as_distribution",
    "choice",
    "integers",
    "is_distribution",
    "layers",
    "log_integers",
    "log_uniform",
    "uniform",
]

SHAPES = ("free", "constant", "funnel")


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


def layers(
    depth: int | tuple[int, int] = (1, 3),
    units: int | tuple[int, int] = (16, 128),
    shape: str = "free",
) -> Layers:
    """Tuples of layer widths: how many layers, and how wide each is.

    Made for ``hidden_layer_sizes`` of the default network, and for any builder that takes a
    tuple. The number of layers is drawn first, all equally likely, and decides how many widths
    there are. Widths are uniform in their logarithm, as `log_integers` has it.

    Parameters
    ----------
    depth : int or (int, int), default=(1, 3)
        How many layers: the fewest and the most, both included, or exactly so many; 0 layers are
        the empty tuple.
    units : int or (int, int), default=(16, 128)
        Width of a layer: the narrowest and the widest, both included, or exactly so wide.
    shape : {"free", "constant", "funnel"}, default="free"
        ``"free"``: each width is drawn by itself. ``"constant"``: all layers have the same.
        ``"funnel"``: the first width is drawn, then the last one from the narrowest to the first;
        those between them narrow by the same factor from layer to layer.

    Returns
    -------
    Layers

    Raises
    ------
    ValueError
        If a range is reversed or not of positive integers, or `shape` is none of the three.

    Examples
    --------
    >>> from kerasearch import layers
    >>> layers(depth=(1, 2), units=(16, 128)).rvs(random_state=0)
    (71, 56)
    >>> layers(depth=3, units=(16, 64), shape="funnel").at([0, 1, 0])
    (64, 32, 16)
    """
    return Layers(_pair(depth), _pair(units), shape)


class Distribution:
    """What all distributions have in common.

    Attributes
    ----------
    n_dimensions : int
        How many coordinates of the unit cube a value is made of; 1 but for `layers`.
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


class _OneDimensional(Distribution):
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
class Uniform(_OneDimensional):
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
class LogUniform(_OneDimensional):
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


class _Discrete(_OneDimensional):
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
        step = _integer(self.step)
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
        return _log_integer(self.low, self.high, u[0])

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


@dataclass(frozen=True, repr=False)
class Layers(Distribution):
    """See `layers`."""

    depth: tuple[int, int]
    units: tuple[int, int]
    shape: str = "free"

    def __post_init__(self) -> None:
        for name, least in (("depth", 0), ("units", 1)):
            given = getattr(self, name)
            ends = [_integer(end) for end in given] if len(given) == 2 else [None]
            if None in ends or not least <= ends[0] <= ends[1]:  # type: ignore[operator]
                raise ValueError(
                    f"layers: {name}={given!r} must be an integer of at least {least}, or two of "
                    "them, the smaller first"
                )
            object.__setattr__(self, name, tuple(ends))
        if self.shape not in SHAPES:
            raise ValueError(f"layers: shape={self.shape!r} must be one of {', '.join(SHAPES)}")

    @property
    def n_dimensions(self) -> int:  # type: ignore[override]
        """One for the depth; one for each width that is drawn."""
        return 1 + {"free": self.depth[1], "constant": 1, "funnel": 2}[self.shape]

    @property
    def n_values(self) -> float:
        """How many tuples there are."""
        n_widths = self.units[1] - self.units[0] + 1
        return sum(self._n_values_of_depth(n, n_widths) for n in self._depths())

    def _n_values_of_depth(self, n: int, n_widths: int) -> int:
        if self.shape == "free" or n < 2:
            return n_widths**n
        return n_widths if self.shape == "constant" else n_widths * (n_widths + 1) // 2

    def __len__(self) -> int:
        return min(int(self.n_values), sys.maxsize)  # len() can return no more

    def __iter__(self) -> Iterator[tuple[int, ...]]:
        widths = range(self.units[0], self.units[1] + 1)
        for n in self._depths():
            if self.shape == "free" or n < 2:
                yield from itertools.product(widths, repeat=n)
            elif self.shape == "constant":
                yield from ((width,) * n for width in widths)
            else:
                yield from (
                    _funnel(first, last, n) for first in widths for last in widths if last <= first
                )

    def _at(self, u: list[float]) -> tuple[int, ...]:
        low, high = self.units
        depths = self._depths()
        n = depths[min(int(u[0] * len(depths)), len(depths) - 1)]
        if self.shape == "constant":
            return (_log_integer(low, high, u[1]),) * n
        if self.shape == "free":
            return tuple(_log_integer(low, high, x) for x in u[1 : n + 1])
        first = _log_integer(low, high, u[1])
        return _funnel(first, _log_integer(low, first, u[2]), n)

    def _depths(self) -> range:
        return range(self.depth[0], self.depth[1] + 1)

    def __repr__(self) -> str:
        return f"layers(depth={self.depth}, units={self.units}, shape={self.shape!r})"


def is_distribution(spec: Any) -> bool:
    """Tell a distribution, this package's or scipy's, from a list of values."""
    return hasattr(spec, "rvs")


def as_distribution(spec: Any) -> Distribution:
    """One of this package's distributions for a list of values or a frozen one of scipy's.

    Parameters
    ----------
    spec : distribution or list
        scipy's ``uniform``, ``loguniform`` and ``randint`` become `Uniform`, `LogUniform` and
        `Integers`; any other of scipy's is wrapped, and drawn from through its ``ppf``.

    Returns
    -------
    Distribution

    Raises
    ------
    TypeError
        If it is neither, or has ``rvs`` alone and no quantiles.
    """
    if isinstance(spec, Distribution):
        return spec
    if not is_distribution(spec):
        return Choice(tuple(as_list(spec, "a list of values")))
    if not (hasattr(spec, "ppf") and hasattr(spec, "support") and hasattr(spec, "dist")):
        raise TypeError(f"{spec!r} can be drawn from, but has no quantile function (ppf)")
    low, high = spec.support()
    name = spec.dist.name
    if name == "uniform":
        return Uniform(low, high)
    if name in ("loguniform", "reciprocal"):
        return LogUniform(low, high)
    if name == "randint":
        low, high = int(low), int(high)
        return Integers(low, high) if low < high else Choice((low,))
    return Quantiles(spec)


@dataclass(frozen=True, repr=False)
class Quantiles(_OneDimensional):
    """One of scipy's frozen distributions, drawn from through its ``ppf``.

    Parameters
    ----------
    frozen : frozen distribution of scipy's
        With ``ppf`` and ``cdf``.
    low_q, high_q : float, default=0.0, 1.0
        The part of it that is left: from that quantile to that one.
    """

    frozen: Any
    low_q: float = 0.0
    high_q: float = 1.0

    def support(self) -> tuple[float, float]:
        """The ends of the range, which may be infinite."""
        low, high = self.frozen.support()
        if self.low_q > 0:
            low = self.frozen.ppf(self.low_q)
        if self.high_q < 1:
            high = self.frozen.ppf(self.high_q)
        return float(low), float(high)

    def _at(self, u: list[float]) -> Any:
        q = self.low_q * (1 - u[0]) + self.high_q * u[0]
        inside = min(max(q, 1e-12), 1 - 1e-12)  # the ends may be infinite
        value = np.asarray(self.frozen.ppf(inside)).item()
        return int(value) if hasattr(self.frozen, "pmf") else value

    def __repr__(self) -> str:
        args = [repr(arg) for arg in self.frozen.args]
        args += [f"{name}={value!r}" for name, value in self.frozen.kwds.items()]
        part = "" if (self.low_q, self.high_q) == (0, 1) else f"[{self.low_q:g}:{self.high_q:g}]"
        return f"scipy.stats.{self.frozen.dist.name}({', '.join(args)}){part}"


def _pair(ends: Any) -> tuple[Any, ...]:
    return tuple(ends) if np.iterable(ends) else (ends, ends)


def _check_range(
    made: Uniform | LogUniform | Integers | LogIntegers,
    name: str,
    kind: type,
    positive: bool = False,
) -> None:
    """Raise unless ``low < high``, and make both of the type `kind`."""
    for end in ("low", "high"):
        given = getattr(made, end)
        value = _integer(given) if kind is int else _real(given)
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


def _integer(value: Any) -> int | None:
    if isinstance(value, bool | np.bool_):
        return None
    try:
        return operator.index(value)
    except TypeError:
        return None


def _real(value: Any) -> float | None:
    if isinstance(value, bool | np.bool_ | str):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _between(low: float, high: float, value: float) -> float:
    return min(max(value, low), high)


def _log_integer(low: int, high: int, u: float) -> int:
    """Each k has the part of the logarithmic scale from k to k + 1."""
    if u == 0:
        return low
    exponent = math.log(low) * (1 - u) + math.log(high + 1) * u
    return min(max(math.floor(math.exp(exponent)), low), high)


def _funnel(first: int, last: int, n: int) -> tuple[int, ...]:
    if n < 2:
        return (first,) * n
    return tuple(round(first * (last / first) ** (i / (n - 1))) for i in range(n))
