"""What is asked of a model's outputs: their shapes, their losses, and what they come from."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from kerasearch import KerasClassifier, KerasRegressor
from tests.slow import long_but

CATEGORICAL = "categorical_crossentropy"
SPARSE = "sparse_categorical_crossentropy"


def quick(estimator, model=None, **params):
    return estimator(model, **{"epochs": 2, "random_state": 0, **params})


def sequence(*make_layers, loss=None):
    def build(meta):
        layers = [make() for make in make_layers]
        model = keras.Sequential([keras.Input(meta["X_shape_"][1:]), *layers])
        if loss is not None:
            model.compile("adam", loss)
        return model

    return build


def recurrent():
    return keras.layers.LSTM(4, return_sequences=True)


def convolution():
    return keras.layers.Conv2D(2, 3)


def dense(units, activation=None):
    return lambda: keras.layers.Dense(units, activation)


class Chain(keras.Model):
    """A subclass that knows its outputs only when it is called."""

    def __init__(self, *links):
        super().__init__()
        self.links = list(links)

    def call(self, x):
        for link in self.links:
            x = link(x)
        return x


# ------------------------------------------------------------------------- shapes

SERIES = np.random.default_rng(0).normal(size=(30, 6, 2))
IMAGES = np.random.default_rng(0).normal(size=(30, 8, 8, 1))
VALUES = SERIES[:, 0, 0]
CLASSES = np.arange(30) % 3
LABELS = np.random.default_rng(0).integers(0, 2, (30, 3))


@pytest.mark.parametrize(
    ("estimator", "model", "X", "y", "got", "wanted"),
    [
        (KerasRegressor, sequence(recurrent, dense(1)), SERIES, VALUES, "6, 1", "1"),
        (KerasRegressor, sequence(recurrent, dense(1), loss="mse"), SERIES, VALUES, "6, 1", "1"),
        (KerasRegressor, lambda: Chain(recurrent(), dense(1)()), SERIES, VALUES, "6, 1", "1"),
        (KerasRegressor, sequence(dense(1)), SERIES, VALUES, "6, 1", "1"),
        (
            KerasClassifier,
            sequence(recurrent, dense(1, "sigmoid")),
            SERIES,
            VALUES > 0,
            "6, 1",
            "1",
        ),
        (KerasClassifier, sequence(recurrent, dense(3, "softmax")), SERIES, CLASSES, "6, 3", "3"),
        (
            KerasClassifier,
            sequence(convolution, dense(3, "softmax"), loss=SPARSE),
            IMAGES,
            CLASSES,
            "6, 6, 3",
            "3",
        ),
        (
            KerasClassifier,
            sequence(convolution, dense(3, "sigmoid")),
            IMAGES,
            LABELS,
            "6, 6, 3",
            "3",
        ),
    ],
)
def test_an_output_of_more_axes_than_the_target_is_an_error(estimator, model, X, y, got, wanted):
    message = rf"shape \(None, {got}\), .* needs \(None, {wanted}\)"
    with pytest.raises(ValueError, match=f"{message}.*return_sequences=True.*Flatten"):
        quick(estimator, model).fit(X, y)


def test_each_of_several_outputs_is_checked():
    def two(meta):
        inputs = keras.Input((6, 2))
        first = dense(3, "softmax")()(keras.layers.LSTM(4)(inputs))
        return keras.Model(inputs, [first, dense(2, "softmax")()(recurrent()(inputs))])

    with pytest.raises(ValueError, match=r"shape \(None, 6, 2\), .* needs \(None, 2\)"):
        quick(KerasClassifier, two).fit(SERIES, np.column_stack([CLASSES, CLASSES > 0]).astype(int))


def test_an_output_whose_first_axis_is_not_that_of_the_rows_is_an_error():
    def flat(x):
        return keras.ops.reshape(x, (-1, 4))

    for build, shape in [
        (lambda: Chain(recurrent(), flat, dense(1)()), r"\(6, 1\)"),
        (lambda: Chain(keras.ops.mean), r"\(\)"),
    ]:
        with pytest.raises(ValueError, match=rf"shape {shape}.*The first axis is the axis of"):
            quick(KerasRegressor, build).fit(SERIES, VALUES)


@pytest.mark.slow
def test_outputs_of_one_axis_or_the_right_two_are_none():
    def squeezed(x):
        return x[:, 0]

    for more in ((), (squeezed,)):
        fitted = quick(
            KerasRegressor,
            lambda more=more: Chain(keras.layers.LSTM(4), dense(1)(), *more),
            epochs=1,
        )
        assert fitted.fit(SERIES, VALUES).predict(SERIES).shape == (30,)


@pytest.mark.tensorflow("text and lookup layers are TensorFlow's alone")
def test_an_output_whose_shape_keras_says_wrong_is_accepted():
    def build():
        inputs = keras.Input((6, 2))
        text = keras.layers.StringLookup(vocabulary=["a", "b"], invert=True)(
            keras.layers.Hashing(2)(keras.ops.cast(inputs[:, :1, 0], "int64"))
        )
        words = keras.layers.TextVectorization(3, vocabulary=["a"], output_mode="multi_hot")(text)
        return keras.Model(inputs, dense(1)()(words))

    fitted = quick(KerasRegressor, build, epochs=1).fit(SERIES, VALUES)
    assert fitted.predict(SERIES).shape == (30,)


# ------------------------------------------------------- losses in lists and dicts


def one_output(units, activation, loss=None):
    def build(meta):
        inputs = keras.Input(meta["X_shape_"][1:])
        hidden = keras.layers.Dense(8, "relu")(inputs)
        outputs = keras.layers.Dense(units, activation, name="out")(hidden)
        model = keras.Model(inputs, outputs)
        if loss is not None:
            model.compile(keras.optimizers.Adam(0.02), loss)
        return model

    return build


def logits(kind=keras.losses.CategoricalCrossentropy):
    return kind(from_logits=True)


CASES = {
    "categorical": ("iris", 3, "softmax", CATEGORICAL),
    "class": ("iris", 3, "softmax", keras.losses.CategoricalCrossentropy),
    "sparse": ("iris", 3, "softmax", SPARSE),
    "mse": ("iris", 3, "softmax", "mse"),
    "logits": ("iris", 3, "linear", logits()),
    "sparse logits": ("iris", 3, "linear", logits(keras.losses.SparseCategoricalCrossentropy)),
    "two": ("breast_cancer", 1, "sigmoid", "mse"),
    "two columns": ("breast_cancer", 2, "softmax", "mse"),
}


@pytest.mark.parametrize("case", long_but(CASES, "sparse"))
def test_a_loss_in_a_list_or_dict_is_that_loss(request, case):
    data, units, activation, loss = CASES[case]
    X, y = request.getfixturevalue(data)
    params = {"epochs": 10, "optimizer__learning_rate": 0.02}
    model = one_output(units, activation)
    expected = quick(KerasClassifier, model, loss=loss, **params).fit(X, y)
    assert expected.score(X, y) > 0.8
    for form in ([loss], (loss,), {"out": loss}):
        fitted = quick(KerasClassifier, model, loss=form, **params).fit(X, y)
        np.testing.assert_array_equal(fitted.predict_proba(X), expected.predict_proba(X))
    if not isinstance(loss, type):
        for form in ([loss], {"out": loss}):
            compiled = one_output(units, activation, form)
            fitted = quick(KerasClassifier, compiled, epochs=10).fit(X, y)
            np.testing.assert_array_equal(fitted.predict_proba(X), expected.predict_proba(X))


def test_a_sequential_takes_a_dict_too(iris):
    X, y = iris
    build = sequence(lambda: keras.layers.Dense(3, "softmax", name="out"))
    expected = quick(KerasClassifier, build, loss=CATEGORICAL).fit(X, y).predict_proba(X)
    fitted = quick(KerasClassifier, build, loss={"out": CATEGORICAL}).fit(X, y)
    np.testing.assert_array_equal(fitted.predict_proba(X), expected)


def test_names_in_a_list_or_dict_of_losses_are_checked(iris):
    with pytest.raises(ValueError, match="entry for 'outt'.*outputs are 'out'; did you mean out"):
        quick(KerasClassifier, one_output(3, "softmax"), loss={"outt": CATEGORICAL}).fit(*iris)
    with pytest.raises(ValueError, match="loss='categorical_crossentropi' is not in.*did you mean"):
        quick(KerasClassifier, loss=["categorical_crossentropi"]).fit(*iris)


def two_outputs(loss=None, as_dict=False, activation="softmax"):
    """Heads "b" of three and "a" of two classes, whose names are not in alphabetical order."""

    def build(meta):
        inputs = keras.Input((4,))
        hidden = keras.layers.Dense(16, "relu")(inputs)
        b = keras.layers.Dense(3, activation, name="b")(hidden)
        a = keras.layers.Dense(2, "softmax", name="a")(hidden)
        model = keras.Model(inputs, {"a0": b, "b0": a} if as_dict else [b, a])
        if loss is not None:
            model.compile(keras.optimizers.Adam(0.02), loss)
        return model

    return build


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "loss"),
    [
        (two_outputs(), [CATEGORICAL, SPARSE]),
        (two_outputs(), {"a": SPARSE, "b": CATEGORICAL}),
        (two_outputs({"a": SPARSE, "b": CATEGORICAL}), None),
        (two_outputs([SPARSE, "mse"]), None),
        (two_outputs({"a": CATEGORICAL, "b": logits()}, activation="linear"), None),
        (two_outputs(as_dict=True), {"b0": SPARSE, "a0": CATEGORICAL}),
        (None, [CATEGORICAL, SPARSE]),
    ],
    ids=["list", "dict", "compiled", "compiled list", "logits", "dict of outputs", "default"],
)
def test_each_of_two_outputs_gets_its_own_loss(iris, model, loss):
    X, y = iris
    targets = np.column_stack([y, y > 0]).astype(int)
    params = {} if loss is None else {"loss": loss, "optimizer__learning_rate": 0.02}
    fitted = quick(KerasClassifier, model, epochs=20, **params).fit(X, targets)
    assert (fitted.predict(X) == targets).mean() > 0.9
    for probabilities, n_classes in zip(fitted.predict_proba(X), (3, 2), strict=True):
        assert probabilities.shape == (150, n_classes)
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)


# ------------------------------------------------- output layers that are models


def nested(form, units, activation):
    def build(meta):
        inputs = keras.Input((4,))
        head = Chain(keras.layers.Dense(8, "relu"), keras.layers.Dense(units, activation))
        if form == "functional":
            return keras.Model(inputs, head(inputs))
        if form == "sequential":
            return keras.Sequential([inputs, keras.layers.Dense(8), head])
        if form == "lazy":
            return keras.Sequential([keras.layers.Dense(8), head])
        return keras.Model(inputs, keras.Sequential([head])(inputs))

    return build


@pytest.mark.parametrize(
    "form", long_but(["functional", "sequential", "lazy", "two deep"], "functional")
)
def test_an_output_layer_may_be_a_subclassed_model(iris, form):
    X, y = iris
    params = {"epochs": 15, "optimizer__learning_rate": 0.02}
    fitted = quick(KerasClassifier, nested(form, 3, "softmax"), **params).fit(X, y)
    assert fitted.score(X, y) > 0.9
    with pytest.raises(ValueError, match=r"4 units.*use Dense\(3, activation='softmax'\)"):
        quick(KerasClassifier, nested(form, 4, "softmax")).fit(X, y)
    assert quick(KerasRegressor, nested(form, 1, None)).fit(X, X[:, 0]).predict(X).shape == (150,)


def test_a_subclassed_model_may_come_built(iris):
    def build(meta):
        model = Chain(keras.layers.Dense(8, "relu"), keras.layers.Dense(3, "softmax"))
        model(np.zeros((1, 4), "float32"))
        return model

    params = {"epochs": 15, "optimizer__learning_rate": 0.02}
    assert quick(KerasClassifier, build, **params).fit(*iris).score(*iris) > 0.9


def test_one_output_may_come_in_a_dict(iris):
    X, y = iris

    def build(meta):
        inputs = keras.Input((4,))
        return keras.Model(inputs, {"only": keras.layers.Dense(3, "softmax")(inputs)})

    assert quick(KerasClassifier, build).fit(X, y).predict_proba(X).shape == (150, 3)
