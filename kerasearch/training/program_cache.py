"""Which program a model runs on, and the bounded cache of those that several models share."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras

from . import data, fingerprint, seeds

# the reason of a fit on a program that others of its signature run on too
SHARED = "shared program"

MAX_PROGRAMS = 64
MAX_BYTES = 1 << 30
# TensorFlow keeps the kernels of functions that are gone until its cache is emptied as a whole,
# which the programs that stay pay for too, at their next call: so not at every eviction
_EVICTIONS_PER_SWEEP = 16


@dataclass(frozen=True)
class Programs:
    """What the cache of compiled programs holds and has done."""

    count: int
    n_bytes: int
    hits: int
    misses: int
    evictions: int


class Cache:
    """Programs by signature, least recently used out first."""

    def __init__(self, max_programs: int = MAX_PROGRAMS, max_bytes: int = MAX_BYTES) -> None:
        self.max_programs = max_programs
        self.max_bytes = max_bytes
        self._programs: OrderedDict[str, Any] = OrderedDict()
        self._lock = threading.Lock()
        self._hits = self._misses = self._evictions = 0

    def get(self, key: str) -> Any:
        """The program of this signature, or None."""
        with self._lock:
            program = self._programs.get(key)
            if program is not None:
                self._hits += 1
                self._programs.move_to_end(key)
            return program

    def put(self, key: str, program: Any) -> None:
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
            _forget_kernels()

    def clear(self) -> None:
        """Forget every program. Fits that run on one keep it until they end."""
        with self._lock:
            self._programs.clear()
            self._hits = self._misses = self._evictions = 0
        _forget_kernels()

    def describe(self) -> Programs:
        """What there is now, and what has happened since the last `clear`."""
        with self._lock:
            return Programs(
                len(self._programs), self._n_bytes(), self._hits, self._misses, self._evictions
            )

    def _n_bytes(self) -> int:
        return sum(program.n_bytes for program in self._programs.values())


CACHE = Cache()


def find(
    kind: str, model: keras.Model, arrays: data.Arrays, trace: Callable[..., Any], seed: int
) -> tuple[Any, str]:
    """The program to run `model` on `arrays`, traced unless it is known; and its reason.

    `kind` is "train", "test" or "predict", and `trace` makes a program of that kind.
    """
    try:
        signed = _SIGNATURES[kind](model)
    except fingerprint.Undescribable as error:
        return _private(kind, model, arrays, trace, seed, f"the model holds {error}")
    key = f"{kind} {signed.digest} {data.specs(arrays)}"
    program = CACHE.get(key)
    if program is None:
        with seeds.seeded(seed), seeds.fresh_names():
            program = CACHE.get(key)  # another thread may have been as quick
            if program is None:
                program = trace(model, arrays, signed.tensors)
                if program.private:
                    return _keep(kind, model, arrays, program, program.private)
                CACHE.put(key, program)
    if not program.fits(model) and not _complete(kind, model, arrays, program):
        return _private(kind, model, arrays, trace, seed, "its variables are its own")
    return program, SHARED


def _private(
    kind: str,
    model: keras.Model,
    arrays: data.Arrays,
    trace: Callable[..., Any],
    seed: int,
    reason: str,
) -> tuple[Any, str]:
    kept = vars(model).get("_kerasearch", {}).get((kind, data.specs(arrays)))
    if kept is not None and kept[0] is model._loss_tracker:  # not compiled anew since then
        return kept[1:]
    with seeds.seeded(seed), seeds.fresh_names():
        return _keep(kind, model, arrays, trace(model, arrays), reason)


def _keep(
    kind: str, model: keras.Model, arrays: data.Arrays, program: Any, reason: str
) -> tuple[Any, str]:
    """Keep a private program with its model, as Keras does with its train function."""
    reason = f"private program: {reason}"
    kept = vars(model).setdefault("_kerasearch", {})
    kept[kind, data.specs(arrays)] = (model._loss_tracker, program, reason)
    return program, reason


def _complete(kind: str, model: keras.Model, arrays: data.Arrays, program: Any) -> bool:
    """Make the variables that metrics create on their first update; tell whether all are there."""
    if kind == "predict" or model._compile_metrics is None or len(arrays) < 2:
        return False
    with seeds.fresh_names():
        model._compile_metrics.built = False
        model._symbolic_build(data_batch=data.head(arrays))
    return program.fits(model)


def _forget_kernels() -> None:
    if keras.backend.backend() == "tensorflow":
        from . import tensorflow_backend

        tensorflow_backend.forget_kernels()


_SIGNATURES = {
    "train": fingerprint.of_training,
    "test": fingerprint.of_training,
    "predict": fingerprint.of_network,
}
