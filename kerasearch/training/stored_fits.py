"""Fits in a store: looking up, continuing and saving.

A store keeps the state before the optimizer finalizes the weights (at the end, averaged weights
overwrite the others), so that a longer fit can continue from it. A fit with callbacks is found only
with the same number of epochs, and its final state is stored. The key of a fit is in `fit_key`.
"""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

import keras
import numpy as np

from .. import __version__
from ..exceptions import DivergenceError
from ..store import FitStore
from . import data, divergence
from .fingerprint import Fingerprint
from .fit_key import NotStorable, key_of
from .fit_settings import FitSettings
from .history import History, join_histories
from .model_variables import (
    is_metric,
    specs,
    specs_listed,
    specs_without_metrics,
    variables_by_name,
    with_dtype_of,
)
from .path import SHARED_PROGRAM, TrainingPath
from .preparation import finalize
from .serialization import to_numpy

# A long fit also saves checkpoints at this interval, so that a killed process loses little work.
_SECONDS_PER_CHECKPOINT = 60.0


def entry_of(
    store: FitStore,
    model: keras.Model,
    arrays: data.Arrays,
    settings: FitSettings,
    name: str,
    parameters: Mapping[str, Any] | None = None,
    defaults: Mapping[str, Any] | None = None,
) -> StoreEntry | None:
    """Make the entry of a fit in `store`; None, with a warning, if the fit cannot be stored.

    Parameters
    ----------
    store : FitStore
        The store.
    model : keras.Model
        A compiled model, not trained yet. It is built if necessary.
    arrays : packed arrays
        The training rows.
    settings : FitSettings
        The other inputs of the fit.
    name : str
        The name of the fit in the store's tables; "" means the first digits of its key.
    parameters, defaults : mapping, default=None
        Values for the store's tables. They are not part of the key.
    """
    try:
        key = key_of(model, arrays, settings)
    except NotStorable as error:
        _warn_not_stored(store, str(error))
        return None
    description = {
        "name": name,
        "parameters": dict(parameters or {}),
        "defaults": dict(defaults or {}),
        "n_rows": data.n_rows(arrays),
        "data": key.data_digest,
        "versions": {
            "kerasearch": __version__,
            "keras": keras.version(),
            "numpy": np.__version__,
        },
    }
    exact = bool(settings.callbacks)
    return StoreEntry(store, key.digest, settings.epochs, exact, description, key.program)


@dataclass(frozen=True)
class StoredState:
    """A fit that a store has, or a shorter fit that can be continued.

    Attributes
    ----------
    epochs : int
        The number of epochs of the stored fit.
    record : dict
        The record of the fit; see ``store/record.py``.
    arrays : dict of str to ndarray
        The values of variables, by the names of `variables_by_name`.
    """

    epochs: int
    record: dict[str, Any]
    arrays: dict[str, np.ndarray]

    @property
    def history(self) -> History:
        """Keras' history of all epochs."""
        return self.record["history"]

    @property
    def path(self) -> str:
        """The public name of the training path."""
        return self.record["path"]

    def restore(self, model: keras.Model, finish: bool) -> None:
        """Put the stored state into `model`; `finish` tells whether the fit ends there."""
        variables = variables_by_name(model)
        # Some metrics make variables only at their first update. The numbers in the names of
        # variables then differ. Metrics need not be restored, because each epoch resets them.
        same = specs(self.arrays) == specs(variables)
        for name, array in self.arrays.items():
            if same or not is_metric(name):
                variables[name].assign(with_dtype_of(variables[name], array))
        if finish and not self.record["finished"]:
            finalize(model)

    def raise_if_diverged(self) -> None:
        """Raise the error that the fit ended with."""
        diverged = self.record["divergence"]
        if diverged is not None:
            raise DivergenceError(diverged["message"], diverged["epoch"], self.history)


class StoreEntry:
    """The entry of one fit in a store, which is looked up, continued and saved.

    Parameters
    ----------
    store : FitStore
        The store.
    key : str
        The key of the fit, which does not depend on the number of epochs.
    epochs : int
        The `epochs` of the fit.
    exact : bool
        Whether the fit may depend on its number of epochs, as with callbacks. It then cannot
        continue a shorter fit.
    description : mapping
        Values for the store's tables.
    program : Fingerprint
        The fingerprint of the model.
    """

    def __init__(
        self,
        store: FitStore,
        key: str,
        epochs: int,
        exact: bool,
        description: Mapping[str, Any],
        program: Fingerprint,
    ) -> None:
        self.program = program
        self._store = store
        self._key = key
        self._epochs = epochs
        self._exact = exact
        self._description = description
        self._arrays: dict[str, np.ndarray] = {}
        self._begin = self._last_checkpoint = time.monotonic()
        self._checkpoint: int | None = None
        self._mark = uuid.uuid4().hex  # distinguishes the checkpoints of this fit
        self._resumed: StoredState | None = None

    def look_up(self, model: keras.Model) -> StoredState | None:
        """Get the fit from the store, or the longest shorter fit that can be continued."""
        expected = specs_without_metrics(variables_by_name(model))

        def is_wanted(record: Mapping[str, Any]) -> bool:
            epochs, diverged = record["epochs"], record["divergence"]
            if diverged is not None:
                # if a fit diverges in an epoch, every longer fit diverges too
                return epochs == self._epochs or diverged["at_once"]
            if epochs < self._epochs and record["finished"]:
                return False  # its weights are finalized, so that it cannot be continued
            listed = specs_listed(record["arrays"])
            return {n: s for n, s in listed.items() if not is_metric(n)} == expected

        for epochs in self._lengths():
            loaded = self._store.load(self._key, epochs, is_wanted)
            if loaded is not None:
                return StoredState(epochs, *loaded)
        return None

    def _lengths(self) -> Iterator[int]:
        """List the numbers of epochs of usable fits; the largest is first.

        The complete fit is looked up by name. Shorter fits are listed only if it is missing.
        """
        yield self._epochs
        if not self._exact:
            yield from (n for n in self._store.lengths(self._key) if n < self._epochs)

    def claimed(self) -> contextlib.AbstractContextManager[None]:
        """Prevent other processes from training the same fit; see ``FitStore.claimed``."""
        return self._store.claimed(self._key)

    def is_whole(self, stored: StoredState | None) -> TypeGuard[StoredState]:
        """Tell whether a stored fit is complete."""
        if stored is None:
            return False
        return stored.epochs == self._epochs or stored.record["divergence"] is not None

    def resume(self, stored: StoredState, model: keras.Model) -> bool:
        """Restore the state of a shorter stored fit in `model`; tell whether this is possible."""
        if specs(stored.arrays) != specs(variables_by_name(model)):
            return False
        stored.restore(model, finish=False)
        self._resumed = stored
        return True

    def after_epoch(self, n_epochs: int, model: keras.Model) -> None:
        """Save a checkpoint of a long fit."""
        now = time.monotonic()
        if self._exact or now - self._last_checkpoint < _SECONDS_PER_CHECKPOINT:
            return
        self._last_checkpoint = now
        if not divergence.has_finite_weights(model):
            return  # the fit has diverged, which the next loss will show
        if n_epochs < self._epochs and n_epochs not in self._store.lengths(self._key):
            self._take(model)
            before = self._resumed.history if self._resumed else {}
            history = join_histories(before, model.history.history)
            self._save(n_epochs, history, SHARED_PROGRAM, finished=False, checkpoint=self._mark)
            self._discard_checkpoint()
            self._checkpoint = n_epochs

    def before_end(self, model: keras.Model) -> None:
        """Note the state before the optimizer finalizes the weights."""
        if not self._exact:
            self._take(model)

    def commit(
        self,
        model: keras.Model,
        history: History,
        path: TrainingPath,
        error: DivergenceError | None,
    ) -> None:
        """Save a fit that has ended; `history` has all its epochs.

        If the training path is not storable, a warning is given instead.
        """
        if not path.storable:
            _warn_not_stored(self._store, path.reason)
            return
        epochs, diverged = self._epochs, None
        finished = self._exact or not path.compiled
        if error is not None:
            losses = history.get("loss") or [np.nan]
            at_once = not self._exact and not np.all(np.isfinite(losses[-1]))
            epochs = error.epoch + 1 if at_once else epochs
            diverged = {"message": str(error), "epoch": error.epoch, "at_once": at_once}
            self._arrays = {}
        elif finished:
            self._take(model)
        self._save(epochs, history, path, finished=finished, divergence=diverged)
        self._discard_checkpoint()

    def _take(self, model: keras.Model) -> None:
        self._arrays = {name: to_numpy(v) for name, v in variables_by_name(model).items()}

    def _save(
        self,
        epochs: int,
        history: History,
        path: TrainingPath,
        *,
        finished: bool,
        divergence: dict[str, Any] | None = None,
        checkpoint: str | None = None,
    ) -> None:
        seconds = time.monotonic() - self._begin
        if self._resumed is not None:
            seconds += self._resumed.record["seconds"]
        record = {
            "path": path.name,
            "finished": finished,
            "divergence": divergence,
            "checkpoint": checkpoint,
            **self._description,
            "history": history,
            "seconds": seconds,
        }
        self._store.save(self._key, epochs, record, self._arrays)

    def _discard_checkpoint(self) -> None:
        if self._checkpoint is not None:
            self._store.discard(self._key, self._checkpoint, self._mark)
            self._checkpoint = None


def _warn_not_stored(store: FitStore, reason: str) -> None:
    """Warn, once for each store and reason, that a fit is not stored."""
    store.warn(f"fits are trained and not stored in {store!r}: {reason}")
