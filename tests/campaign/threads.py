"""Fits beside threads that draw random numbers, set seeds and clear Keras' session."""

from __future__ import annotations

import random
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from kerasearch import KerasClassifier
from tests.forks import in_a_fork

from .searches import data
from .table import Row


def attacks(long: bool) -> Iterator[Row]:
    for attack in HOSTILE:
        n_fits, survived, wrong = in_a_fork(_fit_beside, attack, 60 if long else 5)
        yield Row(f"a thread beside fits: {attack}", n_fits, survived, 0, wrong)


def _draw() -> None:
    random.random()
    np.random.random()


def _set_seed() -> None:
    import keras

    keras.utils.set_random_seed(1)


def _clear() -> None:
    import keras

    keras.backend.clear_session()


# what the thread does, and how many seconds it waits each time
HOSTILE: dict[str, tuple[Callable[[], None], float]] = {
    "random draws": (_draw, 0.0005),
    "set_random_seed": (_set_seed, 0.002),
    "clear_session": (_clear, 0.01),
}


def _fit_beside(attack: str, n_fits: int) -> tuple[int, int, int]:
    warnings.simplefilter("ignore")
    expected = _losses(0)
    hostile, seconds = HOSTILE[attack]
    stop = threading.Event()

    def loop() -> None:
        while not stop.is_set():
            hostile()
            time.sleep(seconds)

    thread = threading.Thread(target=loop)
    thread.start()
    survived = wrong = 0
    for _ in range(n_fits):
        try:
            wrong += _losses(0) != expected
            survived += 1
        except Exception as error:
            last = str(error).partition("\n")[0]
            print(f"{attack}: {type(error).__name__}: {last}")
    stop.set()
    thread.join()
    return n_fits, survived, wrong


def _losses(seed: int) -> Any:
    network = KerasClassifier(hidden_layer_sizes=(16,), epochs=2, random_state=seed)
    return network.fit(*data()).history_["loss"]
