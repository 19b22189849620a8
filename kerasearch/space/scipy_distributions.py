"""One kind of distribution for all that scikit-learn takes: lists, ours and scipy's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .._utils.values import as_list
from .distributions import Choice, Distribution, Integers, OneDimensional, Uniform


def is_distribution(spec: Any) -> bool:
    """Tell a distribution, this package's or scipy's, from a list of values."""
    return hasattr(spec, "rvs")


def as_distribution(spec: Any) -> Distribution:
    """Make one of this package's distributions of a list of values or a frozen one of scipy's.

    scipy's ``uniform`` and ``loguniform`` become `Uniform`, its ``randint`` becomes `Integers`; any
    other of scipy's is wrapped, and drawn from through its ``ppf``. What is neither, or has ``rvs``
    alone and no quantiles, is a `TypeError`.
    """
    if isinstance(spec, Distribution):
        return spec
    if not is_distribution(spec):
        return Choice(tuple(as_list(spec, "a list of values")))
    if not (hasattr(spec, "ppf") and hasattr(spec, "support") and hasattr(spec, "dist")):
        raise TypeError(f"{spec!r} can be drawn from, but has no quantile function (ppf)")
    low, high = spec.support()
    name = spec.dist.name
    if name in ("uniform", "loguniform", "reciprocal"):
        return Uniform(low, high, log=name != "uniform")
    if name == "randint":
        low, high = int(low), int(high)
        return Integers(low, high) if low < high else Choice((low,))
    return Quantiles(spec)


@dataclass(frozen=True, repr=False)
class Quantiles(OneDimensional):
    """One of scipy's frozen distributions, drawn from through its ``ppf``.

    What is left of it goes from the quantile `low_q` to the quantile `high_q`.
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
