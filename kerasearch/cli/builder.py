"""Load the user's model-building function, ``--model module:function``."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
import sys
from collections.abc import Iterator
from typing import Any

from .._utils.names import did_you_mean
from .._utils.text import one_line
from .errors import UsageError


@contextlib.contextmanager
def current_directory_importable() -> Iterator[None]:
    """Make modules of the current directory importable, as ``python -m`` does."""
    here = os.getcwd()
    if here in sys.path or "" in sys.path:
        yield
        return
    sys.path.insert(0, here)
    try:
        yield
    finally:
        sys.path.remove(here)


def check(model: str | None) -> None:
    """Raise `UsageError` if a module does not exist, without importing it."""
    if model is None:
        return
    module, colon, function = model.partition(":")
    names = [*module.split("."), function]
    if not colon or not all(map(str.isidentifier, names)) or module.endswith(".py"):
        raise UsageError(
            f"--model {model} must be MODULE:FUNCTION, such as mymodule:build for the function "
            "build in mymodule.py"
        )
    if importlib.util.find_spec(names[0]) is None:  # for a submodule, it would import the package
        raise UsageError(
            f"--model {model}: the module {names[0]!r} is neither in the current directory nor "
            "installed"
        )


def load(model: str | None) -> Any:
    """Import the model-building function.

    Parameters
    ----------
    model : str or None
        The value of ``--model``; None means the default network.

    Returns
    -------
    build : callable or None
        The function; None for the default network.

    Raises
    ------
    UsageError
        If the import of the module fails, or if the module has no function of this name.
    """
    if model is None:
        return None
    name, _, function = model.partition(":")
    try:
        module = importlib.import_module(name)
    except (Exception, SystemExit) as error:
        raise _import_error(model, name, error) from None
    if not hasattr(module, function):
        near = did_you_mean(function, [n for n in vars(module) if not n.startswith("_")])
        raise UsageError(f"--model {model}: the module {name!r} has no {function!r}{near}")
    build = getattr(module, function)
    if not callable(build):
        raise UsageError(f"--model {model}: {function!r} must be a function, but is {build!r}")
    return build


def _import_error(model: str, module: str, error: BaseException) -> UsageError:
    what = f"{type(error).__name__}: {one_line(error)}"
    return UsageError(f"--model {model}: the import of {module!r} failed with {what}")
