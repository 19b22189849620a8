"""The same searches on kerasearch, scikeras and KerasTuner, and single fits against ``model.fit``.

Run ``python -m benchmarks.search_speed``. Each measurement runs in a process of its own, and the
libraries take turns. The times are the times of the search, without imports and the loading of
data. ``--only`` selects some of the searches and fits. ``--repeat`` takes the median of several
rounds.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from ._processes import machine, measure, print_table

# name -> (description, required ratio, desired ratio)
SEARCHES = {
    "grid": ("3 learning rates x 2 batch sizes, MLP(64), digits, 19 fits", 10, 20),
    "shapes": ("12 random MLP shapes, digits, 37 fits", 6, 10),
    "cnn": ("small CNN, 2 widths x 2 learning rates, digits 8x8, 13 fits", 5, 8),
    "lstm": ("LSTM(32) on 30x8 sequences, 2 rates x 2 batch sizes, 13 fits", 3, 6),
    "long": ("the first row with 100 epochs, jit_compile='auto', 19 fits", 20, 35),
    "lstm40": ("the LSTM row with 40 epochs, jit_compile='auto', 13 fits", 4, 6),
    "drop": (
        "3 dropout rates x 2 learning rates, MLP(64), 30 epochs, jit_compile='auto', 19 fits",
        12,
        25,
    ),
}
FITS = {
    "big": ("MLP(512, 512), 20,000 x 784, 3 epochs, first fit", 1.5, 2.5),
    "big_xla": ("the same with jit_compile=True here", 2.2, 3),
    "big_jax": ("the same, against model.fit on JAX", 1.0, 1.2),
    "zoo": ("each model of the exactness list, first fit of 10 epochs on 1,000 rows", 1.0, 1.0),
}


def build_mlp(meta: dict[str, Any], hidden: tuple[int, ...] = (64,)) -> Any:
    import keras

    model = keras.Sequential([keras.Input(meta["X_shape_"][1:])])
    for units in hidden:
        model.add(keras.layers.Dense(units, activation="relu"))
    model.add(keras.layers.Dense(meta["n_classes_"], activation="softmax"))
    return model


def build_drop(meta: dict[str, Any], rate: float = 0.2) -> Any:
    import keras

    return keras.Sequential(
        [
            keras.Input(meta["X_shape_"][1:]),
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dropout(rate),
            keras.layers.Dense(meta["n_classes_"], activation="softmax"),
        ]
    )


def build_cnn(meta: dict[str, Any], width: int = 16) -> Any:
    import keras

    return keras.Sequential(
        [
            keras.Input(meta["X_shape_"][1:]),
            keras.layers.Conv2D(width, 3, activation="relu"),
            keras.layers.MaxPooling2D(),
            keras.layers.Flatten(),
            keras.layers.Dense(meta["n_classes_"], activation="softmax"),
        ]
    )


def build_lstm(meta: dict[str, Any]) -> Any:
    import keras

    return keras.Sequential(
        [
            keras.Input(meta["X_shape_"][1:]),
            keras.layers.LSTM(32),
            keras.layers.Dense(meta["n_classes_"], activation="softmax"),
        ]
    )


def work(name: str) -> tuple[Callable[..., Any], dict[str, Any], dict[str, Any], Any]:
    """Return the builder, the settings of the estimator, the grid and the data of a search."""
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype("float32")
    rates = [0.01, 0.001, 0.0001]
    if name in ("grid", "long"):
        grid = {"optimizer__learning_rate": rates, "batch_size": [32, 64]}
        return build_mlp, {"epochs": 10 if name == "grid" else 100}, grid, (X, y)
    if name == "drop":
        grid = {"model__rate": [0.1, 0.2, 0.5], "optimizer__learning_rate": rates[:2]}
        return build_drop, {"epochs": 30, "model__rate": 0.2}, grid, (X, y)
    if name == "shapes":
        rng = np.random.default_rng(0)
        shapes = [tuple(map(int, rng.integers(16, 129, rng.integers(1, 4)))) for _ in range(12)]
        settings = {"epochs": 10, "model__hidden": shapes[0]}
        return build_mlp, settings, {"model__hidden": shapes}, (X, y)
    if name == "cnn":
        grid = {"model__width": [8, 16], "optimizer__learning_rate": rates[:2]}
        return build_cnn, {"epochs": 5, "model__width": 8}, grid, (X.reshape(-1, 8, 8, 1), y)
    rng = np.random.default_rng(0)
    y = rng.integers(3, size=600)
    sequences = rng.normal(size=(600, 30, 8)) + 0.3 * y[:, None, None]
    grid = {"optimizer__learning_rate": rates[:2], "batch_size": [32, 64]}
    return (
        build_lstm,
        {"epochs": 10 if name == "lstm" else 40},
        grid,
        (sequences.astype("float32"), y),
    )


def search(library: str, name: str) -> dict[str, Any]:
    """Run one of scikit-learn's searches with the estimator of one library."""
    from sklearn.model_selection import GridSearchCV, StratifiedKFold

    if library == "scikeras":
        from scikeras.wrappers import KerasClassifier
    else:
        from kerasearch import KerasClassifier
    builder, settings, grid, (X, y) = work(name)
    if library == "kerasearch" and name in ("long", "lstm40", "drop"):
        settings = {**settings, "jit_compile": "auto"}
    estimator = KerasClassifier(
        builder,
        loss="sparse_categorical_crossentropy",
        optimizer="adam",
        optimizer__learning_rate=0.001,
        random_state=0,
        verbose=0,
        **settings,
    )
    cv = StratifiedKFold(3, shuffle=True, random_state=0)
    tuned = GridSearchCV(estimator, grid, cv=cv, scoring="accuracy", error_score="raise")
    started = time.perf_counter()
    tuned.fit(X, y)
    return {"seconds": time.perf_counter() - started, "score": float(tuned.best_score_)}


def keras_tuner(name: str) -> dict[str, Any]:
    """Run the first search with KerasTuner: the same trials, on one holdout and not three folds."""
    import keras
    import keras_tuner

    assert name == "grid"
    _, settings, grid, (X, y) = work(name)
    X, held_out, y, y_held_out = X[:1198], X[1198:], y[:1198], y[1198:]

    class Tuned(keras_tuner.HyperModel):
        def build(self, hp: Any) -> Any:
            model = build_mlp({"X_shape_": X.shape, "n_classes_": 10})
            rate = hp.Choice("learning_rate", grid["optimizer__learning_rate"])
            model.compile(
                keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"]
            )
            return model

        def fit(self, hp: Any, model: Any, *args: Any, **kwargs: Any) -> Any:
            return model.fit(
                *args, batch_size=hp.Choice("batch_size", grid["batch_size"]), **kwargs
            )

    with tempfile.TemporaryDirectory() as folder:
        tuner = keras_tuner.GridSearch(Tuned(), "val_accuracy", directory=folder, seed=0)
        started = time.perf_counter()
        tuner.search(
            X,
            y,
            epochs=settings["epochs"],
            validation_data=(held_out, y_held_out),
            verbose=0,
        )
        seconds = time.perf_counter() - started
    return {"seconds": seconds, "fits": 6}


def big(library: str, jit_compile: Any) -> dict[str, Any]:
    """Time one fit of a large network, by ``model.fit`` or by kerasearch."""
    if library == "keras-jax":
        os.environ["KERAS_BACKEND"] = "jax"
    import keras

    from kerasearch import training

    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(20_000, 784)).astype("float32"), rng.integers(10, size=20_000)

    def build() -> Any:
        model = build_mlp({"X_shape_": X.shape, "n_classes_": 10}, (512, 512))
        jit = "auto" if library != "kerasearch" else jit_compile
        model.compile(
            "adam", "sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile=jit
        )
        return model

    model = training.build(build, 0)
    started = time.perf_counter()
    if library == "kerasearch":
        training.fit(model, X, y, epochs=3, batch_size=32)
    else:
        model.fit(X, y, epochs=3, batch_size=32, verbose=0)
    keras.backend.clear_session()
    return {"seconds": time.perf_counter() - started}


def zoo(library: str) -> dict[str, Any]:
    """Time the first fit of each model of the exactness list, and return seconds by model."""
    import keras

    from kerasearch import training
    from tests.training import zoo as models

    seconds = {}
    for name in ["dense", *models.ZOO]:  # the first fit warms the process up
        x, y = keras.tree.map_structure(np.asarray, models.arrays(name, 1000))
        settings = {k: v for k, v in models.FIT[name].items() if k == "class_weight"}
        training.clear_programs()
        model = training.build(models.ZOO[name], 0)
        started = time.perf_counter()
        if library == "keras":
            model.fit(x, y, epochs=10, batch_size=32, verbose=0, **settings)
        else:
            training.fit(model, x, y, epochs=10, batch_size=32, **settings)
        seconds[name] = time.perf_counter() - started
    return seconds


def run(library: str, name: str) -> dict[str, Any]:
    """Do one measurement in this process."""
    if name in ("big", "big_xla", "big_jax"):
        return big(library, jit_compile="auto" if name == "big" else True)
    if name == "zoo":
        return zoo(library)
    return keras_tuner(name) if library == "keras-tuner" else search(library, name)


def compare(name: str, libraries: tuple[str, ...], repeat: int) -> dict[str, Any]:
    """Measure the libraries in turn, and return the medians."""
    rounds: dict[str, list[dict[str, Any]]] = {library: [] for library in libraries}
    for _ in range(repeat):
        for library in libraries:
            rounds[library].append(measure("benchmarks.search_speed", library, name))
    return {
        library: {
            key: statistics.median(result[key] for result in results)
            for key in results[0]
            if isinstance(results[0][key], float)
        }
        for library, results in rounds.items()
    }


def main() -> None:
    """Measure everything and print a table and JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", nargs=2, metavar=("LIBRARY", "WORK"))
    parser.add_argument("--only", nargs="+", choices=[*SEARCHES, *FITS])
    parser.add_argument("--repeat", type=int, default=1)
    arguments = parser.parse_args()
    if arguments.run:
        print(json.dumps(run(*arguments.run)))
        return

    rows, results = [], {}
    for name, (what, required, aim) in {**SEARCHES, **FITS}.items():
        if arguments.only and name not in arguments.only:
            continue
        peer = "scikeras" if name in SEARCHES else "keras-jax" if name == "big_jax" else "keras"
        if name == "big_jax" and importlib.util.find_spec("jax") is None:
            print("big_jax is left out: jax is not installed", flush=True)
            continue
        libraries = ("kerasearch", peer, *(["keras-tuner"] if name == "grid" else []))
        results[name] = compare(name, libraries, arguments.repeat)
        ours, theirs = results[name]["kerasearch"], results[name][peer]
        ratios = {key: theirs[key] / ours[key] for key in ours if key != "score"}
        worst = min(ratios, key=ratios.__getitem__)
        rows.append(
            {
                "work": what if name != "zoo" else f"{what}; slowest: {worst}",
                "kerasearch": f"{ours[worst]:.2f} s",
                peer if name in SEARCHES else "peer": f"{theirs[worst]:.2f} s",
                "ratio": f"{ratios[worst]:.1f}x",
                "required / aim": f"{required}x / {aim}x",
            }
            | {"peer": f"{theirs[worst]:.2f} s ({peer})"}
        )
        rows[-1].pop("scikeras", None)
        print(rows[-1], flush=True)
    print()
    print_table(rows)
    print(json.dumps({"machine": machine(), "results": results}))


if __name__ == "__main__":
    main()
