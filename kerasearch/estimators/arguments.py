"""What a callable can be called with, and which routed parameters go to it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras

from .._utils.json_values import as_python

# what a builder may ask for and a fit fills in
FILLED_IN = frozenset({"meta", "compile_kwargs", "params"})


@dataclass(frozen=True)
class Arguments:
    """What a callable can be called with, by name."""

    defaults: dict[str, Any]
    required: tuple[str, ...]
    takes_any: bool

    def accepts(self, name: str) -> bool:
        """Tell whether there is an argument `name`."""
        return self.takes_any or name in self.defaults or name in self.required


def arguments(target: Callable[..., Any]) -> Arguments:
    """Read the arguments of a function, bound method, partial, callable object or class.

    A class whose ``__init__`` hands ``**kwargs`` on to a Keras class has that class's arguments.
    """
    defaults: dict[str, Any] = {}
    required: list[str] = []
    takes_any = True
    for signature in _signatures(target):
        takes_any = False
        for p in signature.parameters.values():
            if p.kind is p.VAR_KEYWORD:
                takes_any = True
            elif p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY):
                if p.name in defaults or p.name in required or p.name == "self":
                    continue
                if p.default is p.empty:
                    required.append(p.name)
                else:
                    defaults[p.name] = p.default
        if not takes_any:
            break
    if inspect.isclass(target) and issubclass(target, keras.optimizers.Optimizer):
        takes_any = False  # they take **kwargs, and refuse what they do not know
    return Arguments(defaults, tuple(required), takes_any)


def route(params: Mapping[str, Any], destination: str) -> dict[str, Any]:
    """The parameters below `destination`, that prefix removed and NumPy's scalars made Python's."""
    prefix = f"{destination}__"
    return {
        name[len(prefix) :]: as_python(value)
        for name, value in params.items()
        if name.startswith(prefix)
    }


def _signatures(target: Callable[..., Any]) -> list[inspect.Signature]:
    if inspect.isclass(target):
        keras_like = [c for c in target.__mro__ if c is not object and "__init__" in vars(c)]
        return [inspect.signature(vars(c)["__init__"]) for c in keras_like]
    try:
        return [inspect.signature(target)]
    except ValueError:  # a builtin without a signature takes what it takes
        return []
