"""The arguments that a callable accepts, and the routed parameters that go to it."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras

from .._utils.plain_values import as_python
from ..training.code_reading import names_read
from ..training.trusted_libraries import is_library_class, package_of

# arguments of a builder for which each fit supplies the values
FILLED_IN = frozenset({"meta", "compile_kwargs", "params", "X"})


@dataclass(frozen=True)
class Arguments:
    """The arguments that a callable accepts by name.

    Attributes
    ----------
    defaults : dict of str to object
        The arguments that have a default.
    required : tuple of str
        The arguments without a default.
    takes_any : bool
        Whether the callable also accepts other names, by ``**kwargs``.
    fills_any : bool
        Whether a fit may pass the arguments in `FILLED_IN` by ``**kwargs``. It is False for a
        class, because a class passes ``**kwargs`` on to Keras.
    """

    defaults: dict[str, Any]
    required: tuple[str, ...]
    takes_any: bool
    fills_any: bool

    @property
    def names(self) -> list[str]:
        """The names of the arguments; those without a default come first."""
        return [*self.required, *self.defaults]

    def accepts(self, name: str) -> bool:
        """Tell whether there is an argument `name`."""
        return self.takes_any or name in self.names

    def is_filled_in(self, name: str) -> bool:
        """Tell whether a fit fills in the argument `name` of a builder."""
        return self.fills_any or name in self.names


def arguments(target: Callable[..., Any]) -> Arguments:
    """Read the arguments of a function, bound method, partial, callable object or class.

    If the ``__init__`` of a class accepts ``**kwargs``, the arguments of its base classes are
    included.
    """
    cls: Any = target
    if isinstance(cls, type) and is_library_class(cls):
        return _of_library_class(cls)
    return _read(target)


@functools.lru_cache(maxsize=256)
def _of_library_class(cls: Any) -> Arguments:
    """Read the arguments of a class of a library once; such a class does not change."""
    return _read(cls)


def _read(target: Callable[..., Any]) -> Arguments:
    defaults: dict[str, Any] = {}
    required: list[str] = []
    takes_any = False
    for cls, signature in _signatures(target):
        parameters = [p for p in signature.parameters.values() if p.name != "self"]
        for p in parameters:
            named = p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
            if not named or p.name in defaults or p.name in required:
                continue
            if p.default is p.empty:
                required.append(p.name)
            else:
                defaults[p.name] = p.default
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            break
        takes_any = takes_any or not _refuses_others(cls)
    return Arguments(
        defaults, tuple(required), takes_any, fills_any=takes_any and not inspect.isclass(target)
    )


def names_in_code(target: Callable[..., Any]) -> tuple[set[str], set[str]]:
    """Read the names in the code of a callable: all names, and the names in string constants.

    An example of a string constant is ``"units"`` in ``kwargs["units"]``.
    """
    if isinstance(target, functools.partial):
        return names_in_code(target.func)
    if inspect.isclass(target):
        functions = [vars(cls).get("__init__") for cls in target.__mro__]
    else:
        functions = [target if inspect.isroutine(target) else type(target).__call__]
    names: set[str] = set()
    texts: set[str] = set()
    for function in functions:
        code = getattr(inspect.unwrap(function), "__code__", None) if function else None
        if code is not None:
            read = names_read(code)
            names |= read.possible
            texts |= read.possible - read.used
    return names, texts


def route(params: Mapping[str, Any], destination: str) -> dict[str, Any]:
    """Get the parameters with the prefix `destination`, by their names without the prefix.

    NumPy scalars become Python scalars.
    """
    prefix = f"{destination}__"
    return {
        name[len(prefix) :]: as_python(value)
        for name, value in params.items()
        if name.startswith(prefix)
    }


def _signatures(target: Callable[..., Any]) -> list[tuple[type | None, inspect.Signature]]:
    if inspect.isclass(target):
        constructors = [c for c in target.__mro__ if c is not object and "__init__" in vars(c)]
        return [(c, inspect.signature(vars(c)["__init__"])) for c in constructors]
    try:
        return [(None, inspect.signature(target))]
    except ValueError:  # a builtin function without a signature: its arguments are unknown
        return [(None, _ANYTHING)]


def _refuses_others(cls: type | None) -> bool:
    """Tell whether a class accepts ``**kwargs`` only to raise for unknown names.

    The optimizers and callbacks of Keras and their base classes do so.
    """
    if cls is None or package_of(cls) != "keras":
        return False
    kinds = (keras.optimizers.Optimizer, keras.callbacks.Callback)
    return any(issubclass(cls, kind) or issubclass(kind, cls) for kind in kinds)


_ANYTHING = inspect.Signature([inspect.Parameter("kwargs", inspect.Parameter.VAR_KEYWORD)])
