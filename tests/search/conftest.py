import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_iris


class Learner(ClassifierMixin, BaseEstimator):
    """Scores as its parameters say, fails where they say so, and counts its fits."""

    log: list = []

    def __init__(self, quality=0.5, epochs=10, fail=None, tag=None, random_state=None):
        self.quality = quality
        self.epochs = epochs
        self.fail = fail
        self.tag = tag
        self.random_state = random_state

    def fit(self, X, y, sample_weight=None):
        Learner.log.append(self.get_params())
        self.classes_ = np.unique(y)
        self.n_features_in_ = X.shape[1]
        self.weighted_ = sample_weight is not None
        if callable(self.fail):
            self.fail(X)
        elif self.fail:
            raise ValueError(f"told to fail: {self.fail}")
        return self

    def predict(self, X):
        return np.zeros(len(X), dtype=int)

    def score(self, X, y, sample_weight=None):
        return self.quality * (1 - 1 / (1 + self.epochs))


@pytest.fixture(autouse=True)
def fresh_log():
    Learner.log.clear()


@pytest.fixture(scope="session")
def iris():
    return load_iris(return_X_y=True)
