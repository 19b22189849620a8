"""What many fits and searches leave in a process: memory, threads, open files."""

from __future__ import annotations

import gc
import os
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras

from kerasearch import KerasClassifier
from tests.forks import in_a_fork

from .searches import data, grid
from .table import Row


class Batches(keras.callbacks.Callback):
    """Makes fits go through Keras' own loop."""

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        pass


def fit(**settings: Any) -> None:
    KerasClassifier(**{"epochs": 2, "random_state": 0, **settings}).fit(*data())


def _one_shape(i: int) -> None:
    fit(random_state=i)


def _distinct(i: int) -> None:
    fit(hidden_layer_sizes=(8 + i,))


def _batch_callback(i: int) -> None:
    fit(callbacks=[Batches()], random_state=i)


def _search(i: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        grid(Path(folder))


# what is done, how often before the first reading (until the cache of programs is full), how often
# after it in the long form, and MiB allowed each time
WORKS: dict[str, tuple[Callable[[int], None], int, int, float]] = {
    "fits of one shape": (_one_shape, 20, 300, 0.1),
    "fits of distinct shapes": (_distinct, 100, 150, 0.4),
    "fits with a batch callback": (_batch_callback, 20, 100, 1.5),
    "searches": (_search, 5, 50, 1.5),
}


def attacks(long: bool) -> Iterator[Row]:
    for name, (_, before, measured, allowed) in WORKS.items():
        n = measured if long else measured // 10
        mib, n_threads, n_files = in_a_fork(_measure, name, before, n)
        bound = allowed if long else 4 * allowed  # few fits: the allocator's pages weigh more
        wrong = (mib / n > bound) + (n_threads > 0) + (n_files > 0)
        note = f"{mib / n:.2f} MiB each, {n_threads} threads and {n_files} files more"
        yield Row(f"{n} {name}", n, n, 0, wrong, note)


def _measure(name: str, before: int, n: int) -> tuple[float, int, int]:
    warnings.simplefilter("ignore")
    work = WORKS[name][0]
    for i in range(before):
        work(i)
    start = _reading()
    for i in range(before, before + n):
        work(i)
    end = _reading()
    return end[0] - start[0], end[1] - start[1], end[2] - start[2]


def _reading() -> tuple[float, int, int]:
    """Resident MiB, threads of Python's and all others, open files."""
    gc.collect()
    status = Path("/proc/self/status").read_text()
    resident = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    n_threads = threading.active_count() + len(os.listdir("/proc/self/task"))
    return int(resident.split()[1]) / 1024, n_threads, len(os.listdir("/proc/self/fd"))
