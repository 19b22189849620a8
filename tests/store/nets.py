"""Tiny networks, callbacks and a search, importable so that other processes have them too."""

from __future__ import annotations

import keras
import numpy as np
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import StandardScaler

from kerasearch import KerasClassifier
from tests.builders import FocalLoss, build_custom


def build(meta, units=4, activation="tanh", dropout=0.0, batch_norm=False, name=None):
    inputs = keras.Input(meta["X_shape_"][1:])
    hidden = keras.layers.Dense(units, activation=activation, name=name and f"{name}_layer")(inputs)
    if batch_norm:
        hidden = keras.layers.BatchNormalization()(hidden)
    if dropout:
        hidden = keras.layers.Dropout(dropout)(hidden)
    outputs = keras.layers.Dense(meta["n_classes_"], activation="softmax")(hidden)
    return keras.Model(inputs, outputs, name=name)


class StopWhenSlow(keras.callbacks.Callback):
    """Has a state that later epochs depend on: halves the rate each time the loss falls little."""

    def __init__(self, least=0.05):
        super().__init__()
        self.least = least
        self.last = None
        self.n_halved = 0

    def on_epoch_end(self, epoch, logs=None):
        if self.last is not None and self.last - logs["loss"] < self.least:
            self.n_halved += 1
            self.model.optimizer.learning_rate = 0.01 * 0.5**self.n_halved
        self.last = logs["loss"]


class Note(keras.callbacks.Callback):
    """Writes text into the history."""

    def on_epoch_end(self, epoch, logs=None):
        logs["note"] = "text"


def make(store=None, **parameters):
    parameters = {"model": build, "epochs": 3, "random_state": 0, "store": store, **parameters}
    return KerasClassifier(**parameters)


def data():
    X, y = load_iris(return_X_y=True)
    return StandardScaler().fit_transform(X), y


def score_and_epochs(estimator, X, y):
    return {
        "accuracy": estimator.score(X, y),
        "loss": float(estimator.history_["loss"][-1]),
        "trained": estimator.n_epochs_trained_,
    }


def search(store, n_jobs=None):
    """Search with a custom loss and a custom layer: 16 fits and a refit, of 4 epochs each."""
    grid = {"units": [3, 4, 5, 6], "optimizer__learning_rate": [0.02, 0.01]}
    return GridSearchCV(
        make(store, model=build_custom, loss=FocalLoss, epochs=4),
        grid,
        cv=2,
        scoring=score_and_epochs,
        refit="accuracy",
        n_jobs=n_jobs,
    ).fit(*data())


N_FITS, N_EPOCHS = 17, 17 * 4


def results(done):
    """What a search found, to compare with another run of it."""
    names = ("split0_test_loss", "split1_test_loss", "mean_test_accuracy")
    found = {name: done.cv_results_[name].tolist() for name in names}
    model = done.best_estimator_.model_
    return {**found, "weights": [np.asarray(w).tolist() for w in model.get_weights()]}


def n_trained(done):
    """How many epochs a search trained, its refit included."""
    folds = (
        done.cv_results_["split0_test_trained"].sum()
        + done.cv_results_["split1_test_trained"].sum()
    )
    return int(folds) + done.best_estimator_.n_epochs_trained_
