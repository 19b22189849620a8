"""Callbacks in the compiled loop: what they see and may change, and when Keras takes over."""

from __future__ import annotations

import json
import re

import keras
import numpy as np
import pytest

from kerasearch import training
from tests.slow import long_but

from . import zoo

callbacks = keras.callbacks


def _data():
    x, y = zoo.arrays("dense")
    return x, y, (x[:21], y[:21])


def _ours(make, seed=0, epochs=6, path="compiled", build=None, **kwargs):
    x, y, held_out = _data()
    model = training.build(build or zoo.ZOO["dense"], seed)
    result = training.fit(
        model,
        x,
        y,
        batch_size=16,
        epochs=epochs,
        shuffle=False,
        validation_data=held_out,
        callbacks=make(),
        **kwargs,
    )
    assert result.path == path, result.reason
    return model, result


def _keras(make, seed=0, epochs=6, build=None):
    x, y, held_out = _data()
    model = training.build(build or zoo.ZOO["dense"], seed)
    history = model.fit(
        x,
        y,
        batch_size=16,
        epochs=epochs,
        shuffle=False,
        validation_data=held_out,
        callbacks=make(),
        verbose=0,
    )
    return model, history.history


def _assert_same(ours, theirs):
    model, result = ours
    twin, history = theirs
    assert result.history == history
    for a, b in zip(model.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


class HalveTheRate(callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        self.model.optimizer.learning_rate = self.model.optimizer.learning_rate * 0.5


class ResetWeights(callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 2:
            self.model.layers[0].kernel.assign(np.ones_like(self.model.layers[0].kernel))


class StopAfterTwo(callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = epoch == 1


EPOCH_LEVEL = {
    "early stopping": lambda: [
        callbacks.EarlyStopping(
            monitor="val_loss", patience=1, min_delta=1.0, restore_best_weights=True
        )
    ],
    "plateau": lambda: [callbacks.ReduceLROnPlateau(patience=0, min_delta=1.0, factor=0.3)],
    "schedule": lambda: [callbacks.LearningRateScheduler(lambda epoch, rate: rate / (epoch + 1))],
    "changes the learning rate": lambda: [HalveTheRate()],
    "changes weights": lambda: [ResetWeights()],
    "stops": lambda: [StopAfterTwo()],
}


@pytest.mark.parametrize("what", long_but(EPOCH_LEVEL, "changes weights"))
def test_what_an_epoch_level_callback_does_takes_effect(what):
    _assert_same(_ours(EPOCH_LEVEL[what]), _keras(EPOCH_LEVEL[what]))


@pytest.mark.slow
def test_a_moving_average_swapped_in_for_validation_is_as_in_keras():
    def make():
        return [callbacks.SwapEMAWeights(swap_on_epoch=True)]

    build = zoo.ZOO["moving_average"]
    _assert_same(_ours(make, build=build), _keras(make, build=build))


class Recorder(callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.events = []

    def _note(self, name, *args):
        self.events.append((name, *args))

    def set_params(self, params):
        super().set_params(params)
        self._note("params", {k: params[k] for k in ("epochs", "steps")})

    def on_train_begin(self, logs=None):
        self._note("train begin", logs)

    def on_epoch_begin(self, epoch, logs=None):
        self._note("epoch begin", epoch, logs)

    def on_epoch_end(self, epoch, logs=None):
        self._note("epoch end", epoch, dict(logs), self.model.layers[0].kernel.numpy().sum())

    def on_test_begin(self, logs=None):
        self._note("test begin", logs)

    def on_test_end(self, logs=None):
        self._note("test end", dict(logs))

    def on_train_end(self, logs=None):
        self._note("train end", dict(logs))


@pytest.mark.slow
def test_a_callback_sees_the_events_logs_and_weights_that_keras_shows():
    ours, theirs = Recorder(), Recorder()
    model, _ = _ours(lambda: [ours], epochs=2)
    _keras(lambda: [theirs], epochs=2)
    assert ours.events == theirs.events
    assert ours.model is model


@pytest.mark.slow
def test_what_is_set_when_training_begins_is_in_the_trace():
    class Scaled(zoo.Subclassed):
        scale = 1.0

        def call(self, x, training=False):
            return super().call(x * self.scale, training=training)

    def build():
        model = Scaled()
        model.compile("adam", "sparse_categorical_crossentropy")
        return model

    class SetScale(callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.model.scale = 3.0

    _assert_same(
        _ours(lambda: [SetScale()], build=build), _keras(lambda: [SetScale()], build=build)
    )


@pytest.mark.slow
def test_checkpoints_are_written_and_can_be_loaded(tmp_path):
    path = tmp_path / "best.keras"

    def make():
        return [callbacks.ModelCheckpoint(path, monitor="val_loss", save_best_only=True)]

    _, result = _ours(make)
    held_out = _data()[2]
    loaded = keras.models.load_model(path)
    assert loaded.evaluate(*held_out, verbose=0)[0] == pytest.approx(
        min(result.history["val_loss"]), rel=1e-5
    )
    weights = tmp_path / "{epoch}.weights.h5"
    _ours(lambda: [callbacks.ModelCheckpoint(weights, save_weights_only=True)], epochs=2)
    assert (tmp_path / "2.weights.h5").exists()


def test_csv_has_a_line_for_each_epoch(tmp_path):
    _, result = _ours(lambda: [callbacks.CSVLogger(tmp_path / "log.csv")], epochs=3)
    lines = (tmp_path / "log.csv").read_text().splitlines()
    assert lines[0].split(",") == ["epoch", *sorted(result.history)]
    assert len(lines) == 4


@pytest.mark.slow
def test_tensorboard_at_epoch_frequency_needs_no_batches(tmp_path):
    pytest.importorskip("tensorboard")
    _ours(lambda: [callbacks.TensorBoard(tmp_path)], epochs=2)
    assert list(tmp_path.glob("train/events*"))
    reason = _ours(
        lambda: [callbacks.TensorBoard(tmp_path, update_freq=1)], epochs=1, path="model.fit"
    )[1].reason
    assert reason == "callback TensorBoard writes every 1 batches"


class Crash(callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        if epoch == 1:
            raise ConnectionError("the power failed")


def test_a_fit_that_crashed_continues_exactly_from_its_backup(tmp_path):
    x, y, _ = _data()
    whole = training.build(zoo.ZOO["dense"], 0)
    expected = training.fit(whole, x, y, epochs=4, seed=3).history["loss"]

    def backup():
        return callbacks.BackupAndRestore(tmp_path)

    crashed = training.build(zoo.ZOO["dense"], 0)
    with pytest.raises(ConnectionError):
        training.fit(crashed, x, y, epochs=4, seed=3, callbacks=[backup(), Crash()])
    model = training.build(zoo.ZOO["dense"], 9)
    result = training.fit(model, x, y, epochs=4, seed=3, callbacks=[backup()])
    assert result.history["loss"] == expected[2:]
    for a, b in zip(model.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


class EveryBatch(callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.seen = 0

    def on_train_batch_end(self, batch, logs=None):
        self.seen += 1


NEED_BATCHES = {
    "callback TerminateOnNaN overrides on_batch_end": callbacks.TerminateOnNaN,
    "callback EveryBatch overrides on_train_batch_end": EveryBatch,
    "callback LambdaCallback overrides on_train_batch_begin": lambda: callbacks.LambdaCallback(
        on_train_batch_begin=lambda batch, logs: None
    ),
}


@pytest.mark.parametrize(
    "reason", long_but(NEED_BATCHES, "callback EveryBatch overrides on_train_batch_end")
)
@pytest.mark.parametrize("shuffle", [pytest.param(False, marks=pytest.mark.slow), True])
@pytest.mark.parametrize("name", long_but(["dropout", "lazily_built"], "dropout"))
def test_a_callback_that_needs_batches_changes_the_path_and_no_number(reason, shuffle, name):
    x, y, held_out = _data()
    results, models = [], []
    for added in ([], [NEED_BATCHES[reason]()]):
        models.append(training.build(zoo.ZOO[name], 1))
        results.append(
            training.fit(
                models[-1],
                x,
                y,
                epochs=3,
                batch_size=16,
                shuffle=shuffle,
                seed=5,
                validation_data=held_out,
                callbacks=added,
            )
        )
    assert [r.path for r in results] == ["compiled", "model.fit"]
    assert results[1].reason == reason
    assert results[0].history == results[1].history
    for a, b in zip(models[0].get_weights(), models[1].get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.slow
def test_a_lambda_callback_of_epochs_needs_no_batches():
    seen = []
    _ours(
        lambda: [callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(epoch))],
        epochs=2,
    )
    assert seen == [0, 1]


class OwnFit(zoo.Subclassed):
    def fit(self, *args, **kwargs):
        return super().fit(*args, **kwargs)


class OwnTestFunction(zoo.Subclassed):
    def make_test_function(self, force=False):
        return super().make_test_function(force)


def _compiled(cls):
    def build():
        model = cls()
        model.compile("adam", "sparse_categorical_crossentropy")
        return model

    return build


@pytest.mark.parametrize(
    ("build", "reason"),
    [
        (lambda: zoo.small(run_eagerly=True), "run_eagerly=True"),
        (_compiled(OwnFit), "the model overrides fit"),
        pytest.param(
            _compiled(OwnTestFunction),
            "the model overrides make_test_function",
            marks=pytest.mark.slow,
        ),
    ],
)
@pytest.mark.slow
def test_models_with_a_loop_of_their_own_go_through_keras(build, reason):
    _, result = _ours(list, epochs=2, build=build, path="model.fit")
    assert reason in result.reason


def test_an_error_of_the_user_is_the_one_that_keras_shows():
    x, y, _ = _data()
    model = training.build(zoo.ZOO["dense"], 0)
    with pytest.raises(ValueError, match="expected axis -1 of input shape to have value 6"):
        training.fit(model, x[:, :4], y)


def test_verbose_1_shows_a_bar_and_verbose_2_a_line_each_epoch(capsys):
    _ours(list, epochs=2, verbose=1)
    bars = capsys.readouterr().out
    assert "Epoch 1/2" in bars
    assert "6/6" in bars
    assert re.search(r"accuracy: \d\.\d+ - loss: \d\.\d+ - val_accuracy", bars)
    _ours(list, epochs=2, verbose=2)
    lines = [line for line in capsys.readouterr().out.splitlines() if "loss" in line]
    assert len(lines) == 2
    assert lines[0].startswith("6/6 - ")


def test_history_can_be_written_as_json():
    _, result = _ours(list, epochs=1)
    assert json.loads(json.dumps(result.history)) == result.history
