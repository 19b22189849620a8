"""The short name of a fit, and what its callbacks write to.

``{fit}`` in a path of a callback becomes the name, so that no two fits write to one path. Where
it is not there and two fits do, a warning says so.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import keras

from .._utils.json_values import as_json
from .._utils.user_warnings import warn
from ..training.fingerprint import digest_of_values
from ..training.fit_key import digest_of_array

Changes: TypeAlias = list[tuple[keras.callbacks.Callback, dict[str, Any]]]

# what Keras' own callbacks write to
_PATHS = {
    keras.callbacks.BackupAndRestore: "backup_dir",
    keras.callbacks.CSVLogger: "filename",
    keras.callbacks.ModelCheckpoint: "filepath",
    keras.callbacks.TensorBoard: "log_dir",
}
# Keras fills in {epoch} and the like with `str.format`, to which {{fit}} is the text {fit}
_PLACEHOLDER = re.compile(r"(?<!\{)\{fit\}(?!\})")
# which fit writes to a path, for the fits of this process; and of which paths a warning has told
_WRITERS: dict[str, str] = {}
_WARNED: set[str] = set()
_LOCK = threading.Lock()
# parameters that no outcome of a training depends on, or that are described in another way
_NO_MATTER = (
    "allow_nan",
    "callbacks",
    "output_to_prediction",
    "random_state",
    "store",
    "verbose",
)


def short_name(
    estimator: Any,
    arguments: Any,
    data: Sequence[Any],
    seed: int,
    callbacks: Sequence[keras.callbacks.Callback],
) -> str:
    """Name a fit by its parameters, its data and its seed, in every process alike.

    Parameters
    ----------
    estimator : estimator
        Its parameters count, those set explicitly or not; `store`, `verbose` and what predictions
        alone depend on do not.
    arguments : dataclass
        The settings of the call.
    data : sequence of structures of arrays
        The rows that train and those that validate, as the model gets them.
    seed : int
        Of the fit.
    callbacks : sequence of keras.callbacks.Callback
        Of the fit. Their paths do not count.

    Returns
    -------
    name : str
        Ten hexadecimal digits.
    """
    settings = {
        field.name: getattr(arguments, field.name)
        for field in dataclasses.fields(arguments)
        if field.name not in ("callbacks", "validation_data", "verbose")
    }
    params = {
        name: value
        for name, value in estimator.get_params().items()
        if name not in settings
        and name not in _NO_MATTER
        and name.partition("__")[0] not in ("callbacks", "fit", "predict", "score")
    }
    parts = [
        _name_of(type(estimator)),
        seed,
        _described(settings),
        _described(params),
        [digest_of_array(array) for array in keras.tree.flatten(data) if array is not None],
        [(_name_of(type(c)), _described(_without_paths(c))) for c in callbacks],
    ]
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:10]


def writes_to_paths(callbacks: Sequence[keras.callbacks.Callback]) -> bool:
    """Tell whether a callback has a path: one of Keras', or one with the placeholder."""
    return any(
        isinstance(callback, tuple(_PATHS)) or any(map(_has_placeholder, vars(callback).values()))
        for callback in callbacks
    )


def fill_in(callbacks: Sequence[keras.callbacks.Callback], name: str) -> Changes:
    """Fill the name of a fit in the paths of its callbacks.

    Parameters
    ----------
    callbacks : sequence of keras.callbacks.Callback
        Of the fit.
    name : str
        Of the fit.

    Returns
    -------
    changes : list of (callback, dict)
        The attributes that were changed, with their values before.
    """
    changes = []
    for callback in callbacks:
        filled = _filled(callback, name)
        changes.append(
            (callback, {attribute: getattr(callback, attribute) for attribute in filled})
        )
        for attribute, value in filled.items():
            setattr(callback, attribute, value)
    return changes


def take_back(changes: Changes, lent: Sequence[keras.callbacks.Callback]) -> None:
    """Give the callbacks that are the caller's own their placeholders again."""
    for callback, before in changes:
        if any(callback is one for one in lent):
            for attribute, value in before.items():
                setattr(callback, attribute, value)


def _name_of(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def _filled(callback: keras.callbacks.Callback, name: str) -> dict[str, Any]:
    """The attributes of a callback that change with the name of the fit, with their new values."""
    filled = {
        attribute: _map_text(value, lambda text: _PLACEHOLDER.sub(name, text))
        for attribute, value in vars(callback).items()
        if attribute != "_model" and _has_placeholder(value)
    }
    for cls, attribute in _PATHS.items():
        if isinstance(callback, cls) and attribute not in filled:
            path = str(getattr(callback, attribute))
            _warn_of_other_writers(type(callback), attribute, path, name)
            if cls is keras.callbacks.BackupAndRestore:
                filled |= _in_own_folder(callback, path, name)
    return filled


def _in_own_folder(callback: keras.callbacks.Callback, path: str, name: str) -> dict[str, Any]:
    """Where BackupAndRestore keeps the state of a fit: it restores whatever it finds there."""

    def moved(text: str) -> str:
        return f"{path.rstrip('/')}/{name}{text.removeprefix(path)}"

    return {
        attribute: moved(str(value))
        for attribute, value in vars(callback).items()
        if isinstance(value, str | os.PathLike) and str(value).startswith(path)
    }


def _warn_of_other_writers(cls: type, attribute: str, path: str, name: str) -> None:
    whole = path if "://" in path else os.path.abspath(path)
    with _LOCK:
        if _WRITERS.setdefault(whole, name) == name or whole in _WARNED:
            return
        _WARNED.add(whole)
    if issubclass(cls, keras.callbacks.BackupAndRestore):
        warn(
            f"two different fits have {attribute}={path!r} of {cls.__name__}: each keeps its "
            "backup in a folder of its own there, named by the fit, and restores no other's. In "
            "a search, give the estimator store= instead: it continues fits that were cut short, "
            "and keeps those that are done"
        )
    else:
        warn(
            f"two different fits write to {attribute}={path!r} of {cls.__name__}: what the first "
            "wrote is overwritten or mixed with the second's. Put {fit} into the path, which "
            "becomes a short name of each fit"
        )


def _without_paths(callback: keras.callbacks.Callback) -> dict[str, Any]:
    """The settings of a callback but those that say where it writes."""
    paths = [str(getattr(callback, n)) for c, n in _PATHS.items() if isinstance(callback, c)]
    return {
        attribute: value
        for attribute, value in vars(callback).items()
        if attribute not in ("_model", "_params")
        and not _has_placeholder(value)
        and not (isinstance(value, str | os.PathLike) and str(value).startswith(tuple(paths)))
    }


def _described(values: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Describe values by content, and by their names what has no such description."""
    described: list[tuple[str, Any]] = []
    for name, value in sorted(values.items()):
        try:
            described.append((name, digest_of_values(value)))
        except Exception:  # code that reads files, a lock, a trial
            described.append((name, as_json(value)))
    return described


def _has_placeholder(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_has_placeholder, value.values()))
    if isinstance(value, (list, tuple)):
        return any(map(_has_placeholder, value))
    if not isinstance(value, str | os.PathLike):
        return False
    text = os.fspath(value)
    return isinstance(text, str) and _PLACEHOLDER.search(text) is not None


def _map_text(value: Any, change: Callable[[str], str]) -> Any:
    """Change the texts and paths in nested containers, which stay as they are."""
    if isinstance(value, dict):
        return {key: _map_text(item, change) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        changed = [_map_text(item, change) for item in value]
        return tuple(changed) if isinstance(value, tuple) else changed
    if isinstance(value, str):
        return change(value)
    if isinstance(value, os.PathLike) and isinstance(text := os.fspath(value), str):
        make: Any = type(value)
        return make(change(text))
    return value
