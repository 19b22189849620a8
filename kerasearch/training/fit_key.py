"""The key of a fit in a store: a digest of all its inputs except the number of epochs.

The inputs are the fingerprint of the model, the bytes of the initial state and of the data, the
batch size, the seed, the validation rows, the callbacks and the versions of libraries. With
callbacks, the key also includes the number of epochs, because callbacks may depend on it and have
their own state.
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

# increase this number if a change of the engine changes the results of fits
KEY_VERSION = 1

# callbacks that write files; a fit that is read from the store would not write them
_WRITERS = (
    keras.callbacks.ModelCheckpoint,
    keras.callbacks.BackupAndRestore,
    keras.callbacks.TensorBoard,
    keras.callbacks.CSVLogger,
    keras.callbacks.RemoteMonitor,
)
# functions with which a user's callback may write files
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
    """Raised if no key can describe the inputs of a fit; the message says why."""


@dataclass(frozen=True)
class FitKey:
    """The key of a fit in a store.

    Attributes
    ----------
    digest : str
        The digest of all inputs of the fit, except the number of epochs.
    data_digest : str
        The digest of the training rows, with targets and weights.
    program : Fingerprint
        The fingerprint of the model, which also identifies its program.
    """

    digest: str
    data_digest: str
    program: Fingerprint


def key_of(model: keras.Model, arrays: data.Arrays, settings: FitSettings) -> FitKey:
    """Compute the key of a fit before it begins.

    Parameters
    ----------
    model : keras.Model
        A compiled model, not trained yet. It is built if necessary.
    arrays : packed arrays
        The training rows.
    settings : FitSettings
        The other inputs of the fit.

    Raises
    ------
    NotStorable
        If an input of the fit has no description by content.
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
    except Exception as error:  # model.fit may still work
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
    """Raise if the model's code reads a variable that does not belong to the model."""
    own_ids = {id(variable) for variable in own}
    for variable in read:
        if id(variable) not in own_ids:
            raise NotFingerprintable(f"the variable {variable.path!r} of something else")


def _digests(arrays: data.Arrays | None) -> tuple[str, list[Any]] | None:
    """Compute the digests of arrays, with their structure."""
    if arrays is None:
        return None
    return data.specs(arrays), [digest_of_array(leaf) for leaf in data.leaves(arrays)]


def digest_of_array(array: Any) -> tuple[str, str, tuple[int, ...]]:
    """Compute a digest of an array's content, with its dtype and shape."""
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
