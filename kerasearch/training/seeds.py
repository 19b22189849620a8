"""Building of models with a seed and new layer names, without changes of process-wide state."""

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

# Keras keeps its seed, its global generator and the counters of automatic names in `global_state`.
# Keras has no public functions to read and restore them. Checked with Keras 3.10 to 3.15.
from keras.src.backend.common import global_state

from .cleared_session import kept_when_cleared
from .thread_generators import seeded_generators, watch_draws, works_for

# The generators of random, numpy.random and TensorFlow belong to the process, so that only one
# thread at a time can have its own seed.
LOCK = threading.RLock()

_NAMES = "object_name_uids"
_CLASH = re.compile(r"""The name "(.+?)" is used \d+ times|Name '(.+?)' is already the name of""")
_MAX_LOST = 3
_KERAS_RANDOMNESS = ("global_random_seed", "global_seed_generator")


def build(builder: Callable[[], keras.Model], seed: int) -> keras.Model:
    """Call `builder` as if it were the first call in a new process with seed `seed`.

    Parameters
    ----------
    builder : callable
        A function that returns a Keras model. Its errors are raised unchanged.
    seed : int
        The seed of the generators of Python, NumPy, Keras and TensorFlow during the call.

    Returns
    -------
    model : keras.Model
        The model. Its layers and metrics have names as in a new process ("dense", not "dense_7").
        All generators and counters are restored afterwards. If a name is equal to the name of an
        outer layer in the model, `builder` is called again, and such names are skipped.

    Raises
    ------
    RuntimeError
        If other threads called ``keras.utils.clear_session()`` during the build, three times in a
        row.
    """
    taken: set[str] = set()
    n_lost = 0
    while n_lost < _MAX_LOST:
        with seeded(seed), fresh_names(taken) as counters, kept_when_cleared() as watch:
            try:
                model = builder()
                error = None
            except Exception as raised:
                error = raised
            if watch.is_lost():
                n_lost += 1
                continue
        if error is None:
            return model
        clashing = _names_that_clash(error, _given(counters)) - taken
        if not clashing:
            raise error
        taken |= clashing
    raise RuntimeError(
        f"{_MAX_LOST} times in a row another thread called keras.utils.clear_session() while a "
        "model was built, which takes away what Keras builds it with: call it when no fit runs"
    )


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed all sources of random numbers for this thread; other threads must wait.

    Draws of other threads are not affected, with the exceptions in `thread_generators`, and two
    more. First, TensorFlow keeps the state of a seeded operation for the process, so that it is
    shared if another thread uses the same seed and arguments. Second,
    ``tf.random.get_global_generator()`` is shared.
    """
    with (
        LOCK,
        seeded_generators(seed),
        _backend_seeded(seed),
        _keras_kept(_KERAS_RANDOMNESS),
    ):
        global_state.set_global_attribute("global_random_seed", seed)
        global_state.set_global_attribute("global_seed_generator", None)
        yield


def watch_randomness() -> Callable[[], str | None]:
    """Start to watch for random numbers that Python draws from any generator.

    Returns
    -------
    drew : callable
        A function that names the generator that was used since then; None if none was used.
    """
    drew = watch_draws()
    generator = global_state.get_global_attribute("global_seed_generator")

    def drew_any() -> str | None:
        if (what := drew()) is not None:
            return what
        if global_state.get_global_attribute("global_seed_generator") is not generator:
            return "Keras' global random numbers"
        return None

    return drew_any


@contextlib.contextmanager
def fresh_names(taken: Collection[str] = ()) -> Iterator[Mapping[str, int]]:
    """Restart the counters of automatic names of Keras objects in this thread.

    The context manager returns the counters. Names in `taken` are skipped. Keras' state is kept if
    another thread clears it.
    """
    with kept_when_cleared(), _keras_kept((_NAMES,)):
        counters = _SkippingCounters(taken) if taken else collections.defaultdict(int)
        global_state.set_global_attribute(_NAMES, counters)
        yield counters


class _SkippingCounters(collections.defaultdict):
    """The next number for each prefix of a name; numbers that give a taken name are skipped."""

    def __init__(self, taken: Collection[str]) -> None:
        super().__init__(int)
        self._taken = taken

    def __contains__(self, prefix: object) -> bool:
        # the first name is the prefix without a number
        return super().__contains__(prefix) or prefix in self._taken

    def __getitem__(self, prefix: str) -> int:
        number = super().__getitem__(prefix)
        while _name(prefix, number) in self._taken:
            number += 1
        return number


def _name(prefix: str, number: int) -> str:
    return f"{prefix}_{number}" if number else prefix


def _given(counters: Mapping[str, int]) -> set[str]:
    """List the automatic names that were used, and some that were skipped."""
    return {_name(prefix, number) for prefix, n in counters.items() for number in range(n)}


def _names_that_clash(error: Exception, given: set[str]) -> set[str]:
    """Get the names that clash in a model that could not be built.

    The set is empty for other errors, and if names that the user chose clash. Keras' message has
    only the first name; its stack frames have all names. Checked with Keras 3.10 to 3.15.
    """
    match = _CLASH.search(str(error)) if isinstance(error, ValueError) else None
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
def _keras_kept(names: tuple[str, ...]) -> Iterator[None]:
    values = [global_state.get_global_attribute(name) for name in names]
    try:
        yield
    finally:
        for name, value in zip(names, values, strict=True):
            global_state.set_global_attribute(name, value)


@contextlib.contextmanager
def _backend_seeded(seed: int) -> Iterator[None]:
    backend = keras.backend.backend()
    if backend == "tensorflow":
        own = {"_seed": _SeedOfOperations(seed), "_rng": random.Random(seed)}
        with _tensorflow_seed_of_this_thread(own):
            yield
    elif backend == "torch":
        import torch

        with torch.random.fork_rng(devices=[]):  # which puts its generator back
            torch.manual_seed(seed)
            yield
    elif backend == "jax":
        from .jax_random import quickly_compiled  # here: other backends do not need JAX

        with quickly_compiled():
            yield
    else:
        yield


@contextlib.contextmanager
def _tensorflow_seed_of_this_thread(own: dict[str, Any]) -> Iterator[None]:
    """Give this thread its own TensorFlow seed, which is otherwise shared in the process.

    Two attributes of TensorFlow's context have the seed. They are replaced by properties whose
    value depends on the calling thread.
    """
    context = _tensorflow_context()
    cls = type(context)
    thread = threading.get_ident()

    def property_of(name: str) -> property:
        def get(context: Any) -> Any:
            try:
                return (own if works_for(thread) else vars(context))[name]
            except KeyError:  # never seeded
                raise AttributeError(name) from None

        def put(context: Any, value: Any) -> None:
            (own if works_for(thread) else vars(context))[name] = value

        return property(get, put)

    context.__class__ = type(cls.__name__, (cls,), {name: property_of(name) for name in own})
    try:
        yield
    finally:
        context.__class__ = cls


class _SeedOfOperations(int):
    """TensorFlow's global seed, which resets random operations at its first use.

    ``tf.random.set_seed`` empties TensorFlow's kernel cache, because random kernels count their
    draws. Every compiled program then needs a tenth of a second to be set up again. Keras' draws
    are stateless, so that most builders do not need this. Operations use the seed modulo 2**31 - 1,
    which calls ``__mod__``.
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
