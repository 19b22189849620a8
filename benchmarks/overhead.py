"""How much time a fit adds to the bare compiled loop, and how long a prediction takes.

Run ``python -m benchmarks.overhead``. All measurements run in one process. The figures are medians
of several rounds.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import time
from collections.abc import Callable
from typing import Any

from ._processes import machine, measure, print_table


def run(rounds: int = 15) -> dict[str, float]:
    """Measure in this process, and return milliseconds."""
    from sklearn.datasets import load_digits

    from kerasearch import KerasClassifier, training
    from kerasearch.training import backends, data, program_cache
    from kerasearch.training.preparation import prepare

    from .search_speed import build_mlp

    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype("float32")
    X, y, rest = X[:1198], y[:1198], X[1197:]

    def build() -> Any:
        model = build_mlp({"X_shape_": X.shape, "n_classes_": 10})
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        return model

    def bare_loop() -> Callable[[], None]:
        model = training.build(build, 0)
        arrays = data.as_keras_takes_them(X, y)
        prepare(model, arrays, 0)
        work = program_cache.Work("train", model, arrays, seed=0, batch_size=32, n_rows=len(X))
        step = program_cache.choose(work).program.bind(model)
        rows = backends.rows(arrays)
        orders = [data.order_of_epoch(0, epoch, len(X)) for epoch in range(10)]

        def run_epochs() -> None:
            for order in orders:
                logs = step(rows, order, 32, 0, math.ceil(len(X) / 32))
            float(logs["loss"])

        return run_epochs

    def fit() -> Callable[[], Any]:
        model = training.build(build, 0)
        return lambda: training.fit(model, X, y, epochs=10)

    estimator = KerasClassifier(
        build_mlp,
        loss="sparse_categorical_crossentropy",
        optimizer="adam",
        epochs=10,
        random_state=0,
    ).fit(X, y)
    model = estimator.model_

    works: dict[str, Callable[[], Callable[[], Any]]] = {
        "bare loop": bare_loop,
        "fit": fit,
        "build": lambda: lambda: training.build(build, 0),
        "estimator fit": lambda: lambda: estimator.fit(X, y),
        "predict 600 rows": lambda: lambda: training.predict(model, rest),
        "model.predict 600 rows": lambda: lambda: model.predict(rest, verbose=0),
        "estimator predict 600 rows": lambda: lambda: estimator.predict(rest),
    }
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds + 2):
        for name, make_work in works.items():
            work = make_work()
            started = time.perf_counter()
            work()
            times[name].append(1e3 * (time.perf_counter() - started))
    return {name: statistics.median(values[2:]) for name, values in times.items()}


def main() -> None:
    """Measure and print a table and JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", action="store_true")
    if parser.parse_args().run:
        print(json.dumps(run()))
        return
    results = measure("benchmarks.overhead")
    ratio = results["fit"] / results["bare loop"]
    print_table([{"work": name, "ms": f"{value:.1f}"} for name, value in results.items()])
    print(f"\nfit / bare loop: {ratio:.2f} (at most 1.5)")
    print(json.dumps({"machine": machine(), "results": results}))


if __name__ == "__main__":
    main()
