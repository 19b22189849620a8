"""The times and test scores of the same searches with kerasearch, KerasTuner and plain Optuna.

Run ``python -m benchmarks.peers_search``. All libraries use the same networks, space, rows (digits,
split into thirds), epochs and number of trials. Hyperband runs one pass.

Each trial is scored on one validation part, because KerasTuner has no folds. The random search of
kerasearch runs with three folds too. The best candidate of each library is trained once more on the
training part and the validation part together. It is then scored on the test part. A library does
not validate in every epoch if it can search without this validation.

Each measurement runs in a process of its own, and the libraries take turns. The times are the times
of the search, without imports, the loading of data and the last fit. ``--repeat`` takes more seeds,
and the scores are then means.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ._processes import machine, measure, print_table

SEARCHES = {
    "random": {
        "kerasearch": "kerasearch, `RandomizedSearchCV`",
        "folds": "the same with 3 folds",
        "keras-tuner": "KerasTuner, `RandomSearch`",
        "optuna": "Optuna and `model.fit`, `RandomSampler`",
    },
    "bayesian": {
        "kerasearch": "kerasearch, `BayesSearchCV`",
        "keras-tuner": "KerasTuner, `BayesianOptimization`",
        "optuna": "Optuna and `model.fit`, `TPESampler`",
    },
    "hyperband": {
        "kerasearch": "kerasearch, `HyperbandSearchCV`",
        "keras-tuner": "KerasTuner, `Hyperband`",
        "optuna": "Optuna and `model.fit`, `HyperbandPruner`",
    },
}
CHOICES: dict[str, list[Any]] = {  # besides the learning rate and the number of layers
    "batch_size": [16, 64, 256],
    "units": [8, 16, 32, 64, 128],
    "activation": ["relu", "tanh"],
    "dropout": [0.0, 0.3],
    "l2": [0.0, 0.001],
    "optimizer": ["adam", "sgd"],
}


def load() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype("float32")
    X, X_test, y, y_test = train_test_split(X, y, test_size=1 / 3, random_state=0, stratify=y)
    X_train, X_val, y_train, y_val = train_test_split(
        X, y, test_size=1 / 2, random_state=0, stratify=y
    )
    return {
        "train": (X_train, y_train),
        "val": (X_val, y_val),
        "both": (np.concatenate([X_train, X_val]), np.concatenate([y_train, y_val])),
        "test": (X_test, y_test),
    }


def build(
    meta: Any,
    layers: int = 1,
    units: int = 32,
    activation: str = "relu",
    dropout: float = 0.0,
    l2: float = 0.0,
) -> Any:
    """Build the network, which is the same in all three libraries."""
    from kerasearch import mlp

    return mlp(meta, (units,) * layers, activation, dropout, l2=l2)


def compiled(values: dict[str, Any]) -> Any:
    """Build a network and compile it for ``model.fit``."""
    import keras

    optimizer = keras.optimizers.get(values["optimizer"])
    optimizer.learning_rate = values["learning_rate"]
    arguments = {name: values[name] for name in ("layers", "units", "activation", "dropout", "l2")}
    meta = {"X_shape_": (1, 64), "target_type_": "multiclass", "n_classes_": 10}
    model = build(meta, **arguments)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def counter(epochs_trained: list[int]) -> Any:
    """Make a callback that counts the epochs of ``model.fit``."""
    import keras

    class Counter(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            epochs_trained[0] += 1

    return Counter()


def kerasearch(work: str, seed: int, trials: int, epochs: int, folds: int = 1) -> dict[str, float]:
    from sklearn.model_selection import PredefinedSplit, RandomizedSearchCV, StratifiedKFold

    from kerasearch import (
        BayesSearchCV,
        HyperbandSearchCV,
        KerasClassifier,
        choice,
        integers,
        log_uniform,
    )

    space = {
        "optimizer__learning_rate": log_uniform(1e-4, 1e-1),
        "layers": integers(1, 3),
        **{name: choice(values) for name, values in CHOICES.items()},
    }
    parts = load()
    trained = []

    def scoring(estimator: Any, X: Any, y: Any) -> float:
        trained.append(estimator.n_epochs_trained_)
        return estimator.score(X, y)

    cv: Any = StratifiedKFold(folds, shuffle=True, random_state=seed) if folds > 1 else None
    if folds == 1:
        cv = PredefinedSplit(np.repeat([-1, 0], [len(parts["train"][1]), len(parts["val"][1])]))
    estimator = KerasClassifier(build, epochs=epochs, random_state=seed)
    settings = {"cv": cv, "random_state": seed, "scoring": scoring, "refit": False}
    search: Any
    if work == "random":
        search = RandomizedSearchCV(estimator, space, n_iter=trials, **settings)
    elif work == "bayesian":
        search = BayesSearchCV(estimator, space, n_iter=trials, **settings)
    else:
        search = HyperbandSearchCV(estimator, space, max_resources=epochs, factor=3, **settings)
    with timed() as times:
        search.fit(*parts["both"])
    best = estimator.set_params(**search.best_params_).fit(*parts["both"])
    test = best.score(*parts["test"])
    return result(times, sum(trained), len(trained), search.best_score_, test)


def keras_tuner(work: str, seed: int, trials: int, epochs: int) -> dict[str, float]:
    import keras
    import keras_tuner

    class Tuned(keras_tuner.HyperModel):
        def build(self, hp: Any) -> Any:
            values = {
                "learning_rate": hp.Float("learning_rate", 1e-4, 1e-1, sampling="log"),
                "layers": hp.Int("layers", 1, 3),
                **{name: hp.Choice(name, choices) for name, choices in CHOICES.items()},
            }
            return compiled(values)

        def fit(self, hp: Any, model: Any, *args: Any, **kwargs: Any) -> Any:
            return model.fit(*args, batch_size=hp.get("batch_size"), **kwargs)

    keras.utils.set_random_seed(seed)
    parts = load()
    epochs_trained = [0]
    objective = keras_tuner.Objective("val_accuracy", "max")
    with tempfile.TemporaryDirectory() as folder:
        settings = {"directory": folder, "seed": seed}
        tuner: Any
        if work == "hyperband":
            tuner = keras_tuner.Hyperband(
                Tuned(), objective, max_epochs=epochs, factor=3, **settings
            )
        else:
            kind = keras_tuner.RandomSearch
            if work == "bayesian":  # its default is three for each dimension; TPE has ten
                kind = functools.partial(keras_tuner.BayesianOptimization, num_initial_points=10)
            tuner = kind(Tuned(), objective, max_trials=trials, **settings)
        with timed() as times:
            tuner.search(
                *parts["train"],
                epochs=epochs,
                validation_data=parts["val"],
                callbacks=[counter(epochs_trained)],
                verbose=0,
            )
        best = tuner.oracle.get_best_trials(1)[0]
        n_trials = len(tuner.oracle.trials)
    test = test_score(parts, best.hyperparameters.values, epochs)
    return result(times, epochs_trained[0], n_trials, best.score, test)


def plain_optuna(work: str, seed: int, trials: int, epochs: int) -> dict[str, float]:
    import keras
    import optuna

    from kerasearch import hyperband_schedule

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    keras.utils.set_random_seed(seed)
    parts = load()
    epochs_trained = [0]

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
            "layers": trial.suggest_int("layers", 1, 3),
            **{name: trial.suggest_categorical(name, v) for name, v in CHOICES.items()},
        }
        keras.backend.clear_session()
        settings = {"batch_size": values["batch_size"], "epochs": epochs, "verbose": 0}
        callbacks = [counter(epochs_trained)]
        if work == "hyperband":  # the other searches need no score before the last epoch
            callbacks.append(Report(trial))
            settings["validation_data"] = parts["val"]
        model = compiled(values)
        history = model.fit(*parts["train"], callbacks=callbacks, **settings)
        if len(history.epoch) < epochs:
            raise optuna.TrialPruned
        return model.evaluate(*parts["val"], verbose=0, return_dict=True)["accuracy"]

    def stop_after_one_pass(study: Any, trial: Any) -> None:
        if epochs_trained[0] >= hyperband_schedule(epochs, 3)["n_new_resources"].sum():
            study.stop()

    kind = optuna.samplers.TPESampler if work == "bayesian" else optuna.samplers.RandomSampler
    study = optuna.create_study(
        study_name="peers",  # the pruner hashes it to choose the bracket of a trial
        direction="maximize",
        sampler=kind(seed=seed),
        pruner=optuna.pruners.HyperbandPruner(1, epochs, 3) if work == "hyperband" else None,
    )
    with timed() as times:
        if work == "hyperband":
            study.optimize(objective, callbacks=[stop_after_one_pass])
        else:
            study.optimize(objective, n_trials=trials)
    test = test_score(parts, study.best_params, epochs)
    return result(times, epochs_trained[0], len(study.trials), study.best_value, test)


def test_score(parts: dict[str, Any], values: dict[str, Any], epochs: int) -> float:
    """Train the best candidate once more, and score it on the test part.

    Like the searches of kerasearch, this fit uses the training part and the validation part.
    """
    model = compiled(values)
    model.fit(*parts["both"], epochs=epochs, batch_size=values["batch_size"], verbose=0)
    return model.evaluate(*parts["test"], verbose=0, return_dict=True)["accuracy"]


@contextmanager
def timed() -> Iterator[dict[str, float]]:
    """Measure wall time, and processor time, which depends less on other work of the machine."""
    times: dict[str, float] = {}
    wall, processor = time.perf_counter(), time.process_time()
    yield times
    times["seconds"] = time.perf_counter() - wall
    times["cpu_seconds"] = time.process_time() - processor


def result(
    times: dict[str, float], epochs: float, fits: int, validation: float, test: float
) -> dict[str, float]:
    values = {"epochs": epochs, "fits": fits, "validation": validation, "test": test}
    return {**times, **{name: float(value) for name, value in values.items()}}


def rows(work: str, found: dict[str, list[dict[str, float]]]) -> list[dict[str, str]]:
    """Make the table of one kind of search.

    Times and their ratios are medians, and all other figures are means.
    """
    made = []
    times = {
        library: {
            name: statistics.median(one[name] for one in rounds)
            for name in ("seconds", "cpu_seconds")
        }
        for library, rounds in found.items()
    }
    for library, rounds in found.items():
        mean = {key: statistics.mean(one[key] for one in rounds) for key in rounds[0]}
        tests = [one["test"] for one in rounds]
        shown = {"search": SEARCHES[work][library]}
        for name, value in times[library].items():
            ratio = value / times["kerasearch"][name]
            shown[name.replace("_", " ")] = f"{value:.1f} ({ratio:.1f}x)"
        shown |= {
            "fits": f"{mean['fits']:.0f}",
            "epochs": f"{mean['epochs']:.0f}",
            "validation": f"{mean['validation']:.3f}",
            "test": f"{mean['test']:.3f} ({min(tests):.3f} to {max(tests):.3f})",
        }
        made.append(shown)
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", nargs=3, metavar=("LIBRARY", "WORK", "SEED"))
    parser.add_argument("--only", nargs="+", choices=SEARCHES, default=list(SEARCHES))
    parser.add_argument("--repeat", type=int, default=1, help="rounds (default: 1)")
    parser.add_argument("--trials", type=int, default=20, help="but for Hyperband (default: 20)")
    parser.add_argument("--epochs", type=int, default=27, help="of a trial at most (default: 27)")
    args = parser.parse_args()
    sizes = (args.trials, args.epochs)
    if args.run:
        library, work, seed = args.run[0], args.run[1], int(args.run[2])
        if library == "folds":
            print(json.dumps(kerasearch(work, seed, *sizes, folds=3)))
        else:
            run = {"kerasearch": kerasearch, "keras-tuner": keras_tuner, "optuna": plain_optuna}
            print(json.dumps(run[library](work, seed, *sizes)))
        return
    found: dict[str, dict[str, list[dict[str, float]]]] = {
        work: {library: [] for library in SEARCHES[work]} for work in args.only
    }
    # With more threads, KerasTuner's Gaussian process becomes slower on a shared machine.
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    options = ["--trials", str(args.trials), "--epochs", str(args.epochs)]
    for seed in range(args.repeat):
        for work, libraries in found.items():
            for library, rounds in libraries.items():
                one = measure("benchmarks.peers_search", library, work, str(seed), *options)
                rounds.append(one)
                print(work, library, seed, json.dumps(one), flush=True)
    print()
    print_table([one for work in found for one in rows(work, found[work])])
    print(json.dumps({"machine": machine(), "results": found}))


if __name__ == "__main__":
    main()
