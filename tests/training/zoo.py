"""Models of every kind that the compiled loop must train as ``model.fit`` does.

Each entry of ZOO makes a compiled model; `arrays` gives the data that goes with it.
"""

from __future__ import annotations

import inspect

import keras
import numpy as np
from keras import layers, ops

N = 83  # a last batch of 3 with batches of 16
ZOO = {}
DATA = {}
FIT = {}


def entry(data, **fit):
    def register(function):
        name = function.__name__
        ZOO[name], DATA[name], FIT[name] = function, data, fit
        return function

    return register


def arrays(name, N=N):
    """The rows and targets that a model of the zoo takes."""
    kind = DATA[name]
    rng = np.random.default_rng(0)
    y = rng.integers(3, size=N)
    return {
        "rows": lambda: (rng.normal(size=(N, 6)), y),
        "binary": lambda: (rng.normal(size=(N, 6)), rng.integers(2, size=N)),
        "values": lambda: (rng.normal(size=(N, 6)), rng.normal(size=(N, 2))),
        "images": lambda: (rng.normal(size=(N, 8, 8, 1)), y),
        "sequences": lambda: (rng.normal(size=(N, 7, 4)), y),
        "tokens": lambda: (rng.integers(20, size=(N, 5)), y),
        "two inputs": lambda: ([rng.normal(size=(N, 6)), rng.normal(size=(N, 3))], y),
        "named inputs": lambda: ({"a": rng.normal(size=(N, 6)), "b": rng.normal(size=(N, 3))}, y),
        "two outputs": lambda: (rng.normal(size=(N, 6)), [y, rng.normal(size=N)]),
        "named outputs": lambda: (rng.normal(size=(N, 6)), {"c": y, "r": rng.normal(size=N)}),
    }[kind]()


def classifier(*middle, shape=(6,), optimizer="adam", loss=None, metrics=("accuracy",), **compile_):
    model = keras.Sequential([keras.Input(shape), *middle, layers.Dense(3, activation="softmax")])
    model.compile(
        optimizer, loss or "sparse_categorical_crossentropy", metrics=list(metrics), **compile_
    )
    return model


def small(**kwargs):
    return classifier(layers.Dense(8, activation="relu"), **kwargs)


@entry("rows")
def dense():
    return small()


@entry("rows")
def batch_normalization():
    return classifier(layers.Dense(8), layers.BatchNormalization(), layers.ReLU())


if "renorm" in inspect.signature(layers.BatchNormalization).parameters:  # not in Keras 3.10

    @entry("rows")
    def renormalization():
        return classifier(layers.Dense(8), layers.BatchNormalization(renorm=True), layers.ReLU())


@entry("rows")
def layer_normalization():
    return classifier(layers.Dense(8), layers.LayerNormalization(), layers.UnitNormalization())


@entry("rows")
def dropout():
    return classifier(layers.Dense(16, activation="relu"), layers.Dropout(0.3))


@entry("rows")
def noise():
    return classifier(layers.GaussianNoise(0.1), layers.Dense(8), layers.GaussianDropout(0.2))


@entry("images")
def conv_2d():
    return classifier(
        layers.Conv2D(4, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.Flatten(),
        shape=(8, 8, 1),
    )


@entry("images")
def separable_conv_2d():
    return classifier(
        layers.SeparableConv2D(4, 3, activation="relu"),
        layers.GlobalAveragePooling2D(),
        shape=(8, 8, 1),
    )


@entry("images")
def augmentation():
    return classifier(
        layers.RandomFlip("horizontal"), layers.Flatten(), layers.Dense(8), shape=(8, 8, 1)
    )


@entry("sequences")
def conv_1d():
    return classifier(
        layers.Conv1D(4, 3, activation="relu"), layers.GlobalMaxPooling1D(), shape=(7, 4)
    )


@entry("sequences")
def lstm():
    return classifier(layers.LSTM(5), shape=(7, 4))


@entry("sequences")
def gru_with_dropout():
    return classifier(
        layers.GRU(5, return_sequences=True, dropout=0.2, recurrent_dropout=0.1),
        layers.GlobalAveragePooling1D(),
        shape=(7, 4),
    )


@entry("sequences")
def bidirectional():
    return classifier(layers.Bidirectional(layers.SimpleRNN(4)), shape=(7, 4))


@entry("tokens")
def embedding():
    return classifier(
        layers.Embedding(20, 4, mask_zero=True), layers.LSTM(4), shape=(5,), optimizer="rmsprop"
    )


@entry("sequences")
def attention():
    inputs = keras.Input((7, 4))
    attended = layers.MultiHeadAttention(2, 3, dropout=0.1)(inputs, inputs)
    pooled = layers.GlobalAveragePooling1D()(layers.LayerNormalization()(inputs + attended))
    model = keras.Model(inputs, layers.Dense(3, activation="softmax")(pooled))
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


@entry("two inputs")
def two_inputs():
    a, b = keras.Input((6,)), keras.Input((3,))
    joined = layers.Concatenate()([layers.Dense(5)(a), layers.Dense(5)(b)])
    model = keras.Model([a, b], layers.Dense(3, activation="softmax")(joined))
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


@entry("named inputs")
def named_inputs():
    a, b = keras.Input((6,), name="a"), keras.Input((3,), name="b")
    joined = layers.Concatenate()([layers.Dense(5)(a), layers.Dense(5)(b)])
    model = keras.Model({"a": a, "b": b}, layers.Dense(3, activation="softmax")(joined))
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


@entry("two outputs")
def two_outputs():
    inputs = keras.Input((6,))
    hidden = layers.Dense(8, activation="relu")(inputs)
    model = keras.Model(
        inputs, [layers.Dense(3, activation="softmax", name="c")(hidden), layers.Dense(1)(hidden)]
    )
    model.compile(
        "adam",
        ["sparse_categorical_crossentropy", "mse"],
        loss_weights=[1.0, 0.3],
        metrics=[["accuracy"], ["mae"]],
    )
    return model


@entry("named outputs")
def named_outputs():
    inputs = keras.Input((6,))
    hidden = layers.Dense(8, activation="relu")(inputs)
    model = keras.Model(
        inputs,
        {
            "c": layers.Dense(3, activation="softmax", name="c")(hidden),
            "r": layers.Dense(1, name="r")(hidden),
        },
    )
    model.compile(
        "adam",
        {"c": "sparse_categorical_crossentropy", "r": "mse"},
        loss_weights={"c": 1.0, "r": 0.3},
        metrics={"c": ["accuracy"]},
    )
    return model


@entry("rows")
def shared_layer():
    inputs = keras.Input((6,))
    shared = layers.Dense(6, activation="tanh")
    model = keras.Model(inputs, layers.Dense(3, activation="softmax")(shared(shared(inputs))))
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


@entry("rows")
def nested_model():
    inner = keras.Sequential([keras.Input((6,)), layers.Dense(5, activation="relu")])
    return classifier(inner, layers.Dropout(0.1))


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.hidden = layers.Dense(8, activation="relu")
        self.drop = layers.Dropout(0.2)
        self.out = layers.Dense(3, activation="softmax")

    def call(self, x, training=False):
        return self.out(self.drop(self.hidden(x), training=training))


@entry("rows")
def subclassed():
    model = Subclassed()
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


@entry("rows")
def lazily_built():
    model = keras.Sequential([layers.Dense(8), layers.Dense(3, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


class OwnTrainStep(Subclassed):
    """Written for the backend, as such steps are."""

    if keras.backend.backend() == "jax":

        def train_step(self, state, data):
            import jax

            weights, others, optimizer, metrics = state
            gradient = jax.value_and_grad(self.compute_loss_and_updates, has_aux=True)
            (loss, (_, _, others, metrics)), gradients = gradient(
                weights, others, metrics, *data, None, training=True, optimizer_variables=optimizer
            )
            weights, optimizer = self.optimizer.stateless_apply(optimizer, gradients, weights)
            logs = {"loss": loss, "norm": ops.sqrt(sum(ops.sum(g * g) for g in gradients))}
            return logs, (weights, others, optimizer, metrics)

    else:

        def train_step(self, data):
            import tensorflow as tf

            x, y = data
            with tf.GradientTape() as tape:
                loss = self.compute_loss(x=x, y=y, y_pred=self(x, training=True))
            gradients = tape.gradient(loss, self.trainable_weights)
            self.optimizer.apply(gradients, self.trainable_weights)
            return {"loss": loss, "norm": ops.sqrt(sum(ops.sum(g * g) for g in gradients))}


@entry("rows")
def own_train_step():
    model = OwnTrainStep()
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


class ScaledStep(Subclassed):
    def train_step(self, *args):  # on JAX, the state comes first
        *state, (x, y) = args
        return super().train_step(*state, (x * 0.5, y))

    def test_step(self, *args):
        *state, (x, y) = args
        return super().test_step(*state, (x * 0.5, y))


@entry("rows")
def scaled_train_step():
    model = ScaledStep()
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


class OwnLoss(Subclassed):
    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return super().compute_loss(x, y, y_pred, sample_weight) + 0.01 * ops.mean(y_pred**2)


@entry("rows")
def own_compute_loss():
    model = OwnLoss()
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


class Penalized(layers.Layer):
    def __init__(self, factor=0.01, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor
        self.seen = keras.metrics.Mean(name="seen")

    def call(self, x, training=False):
        self.add_loss(self.factor * ops.mean(ops.square(x)))
        self.seen.update_state(ops.mean(x))
        return x


def layer_with_loss_and_metric():
    return classifier(layers.Dense(8), Penalized())


if keras.backend.backend() != "jax":  # where Keras itself fails at a metric that a layer has
    entry("rows")(layer_with_loss_and_metric)


class Gated(layers.Layer):
    def build(self, shape):
        self.gate = self.add_weight(shape=(shape[-1],), initializer="ones")
        self.count = self.add_weight(shape=(), initializer="zeros", trainable=False)

    def call(self, x, training=False):
        if training:
            self.count.assign_add(1.0)
        return x * ops.sigmoid(self.gate)


@entry("rows")
def custom_layer():
    return classifier(layers.Dense(8), Gated())


@entry("rows")
def lambda_layer():
    return classifier(layers.Lambda(lambda x: x * 2.0 + 1.0), layers.Dense(8))


@entry("rows")
def regularizers():
    return classifier(
        layers.Dense(
            8,
            kernel_regularizer="l2",
            bias_regularizer=keras.regularizers.L1(0.01),
            activity_regularizer="l2",
            kernel_constraint=keras.constraints.MaxNorm(1.0),
        )
    )


@entry("rows", sample_weight=np.random.default_rng(1).random(N))
def sample_weights():
    return small(weighted_metrics=["accuracy"])


@entry("rows", sample_weight=np.random.default_rng(1).integers(1, 4, N))
def integer_sample_weights():
    return small(weighted_metrics=["accuracy"])


@entry("rows", class_weight={0: 1.0, 1: 2.5, 2: 0.5})
def class_weights():
    return small()


@entry("binary")
def metrics_with_state():
    model = keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(4, activation="tanh"),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(
        "adam",
        "binary_crossentropy",
        metrics=["AUC", keras.metrics.Precision(), keras.metrics.Recall(thresholds=[0.3, 0.6])],
    )
    return model


class OneHotF1(keras.metrics.F1Score):
    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true = ops.one_hot(ops.cast(ops.reshape(y_true, (-1,)), "int32"), 3)
        return super().update_state(y_true, y_pred, sample_weight)


@entry("rows")
def vector_metric():
    return small(metrics=["accuracy", OneHotF1()])


def mean_of_top(y_true, y_pred):
    return ops.mean(ops.max(y_pred, axis=-1))


@entry("rows")
def function_as_metric():
    return small(metrics=[mean_of_top])


@entry("rows")
def schedule():
    rate = keras.optimizers.schedules.CosineDecay(0.05, 10, warmup_steps=3, warmup_target=0.1)
    return small(optimizer=keras.optimizers.SGD(rate, momentum=0.9, nesterov=True))


@entry("rows")
def clipping():
    return small(optimizer=keras.optimizers.Adam(0.01, clipnorm=0.1))


@entry("rows")
def global_clipping():
    return small(optimizer=keras.optimizers.Adam(0.01, global_clipnorm=0.1))


@entry("rows")
def accumulation():
    return small(optimizer=keras.optimizers.Adam(0.01, gradient_accumulation_steps=2))


@entry("rows")
def moving_average():
    return small(optimizer=keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.9))


@entry("rows")
def moving_average_overwriting():
    return small(optimizer=keras.optimizers.SGD(0.1, use_ema=True, ema_overwrite_frequency=4))


@entry("rows")
def weight_decay():
    return small(optimizer=keras.optimizers.AdamW(0.01, weight_decay=0.05))


@entry("values")
def regression():
    model = keras.Sequential(
        [keras.Input((6,)), layers.Dense(8, activation="relu"), layers.Dense(2)]
    )
    model.compile("nadam", keras.losses.Huber(delta=0.5), metrics=["mae"])
    return model


@entry("rows")
def frozen_layer():
    frozen = layers.Dense(8, activation="relu")
    frozen.trainable = False
    return classifier(frozen, layers.BatchNormalization())


@entry("rows")
def mixed_precision():
    return classifier(
        layers.Dense(8, activation="relu", dtype="mixed_bfloat16"),
        layers.Dense(8, activation="relu", dtype="mixed_float16"),
        optimizer=keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.01)),
    )


@entry("rows", validation_freq=2)
def validation_every_second_epoch():
    return small()


@entry("rows", validation_freq=[1, 3], validation_steps=2, validation_batch_size=7)
def validation_after_some_epochs():
    return small()


@entry("rows")
def steps_per_execution():
    return small(steps_per_execution=4)


@entry("rows")
def compiled_by_xla():
    return small(jit_compile=True)


for _name in ("Adagrad", "Adamax", "Ftrl", "Lion", "Adafactor", "Lamb", "Muon"):
    # Muon of Keras 3.10 fails by itself, asking TensorFlow's variables for a path
    if hasattr(keras.optimizers, _name) and (_name != "Muon" or keras.version() >= "3.11"):

        def _build(name=_name):
            return small(optimizer=getattr(keras.optimizers, name)(0.01))

        _build.__name__ = f"optimizer_{_name.lower()}"
        entry("rows")(_build)
