"""Building models from a seed and with fresh names, and putting everything process-wide back."""

from __future__ import annotations

import collections
import contextlib
import random
import re
import threading
import traceback
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import keras
import numpy as np

# Keras keeps its seed, its global generator and the counters of automatic names here. It can set
# the first (`keras.utils.set_random_seed`) and empty the last (`keras.utils.clear_session`), but
# has no public way to read any of them, and so to put it back. Checked for Keras 3.10 to 3.15.
from keras.src.backend.common import global_state

# random, numpy.random and TensorFlow's seed belong to the process: one thread at a time sets them
LOCK = threading.RLock()

_NAMES = "object_name_uids"
_CLASH = re.compile(r"""The name "(.+?)" is used \d+ times|Name '(.+?)' is already the name of""")
_KERAS_RANDOMNESS = ("global_random_seed", "global_seed_generator")


def build(builder: Callable[[], keras.Model], seed: int) -> keras.Model:
    """Call `builder` as the first thing that a process seeded with `seed` would do.

    Parameters
    ----------
    builder : callable
        Returns a Keras model. What it raises comes through.
    seed : int
        Seeds Python's, NumPy's, Keras' and TensorFlow's generators for the time of the call.

    Returns
    -------
    model : keras.Model
        What `builder` returned. Its layers and metrics are named as in a fresh process ("dense",
        never "dense_7"), and every generator and counter is as it was before. Where such a name
        clashes with that of a layer from elsewhere in the model, `builder` is called once more,
        and names in use are skipped.
    """
    taken: set[str] = set()
    while True:
        try:
            with seeded(seed), fresh_names(taken) as counters:
                return builder()
        except ValueError as error:
            clashing = _names_that_clash(error, _given(counters)) - taken
            if not clashing:
                raise
            taken |= clashing


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed every source of randomness, one thread at a time, and put all of it back."""
    with LOCK, _python_and_numpy_kept(), _keras_kept(_KERAS_RANDOMNESS), _tensorflow_kept():
        random.seed(seed)
        np.random.seed(seed % 2**32)
        global_state.set_global_attribute("global_random_seed", seed)
        global_state.set_global_attribute("global_seed_generator", None)
        _seed_backend(seed)
        yield


@contextlib.contextmanager
def fresh_names(taken: Collection[str] = ()) -> Iterator[Mapping[str, int]]:
    """Count the automatic names of Keras objects from the start; the counters are per thread.

    Gives the counters. Names that are `taken` are skipped.
    """
    with _keras_kept((_NAMES,)):
        counters = _SkippingCounters(taken) if taken else collections.defaultdict(int)
        global_state.set_global_attribute(_NAMES, counters)
        yield counters


class _SkippingCounters(collections.defaultdict):
    """The number that comes next after each prefix, without those that make a taken name."""

    def __init__(self, taken: Collection[str]) -> None:
        super().__init__(int)
        self._taken = taken

    def __contains__(self, prefix: object) -> bool:
        # Keras takes the prefix alone as the first name
        return super().__contains__(prefix) or prefix in self._taken

    def __getitem__(self, prefix: str) -> int:
        number = super().__getitem__(prefix)
        while _name(prefix, number) in self._taken:
            number += 1
        return number


def _name(prefix: str, number: int) -> str:
    return f"{prefix}_{number}" if number else prefix


def _given(counters: Mapping[str, int]) -> set[str]:
    """The automatic names that were given, and some that were skipped."""
    return {_name(prefix, number) for prefix, n in counters.items() for number in range(n)}


def _names_that_clash(error: ValueError, given: set[str]) -> set[str]:
    """The names in a model that could not be made, since automatic names are among them twice.

    Empty where the error is another, or the names of the user's own clash. Keras' messages name the
    first; all of them are in its frames. Checked for Keras 3.10 to 3.15.
    """
    match = _CLASH.search(str(error))
    first = match and (match[1] or match[2])
    if first not in given:
        return set()
    names = [first, first]
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if frame.f_code.co_name == "map_graph":
            names += frame.f_locals.get("all_names", [])
        elif isinstance(model := frame.f_locals.get("self"), keras.Sequential):
            names += [layer.name for layer in model.layers]
    return {name for name in names if name not in given or names.count(name) > 1}


@contextlib.contextmanager
def _python_and_numpy_kept() -> Iterator[None]:
    python, numpy = random.getstate(), np.random.get_state()
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)


@contextlib.contextmanager
def _keras_kept(names: tuple[str, ...]) -> Iterator[None]:
    values = [global_state.get_global_attribute(name) for name in names]
    try:
        yield
    finally:
        for name, value in zip(names, values, strict=True):
            global_state.set_global_attribute(name, value)


@contextlib.contextmanager
def _tensorflow_kept() -> Iterator[None]:
    """Keep TensorFlow's seed by the two attributes that hold it, as it has no way to read it."""
    if keras.backend.backend() != "tensorflow":
        yield
        return
    context = _tensorflow_context()
    kept = {name: getattr(context, name) for name in ("_seed", "_rng") if hasattr(context, name)}
    try:
        yield
    finally:
        if "_rng" not in kept:  # never seeded: the attribute appears with the first seed
            vars(context).pop("_rng", None)
        for name, value in kept.items():
            setattr(context, name, value)


def _seed_backend(seed: int) -> None:
    if keras.backend.backend() == "tensorflow":
        context = _tensorflow_context()
        context._seed = _SeedOfOperations(seed)
        context._rng = random.Random(seed)
    elif keras.backend.backend() == "torch":
        import torch

        torch.manual_seed(seed)


class _SeedOfOperations(int):
    """TensorFlow's global seed, which resets its random operations when first asked for.

    ``tf.random.set_seed`` empties TensorFlow's kernel cache, since random kernels count their
    draws; and every compiled program then pays a tenth of a second to be set up again. Keras
    draws statelessly: nearly no builder needs it. Operations take the seed modulo 2**31 - 1.
    """

    _reset = False

    def __mod__(self, other: int) -> int:
        if not self._reset:
            self._reset = True
            _tensorflow_context().clear_kernel_cache()
        return int(self) % other


def _tensorflow_context() -> Any:
    """TensorFlow's context, of which `_seed` and `_rng` hold its global seed.

    ``tf.random.set_seed`` sets both and empties the kernel cache (see `_SeedOfOperations`), and
    there is no public way to read them. Checked for TensorFlow 2.18 to 2.21.
    """
    from tensorflow.python.eager import context  # here: on another backend, it need not be loaded

    return context.context()
