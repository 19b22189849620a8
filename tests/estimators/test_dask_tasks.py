"""Estimators in tasks of Dask; `tests/cluster/test_dask.py` has the tests with a real cluster."""

from __future__ import annotations

import asyncio
import pickle
import pickletools
import sys
import types
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from kerasearch import KerasClassifier
from kerasearch._utils.sealed import Sealed

X, Y = np.eye(4, dtype="float32"), np.array([0, 1, 0, 1])


@pytest.fixture(autouse=True)
def _dask(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", types.ModuleType("distributed"))


def pickled_in_a_task(value):
    """Pickle as a client of Dask does: in another thread, in the loop of its events."""

    async def dumps():
        return pickle.dumps(value)

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(dumps())).result()


def test_an_estimator_in_a_task_is_bytes_that_name_no_module_of_keras():
    network = KerasClassifier(epochs=7, batch_size=np.int64(8))
    content = pickled_in_a_task(make_pipeline(StandardScaler(), network))
    names = [arg for op, arg, _ in pickletools.genops(content) if op.name == "SHORT_BINUNICODE"]
    assert "kerasearch._utils.sealed" in names
    assert not [name for name in names if name.startswith(("kerasearch.estimators", "keras."))]
    opened = pickle.loads(content)
    assert opened[-1].get_params() == network.get_params()


def test_a_scheduler_passes_on_the_same_bytes(monkeypatch):
    content = pickled_in_a_task(KerasClassifier(epochs=7))
    scheduler = types.ModuleType("distributed.scheduler")
    scheduler.Scheduler = types.SimpleNamespace(_instances={"a scheduler"})
    with monkeypatch.context() as there:
        there.setitem(sys.modules, "distributed.scheduler", scheduler)
        there.delitem(sys.modules, "keras")
        sealed = pickle.loads(content)
        passed_on = pickle.dumps(sealed)
    assert isinstance(sealed, Sealed)
    assert pickle.loads(passed_on).epochs == 7


def test_elsewhere_an_estimator_is_pickled_as_usual():
    network = KerasClassifier(epochs=7)
    assert b"_utils.sealed" not in pickle.dumps(network)
    with ThreadPoolExecutor(1) as pool:
        assert b"_utils.sealed" not in pool.submit(pickle.dumps, network).result()


def test_a_fitted_estimator_in_a_task_is_pickled_as_usual():
    fitted = KerasClassifier(epochs=1, random_state=0).fit(X, Y)
    content = pickled_in_a_task(fitted)
    assert b"_utils.sealed" not in content
    np.testing.assert_array_equal(pickle.loads(content).predict(X), fitted.predict(X))


def test_a_builder_that_only_this_program_has_travels_in_a_task():
    def build(meta, units=3):
        raise NotImplementedError

    opened = pickle.loads(pickled_in_a_task(KerasClassifier(build, model__units=5)))
    assert opened.get_params()["model__units"] == 5
    assert opened.model.__name__ == "build"
