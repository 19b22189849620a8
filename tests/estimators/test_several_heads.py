"""A model with several heads, and a y with a field for each: numbers and labels mixed."""

from __future__ import annotations

import pickle

import keras
import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_validate

from kerasearch import BayesSearchCV, FitStore, KerasClassifier, KerasRegressor, stack_inputs
from tests.backends import ORDINARY_PATH

SPARSE = "sparse_categorical_crossentropy"


def two_heads(meta, units=8, names=("kind", "price"), as_dict=False, activation=None):
    """The order of the heads is not that of the fields."""
    inputs = keras.Input((meta["n_features_in_"],))
    hidden = keras.layers.Dense(units, "relu")(inputs)
    n_classes = meta["targets_"]["kind"].n_classes
    kind = keras.layers.Dense(
        n_classes, activation or "softmax", name=None if as_dict else names[0]
    )
    price = keras.layers.Dense(1, name=None if as_dict else names[1])
    outputs = [kind(hidden), price(hidden)]
    return keras.Model(inputs, dict(zip(names, outputs, strict=True)) if as_dict else outputs)


class Subclass(keras.Model):
    """Knows its heads only when it is called."""

    def __init__(self):
        super().__init__()
        self.kind, self.price = keras.layers.Dense(3, "softmax"), keras.layers.Dense(1)

    def call(self, x):
        return {"kind": self.kind(x), "price": self.price(x)}


def subclass():
    return Subclass()


def box_and_mask(meta):
    """Four numbers, a label, and a label for each of 8 x 8 positions."""
    inputs = keras.Input((8, 8, 1))
    hidden = keras.layers.Conv2D(4, 3, padding="same", activation="relu")(inputs)
    flat = keras.layers.Flatten()(hidden)
    return keras.Model(
        inputs,
        [
            keras.layers.Dense(4, name="box")(flat),
            keras.layers.Dense(meta["targets_"]["digit"].n_classes, "softmax", name="digit")(flat),
            keras.layers.Conv2D(1, 1, activation="sigmoid", name="mask")(hidden),
        ],
    )


def one_output(meta):
    return keras.Sequential([keras.Input((meta["n_features_in_"],)), keras.layers.Dense(2)])


def regressor(model=two_heads, **params):
    defaults = {"epochs": 4, "optimizer__learning_rate": 0.02, "random_state": 0}
    return KerasRegressor(model, **{**defaults, **params})


@pytest.fixture(scope="module")
def frame(diabetes):
    """The progress of the disease, and an age group."""
    X, y = diabetes
    groups = np.array(["young", "middle", "old"])[np.digitize(X[:, 0], [-0.5, 0.5])]
    return pd.DataFrame({"price": y, "kind": groups}, index=np.arange(len(y)) + 1000)


@pytest.fixture(scope="module")
def fitted(diabetes, frame):
    return regressor(epochs=10).fit(diabetes[0], frame)


def test_each_head_learns_the_field_of_its_name(diabetes, frame, fitted):
    X = diabetes[0]
    assert fitted.training_path_ == ORDINARY_PATH
    predicted = fitted.predict(X)
    assert list(predicted) == ["price", "kind"]
    assert predicted["price"].dtype == np.float64
    assert set(predicted["kind"]) == {"young", "middle", "old"}
    r2 = r2_score(frame["price"], predicted["price"])
    accuracy = accuracy_score(frame["kind"], predicted["kind"])
    assert accuracy > 0.8
    assert r2 > 0.3
    assert fitted.score(X, frame) == pytest.approx((r2 + accuracy) / 2)
    assert fitted.model_.loss == [SPARSE, "mean_squared_error"]
    weights = np.arange(len(X)) % 3
    assert fitted.score(X, frame, sample_weight=weights) == pytest.approx(
        (
            r2_score(frame["price"], predicted["price"], sample_weight=weights)
            + accuracy_score(frame["kind"], predicted["kind"], sample_weight=weights)
        )
        / 2
    )


def test_predictions_have_the_index_of_the_rows(diabetes, frame, fitted):
    X = pd.DataFrame(diabetes[0], index=frame.index).add_prefix("x")
    by_name = regressor(epochs=10).fit(X, frame).predict(X)
    pd.testing.assert_index_equal(by_name.index, frame.index)
    np.testing.assert_array_equal(by_name["price"], fitted.predict(diabetes[0])["price"])


@pytest.mark.slow
def test_losses_that_are_said_are_those_that_follow(diabetes, frame, fitted):
    said = regressor(epochs=10, loss={"price": "mse", "kind": SPARSE}).fit(diabetes[0], frame)
    np.testing.assert_array_equal(
        said.predict(diabetes[0])["price"], fitted.predict(diabetes[0])["price"]
    )
    for form in ({"as_dict": True}, {"model": subclass}):
        other = regressor(loss={"price": "mse", "kind": SPARSE}, **form).fit(diabetes[0], frame)
        assert list(other.predict(diabetes[0])) == ["price", "kind"]
        assert other.training_path_ == ORDINARY_PATH


def test_a_structured_array_is_predicted_as_one(diabetes, frame, fitted):
    y = stack_inputs(price=frame["price"], kind=frame["kind"])
    predicted = regressor(epochs=10).fit(diabetes[0], y).predict(diabetes[0])
    assert predicted.dtype.names == ("price", "kind")
    np.testing.assert_array_equal(predicted["kind"], fitted.predict(diabetes[0])["kind"])
    whole = cross_val_predict(regressor(epochs=1), diabetes[0], y, cv=2)
    assert whole.dtype.names == ("price", "kind")


@pytest.mark.parametrize("kind", ["frame", "structured"])
def test_a_search_scores_the_mean_of_the_heads_and_stores_its_fits(diabetes, frame, kind):
    y = frame if kind == "frame" else frame.to_records(index=False).astype(frame_dtype(frame))
    store = FitStore()
    estimator = regressor(store=store, loss={"price": "mse", "kind": SPARSE})
    search = GridSearchCV(estimator, {"units": [1, 8]}, cv=2, error_score="raise")
    with parallel_config("threading", n_jobs=2):
        search.fit(diabetes[0], y)
    assert search.best_params_ == {"units": 8}
    again = estimator.set_params(units=8).fit(diabetes[0], y)
    assert again.n_epochs_trained_ == 0


def frame_dtype(frame):
    return np.dtype([("price", "f8"), ("kind", "U6")])


@pytest.mark.slow
def test_processes_give_the_same_numbers(diabetes, frame):
    X = diabetes[0]
    wanted = cross_validate(regressor(), X, frame, cv=2, error_score="raise")["test_score"]
    got = cross_validate(regressor(), X, frame, cv=2, error_score="raise", n_jobs=2)["test_score"]
    np.testing.assert_array_equal(got, wanted)


@pytest.mark.slow
def test_our_own_searches_take_fields_too(diabetes, frame):
    X = diabetes[0]
    search = BayesSearchCV(regressor(), {"units": [1, 8]}, n_iter=2, cv=2, error_score="raise")
    assert np.isfinite(search.fit(X, frame).best_score_)


def test_a_pickled_estimator_goes_on(diabetes, frame, fitted):
    copy = pickle.loads(pickle.dumps(fitted))
    pd.testing.assert_frame_equal(copy.predict(diabetes[0]), fitted.predict(diabetes[0]))
    copy.partial_fit(diabetes[0], frame[["kind", "price"]])  # whatever the order
    assert copy.n_epochs_ == 11
    with pytest.raises(ValueError, match=r"y\['kind'\] has classes \['older'\]"):
        copy.partial_fit(diabetes[0], frame.replace("old", "older"))


@pytest.mark.slow
def test_validation_and_metrics_are_those_of_each_head(diabetes, frame):
    fitted = regressor(
        validation_split=0.3, metrics={"kind": ["accuracy"], "price": ["mae"]}, epochs=2
    ).fit(diabetes[0], frame, sample_weight=np.arange(442) % 2 + 1)
    assert {"val_kind_accuracy", "val_price_mae", "kind_loss"} <= fitted.history_.keys()


@pytest.mark.slow
def test_fields_may_have_any_shape(digits):
    X = digits[0][:100].reshape(-1, 8, 8, 1)
    masks = (X[..., 0] > 0.5).astype(int)
    y = stack_inputs(mask=masks, digit=digits[1][:100], box=X[:, 2, 2:6, 0])
    fitted = regressor(box_and_mask).fit(X, y)
    predicted = fitted.predict(X)
    assert predicted["mask"].shape == masks.shape
    assert predicted["digit"].dtype == digits[1].dtype
    scores = [
        accuracy_score(y["mask"].ravel(), predicted["mask"].ravel()),
        accuracy_score(y["digit"], predicted["digit"]),
        r2_score(y["box"], predicted["box"]),
    ]
    assert fitted.score(X, y) == pytest.approx(np.mean(scores))
    assert fitted.training_path_ == ORDINARY_PATH
    fitted.fit(X, y, sample_weight=np.arange(100.0))


def test_a_frame_of_numbers_is_fields_for_heads_and_columns_for_one_output(diabetes, frame):
    X = diabetes[0]
    y = frame.assign(kind=np.digitize(X[:, 0], [-0.5, 0.5]))
    assert regressor(one_output).fit(X, y).predict(X).shape == (len(X), 2)
    heads = regressor(epochs=10).fit(X, y)
    assert heads.predict(X).dtypes.tolist() == y.dtypes.tolist()
    assert set(heads.predict(X)["kind"]) == {0, 1, 2}
    assert heads.score(X, y) > 0.5
    heads.partial_fit(X, y)
    cross_validate(regressor(epochs=1), X, y, cv=2, error_score="raise")


def test_categories_name_labels_that_no_row_has(diabetes, frame):
    kinds = pd.Categorical(frame["kind"], categories=["young", "old", "middle", "ancient"])
    y = frame.assign(kind=kinds)
    fitted = regressor(epochs=1).fit(diabetes[0], y)
    assert fitted.targets_["kind"].n_classes == 4
    assert fitted.targets_["price"].mean == pytest.approx(frame["price"].mean())
    assert np.isfinite(fitted.score(diabetes[0], y))


def pinball(y_true, y_pred):
    error = keras.ops.reshape(y_true, (-1, 1)) - y_pred
    return keras.ops.mean(keras.ops.maximum(0.9 * error, -0.1 * error), axis=-1)


def three_prices(meta):
    inputs = keras.Input((meta["n_features_in_"],))
    return keras.Model(
        inputs,
        {
            "price": keras.layers.Dense(3)(inputs),
            "kind": keras.layers.Dense(3, "softmax")(inputs),
        },
    )


def middle_price(outputs):
    return {"price": outputs["price"][:, 1]}


def test_a_head_with_a_loss_of_its_own_is_free_and_what_is_made_of_it_is_scored(diabetes, frame):
    X = diabetes[0]
    fitted = regressor(three_prices, loss={"price": pinball, "kind": SPARSE}).fit(X, frame)
    assert fitted.predict(X)["price"][0].shape == (3,)
    assert fitted.score(X, frame) < 0
    fitted.set_params(output_to_prediction=middle_price)
    predicted = fitted.predict(X)
    scores = [
        r2_score(frame["price"], predicted["price"]),
        accuracy_score(frame["kind"], predicted["kind"]),
    ]
    assert fitted.score(X, frame) == pytest.approx(np.mean(scores))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"loss": {"kind": SPARSE}}, "loss has no entry for the head 'price'"),
        ({"loss": [SPARSE, None]}, "loss has no entry for the head 'price'"),
        ({"names": ("kind", "prise")}, "the name of the field 'price'; did you mean prise"),
        ({"loss": {"kind": SPARSE, "price": "mse", "prize": "mse"}}, "an entry for 'prize', but"),
        ({"loss": {"kind": SPARSE, "price": SPARSE}}, r"for classes, but y\['price'\] has values"),
        ({"activation": "sigmoid"}, "3 units with 'sigmoid' .* 3 classes"),
        ({"model": None}, "fields 'price', 'kind', but the default model has one output"),
        ({"model": one_output}, "no head has the name of the field 'price', 'kind'"),
    ],
)
def test_what_does_not_go_together_is_named_before_training(diabetes, frame, params, message):
    with pytest.raises(ValueError, match=message):
        regressor(**params).fit(diabetes[0], frame)


def test_fields_and_heads_that_have_no_partner_are_named(diabetes, frame, fitted):
    X = diabetes[0]
    with pytest.raises(ValueError, match="no head has the name of the field 'size'"):
        regressor().fit(X, frame.assign(size=1.0))
    with pytest.raises(ValueError, match="y does not have the field 'price'"):
        fitted.score(X, frame[["kind"]])
    with pytest.raises(ValueError, match="y is a ndarray without names"):
        fitted.score(X, np.zeros((len(X), 2)))
    with pytest.raises(ValueError, match="y of KerasRegressor is a data frame or structured array"):
        regressor(lambda: two_heads({"n_features_in_": 10, **fitted._metadata()})).fit(
            X, np.column_stack([diabetes[1], diabetes[1]])
        )


def test_a_classifier_names_the_regressor(diabetes, frame):
    for y in (frame, stack_inputs(price=frame["price"], kind=frame["kind"])):
        with pytest.raises(ValueError, match="for several heads, use KerasRegressor"):
            KerasClassifier(two_heads).fit(diabetes[0], y)
