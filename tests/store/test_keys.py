"""What changes the outcome is another fit; what does not is the same one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from kerasearch import FitStore, KerasClassifier

FACTOR = 1.0


class Scale(keras.layers.Layer):
    def __init__(self, by=1.0, **kwargs):
        super().__init__(**kwargs)
        self.by = by

    def call(self, x):
        return x * self.by * FACTOR


def loss(y_true, y_pred):
    return keras.losses.sparse_categorical_crossentropy(y_true, y_pred) * FACTOR


def build(meta, by=1.0):
    inputs = keras.Input((meta["n_features_in_"],))
    outputs = keras.layers.Dense(meta["n_classes_"], "softmax")(Scale(by)(inputs))
    return keras.Model(inputs, outputs)


def network(store, **settings):
    return KerasClassifier(
        **{"model": build, "epochs": 1, "random_state": 0, **settings}, store=store
    )


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    return rng.random((30, 3)).astype("float32"), np.arange(30) % 2


@pytest.fixture
def store(data):
    store = FitStore()
    network(store).fit(*data)
    return store


def is_known(store, *data, sample_weight=None, **settings):
    fitted = network(store, **settings).fit(*data, sample_weight=sample_weight)
    return fitted.n_epochs_trained_ == 0


@pytest.mark.parametrize(
    "settings",
    [
        {"random_state": 1},
        {"batch_size": 16},
        {"shuffle": False},
        {"by": 2.0},
        {"optimizer": "sgd"},
        {"optimizer__learning_rate": 0.002},
        {"loss": loss},
        {"validation_split": 0.2},
        {"metrics": ["accuracy"]},
        {"class_weight": {0: 1, 1: 2}},
        {"callbacks": keras.callbacks.EarlyStopping("loss")},
        {"fit__initial_epoch": 0, "epochs": 2},
        {"run_eagerly": True},
    ],
    ids=str,
)
def test_another_setting_is_another_fit(store, data, settings):
    assert not is_known(store, *data, **settings)
    assert is_known(store, *data)


def test_a_byte_of_the_data_the_order_and_a_weight_count(store, data):
    X, y = data
    changed = X.copy()
    changed[3, 1] = np.nextafter(changed[3, 1], 2)
    assert not is_known(store, changed, y)
    assert not is_known(store, X[::-1], y[::-1])
    relabeled = y.copy()
    relabeled[[0, 1]] = 1, 0
    assert not is_known(store, X, relabeled)
    weight = np.ones(30)
    weight[0] = 1.5
    assert not is_known(store, X, y, sample_weight=weight)
    assert is_known(store, X, y)


def test_an_edited_layer_loss_or_a_global_that_they_read_counts(store, data, monkeypatch):
    assert not is_known(store, *data, loss=loss)
    assert is_known(store, *data, loss=loss)
    with monkeypatch.context() as patch:
        patch.setattr(sys.modules[__name__], "FACTOR", 2.0)
        assert not is_known(store, *data, loss=loss)
    with monkeypatch.context() as patch:
        patch.setattr(Scale, "call", lambda self, x: x * self.by + 1.0)
        assert not is_known(store, *data)
    assert is_known(store, *data)


def test_another_version_counts(store, data, monkeypatch):
    monkeypatch.setattr(keras, "version", lambda: "3.99.0")
    assert not is_known(store, *data)


def test_names_copies_layout_and_verbosity_do_not_count(store, data, capsys):
    X, y = data
    frozen = X.copy()
    frozen.flags.writeable = False
    wide = np.zeros((30, 6), "float32")
    wide[:, ::2] = X
    assert is_known(store, frozen, y)
    assert is_known(store, wide[:, ::2], y)
    assert is_known(store, np.asfortranarray(X), y)
    assert is_known(store, X.astype("float64"), y)
    assert is_known(store, X, y, verbose=2)
    keras.layers.Dense(3)  # the process counts names; each fit begins from the first
    assert is_known(store, X, y)
    assert is_known(store, X, np.array(["a", "b"])[y])  # the classes' names are no numbers


def test_a_fresh_process_finds_the_same_fit(data, tmp_path):
    X, y = data
    np.savez(tmp_path / "data.npz", X=X, y=y)
    code = (
        "import numpy as np\n"
        "from tests.store import test_keys\n"
        f"data = np.load({str(tmp_path / 'data.npz')!r})\n"
        f"fitted = test_keys.network({str(tmp_path / 'runs')!r}, loss=test_keys.loss)\n"
        "print(fitted.fit(data['X'], data['y']).n_epochs_trained_)\n"
    )
    root = Path(__file__).parents[2]
    for seed, expected in (("1", "1"), ("2", "0")):
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            cwd=root,
            env={**os.environ, "PYTHONHASHSEED": seed},
        )
        assert done.stdout.strip() == expected, done.stderr
