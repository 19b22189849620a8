"""How much the resident memory grows with each fit of kerasearch and of scikeras.

Run ``python -m benchmarks.memory``. Each measurement runs in a process of its own. The process runs
some fits first, and then measures its growth over many more fits. It collects garbage before each
reading.
"""

from __future__ import annotations

import argparse
import gc
import json
from typing import Any

from ._processes import machine, measure, print_table

# name -> (library, description, fits before, fits measured, allowed MiB for each fit)
WORKS = {
    "one shape": ("kerasearch", "300 fits of one shape after 20", 20, 300, 0.1),
    "distinct shapes": ("kerasearch", "150 fits of distinct shapes after 50", 50, 150, 0.3),
    "jax, one shape": ("kerasearch on JAX", "300 fits of one shape after 20", 20, 300, 0.1),
    "jax, distinct shapes": (
        "kerasearch on JAX",
        "150 fits of distinct shapes after 50",
        50,
        150,
        0.3,
    ),
    "model.fit path": ("kerasearch", "100 fits with TerminateOnNaN after 20", 20, 100, None),
    "scikeras, one shape": ("scikeras", "60 fits of one shape after 20", 20, 60, None),
    "scikeras, distinct shapes": ("scikeras", "60 fits of distinct shapes after 20", 20, 60, None),
}


def build(meta: dict[str, Any], units: int = 32) -> Any:
    import keras

    return keras.Sequential(
        [
            keras.Input(meta["X_shape_"][1:]),
            keras.layers.Dense(units, activation="relu"),
            keras.layers.Dense(meta["n_classes_"], activation="softmax"),
        ]
    )


def run(name: str) -> dict[str, float]:
    """Measure in this process."""
    import psutil
    from sklearn.datasets import load_iris

    library, _, before, measured, _ = WORKS[name]
    if library == "scikeras":
        from scikeras.wrappers import KerasClassifier
    else:
        from kerasearch import KerasClassifier
    import keras

    X, y = load_iris(return_X_y=True)
    process = psutil.Process()

    def fits(start: int, count: int) -> None:
        for i in range(start, start + count):
            KerasClassifier(
                build,
                loss="sparse_categorical_crossentropy",
                optimizer="adam",
                model__units=8 + i if "distinct" in name else 32,
                callbacks=[keras.callbacks.TerminateOnNaN()] if "model.fit" in name else None,
                epochs=2,
                random_state=i,
                verbose=0,
            ).fit(X, y).predict(X)

    def resident() -> float:
        gc.collect()
        return process.memory_info().rss / 2**20

    fits(0, before)
    start = resident()
    fits(before, measured)
    return {"MiB a fit": (resident() - start) / measured, "MiB before": start}


def main() -> None:
    """Measure everything and print a table and JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", choices=WORKS)
    parser.add_argument("--only", nargs="+", choices=WORKS)
    arguments = parser.parse_args()
    if arguments.run:
        print(json.dumps(run(arguments.run)))
        return
    rows, results = [], {}
    for name, (library, what, _, _, required) in WORKS.items():
        if arguments.only and name not in arguments.only:
            continue
        backend = "jax" if "jax" in name else "tensorflow"
        results[name] = measure("benchmarks.memory", name, backend=backend)
        rows.append(
            {
                "library": library,
                "work": what,
                "MiB a fit": f"{results[name]['MiB a fit']:.2f}",
                "required": f"{required} at most" if required else "",
            }
        )
        print(rows[-1], flush=True)
    print()
    print_table(rows)
    print(json.dumps({"machine": machine(), "results": results}))


if __name__ == "__main__":
    main()
