"""Layer widths: a distribution of tuples with one width for each layer."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._utils.checks import as_integer
from .distributions import Distribution, log_integer

SHAPES = ("free", "constant", "funnel")


def layer_sizes(
    depth: int | tuple[int, int] = (1, 3),
    units: int | tuple[int, int] = (16, 128),
    shape: str = "free",
) -> LayerSizes:
    """Make a distribution of tuples of layer widths.

    It covers the number of layers and the width of each layer.

    The tuples suit ``hidden_layer_sizes`` of the default network, and every model-building
    function that takes a tuple of widths. The number of layers is drawn first; all numbers are
    equally likely. Then the width of each layer is drawn. Widths are uniform in their logarithm,
    as in `log_integers`.

    Parameters
    ----------
    depth : int or (int, int), default=(1, 3)
        The number of layers: a fixed number, or the smallest and the largest number, both
        included. With 0 layers the tuple is empty.
    units : int or (int, int), default=(16, 128)
        The width of a layer: a fixed width, or the smallest and the largest width, both included.
    shape : {"free", "constant", "funnel"}, default="free"
        ``"free"``: each width is drawn independently. ``"constant"``: all layers have the same
        width. ``"funnel"``: the first width is drawn from `units`, and the last width is drawn
        between the smallest width and the first width. From layer to layer, the widths between
        them shrink by the same factor, and are rounded to integers.

    Returns
    -------
    LayerSizes
        The distribution, which random searches and `sobol` accept.

    Raises
    ------
    ValueError
        If a range is reversed, if `depth` has negative or `units` non-positive numbers or
        numbers that are not integers, or if `shape` is unknown.

    See Also
    --------
    log_integers : The distribution of a single width.
    mlp : The default network, which has the argument ``hidden_layer_sizes``.

    Examples
    --------
    >>> from kerasearch import layer_sizes
    >>> layer_sizes(depth=(1, 2), units=(16, 128)).rvs(random_state=0)
    (71, 56)
    >>> layer_sizes(depth=3, units=(16, 64), shape="funnel").at([0, 1, 0])
    (64, 32, 16)
    """
    return LayerSizes(_pair(depth), _pair(units), shape)


@dataclass(frozen=True, repr=False)
class LayerSizes(Distribution):
    """Tuples of layer widths, as returned by `layer_sizes`."""

    depth: tuple[int, int]
    units: tuple[int, int]
    shape: str = "free"

    def __post_init__(self) -> None:
        for name, least in (("depth", 0), ("units", 1)):
            given = getattr(self, name)
            low, high = map(as_integer, given) if len(given) == 2 else (None, None)
            if low is None or high is None or not least <= low <= high:
                raise ValueError(
                    f"layer_sizes: {name}={given!r} must be an integer of at least {least}, or a "
                    "pair of such integers, the smaller one first"
                )
            object.__setattr__(self, name, (low, high))
        if self.shape not in SHAPES:
            raise ValueError(
                f"layer_sizes: shape={self.shape!r} must be one of {', '.join(SHAPES)}"
            )

    @property
    def n_dimensions(self) -> int:  # type: ignore[override]
        """One coordinate for the depth, and one for each width that is drawn."""
        return 1 + {"free": self.depth[1], "constant": 1, "funnel": 2}[self.shape]

    @property
    def n_values(self) -> float:
        """The number of different tuples."""
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
            return (log_integer(low, high, u[1]),) * n
        if self.shape == "free":
            return tuple(log_integer(low, high, x) for x in u[1 : n + 1])
        first = log_integer(low, high, u[1])
        return _funnel(first, log_integer(low, first, u[2]), n)

    def _depths(self) -> range:
        return range(self.depth[0], self.depth[1] + 1)

    def __repr__(self) -> str:
        return f"layer_sizes(depth={self.depth}, units={self.units}, shape={self.shape!r})"


def _pair(ends: Any) -> tuple[Any, ...]:
    return tuple(ends) if np.iterable(ends) else (ends, ends)


def _funnel(first: int, last: int, n: int) -> tuple[int, ...]:
    if n < 2:
        return (first,) * n
    return tuple(round(first * (last / first) ** (i / (n - 1))) for i in range(n))
