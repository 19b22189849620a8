"""Whether a function that was traced on JAX depends on more than the fingerprint describes.

A trace turns what Python code finds into constants. A number becomes a literal, of which nothing
tells where it came from: the fingerprint alone sees it, since it describes all numbers, and all
arrays of NumPy's, that the code can reach. An array of JAX's stays the object that it is. One that
the fingerprint did not come across is something else: the value of a variable that the model does
not list, above all, of which the fingerprint has the shape alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import jax
from jax.extend import core


def why_private(jaxpr: core.ClosedJaxpr, known: Iterable[Any], drew: str | None) -> str | None:
    """Why a function may serve only the model it was traced with; None where it may be shared.

    Parameters
    ----------
    jaxpr : ClosedJaxpr
        The function.
    known : iterable
        The arrays that the fingerprint describes.
    drew : str or None
        Which random numbers Python drew meanwhile: they are constants too.
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
    """The arrays of JAX's that a function has for constants."""
    constants = [constant for closed in _closed(jaxpr) for constant in closed.consts]
    return [constant for constant in constants if isinstance(constant, jax.Array)]


def equations(jaxpr: core.Jaxpr) -> Iterator[core.JaxprEqn]:
    """All equations of a function, those of the functions in it too."""
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
