"""Conditional parameters: values that open other parameters, and their expansion to branches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .branches import Branch


def when(*values: Any, **children: Any) -> When:
    """Values of a parameter that open others.

    It is an entry of a list of values in `param_grid` or `param_distributions`.

    Parameters
    ----------
    *values : object
        One value or several, that open the same.
    **children : list or distribution
        Parameters to search with these values alone; they may have entries made by `when` in
        turn. One that is given beside too has these values here.

    Returns
    -------
    When

    Raises
    ------
    TypeError
        If there are no values or no children.

    Examples
    --------
    Momentum with SGD only, and units of a second layer only where there is one:

    >>> from sklearn.linear_model import SGDClassifier
    >>> from kerasearch import param_grid, when
    >>> rates = when("constant", "adaptive", eta0=[0.1, 1.0])
    >>> param_grid(SGDClassifier(), learning_rate=["optimal", rates], alpha=[1e-4])
    [{'learning_rate': ['optimal'], 'alpha': [0.0001]}, \
{'learning_rate': ['constant', 'adaptive'], 'alpha': [0.0001], 'eta0': [0.1, 1.0]}]
    """
    if not values or not children:
        raise TypeError(
            "when: give a value and the parameters that it opens, such as "
            'when("sgd", momentum=[0.0, 0.9])'
        )
    return When(values, children)


@dataclass(frozen=True)
class When:
    """Values with the parameters that they open; `when` makes it."""

    values: tuple[Any, ...]
    children: Mapping[str, Any]

    def __repr__(self) -> str:
        arguments = [repr(value) for value in self.values]
        arguments += [f"{name}={spec!r}" for name, spec in self.children.items()]
        return f"when({', '.join(arguments)})"


def expand_conditions(specs: Mapping[str, Any], each_value_apart: bool) -> list[Branch]:
    """Turn a dict with entries made by `when` into dicts that have none.

    With `each_value_apart` every value beside a `when` gets a dict of its own, as a random search
    draws each dict equally often; otherwise all that open the same share one, as suits a grid.
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
    """Group the values of one parameter, each group with the parameters that it opens."""
    plain = tuple(entry for entry in entries if not isinstance(entry, When))
    opening = [entry for entry in entries if isinstance(entry, When)]
    for group in [When(plain, {}), *opening] if plain else opening:
        for values in [[v] for v in group.values] if each_value_apart else [list(group.values)]:
            yield values, group.children
