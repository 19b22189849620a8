"""A child that would hang says so."""

from __future__ import annotations

import os
import pickle
import warnings

import joblib
import keras
import numpy as np
import pytest
from sklearn.base import clone

from kerasearch import KerasClassifier

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")

X = np.random.default_rng(0).normal(size=(30, 3))
y = np.arange(30) % 2


def in_child(function):
    """What a call returns or raises in a forked child."""
    read, write = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python's own, of threads
        child = os.fork()
    if child == 0:
        try:
            result = function()
        except BaseException as error:
            result = error
        os.write(write, pickle.dumps(result))
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        result = pickle.load(pipe)
    os.waitpid(child, 0)
    return result


@pytest.fixture(scope="module")
def fitted():
    return KerasClassifier(epochs=1, random_state=0).fit(X, y)


@pytest.mark.parametrize(
    "call",
    [
        lambda network: KerasClassifier(epochs=1).fit(X, y),
        lambda network: network.predict(X),
        lambda network: network.partial_fit(X, y),
        lambda network: pickle.loads(pickle.dumps(network)).predict(X),
    ],
    ids=["fit", "predict", "partial_fit", "unpickled"],
)
def test_a_forked_child_is_told_to_use_loky_or_threading_and_does_not_hang(fitted, call):
    error = in_child(lambda: call(fitted))
    assert isinstance(error, RuntimeError)
    assert "forked" in str(error)
    assert "'loky'" in str(error)
    assert "'threading'" in str(error)


def test_an_estimator_comes_through_a_forked_child_as_it_was(fitted):
    fitted = clone(fitted).set_params(optimizer=keras.optimizers.SGD(0.1)).fit(X, y)
    back = in_child(lambda: pickle.loads(pickle.dumps(fitted)))
    assert (back.predict_proba(X) == fitted.predict_proba(X)).all()


def test_a_child_forked_by_joblib_is_told_so_too(fitted):
    with pytest.raises(RuntimeError, match="'loky'"):
        joblib.Parallel(n_jobs=2, backend="multiprocessing")(
            joblib.delayed(fitted.predict)(X) for _ in range(2)
        )


def test_the_parent_goes_on_after_a_fork(fitted):
    assert in_child(lambda: 3) == 3
    assert fitted.predict(X).shape == (30,)
    assert keras.ops.ones(2).shape == (2,)
