"""A check whether a function traced on JAX depends only on objects that the fingerprint describes.

A trace converts values that Python code reads to constants. Numbers and NumPy arrays become
literals without an origin; the fingerprint describes all of them. A JAX array stays the same
object. If the fingerprint did not describe it, the program must not be shared. It is usually the
value of a variable that the model does not list, of which the fingerprint describes only the shape.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import jax
from jax.extend import core


def why_private(jaxpr: core.ClosedJaxpr, known: Iterable[Any], drew: str | None) -> str | None:
    """Explain why a function must not be shared among models; None if it may be shared.

    Parameters
    ----------
    jaxpr : ClosedJaxpr
        The function.
    known : iterable
        The arrays that the fingerprint describes.
    drew : str or None
        The generator from which Python drew random numbers in the trace; they are constants too.
    """
    if drew:
        return f"it was traced with a draw from {drew}"
    described = {id(array) for array in known}
    if any(id(array) not in described for array in arrays_read(jaxpr)):
        return "it reads an array that is not a variable of the model"
    for equation in equations(jaxpr.jaxpr):
        if equation.effects or "callback" in equation.primitive.name:
            return f"it calls back, by {equation.primitive.name}"
    return None


def arrays_read(jaxpr: core.ClosedJaxpr) -> list[jax.Array]:
    """List the JAX arrays that are constants of a function."""
    constants = [constant for closed in _closed(jaxpr) for constant in closed.consts]
    return [constant for constant in constants if isinstance(constant, jax.Array)]


def equations(jaxpr: core.Jaxpr) -> Iterator[core.JaxprEqn]:
    """List all equations of a function and of its inner functions."""
    for equation in jaxpr.eqns:
        yield equation
        for inner in _functions_in(equation):
            yield from equations(inner.jaxpr if isinstance(inner, core.ClosedJaxpr) else inner)


def _closed(jaxpr: core.ClosedJaxpr) -> Iterator[core.ClosedJaxpr]:
    yield jaxpr
    for equation in equations(jaxpr.jaxpr):
        yield from (one for one in _functions_in(equation) if isinstance(one, core.ClosedJaxpr))


def _functions_in(equation: core.JaxprEqn) -> list[Any]:
    kinds = (core.Jaxpr, core.ClosedJaxpr)
    parameters = list(equation.params.values())
    leaves = jax.tree.leaves(parameters, is_leaf=lambda value: isinstance(value, kinds))
    return [leaf for leaf in leaves if isinstance(leaf, kinds)]
