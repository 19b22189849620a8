"""The same searches on kerasearch, KerasTuner and plain Optuna with Keras: time and test score.

Run ``python -m benchmarks.peers_search``. Same networks, space, rows (digits, in thirds), epochs
and number of trials (of Hyperband: one pass). Each trial is scored on one validation part, since
KerasTuner has no folds; at the end each library trains its best candidate once more, on training
and validation part together. Every measurement is a process of its own, and the peers take turns.
Times are of search and last training, without imports and data. Where a library can do without
validation in every epoch, it does. ``--repeat`` takes more seeds.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from typing import Any

import numpy as np

from ._processes import machine, measure, print_table

TRIALS, EPOCHS = 30, 27
ONE_PASS = 357  # epochs of Hyperband with at most 27 for a candidate
WORKS = {
    "random": ("kerasearch", "keras-tuner", "optuna"),
    "bayesian": ("kerasearch", "keras-tuner", "optuna"),
    "hyperband": ("kerasearch", "keras-tuner", "optuna"),
}
NAMES = {
    ("kerasearch", "random"): "kerasearch, RandomizedSearchCV",
    ("kerasearch", "bayesian"): "kerasearch, BayesSearchCV",
    ("kerasearch", "hyperband"): "kerasearch, HyperbandSearchCV",
    ("keras-tuner", "random"): "KerasTuner, RandomSearch",
    ("keras-tuner", "bayesian"): "KerasTuner, BayesianOptimization",
    ("keras-tuner", "hyperband"): "KerasTuner, Hyperband",
    ("optuna", "random"): "Optuna and `model.fit`, RandomSampler",
    ("optuna", "bayesian"): "Optuna and `model.fit`, TPESampler",
    ("optuna", "hyperband"): "Optuna and `model.fit`, HyperbandPruner",
}
BATCH_SIZES, UNITS = [16, 64, 256], [8, 16, 32, 64, 128]
ACTIVATIONS, OPTIMIZERS = ["relu", "tanh"], ["adam", "sgd"]
DROPOUTS, L2 = [0.0, 0.3], [0.0, 0.001]

_epochs_trained = 0  # in this process, by `model.fit` of the peers


def load() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype("float32")
    X, X_test, y, y_test = train_test_split(X, y, test_size=1 / 3, random_state=0, stratify=y)
    X, X_val, y, y_val = train_test_split(X, y, test_size=1 / 2, random_state=0, stratify=y)
    return {"train": (X, y), "val": (X_val, y_val), "test": (X_test, y_test)}


def build(meta: Any, layers: int = 1, units: int = 32, **settings: Any) -> Any:
    """The networks of all three libraries."""
    from kerasearch import mlp

    return mlp(meta, hidden_layer_sizes=(units,) * layers, **settings)


def compiled(values: dict[str, Any]) -> Any:
    """The same, ready for ``model.fit``."""
    import keras

    values = dict(values)
    optimizer = keras.optimizers.get(values.pop("optimizer"))
    optimizer.learning_rate = values.pop("learning_rate")
    values.pop("batch_size", None)
    model = build({"X_shape_": (1, 64), "target_type_": "multiclass", "n_classes_": 10}, **values)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def counter() -> Any:
    """Count epochs, also through the copies that KerasTuner makes of it."""
    import keras

    class Counter(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            global _epochs_trained
            _epochs_trained += 1

    return Counter()


def kerasearch(work: str, seed: int) -> dict[str, float]:
    from sklearn.model_selection import PredefinedSplit, RandomizedSearchCV

    from kerasearch import (
        BayesSearchCV,
        HyperbandSearchCV,
        KerasClassifier,  # first: then TensorFlow is imported in silence
        choice,
        integers,
        log_uniform,
    )

    def network(
        meta: Any,
        layers: int = 1,
        units: int = 32,
        activation: str = "relu",
        dropout: float = 0.0,
        l2: float = 0.0,
    ) -> Any:
        return build(meta, layers, units, activation=activation, dropout=dropout, l2=l2)

    space = {
        "optimizer__learning_rate": log_uniform(1e-4, 1e-1),
        "batch_size": choice(BATCH_SIZES),
        "layers": integers(1, 3),
        "units": choice(UNITS),
        "activation": choice(ACTIVATIONS),
        "dropout": choice(DROPOUTS),
        "l2": choice(L2),
        "optimizer": choice(OPTIMIZERS),
    }
    parts = load()
    X, y = (np.concatenate([parts["train"][i], parts["val"][i]]) for i in (0, 1))
    cv = PredefinedSplit(np.repeat([-1, 0], [len(parts["train"][0]), len(parts["val"][0])]))
    trained = []

    def scoring(estimator: Any, X: Any, y: Any) -> float:
        trained.append(estimator.n_epochs_trained_)
        return estimator.score(X, y)

    estimator = KerasClassifier(network, epochs=EPOCHS, random_state=seed)
    settings = {"cv": cv, "random_state": seed, "scoring": scoring}
    search: Any
    if work == "random":
        search = RandomizedSearchCV(estimator, space, n_iter=TRIALS, **settings)
    elif work == "bayesian":
        search = BayesSearchCV(estimator, space, n_iter=TRIALS, **settings)
    else:
        search = HyperbandSearchCV(estimator, space, max_epochs=EPOCHS, **settings)
    started = time.perf_counter()
    search.fit(X, y)
    seconds = time.perf_counter() - started
    epochs = sum(trained) + search.best_estimator_.n_epochs_trained_
    test = search.best_estimator_.score(*parts["test"])
    return _result(seconds, epochs, len(trained), search.best_score_, test)


def keras_tuner(work: str, seed: int) -> dict[str, float]:
    import keras
    import keras_tuner

    class Tuned(keras_tuner.HyperModel):
        def build(self, hp: Any) -> Any:
            values = {
                "learning_rate": hp.Float("learning_rate", 1e-4, 1e-1, sampling="log"),
                "layers": hp.Int("layers", 1, 3),
                "units": hp.Choice("units", UNITS),
                "activation": hp.Choice("activation", ACTIVATIONS),
                "dropout": hp.Choice("dropout", DROPOUTS),
                "l2": hp.Choice("l2", L2),
                "optimizer": hp.Choice("optimizer", OPTIMIZERS),
            }
            return compiled(values)

        def fit(self, hp: Any, model: Any, *args: Any, **kwargs: Any) -> Any:
            return model.fit(*args, batch_size=hp.Choice("batch_size", BATCH_SIZES), **kwargs)

    keras.utils.set_random_seed(seed)
    parts = load()
    objective = keras_tuner.Objective("val_accuracy", "max")
    with tempfile.TemporaryDirectory() as folder:
        settings = {"directory": folder, "overwrite": True, "seed": seed}
        tuner: Any
        if work == "hyperband":
            tuner = keras_tuner.Hyperband(
                Tuned(), objective, max_epochs=EPOCHS, factor=3, **settings
            )
        else:
            kind = {
                "random": keras_tuner.RandomSearch,
                "bayesian": keras_tuner.BayesianOptimization,
            }[work]
            tuner = kind(Tuned(), objective, max_trials=TRIALS, **settings)
        started = time.perf_counter()
        tuner.search(
            *parts["train"],
            epochs=EPOCHS,
            validation_data=parts["val"],
            callbacks=[counter()],
            verbose=0,
        )
        best = tuner.oracle.get_best_trials(1)[0]
        model = _train_best(parts, best.hyperparameters.values)
        seconds = time.perf_counter() - started
        n_trials = len(tuner.oracle.trials)
    test = model.evaluate(*parts["test"], verbose=0, return_dict=True)["accuracy"]
    return _result(seconds, _epochs_trained, n_trials, best.score, test)


def plain_optuna(work: str, seed: int) -> dict[str, float]:
    import keras
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    keras.utils.set_random_seed(seed)
    parts = load()

    class Report(keras.callbacks.Callback):
        def __init__(self, trial: Any) -> None:
            super().__init__()
            self.trial = trial

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.trial.report(logs["val_accuracy"], epoch + 1)
            if self.trial.should_prune():
                self.model.stop_training = True

    def objective(trial: Any) -> float:
        values = {
            "learning_rate": trial.suggest_float("learning_rate", 1e-4, 1e-1, log=True),
            "batch_size": trial.suggest_categorical("batch_size", BATCH_SIZES),
            "layers": trial.suggest_int("layers", 1, 3),
            "units": trial.suggest_categorical("units", UNITS),
            "activation": trial.suggest_categorical("activation", ACTIVATIONS),
            "dropout": trial.suggest_categorical("dropout", DROPOUTS),
            "l2": trial.suggest_categorical("l2", L2),
            "optimizer": trial.suggest_categorical("optimizer", OPTIMIZERS),
        }
        keras.backend.clear_session()
        model = compiled(values)
        callbacks, watched = [counter()], {}
        if work == "hyperband":  # the others need no score before the end
            callbacks.append(Report(trial))
            watched = {"validation_data": parts["val"]}
        size = values["batch_size"]
        history = model.fit(
            *parts["train"],
            epochs=EPOCHS,
            batch_size=size,
            callbacks=callbacks,
            verbose=0,
            **watched,
        )
        if len(history.epoch) < EPOCHS:
            raise optuna.TrialPruned
        return model.evaluate(*parts["val"], verbose=0, return_dict=True)["accuracy"]

    kind = optuna.samplers.TPESampler if work == "bayesian" else optuna.samplers.RandomSampler
    pruner = optuna.pruners.HyperbandPruner(1, EPOCHS, 3) if work == "hyperband" else None
    study = optuna.create_study(direction="maximize", sampler=kind(seed=seed), pruner=pruner)
    started = time.perf_counter()
    if work == "hyperband":  # as many epochs as one pass through the brackets has
        study.optimize(
            objective,
            callbacks=[lambda study, _: study.stop() if _epochs_trained >= ONE_PASS else None],
        )
    else:
        study.optimize(objective, n_trials=TRIALS)
    model = _train_best(parts, study.best_params)
    seconds = time.perf_counter() - started
    test = model.evaluate(*parts["test"], verbose=0, return_dict=True)["accuracy"]
    return _result(seconds, _epochs_trained, len(study.trials), study.best_value, test)


def _train_best(parts: dict[str, Any], values: dict[str, Any]) -> Any:
    """Train once more, on training and validation part together."""
    X, y = (np.concatenate([parts["train"][i], parts["val"][i]]) for i in (0, 1))
    model = compiled({k: v for k, v in values.items() if "/" not in k})
    size = values["batch_size"]
    model.fit(X, y, epochs=EPOCHS, batch_size=size, callbacks=[counter()], verbose=0)
    return model


def _result(
    seconds: float, epochs: float, trials: int, validation: float, test: float
) -> dict[str, float]:
    return {
        "seconds": seconds,
        "epochs": float(epochs),
        "trials": float(trials),
        "validation": float(validation),
        "test": float(test),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", nargs=3, metavar=("LIBRARY", "WORK", "SEED"))
    parser.add_argument("--only", nargs="+", choices=WORKS, default=list(WORKS))
    parser.add_argument("--repeat", type=int, default=1, help="rounds (default: 1)")
    args = parser.parse_args()
    if args.run:
        library, work, seed = args.run
        run = {"kerasearch": kerasearch, "keras-tuner": keras_tuner, "optuna": plain_optuna}
        print(json.dumps(run[library](work, int(seed))))
        return
    rows, results = [], {}
    for work in args.only:
        found: dict[str, list[dict[str, Any]]] = {library: [] for library in WORKS[work]}
        for seed in range(args.repeat):
            for library in WORKS[work]:
                found[library].append(measure("benchmarks.peers_search", library, work, str(seed)))
        ours = statistics.median(one["seconds"] for one in found["kerasearch"])
        for library, rounds in found.items():
            middle = {key: statistics.median(one[key] for one in rounds) for key in rounds[0]}
            tests = sorted(one["test"] for one in rounds)
            rows.append(
                {
                    "search": NAMES[library, work],
                    "seconds": f"{middle['seconds']:.1f}",
                    "to kerasearch": f"{middle['seconds'] / ours:.1f}x",
                    "epochs": f"{middle['epochs']:.0f}",
                    "ms an epoch": f"{1000 * middle['seconds'] / middle['epochs']:.0f}",
                    "validation": f"{middle['validation']:.3f}",
                    "test": f"{middle['test']:.3f} ({tests[0]:.3f} to {tests[-1]:.3f})",
                }
            )
            print(rows[-1], flush=True)
        results[work] = found
    print()
    print_table(rows)
    print(json.dumps({"machine": machine(), "results": results}))


if __name__ == "__main__":
    main()
