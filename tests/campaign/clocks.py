"""A clock that stands before 1980, or that was moved while a store is in use."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.forks import in_a_fork

from .searches import SEARCHES, run, stored
from .table import Row

YEAR = 365 * 86400.0


def attacks(long: bool) -> Iterator[Row]:
    for name in SEARCHES if long else ["GridSearchCV"]:
        row = Row(f"the clock moved, {name}")
        with tempfile.TemporaryDirectory() as folder:
            expected = in_a_fork(run, name, Path(folder) / "now")["outcome"]
            place = Path(folder) / "then"
            for year in (1975, 2100, 1971, 2036):  # fits of one time are read at another
                kept = stored(place)
                result = in_a_fork(_run_in, year, name, place)
                row.tried += 1
                row.survived += 1
                row.wrong += result["outcome"] != expected
                row.lost += len(kept & set(result["saved"]))
                for file in place.rglob("*.npz"):
                    os.utime(file, (0, (year - 1980) * YEAR))
        yield row


def _run_in(year: int, name: str, place: Path) -> object:
    """Search in a year."""
    now = time.time
    offset = (year - 1970) * YEAR - now()
    time.time = lambda: now() + offset
    return run(name, place)
