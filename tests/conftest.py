"""Data and builders that several test files share."""

from __future__ import annotations

import os
import zlib

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine
from sklearn.preprocessing import StandardScaler


def pytest_collection_modifyitems(config, items):
    """Keep the slice of the tests that SLICE_OF_TESTS names ("0/3" to "2/3"); `.ci/run` sets it."""
    if not (chosen := os.environ.get("SLICE_OF_TESTS")):
        return
    number, n_slices = map(int, chosen.split("/"))
    slices: list[list] = [[] for _ in range(n_slices)]
    for item in items:
        slices[zlib.crc32(item.nodeid.encode()) % n_slices].append(item)
    items[:] = slices.pop(number)
    config.hook.pytest_deselected(items=[item for other in slices for item in other])


def pytest_runtest_setup(item):
    mark = item.get_closest_marker("tensorflow")
    if mark is not None:
        import keras  # here: most of what the tests read needs none

        if (backend := keras.backend.backend()) != "tensorflow":
            pytest.skip(f"not on {backend}: {mark.args[0]}")


def _scaled(load):
    X, y = load(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    for array in (X, y):
        array.setflags(write=False)  # whoever changes its input fails
    return X, y


@pytest.fixture(scope="session")
def iris():
    return _scaled(load_iris)


@pytest.fixture(scope="session")
def wine():
    return _scaled(load_wine)


@pytest.fixture(scope="session")
def breast_cancer():
    return _scaled(load_breast_cancer)


@pytest.fixture(scope="session")
def digits():
    X, y = load_digits(return_X_y=True)
    X = X / 16.0
    X.setflags(write=False)
    return X, y


@pytest.fixture(scope="session")
def diabetes():
    X, y = _scaled(load_diabetes)
    return X, (y - y.mean()) / y.std()


@pytest.fixture
def names(iris):
    """Iris' target as text."""
    return np.array(["setosa", "versicolor", "virginica"])[iris[1]]
