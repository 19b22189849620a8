"""What the tests of the store share."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest

import kerasearch
from kerasearch import training
from kerasearch.store import FitStore

from . import nets

ROOT = Path(kerasearch.__file__).parent.parent


@pytest.fixture(scope="session")
def iris():
    X, y = nets.data()
    for array in (X, y):
        array.setflags(write=False)
    return X, y


@pytest.fixture
def trained(monkeypatch):
    """How many epochs each fit really trains, in the order of the fits."""
    counts = []
    fit = training.fit

    def counted(*args, **kwargs):
        result = fit(*args, **kwargs)
        counts.append(result.n_trained)
        return result

    monkeypatch.setattr(training, "fit", counted)
    return counts


@pytest.fixture
def store(tmp_path):
    return FitStore(tmp_path / "store")


def files(store):
    """The files of a store on disk, by name."""
    return sorted(Path(store.path).rglob("*.npz"))


def age(store, seconds=7200.0):
    """Make every fit of a store look as if it was last used some time ago."""
    for file in files(store):
        os.utime(file, (time.time() - seconds,) * 2)


def run(*arguments, **options):
    """Start Python where the package and the tests are importable."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **options.pop("env", {})}
    return subprocess.Popen(
        [sys.executable, *map(str, arguments)],
        cwd=options.pop("cwd", ROOT),
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def output(process):
    """The standard output of a process that must succeed."""
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return out


def state(estimator):
    """Every number that training leaves: weights, seed generators, optimizer."""
    model = estimator.model_
    variables = [*model.variables, *model.optimizer.variables]
    return [np.asarray(variable.value) for variable in variables]


def assert_same(one, other, X):
    """Two fitted estimators are equal to the last bit."""
    assert one.history_ == other.history_
    for mine, others in zip(state(one), state(other), strict=True):
        assert mine.dtype == others.dtype
        assert mine.tobytes() == others.tobytes()
    np.testing.assert_array_equal(one.predict_proba(X), other.predict_proba(X))
    assert one.n_epochs_ == other.n_epochs_


def ours(function, *args, **kwargs):
    """What a call returns, and the text of the UserWarnings that it gives."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = function(*args, **kwargs)
    return result, [str(w.message) for w in caught if w.category is UserWarning]
