"""NaN in X for models that know it, and in y for the losses of Keras, which leave it out."""

from __future__ import annotations

import pickle

import keras
import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import GridSearchCV, KFold, cross_validate
from sklearn.utils import get_tags

from kerasearch import FitStore, KerasClassifier, KerasRegressor
from tests.backends import ORDINARY_PATH


def of_columns(meta, units=2, activation=None, compiled=False):
    layers = [keras.Input((10,)), keras.layers.Dense(units, activation)]
    model = keras.Sequential(layers)
    if compiled:
        model.compile(keras.optimizers.Adam(0.02), "mse")
    return model


def knowing(meta):
    """Sees which features are missing."""
    inputs = keras.Input((10,))
    missing = keras.ops.isnan(inputs)
    known = keras.ops.where(missing, 0.0, inputs)
    hidden = keras.layers.Concatenate()([known, keras.ops.cast(missing, "float32")])
    return keras.Model(inputs, keras.layers.Dense(1)(hidden))


def two_heads(meta):
    inputs = keras.Input((10,))
    kind = keras.layers.Dense(meta["targets_"]["kind"].n_classes, "softmax", name="kind")
    return keras.Model(inputs, [keras.layers.Dense(1, name="price")(inputs), kind(inputs)])


def tagger(meta):
    return keras.Sequential([keras.Input((8, 8)), keras.layers.Dense(2, "softmax")])


SETTINGS = {"epochs": 3, "optimizer__learning_rate": 0.02, "random_state": 0}


def regressor(model=of_columns, **params):
    return KerasRegressor(model, **{**SETTINGS, "allow_nan": True, **params})


def classifier(model=None, **params):
    return KerasClassifier(model, **{**SETTINGS, "allow_nan": True, **params})


@pytest.fixture(scope="module")
def columns(diabetes):
    """Two targets, of which every row has one at least."""
    y = np.column_stack([diabetes[1], diabetes[1] - diabetes[0][:, 1]])
    y[::3, 0] = np.nan
    y[1::3, 1] = np.nan
    return y


def test_missing_features_reach_a_model_that_knows_them(diabetes):
    X, y = diabetes[0].copy(), diabetes[1]
    X[::5, 2] = np.nan
    fitted = regressor(knowing, epochs=10).fit(X, y)
    assert fitted.score(X, y) > 0.2
    assert get_tags(fitted).input_tags.allow_nan
    assert not get_tags(KerasRegressor()).input_tags.allow_nan
    for model in (knowing, None):
        with pytest.raises(ValueError, match="Input X contains NaN.*pass allow_nan=True instead"):
            regressor(model, allow_nan=False).fit(X, y)
    with pytest.raises(ValueError, match="Input X contains infinity"):
        regressor(knowing).fit(np.where(np.isnan(X), np.inf, X), y)
    frame = pd.DataFrame(X[:, :2], columns=["a", "b"]).assign(c=X[:, 2])

    def by_name():
        inputs = [keras.Input((1,), name=name) for name in "abc"]
        missing = keras.ops.isnan(inputs[2])
        known = [*inputs[:2], keras.ops.where(missing, 0.0, inputs[2])]
        return keras.Model(inputs, keras.layers.Dense(1)(keras.layers.Concatenate()(known)))

    parts = {"inputs": {name: name for name in "abc"}, "epochs": 1}
    assert np.isfinite(regressor(by_name, **parts).fit(frame, y).score(frame, y))
    with pytest.raises(ValueError, match=r"X\['c'\] has missing values.*pass allow_nan=True"):
        regressor(by_name, allow_nan=False, **parts).fit(frame, y)


def test_missing_cells_of_columns_have_no_part_in_the_loss(diabetes, columns):
    X = diabetes[0]
    one_batch = {"batch_size": -1, "epochs": 1}
    fitted = regressor(**one_batch).fit(X, columns)
    assert fitted.training_path_ == ORDINARY_PATH
    start = regressor(epochs=0).fit(X, columns).predict(X)
    assert fitted.history_["loss"][0] == pytest.approx(
        np.where(np.isnan(columns), 0, (columns - start) ** 2).mean(), rel=1e-4
    )
    known = ~np.isnan(columns)
    predicted = fitted.predict(X)
    scores = [
        1
        - np.sum((columns[k, j] - predicted[k, j]) ** 2)
        / np.sum((columns[k, j] - columns[k, j].mean()) ** 2)
        for j, k in enumerate(known.T)
    ]
    assert fitted.score(X, columns) == pytest.approx(np.mean(scores))
    np.testing.assert_allclose(fitted.y_mean_, np.nanmean(columns, axis=0))
    copy = pickle.loads(pickle.dumps(fitted))
    assert copy.partial_fit(X, columns).score(X, columns) == pytest.approx(
        fitted.partial_fit(X, columns).score(X, columns)
    )


def test_a_loss_without_missing_cells_is_that_of_keras(diabetes, columns):
    X, whole = diabetes[0], np.nan_to_num(columns)
    plain = regressor(allow_nan=False).fit(X, whole)
    assert regressor().fit(X, whole).history_ == plain.history_
    few = np.where(np.arange(len(X))[:, None] == 0, np.nan, whole)
    left_out = regressor().fit(np.vstack([X[:1], X]), np.vstack([few[:1], whole]))
    assert left_out.history_["loss"][-1] == pytest.approx(plain.history_["loss"][-1], rel=0.05)


def test_searches_of_missing_cells_are_stored(diabetes, columns):
    store = FitStore()
    estimator = regressor(store=store)
    grid = {"batch_size": [32, 64]}
    search = GridSearchCV(estimator, grid, cv=2, error_score="raise").fit(diabetes[0], columns)
    again = estimator.set_params(**search.best_params_).fit(diabetes[0], columns)
    assert again.n_epochs_trained_ == 0


def test_a_model_that_comes_compiled_leaves_cells_out_too(diabetes, columns):
    compiled = KerasRegressor(
        of_columns, epochs=3, random_state=0, allow_nan=True, model__compiled=True
    ).fit(diabetes[0], columns)
    assert compiled.history_["loss"] == regressor().fit(diabetes[0], columns).history_["loss"]


def test_one_target_is_known_or_not(diabetes):
    X, y = diabetes[0], np.where(np.arange(442) % 4, diabetes[1], np.nan)
    fitted = KerasRegressor(epochs=20, random_state=0, allow_nan=True).fit(X, y)
    known = ~np.isnan(y)
    assert fitted.score(X, y) == pytest.approx(fitted.score(X[known], y[known]))
    assert fitted.y_mean_ == pytest.approx(y[known].mean())
    cross_validate(fitted.set_params(epochs=1), X, y, cv=2, error_score="raise")


def knows(y_true, y_pred):
    y_true = keras.ops.reshape(y_true, keras.ops.shape(y_pred))
    missing = keras.ops.isnan(y_true)
    error = keras.ops.where(missing, 0.5, keras.ops.where(missing, 0.0, y_true) - y_pred)
    return keras.ops.mean(keras.ops.abs(error), axis=-1)


def test_a_loss_of_ones_own_sees_them(diabetes, columns):
    X = diabetes[0]
    one = regressor(loss=knows, units=1, epochs=1, batch_size=-1).fit(X, columns[:, 0])
    start = regressor(loss=knows, units=1, epochs=0).fit(X, columns[:, 0]).predict(X)
    wanted = np.where(np.isnan(columns[:, 0]), 0.5, np.abs(columns[:, 0] - start)).mean()
    assert one.history_["loss"][0] == pytest.approx(wanted, rel=1e-4)
    both = regressor(loss=knows).fit(X, columns)
    assert np.isfinite(both.score(X, columns))


def test_missing_cells_of_a_field_take_the_row_out_of_its_heads_loss(diabetes):
    X = diabetes[0]
    groups = np.array(["young", "old"])[(X[:, 0] > 0).astype(int)]
    y = pd.DataFrame({"price": diabetes[1], "kind": groups})
    y.loc[::3, "price"] = np.nan
    y.loc[1::2, "kind"] = None
    fitted = regressor(two_heads, batch_size=-1, epochs=1).fit(X, y)
    assert fitted.training_path_ == ORDINARY_PATH
    known = y["price"].notna().to_numpy()
    start = regressor(two_heads, epochs=0).fit(X, y).predict(X)
    wanted = np.mean((y["price"] - start["price"])[known] ** 2)
    assert fitted.history_["price_loss"][0] == pytest.approx(wanted, rel=1e-4)
    assert np.isfinite(fitted.score(X, y))
    cross_validate(regressor(two_heads, epochs=1), X, y, cv=2, error_score="raise")
    with pytest.raises(ValueError, match="y contains NaN in the field 'price'.*allow_nan=True"):
        regressor(two_heads, allow_nan=False).fit(X, y)


def test_a_classifiers_labels_may_be_missing_with_a_splitter(breast_cancer):
    X, y = breast_cancer[0], np.where(np.arange(569) % 4, breast_cancer[1], np.nan)
    fitted = classifier(epochs=5, validation_split=0.2, class_weight="balanced").fit(X, y)
    assert fitted.classes_.tolist() == [0, 1]
    known = ~np.isnan(y)
    assert fitted.score(X, y) == fitted.score(X[known], y[known]) > 0.9
    scores = cross_validate(classifier(epochs=1), X, y, cv=KFold(2), error_score="raise")
    assert scores["test_score"].min() > 0.5
    with pytest.raises(ValueError, match="contains NaN"):
        cross_validate(classifier(epochs=1), X, y, cv=2)


def test_labels_that_occur_together_and_labels_at_positions_may_be_missing(breast_cancer, digits):
    X = breast_cancer[0]
    labels = (X[:, :3] > 0).astype(float)
    labels[::4, 1] = np.nan
    fitted = classifier(epochs=5).fit(X, labels)
    assert fitted.target_type_ == "multilabel-indicator"
    assert fitted.training_path_ == ORDINARY_PATH
    assert 0.5 < fitted.score(X, labels) <= 1
    images = digits[0][:100].reshape(-1, 8, 8)
    tags = (images.sum(axis=2) > 2).astype(float)
    tags[::2, 3:] = np.nan
    fitted = classifier(tagger).fit(images, tags)
    known = ~np.isnan(tags)
    assert fitted.score(images, tags) == np.mean((fitted.predict(images) == tags)[known])


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"loss": "cosine_similarity"}, "loss='cosine_similarity' compares whole rows"),
        ({"metrics": ["mae"]}, "metrics= would count.*compile__weighted_metrics="),
        ({"allow_nan": False}, "Input y contains NaN.*allow_nan=True"),
        ({"allow_nan": "yes"}, "allow_nan='yes' must be True or False"),
    ],
)
def test_what_would_count_missing_cells_is_an_error(diabetes, columns, params, message):
    with pytest.raises(ValueError, match=message):
        regressor(**params).fit(diabetes[0], columns)


def test_missing_cells_that_come_later_are_an_error(diabetes, columns):
    fitted = regressor().partial_fit(diabetes[0], np.nan_to_num(columns))
    with pytest.raises(ValueError, match="the model was built for a y without"):
        fitted.partial_fit(diabetes[0], columns)


def test_arguments_of_a_builder_by_these_names_are_reached_by_their_full_names(diabetes):
    seen = []

    def build(allow_nan=3, output_to_prediction=4):
        seen.append((allow_nan, output_to_prediction))
        return keras.Sequential([keras.Input((10,)), keras.layers.Dense(1)])

    regressor(build, epochs=0, model__allow_nan=5).fit(*diabetes)
    assert seen == [(5, 4)]
    with pytest.warns(UserWarning, match="pass model__output_to_prediction=") as caught:
        regressor(build, epochs=0, allow_nan=False, output_to_prediction=np.ravel).fit(*diabetes)
    assert len(caught) == 1
