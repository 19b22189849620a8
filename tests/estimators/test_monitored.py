"""A callback that monitors what there will not be is an error before training."""

from __future__ import annotations

import re

import keras
import numpy as np
import pytest

from kerasearch import KerasClassifier
from tests.backends import with_log

X = np.random.default_rng(0).normal(size=(40, 3)).astype("float32")
Y = (X[:, 0] > 0).astype(int)
EarlyStopping = keras.callbacks.EarlyStopping


def classifier(*callbacks, model=None, **params):
    return KerasClassifier(
        model, callbacks=list(callbacks), **{"epochs": 2, "random_state": 0, **params}
    )


class Renamed(EarlyStopping):
    """Changes nothing of what is monitored."""


@pytest.mark.parametrize(
    ("callback", "params", "parts"),
    [
        (
            EarlyStopping("val_accuracy"),
            {},
            ("EarlyStopping monitors 'val_accuracy'", "'loss'", "validation_split", "['accuracy']"),
        ),
        (EarlyStopping("val_accuracy"), {"metrics": ["accuracy"]}, ("no validation rows; set",)),
        (
            EarlyStopping("val_accuracy", mode="max"),
            {"validation_split": 0.25},
            ("'loss', 'val_loss'; record it with metrics=['accuracy']",),
        ),
        (EarlyStopping(), {}, ("monitors 'val_loss'", "validation_split=0.2", "X_val and y_val")),
        (keras.callbacks.ReduceLROnPlateau(), {}, ("ReduceLROnPlateau monitors 'val_loss'",)),
        (Renamed("los"), {}, ("Renamed monitors 'los'", "did you mean loss?")),
        (
            EarlyStopping("val_accuracy"),
            {"metrics": ["acc"], "validation_split": 0.25},
            ("'val_acc'", "did you mean val_acc"),
        ),
        (
            keras.callbacks.ModelCheckpoint("x.keras", monitor="val_auc", save_best_only=True),
            {"metrics": ["AUC"], "validation_split": 0.25},
            ("ModelCheckpoint monitors 'val_auc'", "did you mean val_AUC"),
        ),
    ],
)
def test_what_there_will_not_be_is_named_with_what_there_is(callback, params, parts):
    estimator = classifier(callback, **params)
    with pytest.raises(ValueError, match=".*".join(map(re.escape, parts))):
        estimator.fit(X, Y)
    assert not hasattr(estimator, "model_")


def test_callbacks_of_the_call_and_of_partial_fit_are_checked_too():
    for call in (classifier().fit, classifier().partial_fit):
        with pytest.raises(ValueError, match="monitors 'val_loss'"):
            call(X, Y, callbacks=[EarlyStopping()])


WEIGHTED = {"metrics": ["accuracy"], "compile__weighted_metrics": ["accuracy"]}


def compiled_with(*metrics):
    def build():
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, "sigmoid")])
        model.compile(
            "adam",
            "binary_crossentropy",
            metrics=[metric() if isinstance(metric, type) else metric for metric in metrics],
        )
        return model

    return build


@pytest.mark.parametrize(
    ("callback", "params"),
    [
        (EarlyStopping("val_loss"), {"validation_split": 0.25}),
        (EarlyStopping("val_area"), {"model": compiled_with(keras.metrics.AUC(name="area"))}),
        (EarlyStopping("val_auc"), {"model": compiled_with(keras.metrics.AUC)}),
        (EarlyStopping("mean_squared_error"), {"metrics": [keras.losses.mean_squared_error]}),
        (EarlyStopping("weighted_accuracy", mode="max"), WEIGHTED),
        (keras.callbacks.ModelCheckpoint("never.keras", save_freq=10**6), {}),
    ],
    ids=["val_loss", "named", "default name", "function", "weighted", "every epoch"],
)
def test_what_there_will_be_is_no_error(callback, params):
    fitted = classifier(callback, **{"validation_split": 0.25, **params}).fit(X, Y)
    if not isinstance(callback, keras.callbacks.ModelCheckpoint):
        assert callback.monitor in fitted.history_


class OwnStep(keras.Sequential):
    def train_step(self, *given):
        return with_log(super().train_step(*given), mine=keras.ops.convert_to_tensor(1.0))


class Adds(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        logs["mine"] = 1.0


@pytest.mark.slow
def test_logs_that_nobody_knows_are_left_alone():
    def own():
        model = OwnStep([keras.Input((3,)), keras.layers.Dense(1, "sigmoid")])
        model.compile("adam", "binary_crossentropy")
        return model

    stopping = EarlyStopping("mine", mode="max", patience=2)
    assert classifier(stopping, model=own, epochs=5).fit(X, Y).n_epochs_ == 3
    assert classifier(Adds(), stopping, epochs=5).fit(X, Y).n_epochs_ == 3
    rate = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate)
    by_rate = EarlyStopping("learning_rate", mode="max", patience=2)
    assert classifier(rate, by_rate, epochs=5).fit(X, Y).n_epochs_ == 3


@pytest.mark.slow
def test_the_outputs_of_a_model_have_quantities_of_their_own():
    def two():
        inputs = keras.Input((3,))
        a = keras.layers.Dense(2, "softmax", name="a")(inputs)
        return keras.Model(inputs, [a, keras.layers.Dense(3, "softmax", name="b")(inputs)])

    y = np.column_stack([Y, np.arange(40) % 3])
    params = {"model": two, "metrics": {"a": ["accuracy"]}}
    with pytest.raises(ValueError, match="'loss', 'a_accuracy'.*'b_loss'.*did you mean"):
        classifier(EarlyStopping("accuracy_a"), **params).fit(X, y)
    fitted = classifier(EarlyStopping("a_accuracy", mode="max"), **params).fit(X, y)
    assert "a_accuracy" in fitted.history_
