"""Which models share a program, and that a fit on a shared one equals a fit on a fresh one."""

from __future__ import annotations

import functools
import os
import random
import subprocess
import sys
import textwrap
import types

import keras
import numpy as np
import pytest
from keras import layers, ops

from kerasearch import training
from kerasearch.training.fingerprint import fingerprint_of_prediction, fingerprint_of_training
from tests.slow import long_but

from . import zoo

if keras.backend.backend() == "tensorflow":
    import tensorflow as tf
elif keras.backend.backend() == "jax":
    import jax

SETTING = 1.0  # a global that a Lambda and a loss below read
HELPER = types.ModuleType("users_helper")
HELPER.scale = 1.0


def _fit(build, seed=0, **kwargs):
    x, y = zoo.arrays("dense")
    model = training.build(build, seed)
    result = training.fit(model, x, y, batch_size=16, epochs=2, seed=seed, **kwargs)
    return model, result


def _numbers(build, **kwargs):
    model, result = _fit(build, **kwargs)
    x, _ = zoo.arrays("dense")
    return [*model.get_weights(), *result.history["loss"], training.predict(model, x)]


def _assert_equal(ours, theirs):
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(a, b)


def _model(*middle, **kwargs):
    return lambda: zoo.classifier(*[make() for make in middle], **kwargs)


def _dense(**kwargs):
    return lambda: layers.Dense(8, **kwargs)


def _with_loss(loss, **kwargs):
    return lambda: zoo.classifier(layers.Dense(8), loss=loss(), **kwargs)


def _with_optimizer(optimizer):
    return lambda: zoo.classifier(layers.Dense(8), optimizer=optimizer())


class TrainingOnly(layers.Layer):
    """Its attribute shows in no config, and only in training."""

    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def call(self, x, training=False):
        return x * self.factor if training else x


class OwnLoss(keras.losses.Loss):
    def __init__(self, gamma):
        super().__init__()
        self.gamma = gamma

    def call(self, y_true, y_pred):
        return self.gamma * keras.losses.sparse_categorical_crossentropy(y_true, y_pred)


def _frozen(trainable):
    def build():
        layer = layers.Dense(8)
        layer.trainable = trainable
        return zoo.classifier(layer)

    return build


def _closure(factor):
    return lambda: zoo.classifier(layers.Lambda(lambda x: x * factor))


def _array_in_closure(make, factor):
    array = make(np.full(6, factor, "float32"))
    return lambda: zoo.classifier(layers.Lambda(lambda x: x * array))


def _default(factor):
    def scale(x, by=factor):
        return x * by

    return lambda: zoo.classifier(layers.Lambda(scale))


def _adapted(shift):
    def build():
        layer = layers.Normalization()
        layer.adapt(np.random.default_rng(0).normal(shift, size=(50, 6)))
        return zoo.classifier(layer)

    return build


def _reading_global(value):
    def build():
        global SETTING
        SETTING = value
        return zoo.classifier(layers.Lambda(lambda x: x * SETTING))

    return build


def _loss_reading_global(value):
    def loss(y_true, y_pred):
        return SETTING * keras.losses.sparse_categorical_crossentropy(y_true, y_pred)

    def build():
        global SETTING
        SETTING = value
        return zoo.classifier(layers.Dense(8), loss=loss)

    return build


def _reading_module(value):
    def build():
        HELPER.scale = value
        return zoo.classifier(layers.Lambda(lambda x: x * HELPER.scale))

    return build


def _vocabulary(tokens):
    def build():
        inputs = keras.Input((6,))
        index = layers.IntegerLookup(vocabulary=tokens)(ops.cast(inputs * 2, "int64"))
        hidden = layers.Flatten()(layers.Embedding(10, 2)(index))
        model = keras.Model(inputs, layers.Dense(3, activation="softmax")(hidden))
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        return model

    return build


def _method_of(threshold):
    class Settings:
        def __init__(self):
            self.threshold = threshold

        def scale(self, x):
            return x * self.threshold

    return lambda: zoo.classifier(layers.Lambda(Settings().scale))


def _lambda_with(constant):
    if constant == 1:
        return lambda: zoo.classifier(layers.Lambda(lambda x: x * 1.0))
    return lambda: zoo.classifier(layers.Lambda(lambda x: x * 2.0))


def _in_disguise(factor):
    @functools.wraps(keras.activations.relu)
    def relu(x):
        return x * factor

    return lambda: zoo.classifier(layers.Dense(8, activation=relu))


def _function_attribute(factor):
    def scale(x):
        return x * scale.factor

    def build():
        scale.factor = factor
        return zoo.classifier(layers.Lambda(scale))

    return build


def _environment(value):
    def build():
        os.environ["KERASEARCH_TEST"] = value
        return zoo.classifier(layers.Lambda(lambda x: x * float(os.environ["KERASEARCH_TEST"])))

    return build


PAIRS = {
    "a function with a library's name": (_in_disguise(1.0), _in_disguise(2.0)),
    "an attribute of a function": (_function_attribute(1.0), _function_attribute(2.0)),
    "the environment": (_environment("1"), _environment("2")),
    "dropout rate": (_model(lambda: layers.Dropout(0.1)), _model(lambda: layers.Dropout(0.5))),
    "activation": (_model(_dense(activation="relu")), _model(_dense(activation="tanh"))),
    "regularizer": (
        _model(_dense(kernel_regularizer=keras.regularizers.L2(0.1))),
        _model(_dense(kernel_regularizer=keras.regularizers.L2(0.2))),
    ),
    "momentum": (
        _with_optimizer(lambda: keras.optimizers.SGD(0.1, momentum=0.5)),
        _with_optimizer(lambda: keras.optimizers.SGD(0.1, momentum=0.9)),
    ),
    "schedule": (
        _with_optimizer(
            lambda: keras.optimizers.SGD(keras.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5))
        ),
        _with_optimizer(
            lambda: keras.optimizers.SGD(keras.optimizers.schedules.ExponentialDecay(0.1, 2, 0.9))
        ),
    ),
    "weight decay": (
        _with_optimizer(lambda: keras.optimizers.AdamW(0.01, weight_decay=0.1)),
        _with_optimizer(lambda: keras.optimizers.AdamW(0.01, weight_decay=0.5)),
    ),
    "clipping": (
        _with_optimizer(lambda: keras.optimizers.Adam(0.01, clipnorm=0.01)),
        _with_optimizer(lambda: keras.optimizers.Adam(0.01)),
    ),
    "a loss's argument": (
        _with_loss(lambda: keras.losses.SparseCategoricalCrossentropy(ignore_class=1)),
        _with_loss(lambda: keras.losses.SparseCategoricalCrossentropy()),
    ),
    "a loss instance's attribute": (
        _with_loss(lambda: OwnLoss(1.0)),
        _with_loss(lambda: OwnLoss(3.0)),
    ),
    "loss weights": (
        _model(_dense(), loss_weights=1.0),
        _model(_dense(), loss_weights=0.3),
    ),
    "trainable flags": (_frozen(True), _frozen(False)),
    "what only training reads": (
        _model(lambda: TrainingOnly(1.0)),
        _model(lambda: TrainingOnly(2.0)),
    ),
    "a Lambda's code": (_lambda_with(1), _lambda_with(2)),
    "a Lambda's closure": (_closure(1.0), _closure(2.0)),
    "an array of NumPy's in a closure": tuple(
        _array_in_closure(np.asarray, factor) for factor in (1.0, 2.0)
    ),
    "a tensor in a closure": tuple(
        _array_in_closure(ops.convert_to_tensor, factor) for factor in (1.0, 2.0)
    ),
    "a Lambda's default": (_default(1.0), _default(2.0)),
    "a Lambda's bound object": (_method_of(1.0), _method_of(2.0)),
    "a global that a Lambda reads": (_reading_global(1.0), _reading_global(2.0)),
    "a global that a loss reads": (_loss_reading_global(1.0), _loss_reading_global(2.0)),
    "a module that a Lambda reads": (_reading_module(1.0), _reading_module(2.0)),
    "what Normalization was adapted to": (_adapted(0.0), _adapted(3.0)),
}
if keras.backend.backend() == "tensorflow":  # others have no lookups within a model
    PAIRS["a vocabulary"] = (_vocabulary([-2, -1, 0]), _vocabulary([0, 1, 2]))


@pytest.mark.parametrize("what", long_but(PAIRS, "what Normalization was adapted to"))
def test_models_that_differ_do_not_share(what):
    one, other = PAIRS[what]
    training.clear_programs()
    fresh = _numbers(other)
    training.clear_programs()
    _fit(one)
    after_the_other = _numbers(other)
    _assert_equal(after_the_other, fresh)
    training.clear_programs()
    differently = _numbers(one)
    assert any(not np.array_equal(a, b) for a, b in zip(differently, fresh, strict=True)), (
        "the pair does not differ, so it shows nothing"
    )


SHARING = {
    "learning rates": [
        _with_optimizer(lambda rate=rate: keras.optimizers.Adam(rate)) for rate in (0.1, 0.01)
    ],
    "Lambdas of equal code": [_closure(2.0), _closure(2.0)],
    "losses of equal content": [_with_loss(lambda: OwnLoss(2.0)) for _ in range(2)],
    "custom layers": [_model(lambda: TrainingOnly(2.0)) for _ in range(2)],
    "equally adapted layers": [_adapted(1.0), _adapted(1.0)],
    "dropout": [_model(_dense(), lambda: layers.Dropout(0.2)) for _ in range(2)],
}


@pytest.mark.parametrize("what", long_but(SHARING, "learning rates"))
def test_models_that_do_not_differ_share_whatever_their_seed(what):
    training.clear_programs()
    for seed, build in enumerate(SHARING[what]):
        training.clear_programs()
        fresh = _numbers(build, seed=seed)
        training.clear_programs()
        _fit(SHARING[what][0], seed=7)
        before = training.programs()
        assert before.count == 1
        _assert_equal(_numbers(build, seed=seed), fresh)
        assert training.programs().misses == before.misses + 1  # the one for predict
        assert training.programs().count == 2


@pytest.mark.slow
def test_one_program_serves_every_number_of_rows_batch_size_epochs_and_seed():
    training.clear_programs()
    x, y = zoo.arrays("dense")
    for rows, batch_size, epochs, seed in [(83, 16, 1, 0), (50, 7, 3, 1), (20, 64, 2, 2)]:
        model = training.build(zoo.ZOO["dense"], seed)
        twin = training.build(zoo.ZOO["dense"], seed)
        result = training.fit(
            model, x[:rows], y[:rows], batch_size=batch_size, epochs=epochs, shuffle=False
        )
        history = twin.fit(
            x[:rows], y[:rows], batch_size=batch_size, epochs=epochs, shuffle=False, verbose=0
        ).history
        assert result.history["loss"] == history["loss"]
        _assert_equal(model.get_weights(), twin.get_weights())
    assert training.programs().count == 1


def _stateful_rnn():
    model = keras.Sequential(
        [keras.Input(batch_shape=(16, 7, 4)), layers.LSTM(5, stateful=True), layers.Dense(3)]
    )
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


@pytest.mark.slow
def test_a_stateful_rnn_does_not_share_and_keeps_its_state():
    x, y = zoo.arrays("lstm")
    x, y = x[:64], y[:64]
    training.clear_programs()
    for seed in (0, 1):
        ours, theirs = training.build(_stateful_rnn, seed), training.build(_stateful_rnn, seed)
        result = training.fit(ours, x, y, batch_size=16, epochs=2, shuffle=False)
        history = theirs.fit(x, y, batch_size=16, epochs=2, shuffle=False, verbose=0).history
        np.testing.assert_allclose(result.history["loss"], history["loss"], rtol=1e-6)
        for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


class Noise(layers.Layer):
    def __init__(self, draw):
        super().__init__()
        self.draw = draw

    def call(self, x):
        return x + self.draw(x)


UNSHAREABLE = {
    "Python's random numbers": lambda x: random.random(),
    "NumPy's random numbers": lambda x: np.random.rand(),
}
if keras.backend.backend() == "tensorflow":
    UNSHAREABLE |= {
        "a random operation of TensorFlow": lambda x: tf.random.normal(tf.shape(x)),
        "Keras' global random numbers": lambda x: keras.random.normal((1,)),
        "a Python function in the graph": lambda x: tf.reshape(
            tf.py_function(lambda: os.getpid() * 0.0, [], tf.float32), ()
        ),
    }
elif keras.backend.backend() == "jax":
    SCALAR = jax.ShapeDtypeStruct((), "float32")

    def _printing(x):
        jax.debug.callback(lambda: None)
        return 0.0

    UNSHAREABLE |= {
        "a Python function in the graph": lambda x: jax.pure_callback(
            lambda: np.float32(os.getpid() * 0.0), SCALAR
        ),
        "an effect outside": _printing,
    }


@pytest.mark.parametrize("what", long_but(UNSHAREABLE, "a Python function in the graph"))
def test_a_graph_with_a_source_of_its_own_is_private_and_its_fit_repeatable(what):
    training.clear_programs()
    build = _model(lambda: Noise(UNSHAREABLE[what]))
    first, again = _fit(build), _fit(build)
    for _, result in (first, again):
        assert result.path == "compiled"
        assert result.reason.startswith("private program: ")
    assert training.programs().count == 0
    _assert_equal(first[0].get_weights(), again[0].get_weights())
    assert first[1].history == again[1].history


@pytest.mark.skipif(
    keras.backend.backend() != "jax", reason="elsewhere, a variable is captured by its handle"
)
def test_a_variable_that_only_a_closure_holds_makes_the_program_private():
    def build(value):
        hidden = keras.Variable(value)
        return lambda: zoo.classifier(layers.Lambda(lambda x: x * hidden))

    training.clear_programs()
    one, other = _fit(build(2.0)), _fit(build(3.0))
    for _, result in (one, other):
        assert result.reason.startswith("private program: it reads an array that is not a variable")
    assert one[1].history != other[1].history
    assert training.programs().count == 0


@pytest.mark.slow
@pytest.mark.tensorflow("it has variables that are not Keras'")
def test_a_variable_that_the_model_does_not_know_makes_the_program_private():
    def build():
        hidden = tf.Variable(2.0)
        return zoo.classifier(layers.Lambda(lambda x: x * hidden))

    _, result = _fit(build)
    assert result.reason.startswith("private program: the model holds ")
    _assert_equal(_numbers(build), _numbers(build))


@pytest.mark.slow
def test_the_fingerprint_is_the_same_in_another_process():
    code = """
    import keras
    from kerasearch import training
    from kerasearch.training.fingerprint import fingerprint_of_prediction, fingerprint_of_training
    from tests.training import zoo
    model = training.build(zoo.layer_with_loss_and_metric, 3)
    print(fingerprint_of_training(model).digest, fingerprint_of_prediction(model).digest)
    """
    printed = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    ).stdout.split()
    with keras.RematScope("full"):
        pass  # a scope that was left is none
    model = training.build(zoo.layer_with_loss_and_metric, 4)
    assert printed == [
        fingerprint_of_training(model).digest,
        fingerprint_of_prediction(model).digest,
    ]


def test_predictions_share_a_program_across_optimizers():
    training.clear_programs()
    x, _ = zoo.arrays("dense")
    for optimizer in ("adam", "sgd"):
        training.predict(training.build(lambda o=optimizer: zoo.small(optimizer=o), 0), x)
    assert training.programs().count == 1
