"""Estimators of many kinds, with data, that must go from one backend to another by pickle."""

from __future__ import annotations

import keras
import numpy as np
from keras import layers

from kerasearch import KerasClassifier, KerasRegressor, KerasTransformer

from . import builders

N = 60


def network(*middle, shape):
    return keras.Sequential([keras.Input(shape), *middle, layers.Dense(3, activation="softmax")])


def convolution():
    return network(layers.Conv2D(4, 3), layers.MaxPooling2D(), layers.Flatten(), shape=(8, 8, 1))


def recurrent():
    return network(layers.LSTM(6, dropout=0.1), shape=(7, 4))


def embedding():
    return network(layers.Embedding(20, 4), layers.GlobalAveragePooling1D(), shape=(5,))


def attention():
    inputs = keras.Input((7, 4))
    attended = layers.MultiHeadAttention(2, 4)(inputs, inputs)
    pooled = layers.GlobalAveragePooling1D()(layers.LayerNormalization()(attended))
    return keras.Model(inputs, layers.Dense(3, activation="softmax")(pooled))


def normalized(X):
    """Is not built again where it is loaded, since it was built from the rows of a fit."""
    scale = layers.Normalization()
    scale.adapt(X)
    return network(scale, layers.BatchNormalization(), layers.Dense(8), shape=(4,))


def averaged():
    return keras.optimizers.SGD(0.1, momentum=0.9, use_ema=True, ema_momentum=0.5)


def rows_of(name):
    rng = np.random.default_rng(0)
    shape = {"convolution": (8, 8, 1), "embedding": (5,), "default": (4,)}.get(name, (4,))
    if name in ("LSTM", "attention"):
        shape = (7, 4)
    X = rng.normal(size=(N, *shape))
    if name == "embedding":
        X = rng.integers(20, size=(N, *shape))
    return X, rng.integers(3, size=N)


def estimators():
    """All of them, not fitted."""
    common = {"epochs": 2, "random_state": 0}
    return {
        "default": KerasClassifier(dropout=0.2, batch_norm=True, **common),
        "convolution": KerasClassifier(convolution, **common),
        "LSTM": KerasClassifier(recurrent, **common),
        "embedding": KerasClassifier(embedding, **common),
        "attention": KerasClassifier(attention, **common),
        "normalization": KerasClassifier(normalized, **common),
        "moving average": KerasClassifier(optimizer=averaged(), **common),
        "custom layer and loss": KerasClassifier(
            builders.build_custom, loss=builders.FocalLoss(gamma=1.5), **common
        ),
        "subclass": KerasClassifier(builders.build_subclassed, **common),
        "callback": KerasClassifier(
            validation_split=0.2, callbacks=[keras.callbacks.EarlyStopping("val_loss")], **common
        ),
        "regressor": KerasRegressor(**common),
        "transformer": KerasTransformer(**common),
    }


def outcome(name, fitted):
    """What a fitted estimator makes of its rows."""
    X, _ = rows_of(name)
    if isinstance(fitted, KerasClassifier):
        return fitted.predict_proba(X)
    return fitted.transform(X) if isinstance(fitted, KerasTransformer) else fitted.predict(X)
