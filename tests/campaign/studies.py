"""Bayesian searches that are killed at every write, and shared by processes of which some die."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.forks import Fork
from tests.search.conftest import Learner
from tests.search.killed_bayes import KINDS, N_ITER, data, kills, search, storages, table

from .table import Row


def attacks(long: bool) -> Iterator[Row]:
    kinds = list(KINDS) if long else ["batches", "taught"]
    for storage in ("journal", "sqlite"):
        yield _at_each_write(storage, kinds if long or storage == "journal" else ["wide"], long)
    yield _shared("journal", 20 if long else 2)
    yield _shared("sqlite", 5 if long else 1)


def _at_each_write(storage: str, kinds: list[str], long: bool) -> Row:
    row = Row(f"kill -9 before and after a write of BayesSearchCV, {storage}")
    every = {"journal": 1 if long else 9, "sqlite": 7 if long else 40}[storage]
    for kind in kinds:
        with tempfile.TemporaryDirectory() as folder:
            for outcome in kills(storage, kind, Path(folder), every):
                row.tried += outcome["kills"]
                row.survived += outcome["kills"]
                row.wrong += not outcome["same"]
    row.note = f"{len(kinds)} kinds of spaces"
    return row


def _shared(storage: str, n: int) -> Row:
    """Let four processes share a study and kill two: n_iter exactly, and no candidate twice."""
    row = Row(f"four processes on one study, two of them killed, {storage}")
    for seed in range(n):
        rng = random.Random(seed)
        with tempfile.TemporaryDirectory() as folder:
            url = storages(folder)[storage]
            forks = [Fork(_slowly, url) for _ in range(4)]
            time.sleep(rng.uniform(0.1, 1))
            for fork in rng.sample(forks, 2):
                fork.kill()
            results = [fork.result() for fork in forks]
        tables = [result for result in results if result is not None]
        params = tables[0]["params"].split("}, {")
        row.tried += 1
        row.survived += len(tables) >= 2
        row.wrong += len(set(params)) != N_ITER or len(params) != N_ITER
        row.wrong += any(found != tables[0] for found in tables)
    return row


def _slowly(url: str) -> dict[str, Any]:
    fit = Learner.fit

    def slow_fit(self: Learner, X: Any, y: Any) -> Any:
        time.sleep(0.03)
        return fit(self, X, y)

    Learner.fit = slow_fit
    return table(search("wide", url).fit(*data()))
