"""Outputs that only a loss of one's own can read: quantiles, mean and variance, censored times."""

from __future__ import annotations

import pickle

import keras
import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from kerasearch import FitStore, KerasClassifier, KerasRegressor
from tests.backends import ORDINARY_PATH

QUANTILES = (0.1, 0.5, 0.9)


def pinball(y_true, y_pred):
    error = keras.ops.reshape(y_true, (-1, 1)) - y_pred
    shares = keras.ops.array(QUANTILES)
    return keras.ops.mean(keras.ops.maximum(shares * error, (shares - 1) * error), axis=-1)


class GaussianLoss(keras.losses.Loss):
    """Of a mean and the logarithm of a variance."""

    def call(self, y_true, y_pred):
        error = keras.ops.reshape(y_true, (-1,)) - y_pred[:, 0]
        return y_pred[:, 1] + error**2 * keras.ops.exp(-y_pred[:, 1])


def censored(y_true, y_pred):
    """Squared errors of the times that were seen, the second column."""
    return keras.ops.mean(y_true[:, 1:] * (y_true[:, :1] - y_pred) ** 2, axis=-1)


def ordinal(y_true, y_pred):
    above = keras.ops.reshape(y_true, (-1, 1)) > keras.ops.arange(2, dtype="float32")
    return keras.losses.binary_crossentropy(keras.ops.cast(above, "float32"), y_pred)


def median(output):
    return output[:, 1]


def first(output):
    return output[:, 0]


def steps(output):
    return np.array(["low", "mid", "high"])[(output > 0.5).sum(axis=1)]


def dense(meta, units=3, activation=None, width=8):
    return keras.Sequential(
        [
            keras.Input((meta["n_features_in_"],)),
            keras.layers.Dense(width, "relu"),
            keras.layers.Dense(units, activation),
        ]
    )


class OwnStep(keras.Model):
    """Computes the loss of a mean and a variance itself."""

    def __init__(self):
        super().__init__()
        self.last = keras.layers.Dense(2)

    def call(self, x):
        return self.last(x)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return keras.ops.mean(GaussianLoss()(y, y_pred))


def own_step():
    return OwnStep()


def regressor(loss=pinball, model=dense, **params):
    defaults = {"epochs": 5, "optimizer__learning_rate": 0.02, "random_state": 0}
    return KerasRegressor(model, loss=loss, **{**defaults, **params})


@pytest.fixture(scope="module")
def fitted(diabetes):
    return regressor().fit(*diabetes)


def test_an_output_of_another_size_is_predicted_as_it_is_and_scored_by_its_loss(diabetes, fitted):
    X, y = diabetes
    assert fitted.training_path_ == ORDINARY_PATH
    raw = fitted.predict(X)
    assert raw.shape == (len(X), 3)
    np.testing.assert_allclose(raw, fitted.model_.predict(X, verbose=0), rtol=1e-4, atol=1e-6)
    values = np.asarray(pinball(y.astype("float32"), raw.astype("float32")))
    assert fitted.score(X, y) == pytest.approx(-np.mean(values), rel=1e-5)
    weights = np.arange(len(y)) % 3
    wanted = -np.average(values, weights=weights)
    assert fitted.score(X, y, sample_weight=weights) == pytest.approx(wanted, rel=1e-5)


def test_what_output_to_prediction_returns_is_predicted_and_scored_by_r2(diabetes, fitted):
    X, y = diabetes
    middle = regressor(output_to_prediction=median).fit(X, y)
    np.testing.assert_array_equal(middle.predict(X), fitted.predict(X)[:, 1])
    assert 0.2 < middle.score(X, y) < 0.7
    scores = cross_validate(middle, X, y, cv=3, scoring="r2", error_score="raise")
    assert scores["test_score"].min() > 0


def test_a_search_ranks_by_the_loss_and_its_fits_are_stored(diabetes):
    store = FitStore()
    grid = {"model__width": [1, 16]}
    search = GridSearchCV(regressor(store=store), grid, cv=2, error_score="raise")
    with parallel_config("threading", n_jobs=2):
        search.fit(*diabetes)
    assert search.best_params_ == {"model__width": 16}
    assert search.cv_results_["mean_test_score"].max() < 0
    # what is made of the output is no part of a fit
    again = regressor(store=store, model__width=16, output_to_prediction=median).fit(*diabetes)
    assert again.n_epochs_trained_ == 0


def test_a_pipeline_hands_the_function_on(diabetes):
    X, y = diabetes
    pipeline = make_pipeline(StandardScaler(), regressor(output_to_prediction=median))
    scores = cross_validate(pipeline, X, y, cv=2, error_score="raise")["test_score"]
    assert scores.min() > 0


def test_a_pickled_estimator_predicts_and_scores_the_same(diabetes, fitted):
    copy = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(copy.predict(diabetes[0]), fitted.predict(diabetes[0]))
    assert copy.score(*diabetes) == fitted.score(*diabetes)
    assert copy.partial_fit(*diabetes).score(*diabetes) != fitted.score(*diabetes)


@pytest.mark.parametrize(
    ("loss", "model"), [(GaussianLoss(), dense), (GaussianLoss, dense), (None, own_step)]
)
def test_a_class_and_a_model_with_a_loss_of_its_own_free_the_size_too(diabetes, loss, model):
    X, y = diabetes
    settings = {"units": 2} if model is dense else {}
    fitted = regressor(loss, model, epochs=2, **settings).fit(X, y)
    assert fitted.predict(X).shape == (len(X), 2)
    assert fitted.score(X, y) == pytest.approx(
        -float(GaussianLoss()(y, fitted.predict(X).astype("float32"))), rel=1e-4
    )


def test_columns_that_only_the_loss_reads_pass_through_it(diabetes):
    X, y = diabetes
    target = pd.DataFrame({"time": y, "seen": (np.arange(len(y)) % 4 > 0).astype(float)})
    fitted = regressor(censored, units=1, epochs=10).fit(X, target)
    assert fitted.predict(X).shape == (len(X), 1)
    assert fitted.score(X, target) < 0
    seen = target["seen"] == 1
    times = target.assign(time=target["time"].where(seen, -1000.0))  # nobody may look at these
    same = regressor(censored, units=1, epochs=10).fit(X, times)
    np.testing.assert_array_equal(same.predict(X), fitted.predict(X))
    by_time = regressor(censored, units=1, epochs=10, output_to_prediction=first)
    assert by_time.fit(X, target).score(X, target) == pytest.approx(
        _r2(y, fitted.predict(X)[:, 0]), rel=1e-6
    )


def _r2(y, predicted):
    return 1 - np.sum((y - predicted) ** 2) / np.sum((y - y.mean()) ** 2)


def test_ordinal_classes_are_predicted_by_their_labels(diabetes):
    X, y = diabetes
    labels = np.array(["low", "mid", "high"])[np.digitize(y, [-0.5, 0.5])]
    settings = {"loss": ordinal, "units": 2, "activation": "sigmoid", "epochs": 3}
    raw = KerasClassifier(dense, random_state=0, **settings).fit(X, labels)
    assert raw.predict(X).shape == (len(X), 2)
    assert raw.score(X, labels) < 0
    with pytest.raises(ValueError, match="has no class probabilities"):
        raw.predict_proba(X)
    fitted = KerasClassifier(dense, random_state=0, output_to_prediction=steps, **settings)
    assert set(fitted.fit(X, labels).predict(X)) <= {"low", "mid", "high"}
    assert 0 < fitted.score(X, labels) < 1
    fitted.set_params(output_to_prediction=lambda output: (output > 0.5).sum(axis=1))
    with pytest.raises(ValueError, match="returned [012], .* labels of y, which are 'high'"):
        fitted.predict(X)


def test_a_threshold_of_ones_own_leaves_the_probabilities(breast_cancer):
    X, y = breast_cancer
    plain = KerasClassifier(epochs=1, random_state=0).fit(X, y)
    proba = plain.predict_proba(X)
    plain.set_params(output_to_prediction=lambda output: (output[:, 0] > 0.9).astype(int))
    np.testing.assert_array_equal(plain.predict(X), (proba[:, 1] > 0.9).astype(int))
    np.testing.assert_array_equal(plain.predict_proba(X), proba)


# --------------------------------------------------------------------------------- errors


def in_line(y_true, y_pred):
    return keras.ops.mean(keras.ops.abs(y_true - y_pred), axis=-1)


def crossed(y_true, y_pred):
    return keras.ops.mean(y_true[:, None, None] - y_pred, axis=-1)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"loss": "mse"}, "has 3 units .* does not fit a target of 1 value in each row"),
        ({"loss": in_line}, r"the loss in_line fails on y of shape \(n,\) and an .*reshape"),
        ({"loss": crossed}, "the loss crossed compares every row with every other.*reshape"),
        ({"metrics": ["mae"]}, "Error cannot compare with an output of 3 units that only"),
    ],
)
def test_what_cannot_be_compared_is_an_error_before_training(diabetes, params, message):
    with pytest.raises(ValueError, match=message):
        regressor(**params).fit(*diabetes)


def test_an_output_with_more_axes_than_the_target_stays_an_error(diabetes):
    def build():
        reshape = keras.layers.Reshape((5, 2))
        return keras.Sequential([keras.Input((10,)), reshape, keras.layers.Dense(3)])

    with pytest.raises(ValueError, match=r"shape \(None, 5, 3\), .* needs \(None, 1\)"):
        regressor(model=build).fit(*diabetes)


def test_what_output_to_prediction_may_be_and_return(diabetes, fitted):
    X, y = diabetes
    with pytest.raises(
        TypeError, match="output_to_prediction='median' must be None, or a function"
    ):
        regressor(output_to_prediction="median").fit(X, y)
    copy = pickle.loads(pickle.dumps(fitted)).set_params(output_to_prediction=np.mean)
    with pytest.raises(ValueError, match=r"for each of the 442 rows, .* of shape \(\)"):
        copy.predict(X)


def test_a_setting_of_r2_is_refused_where_the_score_is_the_loss(diabetes, fitted):
    copy = pickle.loads(pickle.dumps(fitted)).set_params(score__multioutput="raw_values")
    with pytest.raises(ValueError, match="score__multioutput is for R².*set output_to_prediction"):
        copy.score(*diabetes)


@pytest.mark.parametrize("positions", [(7,), (7, 11)])
def test_a_loss_over_as_many_positions_as_rows_are_tried_is_none_of_all_pairs(positions):
    def of_position(y_true, y_pred):
        return keras.ops.mean((y_true - y_pred[..., :1]) ** 2, axis=-1)

    def build(meta):
        inputs = keras.Input((*positions, 1))
        return keras.Model(inputs, keras.layers.Dense(2)(inputs))

    X = np.linspace(-1, 1, 20 * int(np.prod(positions))).reshape(20, *positions, 1)
    network = regressor(of_position, build, epochs=1)
    network.fit(X, X, sample_weight=np.arange(20))
    assert network.predict(X).shape == (20, *positions, 2)
    assert network.training_path_ == ORDINARY_PATH
