"""Batches of rows that a function loads, for Keras' own loop and for predictions.

Threads load ahead of their use, a bounded number of batches, and hand them on in order: the numbers
are those without threads. Which epoch it is, a callback says (see `keras_loop`): a data set of
Keras' would be told too late, when its threads have begun.
"""

from __future__ import annotations

import collections
import contextlib
import functools
import math
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any, TypeVar

import keras
import numpy as np

from . import data, stateful
from .sparse_rows import BLOCK_BYTES, as_tensor

if keras.backend.backend() == "tensorflow":  # on another one, TensorFlow need not be loaded
    from . import tensorflow_backend

Item = TypeVar("Item")

# batches ahead for each thread: one in work and one ready
_AHEAD = 2


class LoadedBatches(keras.utils.PyDataset):
    """The batches of an epoch, of a validation or of a prediction, loaded when they are due.

    TensorFlow keeps a data set of Python's for the life of the process: when `opened` ends, nothing
    in this one leads to the model or the rows.

    Parameters
    ----------
    arrays : packed arrays
        The features are `LoadedRows`.
    batch_size : int
        Rows of a batch.
    what : str
        What the rows are, for messages: ``"the rows to predict"``; "" where they train.
    steps : int, default=None
        How many batches there are; as many as the rows make by default.
    order : callable, default=None
        Gives the rows of an epoch in order; None is all rows as they stand.
    seed : int, default=None
        What random numbers follow from, with the epoch and the batch; None where nothing is to be
        random.
    """

    def __init__(
        self,
        arrays: data.Arrays,
        batch_size: int,
        what: str = "",
        *,
        steps: int | None = None,
        order: Callable[[int], np.ndarray] | None = None,
        seed: int | None = None,
    ) -> None:
        super().__init__()
        self._arrays: Any = arrays
        self._batch_size = batch_size
        self._what = what
        self._order = order
        self._seed = seed
        self._epoch = 0
        n_rows = data.n_rows(arrays)
        self._indices = np.arange(min(n_rows, steps * batch_size) if steps else n_rows)
        self._first: tuple[int, data.Arrays] | None = None
        self._running: Iterator[data.Arrays] = iter(())
        self._pool: Executor | None = None
        self._error: Exception | None = None
        self._cause: BaseException | None = None

    def begin(self, epoch: int) -> None:
        """Say which epoch the next batches are of."""
        self._epoch = epoch
        if self._order is not None:
            self._indices = self._order(epoch)

    def __len__(self) -> int:
        return math.ceil(len(self._indices) / self._batch_size)

    def __getitem__(self, index: int) -> data.Arrays:
        if index == 0:  # Keras asks for the batches of an epoch one after the other
            self._running = iter(self)
        return next(self._running)

    def __iter__(self) -> Iterator[data.Arrays]:
        load = functools.partial(self._batch, self._epoch, self._indices)
        try:
            yield from _in_order(load, len(self), self._pool, _AHEAD * self._n_workers)
        except Exception as error:
            self._error, self._cause = error, error.__cause__
            raise

    @contextlib.contextmanager
    def opened(self) -> Iterator[LoadedBatches]:
        """Keep threads that load.

        An error of loading comes out as it was raised: TensorFlow makes another one of it, and on
        JAX, Keras takes its cause away.
        """
        try:
            with _threads(self._n_workers) as self._pool:
                yield self
        except Exception as raised:
            if self._error is not None and str(self._error) in str(raised):
                raise self._error from self._cause
            raise
        finally:
            self._arrays = self._pool = self._order = self._first = None
            self._running = iter(())

    def blocks(self) -> Iterator[data.Arrays]:
        """The features of some batches at a time, as one, for the compiled loop."""
        batches: list[data.Arrays] = []
        for batch in self:
            batches.append(batch[0])
            leaves = data.leaves(batch[0])
            if any(not isinstance(leaf, np.ndarray) for leaf in leaves):  # text is in tensors
                yield batches.pop()
            elif len(batches) * sum(leaf.nbytes for leaf in leaves) >= BLOCK_BYTES:
                yield _joined(batches)
                batches = []
        if batches:
            yield _joined(batches)

    def for_keras(self, model: keras.Model) -> Any:
        """What a loop of Keras' takes. The first batch is loaded, for its shapes."""
        first = self._batch(self._epoch, self._indices, 0)
        self._first = self._epoch, first
        if keras.backend.backend() != "tensorflow":
            return self
        return tensorflow_backend.in_batches(self, first, _shapes(model, first))

    @property
    def _n_workers(self) -> int:
        return self._arrays[0].n_workers

    def _batch(self, epoch: int, indices: np.ndarray, index: int) -> data.Arrays:
        if index == 0 and self._first is not None and self._first[0] == epoch:
            return self._first[1]
        rows = indices[index * self._batch_size : (index + 1) * self._batch_size]
        what, rng = f"batch {index + 1} of {self._what or f'epoch {epoch + 1}'}", None
        if self._seed is not None:
            # a key of its own: the order of the epoch is drawn from the seed and the epoch
            key = np.random.SeedSequence(self._seed, spawn_key=(epoch, index))
            rng = np.random.default_rng(key)
        features, *rest = self._arrays
        rest = list(data.rows_of(tuple(rest), rows)) if rest else [None]
        x, y = features[rows].loaded(what, rest[0], rng)
        arrays = data.as_keras_takes_them(x, y, *rest[1:])
        arrays = keras.tree.map_structure(as_tensor, arrays)
        if self._first is not None and _dtypes(arrays) != (first := _dtypes(self._first[1])):
            raise ValueError(
                f"what {features.name} returned for {what} has dtype {', '.join(_dtypes(arrays))}, "
                f"and the first batch had {', '.join(first)}: bring all to one, by .astype"
            )
        return arrays


def _dtypes(arrays: data.Arrays) -> list[str]:
    return [keras.backend.standardize_dtype(leaf.dtype) for leaf in data.leaves(arrays)]


def has_open_axes(model: keras.Model) -> bool:
    """Tell whether an Input of a model leaves an axis open, besides that of the rows."""
    return any(None in tuple(tensor.shape)[1:] for tensor in _inputs(model))


def _inputs(model: keras.Model) -> list[Any]:
    """The Inputs of a model in the order of its features; none where it has no graph."""
    inputs = getattr(model, "inputs", None) if model.built else None
    return keras.tree.flatten(getattr(model, "input", inputs)) if inputs else []


def _joined(batches: list[data.Arrays]) -> data.Arrays:
    return keras.tree.map_structure(lambda *arrays: np.concatenate(arrays), *batches)


def _in_order(
    make: Callable[[int], Item], n_items: int, pool: Executor | None, n_ahead: int
) -> Iterator[Item]:
    """Make the items 0 to n_items - 1, as many ahead as allowed, and give them in order."""
    if pool is None:
        yield from map(make, range(n_items))
        return
    waiting: collections.deque[Future[Item]] = collections.deque()
    try:
        for index in range(n_items):
            n_asked = index + len(waiting)
            for more in range(n_asked, min(n_items, index + n_ahead)):
                waiting.append(pool.submit(make, more))
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()


@contextlib.contextmanager
def _threads(n_workers: int) -> Iterator[Executor | None]:
    if not n_workers:
        yield None
        return
    pool = ThreadPoolExecutor(n_workers, thread_name_prefix="kerasearch-loader")
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _shapes(model: keras.Model, arrays: data.Arrays) -> list[tuple[int | None, ...]]:
    """The shapes of batches, from one: an axis is open where the model's Input leaves it open."""
    shapes: list[Any] = [tuple(leaf.shape) for leaf in data.leaves(arrays)]
    for i, (tensor, shape) in enumerate(zip(_inputs(model), shapes, strict=False)):
        wanted = tuple(tensor.shape)
        if len(wanted) == len(shape):
            shapes[i] = tuple(w and s for w, s in zip(wanted, shape, strict=True))
    # a layer with a state of one row must know that
    n_rows = 1 if stateful.fixed_batch_size(model) == 1 else None
    return [(n_rows, *shape[1:]) for shape in shapes]
