"""Choice of the program for a model, and the bounded cache of programs that models share."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import keras

from . import backends, data, seeds
from .backends import Kind
from .fingerprint import (
    Fingerprint,
    NotFingerprintable,
    fingerprint_of_prediction,
    fingerprint_of_training,
)
from .path import SHARED_PROGRAM, TrainingPath
from .preparation import complete

if TYPE_CHECKING:
    from .backends import Program

MAX_PROGRAMS = 64
MAX_BYTES = 1 << 30
# TensorFlow keeps kernels of deleted functions until its whole kernel cache is emptied. This slows
# down the next call of all other programs. JAX keeps operations for the shapes of deleted models in
# the same way. Memory is therefore not freed at every eviction.
_EVICTIONS_PER_SWEEP = 16

_FINGERPRINTS = {
    "train": fingerprint_of_training,
    "test": fingerprint_of_training,
    "predict": fingerprint_of_prediction,
}


@dataclass(frozen=True)
class Programs:
    """Statistics of the cache of compiled programs."""

    count: int
    n_bytes: int
    hits: int
    misses: int
    evictions: int


@dataclass(frozen=True)
class ProgramChoice:
    """The program for a model, and the training path of a fit with it."""

    program: Program
    path: TrainingPath


class Cache:
    """Programs by fingerprint; the least recently used program is removed first."""

    def __init__(self, max_programs: int = MAX_PROGRAMS, max_bytes: int = MAX_BYTES) -> None:
        self.max_programs = max_programs
        self.max_bytes = max_bytes
        self._programs: OrderedDict[str, Program] = OrderedDict()
        self._lock = threading.Lock()
        self._hits = self._misses = self._evictions = 0

    def get(self, key: str) -> Program | None:
        """Get the program with this fingerprint; None if there is none."""
        with self._lock:
            program = self._programs.get(key)
            if program is not None:
                self._hits += 1
                self._programs.move_to_end(key)
            return program

    def put(self, key: str, program: Program) -> None:
        """Add a new program, and remove others if the cache is full."""
        with self._lock:
            self._misses += 1
            self._programs[key] = program
            before = self._evictions
            while len(self._programs) > 1 and (
                len(self._programs) > self.max_programs or self._n_bytes() > self.max_bytes
            ):
                self._programs.popitem(last=False)
                self._evictions += 1
            sweep = before // _EVICTIONS_PER_SWEEP != self._evictions // _EVICTIONS_PER_SWEEP
        if sweep:
            backends.free_memory()

    def clear(self) -> None:
        """Remove all programs. A running fit keeps its program until it ends."""
        with self._lock:
            self._programs.clear()
            self._hits = self._misses = self._evictions = 0
        backends.free_memory()

    def describe(self) -> Programs:
        """Get statistics of the current programs, and of events since the last `clear`."""
        with self._lock:
            return Programs(
                len(self._programs), self._n_bytes(), self._hits, self._misses, self._evictions
            )

    def _n_bytes(self) -> int:
        return sum(program.n_bytes for program in self._programs.values())


CACHE = Cache()


def programs() -> Programs:
    """Get statistics of the cache of compiled programs."""
    return CACHE.describe()


def clear_programs() -> None:
    """Empty the cache of compiled programs, and free the memory that the backend keeps for them."""
    CACHE.clear()


@dataclass(frozen=True)
class Work:
    """A request for a program.

    Attributes
    ----------
    kind : {"train", "test", "predict"}
        The task of the program.
    model : keras.Model
        The model.
    arrays : packed arrays
        Arrays with the structure, dtypes and shapes that the program must accept.
    seed : int
        The seed of random numbers that Python draws during the trace.
    batch_size, n_rows : int
        The number of rows in a batch, and the number of all rows.
    """

    kind: Kind
    model: keras.Model
    arrays: data.Arrays
    seed: int
    batch_size: int
    n_rows: int

    def is_covered(self, program: Program | None) -> bool:
        """Tell whether a program exists and can be used for this request."""
        return program is not None and program.covers(self.arrays, self.batch_size, self.n_rows)

    def trace(self, base: Program | None, constants: Sequence[Any] = ()) -> Program:
        """Make a program for this request, which can also be used in place of `base`."""
        return backends.trace(
            self.kind,
            self.model,
            self.arrays,
            constants,
            batch_size=self.batch_size,
            n_rows=self.n_rows,
            base=base,
        )


def choose(work: Work, known: Fingerprint | None = None) -> ProgramChoice:
    """Choose the program for a request; it is traced if the cache does not have it.

    `known` is the model's fingerprint, if it was computed before. If the model cannot be traced,
    the error of the trace is raised, and nothing has changed.
    """
    kind, model = work.kind, work.model
    try:
        fingerprint = known or _FINGERPRINTS[kind](model)
    except NotFingerprintable as error:
        return _private(work, f"the model holds {error}")
    key = f"{kind} {fingerprint.digest} {data.specs(work.arrays)}"
    program = CACHE.get(key)
    if not work.is_covered(program):
        with seeds.seeded(work.seed), seeds.fresh_names():
            program = CACHE.get(key)  # another thread may have made it meanwhile
            if not work.is_covered(program):
                program = work.trace(program, fingerprint.tensors)
                if program.private:
                    return _keep(work, program, program.private)
                CACHE.put(key, program)
    assert program is not None
    if not program.fits(model) and not _complete(work, program):
        return _private(work, "its variables are its own")
    return ProgramChoice(program, SHARED_PROGRAM)


def _private(work: Work, reason: str) -> ProgramChoice:
    kept = vars(work.model).get("_kerasearch", {}).get((work.kind, data.specs(work.arrays)))
    base = None
    # each `compile` makes a new `_loss_tracker`; checked with Keras 3.10 to 3.15
    if kept is not None and kept[0] is work.model._loss_tracker:  # not compiled again since then
        base = kept[1].program
        if work.is_covered(base):
            return kept[1]
    with seeds.seeded(work.seed), seeds.fresh_names():
        return _keep(work, work.trace(base), reason)


def _keep(work: Work, program: Program, reason: str) -> ProgramChoice:
    """Keep a private program as an attribute of its model, as Keras keeps its train function."""
    choice = ProgramChoice(program, TrainingPath.private_program(reason))
    kept = vars(work.model).setdefault("_kerasearch", {})
    kept[work.kind, data.specs(work.arrays)] = (work.model._loss_tracker, choice)
    return choice


def _complete(work: Work, program: Program) -> bool:
    """Create variables that metrics make at their first update; tell if the program then fits."""
    model, arrays = work.model, work.arrays
    if work.kind == "predict" or model._compile_metrics is None or len(arrays) < 2:
        return False
    complete(model, arrays)
    return program.fits(model)
