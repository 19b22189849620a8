"""How fast a search is in one process, in threads and in joblib's processes.

``python -m benchmarks.parallel`` measures short fits and long fits. It prints a table of ratios to
the time in one process. Each measurement runs in a process of its own. "warm" is the second search
with the same worker processes.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from typing import Any

from ._processes import machine, measure, print_table

WAYS = ("one process", "threads", "processes")
# the candidates, the epochs of a candidate and the rows: 72 fits of a fraction of a second each,
# and 12 fits of some seconds each
WORK = {"short fits": (24, 5, 600), "long fits": (4, 120, 1797)}


def run(way: str, work: str) -> dict[str, float]:
    """Search twice, and return the seconds of both searches."""
    import joblib
    from sklearn.datasets import load_digits
    from sklearn.model_selection import GridSearchCV

    from kerasearch import KerasClassifier

    n, epochs, rows = WORK[work]
    X, y = load_digits(return_X_y=True)
    X, y = (X[:rows] / 16).astype("float32"), y[:rows]
    rates = [10 ** (-1 - 3 * i / n) for i in range(n)]
    estimator = KerasClassifier(hidden_layer_sizes=(64,), epochs=epochs, random_state=0)
    estimator.fit(X[:64], y[:64])  # TensorFlow is imported before the clock starts
    search = GridSearchCV(estimator, {"optimizer__learning_rate": rates}, cv=3, refit=False)
    backend = "threading" if way == "threads" else "loky"
    seconds, scores = [], []
    with joblib.parallel_config(backend, n_jobs=None if way == "one process" else 2):
        for _ in range(2):
            started = time.perf_counter()
            search.fit(X, y)
            seconds.append(time.perf_counter() - started)
            scores.append(float(search.cv_results_["mean_test_score"].sum()))
    return {"cold": seconds[0], "warm": seconds[1], "score": scores[0]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", nargs=2, metavar=("WAY", "WORK"))
    parser.add_argument("--repeat", type=int, default=3, help="rounds (default: 3)")
    args = parser.parse_args()
    if args.run:
        print(json.dumps(run(*args.run)))
        return
    rows: list[dict[str, Any]] = []
    results = {}
    for work in WORK:
        rounds = [
            {way: measure("benchmarks.parallel", way, work) for way in WAYS}
            for _ in range(args.repeat)
        ]
        for one in rounds:
            assert len({found["score"] for found in one.values()}) == 1, "a number differs"
        results[work] = rounds
        for way in WAYS:
            ratios = {
                kind: statistics.median(one[way][kind] / one["one process"][kind] for one in rounds)
                for kind in ("cold", "warm")
            }
            first, second = f"{ratios['cold']:.2f}", f"{ratios['warm']:.2f}"
            rows.append({"": work, "way": way, "first search": first, "second search": second})
    print_table(rows)
    print(json.dumps({"machine": machine(), "results": results}))


if __name__ == "__main__":
    main()
