"""The key of a fit in a store: a digest of all that decides its outcome but the number of epochs.

That is the program by content, the bytes of the initial state and of the data, batch size, seed of
the order, validation, callbacks and versions. A fit with callbacks may depend on its length, and
they carry state of their own: there the number of epochs is part of the key.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import xxhash

from . import data, eligibility
from .fingerprint import (
    Fingerprint,
    NotFingerprintable,
    digest_of_values,
    fingerprint_of_training,
)
from .fit_settings import FitSettings
from .loaded_rows import REASON, is_loaded
from .model_variables import variables_by_name
from .preparation import prepare
from .serialization import to_numpy
from .sparse_rows import is_sparse
from .unit_weights import without_unit_weights

# what else the numbers depend on: raise it when the engine itself changes them
KEY_VERSION = 1

# the work of these is in files, which a fit that is only read would not write
_WRITERS = (
    keras.callbacks.ModelCheckpoint,
    keras.callbacks.BackupAndRestore,
    keras.callbacks.TensorBoard,
    keras.callbacks.CSVLogger,
    keras.callbacks.RemoteMonitor,
)
# and what a callback of the user's writes them with
_WRITING = {
    "save",
    "save_weights",
    "save_model",
    "export",
    "savez",
    "savez_compressed",
    "savetxt",
    "write_text",
    "write_bytes",
    "to_csv",
    "to_parquet",
    "to_pickle",
    "to_json",
    "dump",
    "savefig",
    "tofile",
}


class NotStorable(Exception):
    """Raised for a fit whose outcome no key describes; the message says why."""


@dataclass(frozen=True)
class FitKey:
    """What identifies a fit in a store.

    Attributes
    ----------
    digest : str
        Of all that decides the outcome but the number of epochs.
    data_digest : str
        Of the rows that are trained on, with targets and weights.
    program : Fingerprint
        What the model is by content, which finds its program too.
    """

    digest: str
    data_digest: str
    program: Fingerprint


def key_of(model: keras.Model, arrays: data.Arrays, settings: FitSettings) -> FitKey:
    """The key of a fit that has not begun.

    Parameters
    ----------
    model : keras.Model
        Compiled, and not trained; it is built where it is not.
    arrays : packed arrays
        The rows to train on.
    settings : FitSettings
        What else decides the outcome.

    Raises
    ------
    NotStorable
        If something decides the outcome that has no description by content.
    """
    reason = _why_not(model, settings.callbacks)
    if is_loaded(arrays[0]):
        reason = f"{REASON}, and what it reads may have changed since a fit"
    if reason is not None:
        raise NotStorable(reason)
    try:
        prepare(model, arrays, settings.seed)
        return _key_of_prepared(model, arrays, settings)
    except NotFingerprintable as error:
        raise NotStorable(f"the model or a callback holds {error}") from error
    except Exception as error:  # model.fit may cope with it
        reason = f"the model cannot be built before it is trained ({error})"
        raise NotStorable(reason) from error


def _why_not(model: keras.Model, callbacks: Sequence[keras.callbacks.Callback]) -> str | None:
    for callback in callbacks:
        if isinstance(callback, _WRITERS):
            return f"the callback {type(callback).__name__} writes files of its own"
    return eligibility.why_not_repeatable(model)


def _key_of_prepared(model: keras.Model, arrays: data.Arrays, settings: FitSettings) -> FitKey:
    plain_settings = {
        "batch_size": settings.batch_size,
        "shuffle": settings.shuffle,
        "validation_batch_size": settings.validation_batch_size,
        "validation_steps": settings.validation_steps,
        "validation_freq": settings.validation_freq,
        "watched": settings.watch is not None,
    }
    if settings.steps_per_epoch is not None:
        plain_settings["steps_per_epoch"] = settings.steps_per_epoch
    rows = _digests(without_unit_weights(model, arrays))
    variables = variables_by_name(model).values()
    fingerprint = fingerprint_of_training(model)
    _check_nothing_outside(fingerprint.variables, variables)
    parts = [
        KEY_VERSION,
        np.__version__,
        settings.seed,
        settings.initial_epoch,
        sorted(plain_settings.items()),
        rows,
        _digests(without_unit_weights(model, settings.validation)),
        fingerprint.digest,
        *(digest_of_array(to_numpy(variable)) for variable in variables),
    ]
    if settings.callbacks:
        parts += [digest_of_values(settings.callbacks, refused=_WRITING), settings.epochs]
    return FitKey(
        hashlib.sha256(repr(parts).encode()).hexdigest()[:40],
        hashlib.sha256(repr(rows).encode()).hexdigest()[:16],
        fingerprint,
    )


def _check_nothing_outside(read: Iterable[keras.Variable], own: Iterable[keras.Variable]) -> None:
    """Refuse a variable that the model's code reads and that is not the model's."""
    own_ids = {id(variable) for variable in own}
    for variable in read:
        if id(variable) not in own_ids:
            raise NotFingerprintable(f"the variable {variable.path!r} of something else")


def _digests(arrays: data.Arrays | None) -> tuple[str, list[Any]] | None:
    """Digests of arrays, with their structure."""
    if arrays is None:
        return None
    return data.specs(arrays), [digest_of_array(leaf) for leaf in data.leaves(arrays)]


def digest_of_array(array: Any) -> tuple[str, str, tuple[int, ...]]:
    """A digest of an array's content, with its dtype and shape."""
    if is_loaded(array):
        return array.digest(), "loaded", array.shape
    if is_sparse(array):
        parts = [digest_of_array(part) for part in (array.data, array.indices, array.indptr)]
        digest = hashlib.sha256(repr(parts).encode()).hexdigest()
        return f"sparse {digest}", str(array.dtype), array.shape
    array = array if isinstance(array, np.ndarray) else np.asarray(array)
    if array.dtype.hasobject:  # text, which Keras keeps in tensors of bytes
        if not all(isinstance(value, (bytes, str)) for value in array.flat):
            raise NotFingerprintable("an array of objects")
        digest = hashlib.sha256(repr(array.tolist()).encode()).hexdigest()
    else:
        content: Any = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
        digest = xxhash.xxh3_128_hexdigest(content)
    return digest, str(array.dtype), array.shape
