"""How long it takes to make a table of 10,000 candidates and a report on 500 candidates.

Run ``python -m benchmarks.results_speed``. All measurements run in one process. The figures are
medians of several rounds.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ._processes import machine, measure, print_table


def search(n_candidates: int, n_folds: int, n_parameters: int = 8) -> dict[str, Any]:
    """Make a ``cv_results_``.

    The hyperparameters are floats on a logarithmic scale, integers, strings and tuples.
    """
    rng = np.random.default_rng(0)
    draws: list[Callable[[], Any]] = [
        lambda: float(10 ** rng.uniform(-5, -1)),
        lambda: int(rng.integers(8, 512)),
        lambda: str(rng.choice(["relu", "tanh", "elu"])),
        lambda: [(32,), (64, 64), (128, 64, 32)][rng.integers(3)],
    ]
    params = [
        {f"model__p{k}": draws[k % len(draws)]() for k in range(n_parameters)}
        for _ in range(n_candidates)
    ]
    scores = rng.uniform(0.5, 1, (n_candidates, n_folds))
    scores[:: max(n_candidates // 10, 2), 0] = np.nan
    results: dict[str, Any] = {
        "params": params,
        "mean_fit_time": rng.uniform(1, 2, n_candidates),
        "mean_score_time": rng.uniform(0, 0.1, n_candidates),
        "mean_test_score": scores.mean(axis=1),
        "std_test_score": scores.std(axis=1),
    }
    for name in params[0]:
        column = np.ma.empty(n_candidates, dtype=object)
        column[:] = [each[name] for each in params]
        results[f"param_{name}"] = column
    return results | {f"split{k}_test_score": scores[:, k] for k in range(n_folds)}


def run(rounds: int = 3) -> dict[str, float]:
    """Measure in this process, and return seconds and the size of the report in MB."""
    from kerasearch import report, summarize

    found: dict[str, float] = {}
    many = search(10_000, 10)
    found["summarize, 10,000 candidates x 10 folds x 8 parameters"] = _median(
        lambda: summarize(many), rounds
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "search.html"
        five_hundred = search(500, 5)
        found["report, 500 candidates"] = _median(
            lambda: report(five_hundred, path, test_fraction=0.2), rounds
        )
        found["size of it (MB)"] = path.stat().st_size / 1e6
    return found


def _median(work: Callable[[], object], rounds: int) -> float:
    times = []
    for _ in range(rounds):
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", action="store_true", help=argparse.SUPPRESS)
    if parser.parse_args().run:
        print(json.dumps(run()))
        return
    print(machine())
    found = measure("benchmarks.results_speed")
    print_table([{"what": what, "seconds": f"{value:.2f}"} for what, value in found.items()])


if __name__ == "__main__":
    main()
