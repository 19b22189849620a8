"""What changes the outcome is another fit; what does not is the same one."""

from __future__ import annotations

import os
import subprocess
import sys
import types
from pathlib import Path

import keras
import numpy as np
import pytest

from kerasearch import FitStore, KerasClassifier
from kerasearch.training.fingerprint import fingerprint_of_training

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
    ids=lambda settings: ", ".join(settings),  # an address would be another in each process
)
def test_another_setting_is_another_fit(store, data, settings):
    assert not is_known(store, *data, **settings)
    assert is_known(store, *data)


def test_a_byte_of_the_data_the_order_and_a_weight_count(store, data):
    X, y = data
    changed = X.copy()
    changed[3, 1] = np.nextafter(changed[3, 1], np.float32(2))
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


@pytest.mark.long
@pytest.mark.slow
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


class Repeats(keras.layers.Layer):
    def __init__(self, history, **kwargs):
        super().__init__(**kwargs)
        self.history = history  # as Keras calls something of its own, on a model

    def call(self, x):
        return x * self.history


def build_repeats(meta, history=1.0):
    inputs = keras.Input((meta["n_features_in_"],))
    outputs = keras.layers.Dense(meta["n_classes_"], "softmax")(Repeats(history)(inputs))
    return keras.Model(inputs, outputs)


class Slows(keras.callbacks.Callback):
    def __init__(self, history):
        super().__init__()
        self.history = history

    def on_epoch_begin(self, epoch, logs=None):
        self.model.optimizer.learning_rate = 0.01 * self.history


@pytest.mark.slow
def test_an_attribute_that_keras_has_on_other_classes_counts(store, data):
    assert not is_known(store, *data, model=build_repeats)
    assert not is_known(store, *data, model=build_repeats, model__history=2.0)
    assert is_known(store, *data, model=build_repeats)
    assert not is_known(store, *data, callbacks=Slows(1.0))
    assert not is_known(store, *data, callbacks=Slows(2.0))
    assert is_known(store, *data, callbacks=Slows(1.0))


RATE = keras.Variable(0.1)


class ReadsRate(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        self.model.optimizer.learning_rate = float(RATE.value)


class WatchesBatches(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        pass


def loss_with_rate(y_true, y_pred):
    return keras.losses.sparse_categorical_crossentropy(y_true, y_pred) * RATE


def test_the_value_of_a_variable_that_a_callback_reads_counts(store, data):
    RATE.assign(0.1)
    assert not is_known(store, *data, callbacks=ReadsRate())
    assert is_known(store, *data, callbacks=ReadsRate())
    RATE.assign(0.5)
    assert not is_known(store, *data, callbacks=ReadsRate())


@pytest.mark.slow
@pytest.mark.parametrize("settings", [{"run_eagerly": True}, {"callbacks": WatchesBatches()}])
def test_a_model_that_reads_a_variable_of_something_else_is_not_stored(store, data, settings):
    settings["loss"] = loss_with_rate
    with pytest.warns(UserWarning, match="not stored in .* of something else"):
        assert not is_known(store, *data, **settings)
    assert not is_known(store, *data, **settings)
    assert len(store) == 1


@pytest.mark.tensorflow("an option of TensorFlow's optimizer of graphs")
def test_limits_and_switches_of_the_process_count(store, data):
    import tensorflow as tf

    options = tf.config.optimizer
    options.set_experimental_options({"disable_meta_optimizer": True})
    assert not is_known(store, *data)
    options.set_experimental_options({"disable_meta_optimizer": False})
    assert is_known(store, *data)


def test_a_limit_on_epochs_makes_fits_unlike_stored_ones(store, data, monkeypatch):
    monkeypatch.setattr(keras.config, "max_epochs", lambda: 1)
    with pytest.warns(UserWarning, match="limits epochs or steps"):
        assert not is_known(store, *data)
    assert len(store) == 1


def loss_by_name(y_true, y_pred):
    factor = getattr(settings_module, "FACTOR")  # noqa: B009
    return keras.losses.sparse_categorical_crossentropy(y_true, y_pred) * factor


settings_module = types.ModuleType("settings_of_a_user")
settings_module.FACTOR = 1.0


def test_a_global_that_is_read_by_its_name_in_a_text_counts(store, data, monkeypatch):
    assert not is_known(store, *data, loss=loss_by_name)
    assert is_known(store, *data, loss=loss_by_name)
    monkeypatch.setattr(settings_module, "FACTOR", 2.0)
    assert not is_known(store, *data, loss=loss_by_name)


def loss_from_file(y_true, y_pred):
    factor = float(FILE.read_text())
    return keras.losses.sparse_categorical_crossentropy(y_true, y_pred) * factor


class Saves(keras.callbacks.Callback):
    def on_train_end(self, logs=None):
        self.model.save_weights(FILE)


FILE = Path("factor")


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"loss": loss_from_file}, "uses read_text"),
        ({"callbacks": Saves()}, "uses save_weights"),
    ],
)
@pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
)
def test_code_that_reads_or_writes_files_is_not_stored(
    store, data, settings, match, tmp_path, monkeypatch
):
    monkeypatch.setattr(sys.modules[__name__], "FILE", tmp_path / "some.weights.h5")
    FILE.write_text("1")
    with pytest.warns(UserWarning, match=match):
        assert not is_known(store, *data, **settings)
    assert not is_known(store, *data, **settings)


class Doubled(keras.losses.Loss):
    def call(self, y_true, y_pred):
        return keras.losses.sparse_categorical_crossentropy(y_true, y_pred) * 2.0


def test_a_loss_made_again_is_the_same_loss(store, data):
    assert not is_known(store, *data, loss=Doubled())
    assert is_known(store, *data, loss=Doubled())  # which Keras names doubled_1


def test_an_optimizer_with_a_pattern_is_stored(store, data):
    def optimizer():
        made = keras.optimizers.AdamW(0.01)
        made.exclude_from_weight_decay(var_names=["bias"])
        return made

    def build_compiled(meta):
        model = build(meta)
        model.compile(optimizer(), "sparse_categorical_crossentropy")
        return model

    assert not is_known(store, *data, model=build_compiled)
    assert is_known(store, *data, model=build_compiled)


def build_around(meta, layer):
    copy = type(layer).from_config(layer.get_config())
    out = keras.layers.Dense(meta["n_classes_"], "softmax")
    return keras.Sequential([keras.Input((meta["n_features_in_"],)), copy, out])


def test_a_layer_that_is_made_again_under_another_counted_name_is_the_same(store, data):
    for known in (False, True):
        layer = keras.layers.Dense(5)
        assert is_known(store, *data, model=build_around, model__layer=layer) is known


def test_counted_names_count_where_the_optimizer_goes_by_them(store, data):
    def decaying(meta, layer):
        model = build_around(meta, layer)
        optimizer = keras.optimizers.AdamW(weight_decay=0.5)
        optimizer.exclude_from_weight_decay(var_names=["dense_77"])
        model.compile(optimizer, "sparse_categorical_crossentropy")
        return model

    for name in ("dense_77", "dense_78"):
        layer = keras.layers.Dense(5, name=name)
        assert not is_known(store, *data, model=decaying, model__layer=layer)


def test_columns_of_several_outputs_keep_their_names():
    def digest(*names):
        inputs = keras.Input((3,))
        model = keras.Model(inputs, [keras.layers.Dense(1, name=n)(inputs) for n in names])
        model.compile("sgd", ["mse"] * len(names))
        return fingerprint_of_training(model).digest

    assert digest("dense_77") == digest("dense_78")
    assert digest("dense_77", "b") != digest("dense_78", "b")


def build_with_vocabulary(meta, words):
    inputs = keras.Input((meta["n_features_in_"],))
    index = keras.layers.IntegerLookup(vocabulary=words, output_mode="multi_hot")
    hidden = index(keras.ops.cast(inputs * 3, "int64"))
    return keras.Model(inputs, keras.layers.Dense(meta["n_classes_"], "softmax")(hidden))


@pytest.mark.tensorflow("text and lookup layers are TensorFlow's alone")
def test_the_contents_of_a_lookup_table_count(store, data):
    for words, known in [([0, 1], False), ([0, 2], False), ([2, 0], False), ([0, 1], True)]:
        settings = {"model": build_with_vocabulary, "model__words": words}
        assert is_known(store, *data, **settings) is known


OUTER = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2), keras.layers.Dropout(0.5)])


def build_on_outer(meta):
    inputs = keras.Input((meta["n_features_in_"],))
    return keras.Model(inputs, keras.layers.Dense(meta["n_classes_"], "softmax")(OUTER(inputs)))


def test_the_weights_of_a_layer_from_outside_count(store, data):
    assert not is_known(store, *data, model=build_on_outer)
    assert is_known(store, *data, model=build_on_outer)
    OUTER.set_weights([2 * weight for weight in OUTER.get_weights()])
    assert not is_known(store, *data, model=build_on_outer)
