"""What an estimator takes its target for: one-hot classes, values of any unit, times."""

from __future__ import annotations

import datetime
import pickle
import warnings

import keras
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes
from sklearn.model_selection import KFold, cross_val_score, cross_validate
from sklearn.preprocessing import StandardScaler

from kerasearch import KerasClassifier, KerasRegressor, mlp
from kerasearch.training import programs

SHUFFLED = KFold(3, shuffle=True, random_state=0)
TAKEN_FOR_CLASSES = "were interpreted as classes that exclude each other"
TAKEN_FOR_LABELS = "were interpreted as labels that may occur together"


def classifier(model=None, **params):
    defaults = {"epochs": 20, "optimizer__learning_rate": 0.02, "random_state": 0}
    return KerasClassifier(model, **{**defaults, **params})


def regressor(model=None, **params):
    return KerasRegressor(model, **{"epochs": 2, "random_state": 0, **params})


def layers(*sizes_and_activations, loss=None):
    """A builder of dense layers, compiled if there is a loss."""

    def build(meta):
        dense = [keras.layers.Dense(*args) for args in sizes_and_activations]
        model = keras.Sequential([keras.Input(meta["X_shape_"][1:]), *dense])
        if loss is not None:
            model.compile(keras.optimizers.Adam(0.02), loss)
        return model

    return build


def caught(function):
    """What a function returns, and the messages of the warnings in it."""
    with warnings.catch_warnings(record=True) as got:
        warnings.simplefilter("always")
        return function(), [str(one.message) for one in got]


@pytest.fixture(scope="module")
def raw_diabetes():
    X, y = load_diabetes(return_X_y=True)
    return StandardScaler().fit_transform(X), y


# --------------------------------------------------------------------------- one-hot


def test_a_one_hot_target_is_trained_as_its_labels_are(iris):
    X, y = iris
    with pytest.warns(UserWarning, match=TAKEN_FOR_CLASSES):
        one_hot = classifier(epochs=2).fit(X, np.eye(3)[y])
    labels = classifier(epochs=2).fit(X, y)
    np.testing.assert_array_equal(one_hot.predict_proba(X), labels.predict_proba(X))
    np.testing.assert_array_equal(one_hot.predict(X), np.eye(3)[labels.predict(X)])
    assert one_hot.target_type_ == "multiclass"


@pytest.mark.parametrize(
    ("data", "n_classes"), [("iris", 3), pytest.param("breast_cancer", 2, marks=pytest.mark.slow)]
)
def test_scorers_work_with_a_one_hot_target(request, data, n_classes):
    X, y = request.getfixturevalue(data)
    scoring = ["accuracy", "neg_log_loss", "f1_macro", "roc_auc_ovr", "balanced_accuracy"]
    got, messages = caught(
        lambda: cross_validate(
            classifier(), X, np.eye(n_classes, dtype=int)[y], cv=SHUFFLED, scoring=scoring
        )
    )
    assert got["test_accuracy"].min() > 0.9
    assert got["test_f1_macro"].min() > 0.9
    assert got["test_roc_auc_ovr"].min() > 0.97
    assert got["test_neg_log_loss"].min() > -0.3
    assert np.isnan(got["test_balanced_accuracy"]).all()
    assert any("multilabel-indicator is not supported" in message for message in messages)


@pytest.mark.parametrize(
    ("output", "loss"),
    [
        ((3, "softmax"), None),
        ((3, "softmax"), "categorical_crossentropy"),
        ((3, "softmax"), "sparse_categorical_crossentropy"),
        ((3, "softmax"), "binary_crossentropy"),
        ((3, "softmax"), ["mse"]),
        ((3,), keras.losses.CategoricalCrossentropy(from_logits=True)),
    ],
)
def test_softmax_or_a_categorical_loss_says_that_columns_are_classes(iris, output, loss):
    X, y = iris
    Y = np.eye(3, dtype=np.float32)[y]
    params = {"optimizer__learning_rate": 0.02} if loss is None else {}
    model = layers(output, loss=loss)
    fitted, messages = caught(
        lambda: KerasClassifier(model, epochs=20, random_state=0, **params).fit(X, Y)
    )
    assert messages == []
    predicted = fitted.predict(X)
    assert predicted.dtype == np.float32
    np.testing.assert_array_equal(predicted.sum(axis=1), 1)
    assert fitted.score(X, Y) > 0.8
    np.testing.assert_allclose(fitted.predict_proba(X).sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize(
    ("model", "params"),
    [(None, {"loss": "binary_crossentropy"}), (layers((3, "sigmoid")), {})],
    ids=["loss", "model"],
)
def test_one_hot_rows_taken_for_labels_are_warned_of(iris, model, params):
    X, y = iris
    with pytest.warns(UserWarning, match=f"{TAKEN_FOR_LABELS}.*y.argmax.*softmax"):
        fitted = classifier(model, epochs=1, **params).fit(X, np.eye(3, dtype=int)[y])
    assert fitted.target_type_ == "multilabel-indicator"
    assert fitted.model_.loss == "binary_crossentropy"


def test_the_loss_by_which_one_says_classes_silences_the_warning(iris):
    X, y = iris
    _, messages = caught(
        lambda: classifier(epochs=1, loss="categorical_crossentropy").fit(X, np.eye(3)[y])
    )
    assert messages == []


def test_folds_that_lack_a_class_of_a_one_hot_target_are_warned_of(iris):
    X, y = iris
    scores, messages = caught(
        lambda: cross_val_score(classifier(epochs=1), X, np.eye(3)[y], cv=3)  # rows in order
    )
    assert scores.tolist() == [0, 0, 0]
    for column in range(3):
        assert any(f"has a 1 in column {column} of y" in m and "shuffle" in m for m in messages)


@pytest.mark.filterwarnings("ignore:every row of y:UserWarning")
def test_one_hot_frames_and_sparse_matrices_and_class_weights(iris):
    X, y = iris
    frame = pd.get_dummies(pd.Series(y).map({0: "a", 1: "b", 2: "c"}))
    options = {"epochs": 2, "validation_split": 0.2, "class_weight": {0: 1.0, 1: 3.0, 2: 2.0}}
    expected = classifier(**options).fit(X, y)
    for target in (frame, sparse.csr_matrix(np.eye(3)[y])):
        fitted = classifier(**options).fit(X, target)
        assert fitted.history_ == expected.history_  # stratified, and weighed by column
    assert classifier(epochs=1).fit(X, frame).predict(X).dtype == bool


@pytest.mark.filterwarnings("ignore:every row of y:UserWarning")
def test_rows_that_are_not_one_hot_are_refused_where_columns_are_classes(iris):
    X, y = iris
    Y = np.eye(3)[y]
    fitted = classifier(epochs=1).partial_fit(X, Y)
    Y[7, :2] = 1
    with pytest.raises(ValueError, match="y has rows with no 1 or with several"):
        fitted.partial_fit(X, Y)
    with pytest.raises(ValueError, match="y has rows with no 1 or with several"):
        classifier(epochs=1).fit(X, np.eye(3)[y], X_val=X[:9], y_val=Y[:9])


@pytest.mark.slow
def test_softmax_on_labels_that_do_occur_together_is_warned_of(iris):
    X, y = iris
    labels = np.eye(3, dtype=int)[y] | (X[:, :3] > 0)
    with pytest.warns(UserWarning, match="interpreted as classes that exclude each other"):
        classifier(layers((3, "softmax")), epochs=1).fit(X, labels)
    _, messages = caught(lambda: classifier(epochs=1, metrics=["AUC"]).fit(X, labels))
    assert messages == []


@pytest.mark.slow
def test_a_fitted_one_hot_classifier_travels(iris):
    X, y = iris
    fitted = classifier(epochs=1, loss="categorical_crossentropy").fit(X, np.eye(3, dtype=int)[y])
    copy = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(copy.predict(X), fitted.predict(X))


# ------------------------------------------------------------------------ units of y


def test_the_default_regressor_learns_a_target_of_any_unit(raw_diabetes):
    X, y = raw_diabetes
    scores = {
        factor: cross_val_score(regressor(epochs=50), X, y * factor, cv=3)
        for factor in (1.0, 1000.0, 1e-6)
    }
    assert scores[1000.0].min() > 0.43
    for factor in (1.0, 1e-6):
        np.testing.assert_allclose(scores[factor], scores[1000.0], atol=0.01)


@pytest.mark.parametrize(
    ("loss", "params"),
    [
        ("mse", {"optimizer": "sgd"}),
        ("mean_absolute_error", {}),
        (keras.losses.Huber(delta=2.0), {}),
        (keras.losses.log_cosh, {}),
        (["mse"], {"l2": 0.01}),
    ],
)
def test_neither_the_learning_rate_nor_a_penalty_depends_on_the_unit(raw_diabetes, loss, params):
    X, y = raw_diabetes
    scores = [
        regressor(loss=loss, epochs=20, **params).fit(X, y * factor).score(X, y * factor)
        for factor in (1e-3, 1e3)
    ]
    assert min(scores) > 0.4
    assert abs(scores[0] - scores[1]) < 0.03


def test_a_squared_error_gives_what_a_transformed_target_gives(raw_diabetes):
    X, y = raw_diabetes
    by_hand = TransformedTargetRegressor(regressor(epochs=3), transformer=StandardScaler())
    expected = by_hand.fit(X, y).predict(X)
    fitted = regressor(epochs=3).fit(X, y)
    np.testing.assert_allclose(fitted.predict(X), expected, rtol=1e-3)
    assert fitted.history_["loss"][-1] > 1000  # in units of y


def test_folds_of_different_scales_share_a_program(raw_diabetes):
    X, y = raw_diabetes
    regressor(epochs=1, hidden_layer_sizes=(7, 5)).fit(X, y)
    before = programs().misses
    cross_val_score(regressor(epochs=1, hidden_layer_sizes=(7, 5)), X[:300], y[:300] * 50, cv=3)
    # prediction's; and JAX compiles the last batch apart, of which the folds have another size
    assert programs().misses - before <= (2 if keras.backend.backend() == "jax" else 1)


def test_mean_and_scale_are_those_of_the_rows_that_train(raw_diabetes):
    X, y = raw_diabetes
    weights = np.arange(442) % 3
    fitted = regressor(epochs=1).fit(X, y, sample_weight=weights)
    mean = np.average(y, weights=weights)
    assert fitted.y_mean_ == pytest.approx(mean)
    assert fitted.y_scale_ == pytest.approx(np.sqrt(np.average((y - mean) ** 2, weights=weights)))
    columns = np.column_stack([y * 1000, np.full(442, 3.0)])
    fitted = regressor(epochs=1, validation_split=0.5).fit(X, columns)
    assert fitted.y_mean_[0] != columns[:, 0].mean()
    assert fitted.y_scale_[1] == 1
    np.testing.assert_allclose(fitted.predict(X)[:, 1], 3, atol=4)  # not y's thousands


def test_the_first_partial_fit_fixes_mean_and_scale(raw_diabetes):
    X, y = raw_diabetes
    fitted = regressor().partial_fit(X[:100], y[:100])
    fitted.partial_fit(X, y * 1000)
    assert fitted.y_mean_ == y[:100].mean()
    np.testing.assert_allclose(fitted.model_.get_layer("units_of_y").bias, [y[:100].mean()])
    copy = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(copy.predict(X), fitted.predict(X))


def test_a_regressor_with_units_is_saved_and_loaded_by_keras_alone(raw_diabetes, tmp_path):
    X, y = raw_diabetes
    fitted = regressor().fit(X, y * 1000)
    fitted.model_.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded.predict(X, verbose=0).ravel(), fitted.predict(X), rtol=1e-6)


@pytest.mark.slow
def test_losses_of_other_units_leave_the_default_model_alone(raw_diabetes):
    X, y = raw_diabetes
    for loss in ("mape", lambda true, predicted: keras.ops.mean((true - predicted) ** 2)):
        fitted = regressor(loss=loss, epochs=1).fit(X, (y - y.mean()) / y.std())
        assert [layer.name for layer in fitted.model_.layers][-1] == "dense_1"


@pytest.mark.slow
def test_a_narrow_dtype_policy_keeps_the_digits_of_y(raw_diabetes):
    X, y = raw_diabetes
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        fitted = regressor(epochs=20).fit(X, y * 1000)  # beyond what float16 holds
        assert fitted.score(X, y * 1000) > 0.4
    finally:
        keras.config.set_dtype_policy(before)


# ---------------------------------------------------------------- models of one's own


@pytest.mark.parametrize(("factor", "shift"), [(1000, 0), (1e-4, 0), (1, 1e5)])
def test_a_linear_output_far_from_the_target_is_warned_of_once(raw_diabetes, factor, shift):
    X, y = raw_diabetes
    y = y * factor + shift
    _, messages = caught(lambda: regressor(layers((4, "relu"), (1,)), epochs=1).fit(X, y))
    assert len(messages) == 1
    for part in (f"{y.mean():.2g}", f"{y.std():.2g}", "TransformedTargetRegressor", "y_scale_"):
        assert part in messages[0]


@pytest.mark.slow
def test_ordinary_targets_and_models_that_use_the_scale_are_not_warned_of(raw_diabetes):
    X, y = raw_diabetes

    def rescaled(meta):
        last = keras.layers.Rescaling(meta["y_scale_"], meta["y_mean_"])
        return keras.Sequential([keras.Input((10,)), keras.layers.Dense(1), last])

    for model, target in [
        (layers((1,)), y),
        (layers((1,)), (y - y.mean()) / y.std()),
        (rescaled, y * 1000),
        (lambda meta: mlp(meta, (4,)), y * 1000),
        (layers((1,), loss="mape"), y * 1000),
    ]:
        _, messages = caught(lambda: KerasRegressor(model, epochs=1).fit(X, target))  # noqa: B023
        assert messages == []
    fitted = KerasRegressor(rescaled, epochs=20, random_state=0).fit(X, y * 1000)
    assert fitted.predict(X).mean() == pytest.approx(y.mean() * 1000, rel=0.5)


@pytest.mark.parametrize(
    ("activation", "target", "reach"),
    [
        ("sigmoid", lambda y: y, "between 0 and 1"),
        ("tanh", lambda y: y / 100, "between -1 and 1"),
        ("relu", lambda y: y - 100, "of at least 0"),
        ("softplus", lambda y: -y, "of at least 0"),
        ("softmax", lambda y: y / 1000, r"Dense\(1, activation='linear'\)"),
    ],
)
def test_an_activation_that_cannot_reach_the_target_is_an_error(
    raw_diabetes, activation, target, reach
):
    X, y = raw_diabetes
    with pytest.raises(ValueError, match=f"'{activation}' activation.*{reach}"):
        regressor(layers((1, activation))).fit(X, target(y))


@pytest.mark.slow
def test_an_activation_that_reaches_the_target_is_none(raw_diabetes):
    X, y = raw_diabetes
    regressor(layers((1, "sigmoid")), epochs=1).fit(X, (y - y.min()) / np.ptp(y))
    regressor(layers((1, "relu")), epochs=1).fit(X, y)
    regressor(layers((1, "tanh")), epochs=1, loss="cosine_similarity").fit(X, y)


# ----------------------------------------------------------------------------- times


@pytest.mark.parametrize(
    "times",
    [
        pd.date_range("2020", periods=30).to_series(),
        np.arange(30).astype("datetime64[D]"),
        np.arange(30).astype("timedelta64[s]"),
        pd.date_range("2020", periods=30, tz="UTC").to_series(),
        pd.period_range("2020", periods=30, freq="D").to_series(),
        [datetime.date(2020, 1, 1 + day) for day in range(30)],
    ],
    ids=["timestamps", "dates", "durations", "zoned", "periods", "list"],
)
def test_times_as_a_regressors_target_are_an_error(times):
    with pytest.raises(ValueError, match="y must be numeric, but has times"):
        regressor().fit(np.ones((30, 2)), times)


def test_times_as_features_are_an_error():
    times = np.arange(60).reshape(30, 2).astype("datetime64[D]")
    with pytest.raises(ValueError, match="X must be numeric, but has times"):
        regressor().fit(times, np.arange(30.0))


# ------------------------------------------------------------------------- autologging


def test_a_fit_fits_no_pipeline_and_no_encoder_of_scikit_learns(iris, raw_diabetes, monkeypatch):
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

    fitted = []
    for kind in (Pipeline, OneHotEncoder, OrdinalEncoder):
        monkeypatch.setattr(kind, "fit", lambda self, *args, **kwargs: fitted.append(self))
    X, y = iris
    classifier(epochs=1).fit(X, y)
    classifier(epochs=1, loss="categorical_crossentropy").fit(X, y)
    classifier(epochs=1).fit(X, np.column_stack([y, y > 0]).astype(int))
    regressor(epochs=1).fit(*raw_diabetes)
    assert fitted == []
