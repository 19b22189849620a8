"""One class of distributions for all specifications that scikit-learn accepts.

These are lists, distributions of kerasearch, and distributions of SciPy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .._utils.values import as_list
from .distributions import Choice, Distribution, Integers, OneDimensional, Uniform


def is_distribution(spec: Any) -> bool:
    """Tell whether a specification is a distribution and not a list of values."""
    return hasattr(spec, "rvs")


def as_distribution(spec: Any) -> Distribution:
    """Turn a list of values or a frozen SciPy distribution into a kerasearch distribution.

    ``scipy.stats.uniform`` and ``loguniform`` become `Uniform`, and ``randint`` becomes `Integers`.
    Any other SciPy distribution is wrapped, and its ``ppf`` is used to draw from it.

    Raises
    ------
    TypeError
        If `spec` is neither a list nor a distribution, or is a distribution without a quantile
        function.
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
    """A frozen SciPy distribution, restricted to the range between two quantiles.

    Attributes
    ----------
    frozen : frozen SciPy distribution
        The distribution; its ``ppf`` is used to draw values.
    low_q, high_q : float, default=0.0 and 1.0
        The probabilities of the quantiles at both ends of the range.
    """

    frozen: Any
    low_q: float = 0.0
    high_q: float = 1.0

    def support(self) -> tuple[float, float]:
        """Get the ends of the range, which may be infinite."""
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
