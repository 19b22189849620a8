"""Conditional parameters: values that make other parameters active, expanded to branches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .branches import Branch


def when(*values: Any, **children: Any) -> When:
    """Values of a parameter that make other parameters active.

    The result is an entry of a list of values in `param_grid` or `param_distributions`.

    Parameters
    ----------
    *values : object
        One or more values of the parent parameter. They make the same child parameters active.
    **children : list or distribution
        The child parameters, which are searched only together with `values`. Their lists may
        contain entries made by `when`. If a child parameter is also given at top level, the
        child's values win in this branch.

    Returns
    -------
    When
        The entry for the list of values of the parent parameter.

    Raises
    ------
    TypeError
        If `values` or `children` is empty.

    See Also
    --------
    param_grid : Make a grid from lists of values.
    param_distributions : Make a space for random searches.

    Examples
    --------
    ``eta0`` is searched only with the learning rate schedules that use it:

    >>> from sklearn.linear_model import SGDClassifier
    >>> from kerasearch import param_grid, when
    >>> rates = when("constant", "adaptive", eta0=[0.1, 1.0])
    >>> param_grid(SGDClassifier(), learning_rate=["optimal", rates], alpha=[1e-4])
    [{'learning_rate': ['optimal'], 'alpha': [0.0001]}, \
{'learning_rate': ['constant', 'adaptive'], 'alpha': [0.0001], 'eta0': [0.1, 1.0]}]
    """
    if not values or not children:
        raise TypeError(
            "when: pass a value and the parameters that it makes active, such as "
            'when("sgd", momentum=[0.0, 0.9])'
        )
    return When(values, children)


@dataclass(frozen=True)
class When:
    """Values with the parameters that they make active, as returned by `when`."""

    values: tuple[Any, ...]
    children: Mapping[str, Any]

    def __repr__(self) -> str:
        arguments = [repr(value) for value in self.values]
        arguments += [f"{name}={spec!r}" for name, spec in self.children.items()]
        return f"when({', '.join(arguments)})"


def expand_conditions(specs: Mapping[str, Any], each_value_apart: bool) -> list[Branch]:
    """Turn a dict with entries made by `when` into branches without such entries.

    With `each_value_apart` every value of a conditional parameter gets its own branch. A random
    search needs this, because it draws each branch equally often. Otherwise all values that make
    the same parameters active share a branch, which suits a grid.
    """
    for name, spec in specs.items():
        if isinstance(spec, list | tuple) and any(isinstance(entry, When) for entry in spec):
            return [
                branch
                for values, children in _openings(spec, each_value_apart)
                for branch in expand_conditions(
                    {**specs, name: values, **children}, each_value_apart
                )
            ]
    return [dict(specs)]


def _openings(
    entries: Sequence[Any], each_value_apart: bool
) -> Iterator[tuple[list[Any], Mapping[str, Any]]]:
    """Group the values of one parameter by the child parameters that they make active."""
    plain = tuple(entry for entry in entries if not isinstance(entry, When))
    opening = [entry for entry in entries if isinstance(entry, When)]
    for group in [When(plain, {}), *opening] if plain else opening:
        for values in [[v] for v in group.values] if each_value_apart else [list(group.values)]:
            yield values, group.children
