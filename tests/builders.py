"""Model-building functions and custom Keras objects, importable so that they pickle."""

from __future__ import annotations

import keras


def build(meta, units=8, activation="tanh"):
    """Uncompiled, one hyperparameter with a default more than the estimator fills in."""
    inputs = keras.Input(meta["X_shape_"][1:])
    hidden = keras.layers.Dense(units, activation=activation)(inputs)
    return keras.Model(inputs, _output(meta)(hidden))


def build_compiled(meta, units=8):
    """Compiles itself and takes neither compile_kwargs nor params."""
    model = build(meta, units)
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


def build_with_compile_kwargs(meta, compile_kwargs, units=8):
    model = build(meta, units)
    model.compile(**compile_kwargs)
    return model


def build_required(meta, units):
    return build(meta, units)


def build_anything(meta, **kwargs):
    return build(meta, kwargs.get("units", 8))


def build_lazily(meta, units=8):
    """A Sequential without an Input layer: its weights are made at the first call."""
    return keras.Sequential([keras.layers.Dense(units, activation="relu"), _output(meta)])


class Scale(keras.layers.Layer):
    """A custom layer that is registered nowhere."""

    def __init__(self, factor=1.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def build(self, shape):
        self.gain = self.add_weight(shape=(shape[-1],), initializer="ones", name="gain")

    def call(self, x):
        return x * self.gain * self.factor

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


class FocalLoss(keras.losses.Loss):
    """A custom loss without get_config, registered nowhere."""

    def __init__(self, gamma=2.0):
        super().__init__(name="focal")
        self.gamma = gamma

    def call(self, y_true, y_pred):
        y_true = keras.ops.one_hot(keras.ops.cast(y_true[:, 0], "int32"), y_pred.shape[-1])
        p = keras.ops.sum(y_true * y_pred, axis=-1)
        return -((1 - p) ** self.gamma) * keras.ops.log(p + 1e-7)


def build_custom(meta, units=8):
    inputs = keras.Input(meta["X_shape_"][1:])
    hidden = keras.layers.Dense(units, activation="relu")(inputs)
    return keras.Model(inputs, _output(meta)(Scale(0.5)(hidden)))


class Subclassed(keras.Model):
    """A subclassed model, whose layers are built at the first call."""

    def __init__(self, units, output):
        super().__init__()
        self.hidden = keras.layers.Dense(units, activation="relu")
        self.out = output

    def call(self, x):
        return self.out(self.hidden(x))


def build_subclassed(meta, units=8):
    return Subclassed(units, _output(meta))


class Builder:
    """A callable object, and a bound method, that build."""

    def __call__(self, meta, units=8):
        return build(meta, units)

    def method(self, meta, width=8):
        return build(meta, width)


def _output(meta):
    if meta["target_type_"] == "binary":
        return keras.layers.Dense(1, activation="sigmoid")
    if meta["target_type_"].startswith("continuous"):
        return keras.layers.Dense(meta["n_outputs_"])
    activation = "softmax" if meta["target_type_"] == "multiclass" else "sigmoid"
    return keras.layers.Dense(meta["n_classes_"], activation=activation)


def build_named_like_parameters(
    meta,
    model=1,
    optimizer=1,
    loss=1,
    metrics=1,
    epochs=1,
    batch_size=1,
    validation_split=1,
    validation_batch_size=1,
    callbacks=1,
    inputs=1,
    loader=1,
    loader_workers=1,
    output_to_prediction=1,
    allow_nan=1,
    class_weight=1,
    shuffle=1,
    warm_start=1,
    run_eagerly=1,
    jit_compile=1,
    store=1,
    random_state=1,
    verbose=1,
    compiled=False,
):
    """Every parameter of the estimator is an argument too; each that is 3 widens a layer of 4."""
    units = 4 + sum(value == 3 for name, value in locals().items() if name != "meta")
    return build_compiled(meta, units) if compiled else build(meta, units)


def create_model(optimizer="rmsprop", learning_rate=0.5, loss="sparse_categorical_crossentropy"):
    """As in tutorials: for one set of data, compiled, and its arguments say with what."""
    inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(inputs))
    optimizer = keras.optimizers.get(optimizer)
    optimizer.learning_rate = learning_rate
    model.compile(optimizer, loss)
    return model
