"""A search with a custom loss and layer, run in a process that a test kills: DIRECTORY N_JOBS."""

import json
import sys

from kerasearch import KerasClassifier  # isort: skip
import keras
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV


class Scale(keras.layers.Layer):
    def build(self, shape):
        self.scale = self.add_weight(shape=(shape[-1],), initializer="ones")

    def call(self, x):
        return x * self.scale


class Loss(keras.losses.Loss):
    def call(self, y_true, y_pred):
        return keras.losses.sparse_categorical_crossentropy(y_true, y_pred) * 2.0


def build(meta, units=4):
    inputs = keras.Input((meta["n_features_in_"],))
    hidden = keras.layers.Dropout(0.1)(Scale()(keras.layers.Dense(units, "relu")(inputs)))
    model = keras.Model(inputs, keras.layers.Dense(meta["n_classes_"], "softmax")(hidden))
    model.compile("adam", Loss())
    return model


def scoring(estimator, X, y):
    return {"score": estimator.score(X, y), "trained": estimator.n_epochs_trained_}


def run(directory, n_jobs=1):
    """Search, and return everything that must not depend on an interruption."""
    X, y = load_iris(return_X_y=True)
    network = KerasClassifier(build, epochs=40, random_state=0, store=directory or None)
    space = {"units": [3, 4], "batch_size": [4, 5, 6, 8]}
    search = GridSearchCV(network, space, cv=2, scoring=scoring, refit="score", n_jobs=n_jobs)
    search.fit(X, y)
    best = search.best_estimator_
    results = search.cv_results_
    trained = sum(int(results[f"split{k}_test_trained"].sum()) for k in range(2))
    return {
        "scores": [results[f"split{k}_test_score"].tolist() for k in range(2)],
        "epochs": trained + best.n_epochs_trained_,
        "loss": best.history_["loss"],
        "proba": best.predict_proba(X[::10]).tolist(),
    }


def main():
    print("begin", flush=True)
    print(json.dumps(run(sys.argv[1], int(sys.argv[2]))))
