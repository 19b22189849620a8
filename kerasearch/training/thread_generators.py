"""Random generators for one thread, although Python and NumPy have one generator per process.

While a thread is seeded, the functions of `random` and `numpy.random` are replaced by stand-ins
that check which thread calls them. The seeded thread draws from its own generators. All other
threads draw from the generator of the process, seed it and read its state as usual.

A thread can also reach the generator of the process without a stand-in, for example by a name that
was imported before (``from numpy.random import rand``), or by ``check_random_state(None)`` of
scikit-learn. This generator is therefore seeded temporarily and restored. Its numbers depend only
on the seed, unless another thread draws from it in the same way.
"""

from __future__ import annotations

import contextlib
import functools
import random
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

# What moves a generator to where the caller says, and so the process's with the thread's
_PLACING = ("seed", "setstate", "set_state")
# Other threads' draws, and the moments at which generators are exchanged
_GATE = threading.RLock()
_NUMPY_RANDOM: Any = np.random  # whose types leave out how its bits are exchanged


@contextlib.contextmanager
def seeded_generators(seed: int) -> Iterator[None]:
    """Give this thread its own seeded generators; calls can be nested.

    Only one thread at a time may do this: see ``seeds.LOCK``.
    """
    with _PYTHON.seeded(seed), _NUMPY.seeded(seed % 2**32):
        yield


def watch_draws() -> Callable[[], str | None]:
    """Start to watch for draws of this thread, which must be seeded.

    Returns
    -------
    drew : callable
        A function that names the random numbers that were drawn since then; None if none were.
    """
    watches = {name: module.watch() for name, module in _MODULES.items()}

    def drew() -> str | None:
        return next((name for name, has_moved in watches.items() if has_moved()), None)

    return drew


def is_generator_of_process(value: Any) -> bool:
    """Tell whether `value` is a generator of the process, or a function that draws from one."""
    return any(module.owns(value) for module in _MODULES.values())


def works_for(thread: int) -> bool:
    """Tell whether the caller is a given thread, or a thread that TensorFlow uses to compute.

    TensorFlow's threads run Python functions of a graph or of a data set. Python has no thread
    object for them, or only a dummy object.
    """
    caller = threading.get_ident()
    if caller == thread:
        return True
    known: Any = next((one for one in threading.enumerate() if one.ident == caller), None)
    return known is None or isinstance(known, threading._DummyThread)  # type: ignore[attr-defined]


class _Module:
    """A module whose functions draw from one generator of the process.

    Attributes
    ----------
    shared : generator
        The process's.
    """

    def __init__(self, module: Any, make: Callable[[], Any]) -> None:
        self.shared: Any = module.random.__self__
        self._module = module
        self._make = make
        self._levels: list[Any] = []  # this thread's generators, the innermost last
        self._spare: list[Any] = []
        self._kept: list[Any] = []  # states of the process's generator, one for each level
        self._for_others: Any = None
        self._thread = 0
        self._originals = {
            name: value
            for name, value in vars(module).items()
            if getattr(value, "__self__", None) is self.shared
        }
        self._stand_ins = {name: _StandIn(self, name, of) for name, of in self._originals.items()}
        self._note_functions()

    def _note_functions(self) -> None:
        functions = (*self._originals.values(), *self._stand_ins.values())
        self._function_ids = set(map(id, functions))  # which live as long as this does

    @contextlib.contextmanager
    def seeded(self, seed: int) -> Iterator[None]:
        with _GATE:
            self._kept.append(self._state(self.shared))
            if not self._levels:
                self._thread = threading.get_ident()
                self._install()
            own = self._spare.pop() if self._spare else self._make()
            self._levels.append(own)
            own.seed(seed)
            self.shared.seed(seed)
        try:
            yield
        finally:
            with _GATE:
                self._spare.append(self._levels.pop())
                state = self._kept.pop()
                if not self._levels:
                    self._uninstall()
                    if self._for_others is not None:
                        state = self._state(self._for_others)
                        self._for_others = None
                self._place(self.shared, state)

    def owns(self, value: Any) -> bool:
        return (
            value is self.shared
            or id(value) in self._function_ids
            or getattr(value, "__self__", None) is self.shared
        )

    def watch(self) -> Callable[[], bool]:
        own = self._levels[-1] if self._levels else self.shared
        before = self._state(own)
        return lambda: not _equal(self._state(own), before)

    def call(self, method: str, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call a method of the generator that is the caller's."""
        if self._levels and works_for(self._thread):
            if method in _PLACING:
                original(*args, **kwargs)
            return getattr(self._levels[-1], method)(*args, **kwargs)
        with _GATE:
            if not self._levels:
                return original(*args, **kwargs)
            if self._for_others is None:
                self._for_others = self._make_for_others()
                self._place(self._for_others, self._kept[0])
            return getattr(self._for_others, method)(*args, **kwargs)

    def _install(self) -> None:
        vars(self._module).update(self._stand_ins)

    def _uninstall(self) -> None:
        attributes = vars(self._module)
        for name, stand_in in self._stand_ins.items():
            if attributes[name] is stand_in:  # somebody may have put something else there
                attributes[name] = self._originals[name]

    def _make_for_others(self) -> Any:
        return self._make()

    def _state(self, generator: Any) -> Any:
        raise NotImplementedError

    def _place(self, generator: Any, state: Any) -> None:
        raise NotImplementedError


class _Python(_Module):
    """The module `random`.

    Its functions are methods of one object. A name such as `choice` that was bound before the
    stand-ins came draws by methods of the same object in turn: they get stand-ins too.
    """

    _INNER = ("random", "getrandbits", "_randbelow")

    def __init__(self) -> None:
        super().__init__(random, random.Random)
        self._inner = {
            name: _StandIn(self, name, getattr(self.shared, name)) for name in self._INNER
        }

    def _install(self) -> None:
        super()._install()
        vars(self.shared).update(self._inner)

    def _uninstall(self) -> None:
        for name in self._inner:
            vars(self.shared).pop(name, None)
        super()._uninstall()

    def _state(self, generator: Any) -> Any:
        return random.Random.getstate(generator)

    def _place(self, generator: Any, state: Any) -> None:
        random.Random.setstate(generator, state)


class _NumPy(_Module):
    """The module `numpy.random`.

    Its generator takes a lock for each draw, which tells who draws from it past the stand-ins.
    """

    _FUNCTIONS = {"seed": "seed", "ranf": "random_sample", "sample": "random_sample"}

    def __init__(self) -> None:
        super().__init__(np.random, lambda: np.random.RandomState(0))
        for name, method in self._FUNCTIONS.items():
            self._originals[name] = getattr(np.random, name)
            self._stand_ins[name] = _StandIn(self, method, self._originals[name])
        self._note_functions()
        self._watched = _WatchedGenerator()
        self._theirs: Any = None

    def _install(self) -> None:
        super()._install()
        self._theirs = _NUMPY_RANDOM.get_bit_generator()
        self._watched.lock.thread = self._thread
        _NUMPY_RANDOM.set_bit_generator(self._watched)

    def _uninstall(self) -> None:
        _NUMPY_RANDOM.set_bit_generator(self._theirs)
        super()._uninstall()

    def watch(self) -> Callable[[], bool]:
        moved = super().watch()
        lock = self._watched.lock
        before = lock.n_draws
        return lambda: lock.n_draws != before or moved()

    def _make_for_others(self) -> Any:
        return np.random.RandomState(self._theirs)

    def _state(self, generator: Any) -> Any:
        return generator.get_state(legacy=False)

    def _place(self, generator: Any, state: Any) -> None:
        generator.set_state(state)


class _StandIn:
    """A replacement of a function that draws from the generator of the process.

    Code that has bound it to another name keeps it; it then works like the original function.
    """

    def __init__(self, module: _Module, method: str, original: Callable[..., Any]) -> None:
        functools.update_wrapper(self, original)
        self._original = original
        self._call = functools.partial(module.call, method, original)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._call(*args, **kwargs)

    def __repr__(self) -> str:
        return repr(self._original)

    @property
    def __self__(self) -> Any:
        return getattr(self._original, "__self__", None)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self._original.__reduce_ex__(protocol)


class _CountingLock:
    """A lock that counts how often one thread, or one that computes for it, has taken it."""

    def __init__(self) -> None:
        self.thread = 0
        self.n_draws = 0
        self._lock = threading.RLock()

    def __enter__(self) -> None:
        self._lock.acquire()
        self.n_draws += works_for(self.thread)

    def __exit__(self, *error: object) -> None:
        self._lock.release()


class _WatchedGenerator(np.random.MT19937):
    """The bits of the process's generator for the time, with a lock that counts."""

    def __init__(self) -> None:
        super().__init__(0)
        self._counting = _CountingLock()

    @property
    def lock(self) -> Any:  # type: ignore[override]
        """What the generator takes for each draw."""
        return self._counting


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, dict):
        return all(_equal(one[name], other[name]) for name in one)
    return bool(np.array_equal(one, other)) if isinstance(one, np.ndarray) else bool(one == other)


_PYTHON = _Python()
_NUMPY = _NumPy()
_MODULES: dict[str, _Module] = {
    "Python's random numbers": _PYTHON,
    "NumPy's random numbers": _NUMPY,
}
