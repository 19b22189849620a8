"""How long it takes to look up, save and tabulate fits, by the number of fits in the store.

``python -m benchmarks.store_scale`` prints a table of ratios to the smallest store. The times are
medians of one process.
"""

from __future__ import annotations

import argparse
import hashlib
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from kerasearch.store import FitStore

from ._processes import print_table

RECORD = {
    "parameters": {"optimizer__learning_rate": 0.01},
    "n_rows": 100,
    "data": "d",
    "seconds": 1.0,
    "history": {"loss": [1.0, 0.5]},
    "path": "compiled",
    "finished": False,
    "divergence": None,
}
ARRAYS = {"weight.0": np.zeros(8, "float32")}


def key(n: int) -> str:
    return hashlib.sha256(str(n).encode()).hexdigest()[:40]


def measure(path: Path, n_fits: int, begin: int) -> dict[str, float]:
    """Fill the store up to a number of fits, and measure with a new object for the same store."""
    filling = FitStore(path)
    for n in range(begin, n_fits):
        filling.save(key(n), 2, RECORD, ARRAYS)
    store = FitStore(path)
    finding, saving = [], []
    for n in range(200):
        started = time.perf_counter()
        store.lengths(key(n * n_fits // 200))
        finding.append(time.perf_counter() - started)
        started = time.perf_counter()
        store.save(key(-1 - n), 2, RECORD, ARRAYS)
        saving.append(time.perf_counter() - started)
        store.discard(key(-1 - n), 2)
    started = time.perf_counter()
    store.frame()
    table = time.perf_counter() - started
    return {
        "lookup": statistics.median(finding),
        "save": statistics.median(saving),
        "first save": saving[0],
        "frame()": table,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fits", type=int, nargs="+", default=[100, 10_000, 100_000])
    sizes = parser.parse_args().fits
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        found = {}
        for begin, n in zip([0, *sizes], sizes, strict=False):
            found[n] = measure(Path(folder) / "store", n, begin)
            ratios = {k: f"{v / found[sizes[0]][k]:.2f}" for k, v in found[n].items()}
            rows.append({"fits": str(n), **ratios})
            print({k: f"{v * 1e3:.2f} ms" for k, v in found[n].items()}, flush=True)
    print_table(rows)


if __name__ == "__main__":
    main()
