"""Who dumps by name what another process cannot find is told so when it is dumped."""

from __future__ import annotations

import copy
import functools
import io
import pickle
import subprocess
import sys
import warnings

import cloudpickle
import joblib
import keras
import pytest
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from kerasearch import KerasClassifier
from tests.builders import build

MAIN = """
import keras
from kerasearch import KerasClassifier
def in_main(meta, units=3): ...
class OwnLoss(keras.losses.Loss): ...
class OwnCallback(keras.callbacks.Callback): ...
class OwnClassifier(KerasClassifier): ...
class Builder:
    def build(self, meta): ...
"""


@pytest.fixture
def main(monkeypatch):
    """What a user's script has defined."""
    module = sys.modules["__main__"]
    names = {"__name__": "__main__"}
    exec(MAIN, names)
    for name in ("in_main", "OwnLoss", "OwnCallback", "OwnClassifier", "Builder"):
        monkeypatch.setattr(module, name, names[name], raising=False)
    return module


def estimators(main):
    return {
        "in_main": KerasClassifier(main.in_main),
        "in_main partial": KerasClassifier(functools.partial(main.in_main, units=4)),
        "OwnLoss": KerasClassifier(build, loss=main.OwnLoss),
        "OwnCallback": KerasClassifier(build, callbacks={"a": [main.OwnCallback]}),
        "OwnClassifier": main.OwnClassifier(),
        "Builder": KerasClassifier(main.Builder().build),
    }


@pytest.mark.parametrize("dump", [joblib.dump, pickle.dump], ids=["joblib", "pickle"])
@pytest.mark.parametrize(
    "kind", ["in_main", "in_main partial", "OwnLoss", "OwnCallback", "OwnClassifier", "Builder"]
)
def test_a_dump_that_keeps_names_of_main_alone_is_warned_of(main, dump, kind):
    estimator = make_pipeline(StandardScaler(), estimators(main)[kind])
    with pytest.warns(
        UserWarning, match=rf"'{kind.split()[0]}' is defined in __main__.*cloudpickle"
    ):
        dump(estimator, io.BytesIO())


@pytest.mark.parametrize(
    "use",
    [cloudpickle.dumps, copy.deepcopy, joblib.hash, clone, repr],
    ids=lambda use: use.__name__,
)
def test_what_carries_functions_or_stays_here_is_silent(main, use):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        use(estimators(main)["in_main"])


def test_functions_of_modules_are_silent():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pickle.dumps(KerasClassifier(build, loss=keras.losses.Huber(), callbacks=[]))


@pytest.mark.long
@pytest.mark.slow
def test_a_search_in_worker_processes_of_a_script_is_silent(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import warnings; warnings.simplefilter('error', UserWarning)\n"
        "import keras\n"
        "from sklearn.datasets import load_iris\n"
        "from sklearn.model_selection import GridSearchCV\n"
        "from kerasearch import KerasClassifier\n"
        "def build(meta, units=3):\n"
        "    layers = [keras.layers.Dense(units), keras.layers.Dense(3, activation='softmax')]\n"
        "    return keras.Sequential([keras.Input((4,)), *layers])\n"
        "network = KerasClassifier(build, epochs=1, random_state=0)\n"
        "search = GridSearchCV(network, {'units': [3, 4]}, cv=2, n_jobs=2)\n"
        "print(search.fit(*load_iris(return_X_y=True)).n_splits_)\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True)
    assert done.stdout == "2\n", done.stderr
    assert "__main__" not in done.stderr
