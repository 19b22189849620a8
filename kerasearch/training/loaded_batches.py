"""Batches of rows that a function loads, for Keras' loop and for predictions.

Threads load a bounded number of batches ahead, and the batches are used in order. The results are
therefore the same as without threads. A callback sets the number of the epoch (see `keras_loop`),
because Keras notifies a data set only after its threads have started.
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

if keras.backend.backend() == "tensorflow":  # other backends do not need TensorFlow
    from . import tensorflow_backend

Item = TypeVar("Item")

# batches ahead for each thread: one is being loaded, and one is ready
_AHEAD = 2


class LoadedBatches(keras.utils.PyDataset):
    """The batches of an epoch, a validation or a prediction, which are loaded on demand.

    TensorFlow never frees a Python data set. When `opened` ends, this object therefore deletes its
    references to the rows.

    Parameters
    ----------
    arrays : packed arrays
        The rows, whose features are `LoadedRows`.
    batch_size : int
        The number of rows in a batch.
    what : str
        A description of the rows for messages, such as ``"the rows to predict"``; "" for training
        rows.
    steps : int, default=None
        The number of batches; None means all batches.
    order : callable, default=None
        A function that returns the indices of the rows of an epoch; None means all rows in order.
    seed : int, default=None
        The seed of random numbers, which also depend on the epoch and the batch. None means that
        the loader gets no random generator.
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
        """Set the epoch of the next batches."""
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
        """Start the threads that load, and stop them at the end.

        An error of the loader is raised unchanged. Otherwise, TensorFlow would raise another
        error, and Keras on JAX would remove the cause.
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
        """Join the features of several batches at a time, for the compiled loop."""
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
        """Convert the batches to an argument for Keras; load the first batch for its shapes."""
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
            # a separate key, because the order of the rows is drawn from the seed and the epoch
            key = np.random.SeedSequence(self._seed, spawn_key=(epoch, index))
            rng = np.random.default_rng(key)
        features, *rest = self._arrays
        rest = list(data.rows_of(tuple(rest), rows)) if rest else [None]
        x, y = features[rows].loaded(what, rest[0], rng)
        arrays = data.as_keras_takes_them(x, y, *rest[1:])
        arrays = keras.tree.map_structure(as_tensor, arrays)
        if self._first is not None and _dtypes(arrays) != (first := _dtypes(self._first[1])):
            raise ValueError(
                f"the result of {features.name} for {what} has dtype "
                f"{', '.join(_dtypes(arrays))}, but the first batch had {', '.join(first)}: use "
                "the same dtype for all batches, with .astype"
            )
        return arrays


def _dtypes(arrays: data.Arrays) -> list[str]:
    return [keras.backend.standardize_dtype(leaf.dtype) for leaf in data.leaves(arrays)]


def has_open_axes(model: keras.Model) -> bool:
    """Tell whether an Input of a model has an axis of unknown size, apart from the rows."""
    return any(None in tuple(tensor.shape)[1:] for tensor in _inputs(model))


def _inputs(model: keras.Model) -> list[Any]:
    """List the Inputs of a model in the order of its features; [] if it has no graph."""
    inputs = getattr(model, "inputs", None) if model.built else None
    return keras.tree.flatten(getattr(model, "input", inputs)) if inputs else []


def _joined(batches: list[data.Arrays]) -> data.Arrays:
    return keras.tree.map_structure(lambda *arrays: np.concatenate(arrays), *batches)


def _in_order(
    make: Callable[[int], Item], n_items: int, pool: Executor | None, n_ahead: int
) -> Iterator[Item]:
    """Make the items 0 to n_items - 1 in order; threads make up to `n_ahead` items ahead."""
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
    """Get the shapes of batches from one batch; an axis is None if it is None in the Input."""
    shapes: list[Any] = [tuple(leaf.shape) for leaf in data.leaves(arrays)]
    for i, (tensor, shape) in enumerate(zip(_inputs(model), shapes, strict=False)):
        wanted = tuple(tensor.shape)
        if len(wanted) == len(shape):
            shapes[i] = tuple(w and s for w, s in zip(wanted, shape, strict=True))
    # a stateful layer with a batch size of 1 needs the number of rows
    n_rows = 1 if stateful.fixed_batch_size(model) == 1 else None
    return [(n_rows, *shape[1:]) for shape in shapes]
