"""A table of real fits: every point of a space of networks, on four data sets.

Searches can be replayed on the table many times. The table has every point of the space, so it has
the score of every candidate that a search can propose.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

DATASETS = ("digits", "breast_cancer", "wine", "diabetes")
EPOCHS = (1, 3, 9, 27)
# The first two need no new tracing. Each combination of the other values is traced separately.
SPACE: dict[str, list[Any]] = {
    "learning_rate": [1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1],
    "batch_size": [16, 64, 256],
    "layers": [1, 3],
    "units": [8, 32, 128],
    "activation": ["relu", "tanh"],
    "dropout": [0.0, 0.3],
    "l2": [0.0, 1e-3],
    "optimizer": ["adam", "sgd"],
}
FREE = ("learning_rate", "batch_size")
# A typical first grid: it varies well-known hyperparameters over round values, and keeps the
# defaults of the other hyperparameters.
GRID: dict[str, list[Any]] = {
    "learning_rate": [1e-4, 1e-3, 1e-2, 1e-1],
    "batch_size": [16, 64],
    "layers": [1, 3],
    "units": [8, 32, 128],
    "activation": ["relu"],
    "dropout": [0.0, 0.3],
    "l2": [0.0],
    "optimizer": ["adam"],
}
SHAPE = tuple(map(len, SPACE.values()))
_COLUMNS = [f"{part}_{kind}_{e}" for e in EPOCHS for part in ("val", "test") for kind in "sl"]


@dataclass(frozen=True)
class Table:
    """The scores of all candidates on one data set, in the order of `product` over `SPACE`.

    `validation` and `test` have the shape (n_candidates, n_rungs). They are NaN where a fit
    diverged. A score is the accuracy, R2, or the negative loss. The floors are the scores of a
    constant guess.
    """

    name: str
    params: list[dict[str, Any]]
    validation: np.ndarray
    test: np.ndarray
    validation_floor: float
    test_floor: float

    @classmethod
    def read(cls, folder: Path, name: str, by: str = "score", swap: bool = False) -> Table:
        """Read scores or losses. `swap` exchanges the validation part and the test part."""
        points = list(product(*SPACE.values()))
        frame = pd.read_csv(_file(folder, name)).set_index(list(SPACE)).loc[points]
        kind, sign = ("s", 1) if by == "score" else ("l", -1)
        parts = ("test", "val") if swap else ("val", "test")
        values = [sign * frame[[f"{part}_{kind}_{e}" for e in EPOCHS]].to_numpy() for part in parts]
        data = load(name)
        floors = [sign * data.guess(part)["sl".index(kind)] for part in parts]
        params = [dict(zip(SPACE, point, strict=True)) for point in points]
        return cls(name, params, *values, *floors)


@dataclass(frozen=True)
class Data:
    """The training part, validation part and test part of a data set, which are thirds.

    All parts are scaled by the mean and the standard deviation of the training part.
    """

    classification: bool
    X: dict[str, np.ndarray]
    y: dict[str, np.ndarray]

    def scores(self, part: str, predicted: np.ndarray) -> tuple[float, float]:
        """Return a score and a loss of predictions.

        These are the accuracy and the cross-entropy of probabilities, or R2 and the mean squared
        error of numbers.
        """
        from sklearn.metrics import log_loss, mean_squared_error, r2_score

        y = self.y[part]
        if not self.classification:
            return r2_score(y, predicted), mean_squared_error(y, predicted)
        labels = np.unique(self.y["train"])
        predicted = predicted.astype(float) / predicted.sum(axis=1, keepdims=True, dtype=float)
        accuracy = float(np.mean(labels[predicted.argmax(axis=1)] == y))
        return accuracy, log_loss(y, predicted, labels=labels)

    def guess(self, part: str) -> tuple[float, float]:
        """Score the same guess for each row: the class frequencies, or the mean."""
        n = len(self.y[part])
        if not self.classification:
            return self.scores(part, np.full(n, self.y["train"].mean()))
        shares = np.unique(self.y["train"], return_counts=True)[1] / len(self.y["train"])
        return self.scores(part, np.tile(shares, (n, 1)))


def load(name: str) -> Data:
    import sklearn.datasets
    from sklearn.model_selection import train_test_split

    X, y = getattr(sklearn.datasets, f"load_{name}")(return_X_y=True)
    classification = name != "diabetes"

    def split(rows: np.ndarray, share: float) -> list[np.ndarray]:
        labels = y[rows] if classification else None
        return train_test_split(rows, test_size=share, random_state=0, stratify=labels)

    train, rest = split(np.arange(len(y)), 2 / 3)
    rows = dict(zip(("train", "val", "test"), (train, *split(rest, 1 / 2)), strict=True))
    mean, std = X[train].mean(axis=0), X[train].std(axis=0)
    X = ((X - mean) / np.where(std > 0, std, 1)).astype("float32")
    if not classification:
        y = (y - y[train].mean()) / y[train].std()
    return Data(
        classification,
        {part: X[index] for part, index in rows.items()},
        {part: y[index] for part, index in rows.items()},
    )


def make(folder: Path, names: tuple[str, ...], n_jobs: int) -> None:
    """Train the networks that the files of a folder lack, and add each network to its file."""
    from joblib import Parallel, delayed

    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")  # because the processes share the cores
    folder.mkdir(parents=True, exist_ok=True)
    networks = [n for n in SPACE if n not in FREE]
    frames, missing = {}, []
    for name in names:
        path = _file(folder, name)
        frames[name] = pd.read_csv(path) if path.exists() else pd.DataFrame(columns=networks)
        done = set(frames[name][networks].itertuples(index=False, name=None))
        for point in product(*(SPACE[n] for n in networks)):
            if point not in done:
                missing.append((name, dict(zip(networks, point, strict=True))))
    jobs = (delayed(_train)(name, network) for name, network in missing)
    trained = Parallel(n_jobs, return_as="generator_unordered", pre_dispatch="2*n_jobs")(jobs)
    for i, (name, rows) in enumerate(trained, 1):
        new = pd.DataFrame(rows)
        frames[name] = pd.concat([frames[name], new]) if len(frames[name]) else new
        _write(frames[name], _file(folder, name))
        if i % 16 == 0 or i == len(missing):
            print(f"{i} of {len(missing)} networks trained", flush=True)


def _file(folder: Path, name: str) -> Path:
    return folder / f"{name}.csv.gz"


def _write(frame: pd.DataFrame, path: Path) -> None:
    """Write sorted rows with five significant digits.

    A process that is stopped meanwhile leaves the old file whole.
    """
    partial = path.with_name(f"partial-{path.name}")
    frame.sort_values(list(SPACE)).to_csv(
        partial, index=False, float_format="%.5g", compression={"method": "gzip", "mtime": 0}
    )
    partial.replace(path)


def _train(name: str, network: dict[str, Any]) -> tuple[str, list[dict[str, Any]]]:
    """Train one network with each learning rate and batch size."""
    data = load(name)
    rows = []
    for rate, size in product(*(SPACE[n] for n in FREE)):
        params = {"learning_rate": rate, "batch_size": size, **network}
        rows.append({n: params[n] for n in SPACE} | _scores(data, params))
    return name, rows


def _scores(data: Data, params: dict[str, Any]) -> dict[str, float]:
    """Train a candidate from rung to rung, with a fit store.

    From the rung on at which the candidate diverges, its scores are NaN.
    """
    from kerasearch import FitStore, KerasClassifier, KerasRegressor
    from kerasearch.exceptions import DivergenceError

    estimator = (KerasClassifier if data.classification else KerasRegressor)(
        hidden_layer_sizes=(params["units"],) * params["layers"],
        activation=params["activation"],
        dropout=params["dropout"],
        l2=params["l2"],
        optimizer=params["optimizer"],
        optimizer__learning_rate=params["learning_rate"],
        batch_size=params["batch_size"],
        random_state=0,
        store=FitStore(),
    )
    found = dict.fromkeys(_COLUMNS, np.nan)
    both = np.concatenate([data.X["val"], data.X["test"]])
    for epochs in EPOCHS:
        try:
            estimator.set_params(epochs=epochs).fit(data.X["train"], data.y["train"])
        except DivergenceError:
            return found
        predict = estimator.predict_proba if data.classification else estimator.predict
        predicted = np.asarray(predict(both))
        if not np.isfinite(predicted).all():
            return found
        cut = len(data.X["val"])
        for part, values in (("val", predicted[:cut]), ("test", predicted[cut:])):
            score, loss = data.scores(part, values)
            found |= {f"{part}_s_{epochs}": score, f"{part}_l_{epochs}": loss}
    return found
