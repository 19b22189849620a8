"""When a fit is the same as one in a store, and how it goes on from there.

The key of a fit is a digest of all that decides its outcome but the number of epochs: the program
by content, the bytes of the initial state and of the data, batch size, seed of the order,
validation, callbacks, versions. What is stored is the state before the optimizer's last word
(averaged weights overwrite the others at the end), so that a longer fit can go on from it.

A fit with callbacks may depend on its length, and they carry state of their own: the number of
epochs is part of its key, it is found at that length alone, and what is stored is its end.
"""

from __future__ import annotations

import hashlib
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import xxhash

from .. import __version__
from ..exceptions import DivergenceError
from ..store import FitStore
from . import (
    compiled_loop,
    data,
    divergence,
    eligibility,
    fingerprint,
    program_cache,
    serialization,
)

# what else the numbers depend on: raise it when the engine itself changes them
KEY_VERSION = 1
# A long fit is stored on the way as well, so that a kill costs no more than this
_SECONDS_PER_CHECKPOINT = 60.0

# the work of these is in files, which a fit that is only read would not write
_WRITERS = ("ModelCheckpoint", "BackupAndRestore", "TensorBoard", "CSVLogger", "RemoteMonitor")
# and what a callback of the user's writes them with
_WRITING = {
    *("save", "save_weights", "save_model", "export", "savez", "savez_compressed", "savetxt"),
    *("write_text", "write_bytes", "to_csv", "to_parquet", "to_pickle", "to_json", "dump"),
    *("savefig", "tofile"),
}


@dataclass
class Found:
    """A stored fit, whole or its beginning."""

    epochs: int
    record: dict[str, Any]
    arrays: dict[str, np.ndarray]

    @property
    def history(self) -> dict[str, list[Any]]:
        """Keras' history of all its epochs."""
        return self.record["history"]

    def restore(self, model: keras.Model, finish: bool) -> None:
        """Put the stored state into `model`; `finish` tells whether the fit ends there."""
        variables = _variables(model)
        # metrics begin each evaluation anew, and some make their variables at the first only:
        # then the numbers in their names mean others
        same = _specs(self.arrays) == _specs(variables)
        for name, array in self.arrays.items():
            if same or not _is_metric(name):
                variables[name].assign(_as(array, variables[name]))
        if finish and not self.record["finished"]:
            compiled_loop.finalize(model)

    def raise_if_diverged(self) -> None:
        """Raise the error that the fit ended with."""
        diverged = self.record["divergence"]
        if diverged is not None:
            raise DivergenceError(diverged["message"], diverged["epoch"], self.history)


class Slot:
    """The place of one fit in a store."""

    def __init__(
        self, store: FitStore, key: str, epochs: int, exact: bool, about: Mapping[str, Any]
    ) -> None:
        self._store = store
        self._key = key
        self._epochs = epochs
        self._exact = exact
        self._about = about
        self._arrays: dict[str, np.ndarray] = {}
        self._begin = self._last_checkpoint = time.monotonic()
        self._checkpoint: int | None = None
        self._mark = uuid.uuid4().hex  # tells this fit's checkpoints from others' fits
        self._before: Found | None = None

    def find(self, model: keras.Model) -> Found | None:
        """The fit, or the longest beginning of it, that the store has."""
        specs = _specs(_variables(model), metrics=False)
        for epochs in self._store.lengths(self._key):
            if epochs > self._epochs or (self._exact and epochs != self._epochs):
                continue
            loaded = self._store.load(self._key, epochs)
            if loaded is None:
                continue
            found = Found(epochs, *loaded)
            diverged = found.record["divergence"]
            if diverged is not None:
                # what diverges in an epoch diverges in every longer fit
                if epochs == self._epochs or diverged["at_once"]:
                    return found
            elif epochs < self._epochs and found.record["finished"]:
                continue  # the optimizer had its last word
            elif _specs(found.arrays, metrics=False) == specs:
                return found
        return None

    def is_whole(self, found: Found) -> bool:
        """Tell whether there is nothing left to train."""
        return found.epochs == self._epochs or found.record["divergence"] is not None

    def go_on(self, found: Found, model: keras.Model) -> bool:
        """Put `model` where a stored beginning ended; tell whether that can be done."""
        if _specs(found.arrays) != _specs(_variables(model)):
            return False
        found.restore(model, finish=False)
        self._before = found
        return True

    def after_epoch(self, n_epochs: int, model: keras.Model) -> None:
        """Store a long fit on the way."""
        now = time.monotonic()
        if self._exact or now - self._last_checkpoint < _SECONDS_PER_CHECKPOINT:
            return
        self._last_checkpoint = now
        if not divergence.has_finite_weights(model):
            return  # the next loss shows it; a fit that ends here would be a divergence
        if n_epochs < self._epochs and n_epochs not in self._store.lengths(self._key):
            self._take(model)
            before = self._before.history if self._before else {}
            history = compiled_loop.join_histories(before, model.history.history)
            self._save(n_epochs, history, finished=False, checkpoint=self._mark)
            self._forget_checkpoint()
            self._checkpoint = n_epochs

    def before_end(self, model: keras.Model) -> None:
        """Take the state before the optimizer finalizes it."""
        if not self._exact:
            self._take(model)

    def end(
        self,
        model: keras.Model,
        history: dict[str, list[Any]],
        path: str,
        reason: str,
        error: DivergenceError | None,
    ) -> None:
        """Store a fit, which has ended; `history` is of all its epochs."""
        refused = _why_not_kept(path, reason)
        if refused is not None:
            warn_not_stored(self._store, refused)
            return
        epochs, diverged = self._epochs, None
        if error is not None:
            losses = history.get("loss") or [np.nan]
            at_once = not self._exact and not np.all(np.isfinite(losses[-1]))
            epochs = error.epoch + 1 if at_once else epochs
            diverged = {"message": str(error), "epoch": error.epoch, "at_once": at_once}
            self._arrays = {}
        elif self._exact or path != "compiled":
            self._take(model)
        finished = self._exact or path != "compiled"
        self._save(epochs, history, path=path, finished=finished, divergence=diverged)
        self._forget_checkpoint()

    def _take(self, model: keras.Model) -> None:
        variables = _variables(model)
        self._arrays = {name: serialization.to_numpy(v) for name, v in variables.items()}

    def _save(self, epochs: int, history: dict[str, list[Any]], **more: Any) -> None:
        seconds = time.monotonic() - self._begin
        if self._before is not None:
            seconds += self._before.record["seconds"]
        record = {
            **{"path": "compiled", "finished": True, "divergence": None, "checkpoint": None},
            **self._about,
            **{"history": history, "seconds": seconds, **more},
        }
        self._store.save(self._key, epochs, record, self._arrays)

    def _forget_checkpoint(self) -> None:
        if self._checkpoint is not None:
            self._store.discard(self._key, self._checkpoint, self._mark)
            self._checkpoint = None


def slot(
    store: FitStore,
    model: keras.Model,
    arrays: data.Arrays,
    validation: data.Arrays | None,
    callbacks: Sequence[keras.callbacks.Callback],
    *,
    seed: int,
    initial_epoch: int,
    epochs: int,
    parameters: Mapping[str, Any],
    settings: Mapping[str, Any],
) -> Slot | None:
    """The place of a fit in `store`; None, with a warning, where it has none.

    Parameters
    ----------
    store : FitStore
        Where to look and to store.
    model : keras.Model
        Compiled, and not trained; it is built where it is not.
    arrays, validation : packed arrays
        The rows to train and to validate on.
    callbacks : sequence of keras.callbacks.Callback
        Of the user.
    seed, initial_epoch, epochs : int
        As in ``training.fit``.
    parameters : mapping
        What the store's tables say of the fit; no part of the key.
    settings : mapping
        What else decides the outcome: batch size and the like, in plain values.
    """
    reason = _why_not(model, callbacks)
    if reason is None:
        try:
            compiled_loop.prepare(model, arrays, seed)
            rows = _digest(arrays)
            variables = _variables(model).values()
            signed = fingerprint.of_training(model)
            _check_nothing_outside(signed.variables, variables)
            parts = [
                *(KEY_VERSION, np.__version__, seed, initial_epoch, sorted(settings.items())),
                *(rows, _digest(validation), signed.digest),
                *map(_digest_of_array, map(serialization.to_numpy, variables)),
            ]
            if callbacks:
                parts += [fingerprint.of_values(list(callbacks), refused=_WRITING), epochs]
        except fingerprint.Undescribable as undescribable:
            reason = f"the model or a callback holds {undescribable}"
        except Exception as error:  # model.fit may cope with it
            reason = f"the model cannot be built before it is trained ({error})"
    if reason is not None:
        warn_not_stored(store, reason)
        return None
    key = hashlib.sha256(repr(parts).encode()).hexdigest()[:40]
    versions = {"kerasearch": __version__, "keras": keras.version(), "numpy": np.__version__}
    about = {
        "parameters": dict(parameters),
        "n_rows": data.n_rows(arrays),
        "data": hashlib.sha256(repr(rows).encode()).hexdigest()[:16],
        "versions": versions,
    }
    return Slot(store, key, epochs, bool(callbacks), about)


def warn_not_stored(store: FitStore, reason: str) -> None:
    """Say, once for each store, that fits of a kind are not stored."""
    store.warn(f"fits are trained and not stored in {store!r}: {reason}")


def _why_not_kept(path: str, reason: str) -> str | None:
    """Why a fit that took this path must not be stored; None where it may."""
    if path == "compiled":
        return None if reason.startswith(program_cache.SHARED) else reason
    return reason if reason.startswith(eligibility.NOT_TRACED) else None


def _why_not(model: keras.Model, callbacks: Sequence[keras.callbacks.Callback]) -> str | None:
    for callback in callbacks:
        if isinstance(callback, tuple(getattr(keras.callbacks, name) for name in _WRITERS)):
            return f"the callback {type(callback).__name__} writes files of its own"
    for layer in model._flatten_layers(include_self=False):
        if getattr(layer, "stateful", False):
            return f"the layer {layer.name!r} is stateful"
    return eligibility.limits_the_loop() or eligibility.overrides_the_loop(model)


def _check_nothing_outside(found: Iterable[Any], own: Iterable[Any]) -> None:
    """Refuse a variable that the model's code reads and that is not the model's."""
    known = {id(variable) for variable in own}
    for variable in found:
        if id(variable) not in known:
            raise fingerprint.Undescribable(f"the variable {variable.path!r} of something else")


def _variables(model: keras.Model) -> dict[str, Any]:
    """Every variable that training changes, by a name that is the same in every process."""
    optimizer = getattr(model, "optimizer", None)
    groups = {
        "weight": model.variables,
        "optimizer": getattr(optimizer, "variables", []),
        "metric": model.metrics_variables,
    }
    return {f"{kind}.{i}": v for kind, group in groups.items() for i, v in enumerate(group)}


def _specs(arrays: Mapping[str, Any], metrics: bool = True) -> dict[str, Any]:
    """Shapes and dtypes of variables, or of their arrays as a file has them."""
    chosen = {n: (a, np.dtype(a.dtype)) for n, a in arrays.items() if metrics or not _is_metric(n)}
    return {
        name: (tuple(array.shape), dtype.itemsize if dtype.kind == "V" else dtype.str)
        for name, (array, dtype) in chosen.items()
    }


def _is_metric(name: str) -> bool:
    return name.startswith("metric.")


def _as(array: np.ndarray, variable: Any) -> np.ndarray:
    """Give an array of a dtype that NumPy's files lack, such as bfloat16, its dtype again."""
    return array.view(np.dtype(variable.dtype)) if array.dtype.kind == "V" else array


def _digest(arrays: data.Arrays | None) -> Any:
    """Digests of arrays, in their structure."""
    if arrays is None:
        return None
    return data.specs(arrays), [_digest_of_array(leaf) for leaf in data.leaves(arrays)]


def _digest_of_array(array: Any) -> tuple[str, str, tuple[int, ...]]:
    array = array if isinstance(array, np.ndarray) else np.asarray(array)
    if array.dtype.hasobject:  # text, which Keras keeps in tensors of bytes
        if not all(isinstance(value, (bytes, str)) for value in array.flat):
            raise fingerprint.Undescribable("an array of objects")
        digest = hashlib.sha256(repr(array.tolist()).encode()).hexdigest()
    else:
        content: Any = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
        digest = xxhash.xxh3_128_hexdigest(content)
    return digest, str(array.dtype), array.shape
