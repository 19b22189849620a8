"""Losses and metrics that do not fit the output layer or the target are found before training."""

from __future__ import annotations

import re

import keras
import numpy as np
import pytest

from kerasearch import KerasClassifier, KerasRegressor

X = np.random.default_rng(0).normal(size=(60, 4)).astype("float32")
TWO = (X[:, 0] > 0).astype(int)
THREE = np.arange(60) % 3
LABELS = np.column_stack([TWO, THREE > 0, X[:, 1] > 0]).astype(int)
CATEGORICAL = "categorical_crossentropy"
SPARSE = "sparse_categorical_crossentropy"
losses, metrics = keras.losses, keras.metrics


def quick(estimator, model=None, **params):
    return estimator(model, **{"epochs": 2, "random_state": 0, **params})


def dense(units, activation=None, **compiled):
    def build():
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(units, activation)])
        if compiled:
            model.compile("adam", **compiled)
        return model

    return build


def refuses(estimator, y, *parts):
    with pytest.raises(ValueError) as caught:
        estimator.fit(X, y)
    message = str(caught.value)
    assert len(message) < 300, message
    assert re.search(".*".join(map(re.escape, parts)), message), message
    assert not hasattr(estimator, "model_")


# -------------------------------------------------- the default model follows the loss


SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    "loss",
    [
        SPARSE,
        pytest.param(losses.CategoricalCrossentropy, marks=SLOW),
        pytest.param("categorical_hinge", marks=SLOW),
        pytest.param("cosine_similarity", marks=SLOW),
    ],
)
def test_two_classes_get_two_units_where_the_loss_compares_units(loss):
    fitted = quick(KerasClassifier, loss=loss, epochs=30, optimizer__learning_rate=0.02)
    fitted.fit(X, TWO)
    assert fitted.model_.output_shape == (None, 2)
    assert fitted.score(X, TWO) > 0.9
    np.testing.assert_allclose(fitted.predict_proba(X).sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize(
    ("loss", "y"), [(SPARSE, THREE), pytest.param("binary_crossentropy", TWO, marks=SLOW)]
)
def test_the_default_model_gives_logits_to_a_loss_that_takes_them(loss, y):
    plain = quick(KerasClassifier, loss=loss).fit(X, y)
    logits = quick(KerasClassifier, loss=loss, loss__from_logits=True).fit(X, y)
    assert logits.model_.layers[-1].activation is keras.activations.linear
    # one and the same model: the activation is in the loss, and in the prediction
    np.testing.assert_allclose(logits.predict_proba(X), plain.predict_proba(X), atol=1e-5)


# ------------------------------------------------------------------- losses and outputs


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(
    "loss", [SPARSE, losses.CategoricalCrossentropy(), "kl_divergence", losses.categorical_hinge]
)
def test_a_loss_that_compares_units_refuses_one_unit(loss, compiled):
    name = loss if isinstance(loss, str) else getattr(loss, "__name__", type(loss).__name__)
    model = dense(1, "sigmoid", loss=loss) if compiled else dense(1, "sigmoid")
    params = {} if compiled else {"loss": loss}
    advice = "Dense(2, activation='softmax'), or use loss='binary_crossentropy'"
    refuses(quick(KerasClassifier, model, **params), TWO, "1 unit", name, advice)


def test_each_of_several_outputs_is_compared_with_its_loss():
    def build():
        inputs = keras.Input((4,))
        three = keras.layers.Dense(3, "softmax", name="three")(inputs)
        return keras.Model(inputs, [three, keras.layers.Dense(1, "sigmoid", name="two")(inputs)])

    y = np.column_stack([THREE, TWO])
    for loss in ([SPARSE, SPARSE], {"three": SPARSE, "two": CATEGORICAL}):
        refuses(quick(KerasClassifier, build, loss=loss), y, "1 unit", "softmax")


@pytest.mark.parametrize(
    ("units", "activation", "y", "loss"),
    [
        (3, "softmax", THREE, losses.SparseCategoricalCrossentropy(from_logits=True)),
        (1, "sigmoid", TWO, losses.BinaryCrossentropy(from_logits=True)),
    ],
)
def test_probabilities_are_no_logits(units, activation, y, loss):
    estimator = quick(KerasClassifier, dense(units, activation), loss=loss)
    refuses(estimator, y, repr(activation), "remove from_logits=True", "linear")


@pytest.mark.parametrize("loss", ["ctc", losses.Circle])
def test_losses_of_sequences_and_embeddings_are_refused(loss):
    refuses(quick(KerasClassifier, loss=loss), THREE, "sequences or embeddings")


@pytest.mark.parametrize(
    ("loss", "y", "parts"),
    [
        (SPARSE, THREE, (SPARSE, "KerasClassifier", "mean_squared_error")),
        (losses.CategoricalCrossentropy(), X[:, :2], ("CategoricalCrossentropy", "KerasClassif")),
        ("binary_crossentropy", TWO, ("binary_crossentropy", "linear", "activation='sigmoid'")),
        (losses.BinaryCrossentropy(from_logits=True), X[:, 0], ("between 0 and 1", "y has val")),
        ("poisson", TWO, ("poisson", "positive predictions", "activation='exponential'")),
        ("hinge", 10 * X[:, 0], ("loss='hinge'", "between -1 and 1", "y has values")),
    ],
)
def test_a_regressor_refuses_losses_that_are_not_for_its_values(loss, y, parts):
    refuses(quick(KerasRegressor, loss=loss), y, *parts)


@pytest.mark.slow
def test_a_loss_that_fits_is_left_alone():
    def kl_divergence(y_true, y_pred):  # the user's own, whatever its name
        return keras.ops.mean((y_true - y_pred) ** 2, axis=-1)

    quick(KerasClassifier, dense(1, "sigmoid"), loss=kl_divergence).fit(X, TWO)
    quick(KerasRegressor, dense(1, "sigmoid"), loss="binary_crossentropy").fit(X, TWO)
    quick(KerasRegressor, dense(1, "exponential"), loss="poisson").fit(X, THREE)


# ------------------------------------------------------------------------------ metrics


@pytest.mark.parametrize(
    "compiled",
    [
        {"metrics": ["AUC"]},
        {"metrics": [metrics.Precision()]},
        {"metrics": ["accuracy", metrics.F1Score]},
        {"weighted_metrics": [metrics.AUC()]},
        {"metrics": ["mse"]},
    ],
    ids=["name", "instance", "class", "weighted", "mse"],
)
@pytest.mark.parametrize(("units", "y"), [(3, THREE), (2, TWO)])
def test_compiled_metrics_of_columns_refuse_class_numbers(units, y, compiled):
    if isinstance(compiled.get("metrics", [0])[-1], type):
        compiled = {"metrics": ["accuracy", compiled["metrics"][-1]()]}
    estimator = quick(KerasClassifier, dense(units, "softmax", loss=SPARSE, **compiled))
    refuses(estimator, y, "metrics: ", "class numbers", f"loss='{CATEGORICAL}'")


def test_weighted_metrics_of_the_estimator_are_compared_too():
    params = {"loss": SPARSE, "compile__weighted_metrics": ["AUC"]}
    refuses(quick(KerasClassifier, **params), THREE, "metrics: AUC", CATEGORICAL)


@pytest.mark.parametrize("by_name", [False, True])
def test_metrics_of_each_of_several_outputs_are_compared(by_name):
    its_metrics = {"b": ["AUC"]} if by_name else [["accuracy"], ["AUC"]]

    def build():
        inputs = keras.Input((4,))
        a = keras.layers.Dense(3, "softmax", name="a")(inputs)
        model = keras.Model(inputs, [a, keras.layers.Dense(2, "softmax", name="b")(inputs)])
        model.compile("adam", [CATEGORICAL, SPARSE], metrics=its_metrics)
        return model

    y = np.column_stack([THREE, TWO])
    refuses(quick(KerasClassifier, build), y, "metrics: AUC", "class numbers")


@pytest.mark.parametrize(
    ("metric", "parts"),
    [
        ("categorical_accuracy", ("CategoricalAccuracy", "single unit", "'accuracy'")),
        ("sparse_categorical_accuracy", ("single unit", "'accuracy'")),
        ("F1Score", ("F1Score", "threshold=0.5")),
        (metrics.Accuracy, ("Accuracy", "metrics='accuracy'")),
        (metrics.MeanIoU(2), ("MeanIoU", "sparse_y_pred=False")),
    ],
)
def test_metrics_that_are_blind_for_one_unit_are_refused(metric, parts):
    refuses(quick(KerasClassifier, metrics=[metric]), TWO, *parts)


def test_metrics_of_class_numbers_refuse_labels():
    refuses(
        quick(KerasClassifier, metrics=["sparse_categorical_accuracy"]),
        LABELS,
        "one column for each class",
        "binary_accuracy",
    )


@pytest.mark.parametrize("metric", ["accuracy", "AUC", metrics.Precision, "binary_accuracy"])
def test_a_regressor_refuses_metrics_of_classes(metric):
    refuses(quick(KerasRegressor, metrics=[metric]), X[:, 0], "regressor", "R2Score")


@pytest.mark.slow
def test_metrics_that_fit_are_right():
    fitted = quick(KerasClassifier, metrics=["AUC", metrics.F1Score(threshold=0.5)], epochs=30)
    fitted.set_params(optimizer__learning_rate=0.02).fit(X, TWO)
    assert fitted.history_["AUC"][-1] > 0.9
    assert fitted.history_["f1_score"][-1] > 0.8
    # the default loss follows metrics that compare columns
    fitted = quick(KerasClassifier, metrics=["mse"]).fit(X, THREE)
    assert fitted.model_.loss == CATEGORICAL
    squares = (np.eye(3)[THREE] - fitted.predict_proba(X)) ** 2
    np.testing.assert_allclose(fitted.history_["mse"][-1], squares.mean(), rtol=0.1)
