"""Which program a model runs on, and the bounded cache of those that several models share."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import keras

from . import data, seeds
from .fingerprint import (
    NotFingerprintable,
    fingerprint_of_prediction,
    fingerprint_of_training,
)
from .path import SHARED_PROGRAM, TrainingPath

if keras.backend.backend() == "tensorflow":  # on another one, TensorFlow need not be loaded
    from . import tensorflow_memory

if TYPE_CHECKING:
    from .tensorflow_backend import Program

Kind = Literal["train", "test", "predict"]

MAX_PROGRAMS = 64
MAX_BYTES = 1 << 30
# TensorFlow keeps the kernels of functions that are gone until its cache is emptied as a whole,
# which the programs that stay pay for too, at their next call: so not at every eviction
_EVICTIONS_PER_SWEEP = 16

_FINGERPRINTS = {
    "train": fingerprint_of_training,
    "test": fingerprint_of_training,
    "predict": fingerprint_of_prediction,
}


@dataclass(frozen=True)
class Programs:
    """What the cache of compiled programs holds and has done."""

    count: int
    n_bytes: int
    hits: int
    misses: int
    evictions: int


@dataclass(frozen=True)
class ProgramChoice:
    """The program that a model runs on, and the path that this makes of a fit."""

    program: Program
    path: TrainingPath


class Cache:
    """Programs by fingerprint, least recently used out first."""

    def __init__(self, max_programs: int = MAX_PROGRAMS, max_bytes: int = MAX_BYTES) -> None:
        self.max_programs = max_programs
        self.max_bytes = max_bytes
        self._programs: OrderedDict[str, Program] = OrderedDict()
        self._lock = threading.Lock()
        self._hits = self._misses = self._evictions = 0

    def get(self, key: str) -> Program | None:
        """The program of this fingerprint, or None."""
        with self._lock:
            program = self._programs.get(key)
            if program is not None:
                self._hits += 1
                self._programs.move_to_end(key)
            return program

    def put(self, key: str, program: Program) -> None:
        """Keep a program that was just made, and make room."""
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
            _free_kernels()

    def clear(self) -> None:
        """Drop every program. Fits that run on one keep it until they end."""
        with self._lock:
            self._programs.clear()
            self._hits = self._misses = self._evictions = 0
        _free_kernels()

    def describe(self) -> Programs:
        """What there is now, and what has happened since the last `clear`."""
        with self._lock:
            return Programs(
                len(self._programs), self._n_bytes(), self._hits, self._misses, self._evictions
            )

    def _n_bytes(self) -> int:
        return sum(program.n_bytes for program in self._programs.values())


CACHE = Cache()


def programs() -> Programs:
    """What the cache of compiled programs holds: count, bytes, hits, misses, evictions."""
    return CACHE.describe()


def clear_programs() -> None:
    """Empty the cache of compiled programs, and free what TensorFlow keeps for them."""
    CACHE.clear()


def choose(
    kind: Kind, model: keras.Model, arrays: data.Arrays, trace: Callable[..., Program], seed: int
) -> ProgramChoice:
    """The program to run `model` on `arrays`, which `trace` makes unless there is one.

    Raises whatever makes the loop impossible, before anything has changed.
    """
    try:
        fingerprint = _FINGERPRINTS[kind](model)
    except NotFingerprintable as error:
        return _private(kind, model, arrays, trace, seed, f"the model holds {error}")
    key = f"{kind} {fingerprint.digest} {data.specs(arrays)}"
    program = CACHE.get(key)
    if program is None:
        with seeds.seeded(seed), seeds.fresh_names():
            program = CACHE.get(key)  # another thread may have been as quick
            if program is None:
                program = trace(model, arrays, fingerprint.tensors)
                if program.private:
                    return _keep(kind, model, arrays, program, program.private)
                CACHE.put(key, program)
    if not program.fits(model) and not _complete(kind, model, arrays, program):
        return _private(kind, model, arrays, trace, seed, "its variables are its own")
    return ProgramChoice(program, SHARED_PROGRAM)


def _private(
    kind: Kind,
    model: keras.Model,
    arrays: data.Arrays,
    trace: Callable[..., Program],
    seed: int,
    reason: str,
) -> ProgramChoice:
    kept = vars(model).get("_kerasearch", {}).get((kind, data.specs(arrays)))
    # `_loss_tracker` is made at each `compile`; checked for Keras 3.10 to 3.15
    if kept is not None and kept[0] is model._loss_tracker:  # not compiled anew since then
        return kept[1]
    with seeds.seeded(seed), seeds.fresh_names():
        return _keep(kind, model, arrays, trace(model, arrays), reason)


def _keep(
    kind: Kind, model: keras.Model, arrays: data.Arrays, program: Program, reason: str
) -> ProgramChoice:
    """Keep a private program with its model, as Keras does with its train function."""
    choice = ProgramChoice(program, TrainingPath.private_program(reason))
    kept = vars(model).setdefault("_kerasearch", {})
    kept[kind, data.specs(arrays)] = (model._loss_tracker, choice)
    return choice


def _complete(kind: Kind, model: keras.Model, arrays: data.Arrays, program: Program) -> bool:
    """Make the variables that metrics create on their first update; tell whether all are there."""
    if kind == "predict" or model._compile_metrics is None or len(arrays) < 2:
        return False
    # Keras builds metrics that are marked as not built once more; checked for Keras 3.10 to 3.15
    with seeds.fresh_names():
        model._compile_metrics.built = False
        model._symbolic_build(data_batch=data.head(arrays))
    return program.fits(model)


def _free_kernels() -> None:
    if keras.backend.backend() == "tensorflow":
        tensorflow_memory.free_kernels()
