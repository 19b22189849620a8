"""Fits in a store: how one is looked up, resumed and committed.

What is stored is the state before the optimizer's last word (averaged weights overwrite the others
at the end), so that a longer fit can go on from it. A fit with callbacks is found at its exact
length alone, and what is stored of it is its end. What makes two fits the same is in `fit_key`.
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

# A long fit is stored on the way as well, so that a kill costs no more than this
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
    """The entry of a fit in `store`; None, with a warning, where it can have none.

    Parameters
    ----------
    store : FitStore
        Where to look and to store.
    model : keras.Model
        Compiled, and not trained; it is built where it is not.
    arrays : packed arrays
        The rows to train on.
    settings : FitSettings
        What else decides the outcome.
    name : str
        What the store's tables call the fit; the first digits of its key where it is "".
    parameters, defaults : mapping, default=None
        What the store's tables say of the fit. None of these is part of its key.
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
    """What a store has of a fit: all of it, or its beginning.

    Attributes
    ----------
    epochs : int
        The epoch at which the stored state is, counted as `epochs` of a fit is.
    record : dict
        What is known of the fit; see ``store/record.py``.
    arrays : dict of str to ndarray
        The values of variables, by the names of `variables_by_name`.
    """

    epochs: int
    record: dict[str, Any]
    arrays: dict[str, np.ndarray]

    @property
    def history(self) -> History:
        """Keras' history of all its epochs."""
        return self.record["history"]

    @property
    def path(self) -> str:
        """The public name of the path that trained it."""
        return self.record["path"]

    def restore(self, model: keras.Model, finish: bool) -> None:
        """Put the stored state into `model`; `finish` tells whether the fit ends there."""
        variables = variables_by_name(model)
        # metrics begin each evaluation anew, and some make their variables at the first only:
        # then the numbers in their names mean others
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
    """The entry of one fit in a store: looked up, resumed, committed.

    Parameters
    ----------
    store : FitStore
        Where it is, or will be.
    key : str
        What identifies the fit, whatever its number of epochs.
    epochs : int
        The `epochs` of the fit.
    exact : bool
        Whether the fit depends on its length, as one with callbacks may: then a shorter one is not
        its beginning.
    description : mapping
        What the store's tables say of the fit.
    program : Fingerprint
        What the model is by content, as the key of the fit has it.
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
        self._mark = uuid.uuid4().hex  # tells this fit's checkpoints from others' fits
        self._resumed: StoredState | None = None

    def look_up(self, model: keras.Model) -> StoredState | None:
        """The fit, or the longest beginning of it, that the store has."""
        expected = specs_without_metrics(variables_by_name(model))

        def is_wanted(record: Mapping[str, Any]) -> bool:
            epochs, diverged = record["epochs"], record["divergence"]
            if diverged is not None:
                # what diverges in an epoch diverges in every longer fit
                return epochs == self._epochs or diverged["at_once"]
            if epochs < self._epochs and record["finished"]:
                return False  # the optimizer had its last word
            listed = specs_listed(record["arrays"])
            return {n: s for n, s in listed.items() if not is_metric(n)} == expected

        for epochs in self._lengths():
            loaded = self._store.load(self._key, epochs, is_wanted)
            if loaded is not None:
                return StoredState(epochs, *loaded)
        return None

    def _lengths(self) -> Iterator[int]:
        """Go through the numbers of epochs that may do, the longest first.

        The whole fit is asked for by its name: others are listed only where it is not there.
        """
        yield self._epochs
        if not self._exact:
            yield from (n for n in self._store.lengths(self._key) if n < self._epochs)

    def claimed(self) -> contextlib.AbstractContextManager[None]:
        """Keep other processes from training the same meanwhile; see ``FitStore.claimed``."""
        return self._store.claimed(self._key)

    def is_whole(self, stored: StoredState | None) -> TypeGuard[StoredState]:
        """Tell whether there is nothing left to train."""
        if stored is None:
            return False
        return stored.epochs == self._epochs or stored.record["divergence"] is not None

    def resume(self, stored: StoredState, model: keras.Model) -> bool:
        """Put `model` where a stored beginning ended; tell whether that can be done."""
        if specs(stored.arrays) != specs(variables_by_name(model)):
            return False
        stored.restore(model, finish=False)
        self._resumed = stored
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
            before = self._resumed.history if self._resumed else {}
            history = join_histories(before, model.history.history)
            self._save(n_epochs, history, SHARED_PROGRAM, finished=False, checkpoint=self._mark)
            self._discard_checkpoint()
            self._checkpoint = n_epochs

    def before_end(self, model: keras.Model) -> None:
        """Take the state before the optimizer finalizes it."""
        if not self._exact:
            self._take(model)

    def commit(
        self,
        model: keras.Model,
        history: History,
        path: TrainingPath,
        error: DivergenceError | None,
    ) -> None:
        """Store a fit, which has ended; `history` is of all its epochs.

        A fit on a path that is not storable is not stored, with a warning.
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
    """Say, once for each store, that fits of a kind are not stored."""
    store.warn(f"fits are trained and not stored in {store!r}: {reason}")
