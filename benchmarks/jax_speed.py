"""The searches of `search_speed` on JAX, against scikeras on TensorFlow and ``model.fit`` on JAX.

Run ``python -m benchmarks.jax_speed``. Each measurement runs in a process of its own, and the
libraries take turns. The times are the times of the search, without imports and the loading of
data. The fairest comparison is a loop that a user of Keras on JAX would write: it calls
``model.fit`` for each candidate and fold.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from typing import Any

from ._processes import machine, measure, print_table
from .search_speed import big, build_mlp, search, work

# the work, with the required ratios to scikeras on TensorFlow and to model.fit on JAX
SEARCHES = {"grid": (6, 6), "long": (22, 5), "shapes": (3, 3), "cnn": (3, 3), "lstm": (2.5, 3)}
# the work, with the required ratios to model.fit on TensorFlow and to model.fit on JAX
FITS = {"big": (2.2, 1.0)}
BACKENDS = {"kerasearch": "jax", "scikeras": "tensorflow", "keras": "tensorflow", "loop": "jax"}


def loop(name: str) -> dict[str, Any]:
    """Search with a loop over candidates and folds."""
    import keras
    import numpy as np
    from sklearn.metrics import accuracy_score
    from sklearn.model_selection import ParameterGrid, StratifiedKFold

    builder, settings, grid, (X, y) = work(name)
    meta = {"X_shape_": X.shape, "n_classes_": len(np.unique(y))}
    defaults = {k[len("model__") :]: v for k, v in settings.items() if k.startswith("model__")}

    def fitted(params: dict[str, Any], rows: Any) -> Any:
        keras.utils.set_random_seed(0)
        own = {k[len("model__") :]: v for k, v in params.items() if k.startswith("model__")}
        model = builder(meta, **{**defaults, **own})
        rate = params.get("optimizer__learning_rate", 0.001)
        model.compile(
            keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"]
        )
        size = params.get("batch_size", 32)
        model.fit(X[rows], y[rows], batch_size=size, epochs=settings["epochs"], verbose=0)
        return model

    started = time.perf_counter()
    scores = []
    folds = list(StratifiedKFold(3, shuffle=True, random_state=0).split(X, y))
    candidates = list(ParameterGrid(grid))
    for params in candidates:
        of_candidate = []
        for train, test in folds:
            model = fitted(params, train)
            predicted = model.predict(X[test], batch_size=params.get("batch_size", 32), verbose=0)
            of_candidate.append(accuracy_score(y[test], predicted.argmax(axis=1)))
        scores.append(float(np.mean(of_candidate)))
    fitted(candidates[int(np.argmax(scores))], np.arange(len(X)))
    return {"seconds": time.perf_counter() - started, "score": max(scores)}


def warm() -> dict[str, float]:
    """Time a warm fit of 10 epochs and its bare compiled functions, in milliseconds."""
    import keras
    import numpy as np
    from sklearn.datasets import load_digits

    from kerasearch import training
    from kerasearch.training import backends, data, program_cache
    from kerasearch.training.preparation import prepare

    X, y = load_digits(return_X_y=True)
    X, y = (X / 16).astype("float32")[:1198], y[:1198]

    def build() -> Any:
        model = build_mlp({"X_shape_": X.shape, "n_classes_": 10})
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        return model

    arrays = data.as_keras_takes_them(X, y)
    seconds: dict[str, list[float]] = {"fit": [], "bare": []}
    for seed in range(20):
        model = training.build(build, seed)
        prepare(model, arrays, seed)
        begun = time.perf_counter()
        training.fit(model, X, y, epochs=10, seed=seed)
        seconds["fit"].append(time.perf_counter() - begun)
        settled = keras.tree.map_structure(np.asarray, arrays)
        choice = program_cache.choose(program_cache.Work("train", model, settled, 0, 32, len(X)))
        seconds["bare"].append(_bare_loop(choice.program, model, backends.rows(arrays), len(X)))
    return {name: 1000 * statistics.median(values) for name, values in seconds.items()}


def _bare_loop(program: Any, model: Any, rows: Any, n_rows: int) -> float:
    """Return the seconds that the functions of a program alone take for 10 epochs."""
    import numpy as np

    variables = [variable for group in program._groups(model) for variable in group]
    values = [variable.value for variable in variables]
    begun = time.perf_counter()
    for epoch in range(10):
        order = np.random.default_rng([0, epoch]).permutation(n_rows)
        for function, arguments in program._calls(rows, order, 32, 0, -(-n_rows // 32)):
            values, logs = function(values, *arguments)
        float(logs["loss"])
    elapsed = time.perf_counter() - begun
    program._write(variables, values)
    return elapsed


def run(library: str, name: str) -> dict[str, Any]:
    """Do one measurement in this process."""
    if name == "warm":
        return warm()
    if name in FITS:
        return big("keras" if library in ("keras", "loop") else library, jit_compile="auto")
    return loop(name) if library == "loop" else search(library, name)


def main() -> None:
    """Measure everything and print a table and JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", nargs=2, metavar=("LIBRARY", "WORK"))
    parser.add_argument("--only", nargs="+", choices=[*SEARCHES, *FITS, "warm"])
    parser.add_argument("--repeat", type=int, default=1)
    arguments = parser.parse_args()
    if arguments.run:
        print(json.dumps(run(*arguments.run)))
        return

    rows, results = [], {}
    for name, required in {**SEARCHES, **FITS}.items():
        if arguments.only and name not in arguments.only:
            continue
        libraries = ("kerasearch", "scikeras" if name in SEARCHES else "keras", "loop")
        rounds: dict[str, list[float]] = {library: [] for library in libraries}
        for _ in range(arguments.repeat):
            for library in libraries:
                result = measure("benchmarks.jax_speed", library, name, backend=BACKENDS[library])
                rounds[library].append(result["seconds"])
        results[name] = medians = {k: statistics.median(v) for k, v in rounds.items()}
        ours, *peers = medians.values()
        row = {"work": name, "kerasearch on JAX": f"{ours:.2f} s"}
        columns = ("peer on TensorFlow", "model.fit on JAX")
        for what, peer, ratio in zip(columns, peers, required, strict=True):
            row[what] = f"{peer:.2f} s, {peer / ours:.1f}x (required {ratio}x)"
        rows.append(row)
        print(rows[-1], flush=True)
    if arguments.only is None or "warm" in arguments.only:
        results["warm"] = measure("benchmarks.jax_speed", "kerasearch", "warm", backend="jax")
        print({name: f"{value:.1f} ms" for name, value in results["warm"].items()}, flush=True)
    if rows:
        print_table(rows)
    print(json.dumps({"machine": machine(), "results": results}))


if __name__ == "__main__":
    main()
