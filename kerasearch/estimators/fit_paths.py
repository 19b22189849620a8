"""The short name of a fit, and the paths of its callbacks.

``{fit}`` in a path of a callback is replaced by the name, so that each fit writes to its own path.
A warning is given if two fits write to the same path.
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

# the path attributes of Keras' callbacks
_PATHS = {
    keras.callbacks.BackupAndRestore: "backup_dir",
    keras.callbacks.CSVLogger: "filename",
    keras.callbacks.ModelCheckpoint: "filepath",
    keras.callbacks.TensorBoard: "log_dir",
}
# Keras replaces placeholders such as {epoch} with `str.format`, so {{fit}} is the literal {fit}.
_PLACEHOLDER = re.compile(r"(?<!\{)\{fit\}(?!\})")
# the first fit of this process that wrote to each path, and the paths with a warning given
_WRITERS: dict[str, str] = {}
_WARNED: set[str] = set()
_LOCK = threading.Lock()
# parameters that do not change the result of training, or that are described separately
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
    """Name a fit by its parameters, data and seed; the name is the same in every process.

    Parameters
    ----------
    estimator : estimator
        The name depends on all its parameters, including defaults, except `store`, `verbose` and
        parameters that only predictions use.
    arguments : dataclass
        The settings of the call.
    data : sequence of structures of arrays
        The training rows and the validation rows, as the model gets them.
    seed : int
        The seed of the fit.
    callbacks : sequence of keras.callbacks.Callback
        The callbacks of the fit. The name does not depend on their paths.

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
    """Tell whether a callback is a Keras callback with a path, or has the placeholder."""
    return any(
        isinstance(callback, tuple(_PATHS)) or any(map(_has_placeholder, vars(callback).values()))
        for callback in callbacks
    )


def fill_in(callbacks: Sequence[keras.callbacks.Callback], name: str) -> Changes:
    """Insert the name of a fit into the paths of its callbacks.

    Parameters
    ----------
    callbacks : sequence of keras.callbacks.Callback
        The callbacks of the fit.
    name : str
        The name of the fit.

    Returns
    -------
    changes : list of (callback, dict)
        The attributes that were changed, with their previous values.
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
    """Restore the placeholders in callbacks that belong to the caller."""
    for callback, before in changes:
        if any(callback is one for one in lent):
            for attribute, value in before.items():
                setattr(callback, attribute, value)


def _name_of(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def _filled(callback: keras.callbacks.Callback, name: str) -> dict[str, Any]:
    """Get the new values of the attributes of a callback that depend on the name of the fit."""
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
    """Get the paths of BackupAndRestore in a folder for this fit.

    The callback restores any backup that it finds, including the backup of another fit.
    """

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
            f"two different fits have {attribute}={path!r} of {cls.__name__}: each fit therefore "
            "keeps its backup in its own folder there, which has the name of the fit. In a "
            "search, pass store= to the estimator instead: it continues interrupted fits, and "
            "keeps finished fits"
        )
    else:
        warn(
            f"two different fits write to {attribute}={path!r} of {cls.__name__}: the second fit "
            "overwrites the files of the first, or appends to them. Put {fit} into the path; it "
            "is replaced by a short name of each fit"
        )


def _without_paths(callback: keras.callbacks.Callback) -> dict[str, Any]:
    """Get the attributes of a callback, without its paths."""
    paths = [str(getattr(callback, n)) for c, n in _PATHS.items() if isinstance(callback, c)]
    return {
        attribute: value
        for attribute, value in vars(callback).items()
        if attribute not in ("_model", "_params")
        and not _has_placeholder(value)
        and not (isinstance(value, str | os.PathLike) and str(value).startswith(tuple(paths)))
    }


def _described(values: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Describe values by their content; if this is not possible, by their names."""
    described: list[tuple[str, Any]] = []
    for name, value in sorted(values.items()):
        try:
            described.append((name, digest_of_values(value)))
        except Exception:  # a value without a digest, such as a lock or code that reads files
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
    """Apply `change` to strings and paths in copies of nested containers."""
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
