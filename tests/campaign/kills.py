"""Kill -9 of every search, at random moments and in the middle of a write."""

from __future__ import annotations

import itertools
import os
import random
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from kerasearch.store import directory, fit_store
from tests.forks import Fork, in_a_fork

from .searches import SEARCHES, run, stored
from .table import Row

WAYS = ("at a random moment", "within a write", "between write and rename")


def attacks(long: bool) -> Iterator[Row]:
    for name in SEARCHES:
        yield kill(name, 45 if long else 1)  # of up to three kills: more than 100


def kill(name: str, n_chains: int) -> Row:
    """Kill a search again and again until it has ended, then another one, and so on."""
    row = Row(f"kill -9 of {name}")
    with tempfile.TemporaryDirectory() as folder:
        begin = time.monotonic()
        expected = in_a_fork(run, name, Path(folder) / "expected")["outcome"]
        seconds = time.monotonic() - begin
        with ThreadPoolExecutor(2) as pool:  # of waiting threads: each has a fork at a time
            chains = pool.map(
                lambda i: _chain(name, Path(folder) / str(i), seconds, random.Random(i)),
                range(n_chains),
            )
            for outcome, n, lost in chains:
                row.tried += n
                row.survived += n if outcome else 0
                row.wrong += outcome != expected
                row.lost += lost
    return row


def _chain(
    name: str, place: Path, seconds: float, rng: random.Random
) -> tuple[str | None, int, int]:
    """Kill one search three times, in each of the ways, and let it end."""
    n_killed, lost, result = 0, 0, None
    for way in (*rng.sample(WAYS, len(WAYS)), None):
        kept = stored(place)
        if way == WAYS[0]:
            fork = Fork(run, name, place)
            if not fork.ends_within(rng.uniform(0.3, 0.9) * seconds):
                fork.kill()
            result = fork.result()
        else:
            fork = Fork(_run_and_die, way, rng.randint(1, 3), name, place)
            result = fork.result()
        n_killed += result is None
        if result is not None:
            lost += len(kept & set(result["saved"]))
            break
    return result and result["outcome"], n_killed, lost


def _run_and_die(way: str | None, n: int, name: str, place: Path) -> Any:
    """Search, and die in the n-th write."""
    count = itertools.count(1)

    def dies(function: Callable[..., Any]) -> Callable[..., Any]:
        def dying(*arguments: Any, **settings: Any) -> Any:
            if next(count) == n:
                if way == WAYS[1]:
                    arguments[0].write(b"PK half a file")
                    arguments[0].flush()
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*arguments, **settings)

        return dying

    if way == WAYS[1]:
        fit_store.file_format.write = dies(fit_store.file_format.write)
    elif way == WAYS[2]:
        # the one rename of a store's directory
        directory.Path.replace = dies(directory.Path.replace)  # type: ignore[method-assign]
    return run(name, place)
