"""Four processes with overlapping work, of which some are killed and begin again."""

from __future__ import annotations

import random
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sklearn.model_selection import GridSearchCV

from kerasearch import FitStore
from tests.forks import Fork, in_a_fork

from .searches import GRID, RATE, data, network, note_saves, outcome, stored
from .table import Row


def attacks(long: bool) -> Iterator[Row]:
    row = Row("four processes with overlapping grids, two of them killed")
    for seed in range(15 if long else 1):
        with tempfile.TemporaryDirectory() as folder:
            _share(Path(folder), random.Random(seed), row)
    yield row


def _share(folder: Path, rng: random.Random, row: Row) -> None:
    begin = time.monotonic()
    expected = [in_a_fork(_part, folder / f"alone{i}", i)["outcome"] for i in range(4)]
    seconds = (time.monotonic() - begin) / 4
    place = folder / "shared"
    forks = [Fork(_part, place, i) for i in range(4)]
    time.sleep(rng.uniform(0.5, 1.5) * seconds)
    for i in rng.sample(range(4), 2):
        forks[i].kill()
    results = [fork.result() for fork in forks]
    kept = stored(place)
    again = {i: Fork(_part, place, i) for i in range(4) if results[i] is None}
    saves = Counter(name for result in results if result for name in result["saved"])
    for i, fork in again.items():
        results[i] = fork.result()
        row.lost += len(kept & set(results[i]["saved"]))
        saves.update(results[i]["saved"])
    row.tried += 4
    row.survived += sum(result is not None for result in results)
    row.wrong += sum(r["outcome"] != e for r, e in zip(results, expected, strict=True))
    row.wrong += len(FitStore(place / "fits").verify())
    row.lost += sum(n - 1 for n in saves.values())  # two processes trained the same


def _part(place: Path, i: int) -> dict[str, Any]:
    """Search a part of a grid that two other processes have too."""
    warnings.simplefilter("ignore")
    saved = note_saves()
    rates = [0.1, 0.03, 0.01]
    space = {**GRID, RATE: [rates[i % 3], rates[(i + 1) % 3]]}
    search = GridSearchCV(network(place), space, cv=2).fit(*data())
    return {"outcome": outcome(search), "saved": saved}
