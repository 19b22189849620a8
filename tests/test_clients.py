"""scikit-learn's own meta-estimators and tools on real data."""

from __future__ import annotations

import keras
import numpy as np
import pandas as pd
import pytest
import sklearn
from scipy.stats import loguniform
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    StackingClassifier,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.feature_selection import SequentialFeatureSelector
from sklearn.impute import SimpleImputer
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    HalvingGridSearchCV,
    RandomizedSearchCV,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    learning_curve,
    train_test_split,
    validation_curve,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from kerasearch import KerasClassifier, KerasRegressor

pytestmark = pytest.mark.slow


def classifier(**params):
    defaults = {"epochs": 25, "optimizer__learning_rate": 0.01, "random_state": 0}
    return KerasClassifier(**{"hidden_layer_sizes": (16,), **defaults, **params})


def regressor(**params):
    defaults = {"epochs": 25, "optimizer__learning_rate": 0.01, "random_state": 0}
    return KerasRegressor(**{"hidden_layer_sizes": (16,), **defaults, **params})


def test_iris_with_cv_3_scores_above_09_in_every_fold(iris):
    assert cross_val_score(classifier(epochs=60), *iris, cv=3).min() > 0.9


def test_grid_search_in_a_pipeline_finds_the_good_learning_rate():
    X, y = load_breast_cancer(return_X_y=True)
    pipeline = make_pipeline(StandardScaler(), classifier(epochs=5))
    grid = {
        "kerasclassifier__optimizer__learning_rate": [1e-6, 1e-2],
        "kerasclassifier__hidden_layer_sizes": [(8,), (8, 8)],
    }
    search = GridSearchCV(pipeline, grid, cv=3).fit(X, y)
    assert search.best_score_ > 0.94
    assert search.best_params_["kerasclassifier__optimizer__learning_rate"] == 1e-2
    assert len(search.cv_results_["params"]) == 4


def test_randomized_search_with_scipys_distributions(wine):
    search = RandomizedSearchCV(
        classifier(),
        {
            "optimizer__learning_rate": loguniform(1e-3, 1e-1),
            "hidden_layer_sizes": [(8,), (16,), (8, 8)],
            "batch_size": [16, 32],
        },
        n_iter=4,
        cv=3,
        random_state=0,
    ).fit(*wine)
    assert search.best_score_ > 0.93


def test_halving_with_epochs_as_the_resource(iris):
    search = HalvingGridSearchCV(
        classifier(),
        {"optimizer__learning_rate": [1e-4, 1e-3, 1e-2, 1e-1]},
        resource="epochs",
        min_resources=5,
        max_resources=20,
        factor=2,
        cv=3,
        random_state=0,
    ).fit(*iris)
    assert search.n_resources_ == [5, 10, 20]
    assert search.best_estimator_.n_epochs_ == 20
    assert search.best_score_ > 0.9


def test_cross_validate_with_several_metrics(breast_cancer):
    scores = cross_validate(
        classifier(), *breast_cancer, cv=3, scoring=["roc_auc", "neg_log_loss", "f1"]
    )
    assert scores["test_roc_auc"].min() > 0.97
    assert scores["test_neg_log_loss"].min() > -0.3
    assert scores["test_f1"].min() > 0.93


def test_multiclass_roc_auc(iris):
    scores = cross_val_score(classifier(), *iris, cv=3, scoring="roc_auc_ovr")
    assert scores.min() > 0.9


def test_cross_val_predict_gives_probabilities_of_every_row(iris, names):
    probabilities = cross_val_predict(classifier(), iris[0], names, cv=3, method="predict_proba")
    assert probabilities.shape == (150, 3)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    assert (np.unique(names)[probabilities.argmax(axis=1)] == names).mean() > 0.85


def test_a_frame_with_text_and_missing_values_through_a_column_transformer(breast_cancer):
    X, y = breast_cancer
    frame = pd.DataFrame(X[:, :4], columns=["a", "b", "c", "d"])
    frame["size"] = np.where(X[:, 3] > 0, "large", "small")
    frame.loc[::7, "a"] = np.nan
    frame.loc[::11, "size"] = None
    numeric = make_pipeline(SimpleImputer(), StandardScaler())
    text = OneHotEncoder(handle_unknown="ignore")
    columns = ColumnTransformer([("n", numeric, ["a", "b", "c", "d"]), ("t", text, ["size"])])
    pipeline = Pipeline([("columns", columns), ("network", classifier())])
    labels = np.where(y == 1, "benign", "malignant")
    scores = cross_val_score(pipeline, frame, labels, cv=3)
    assert scores.min() > 0.85
    pipeline.fit(frame, labels)
    assert pipeline.classes_.tolist() == ["benign", "malignant"]


def test_set_output_hands_frames_on(iris):
    pipeline = make_pipeline(StandardScaler(), classifier(epochs=2)).set_output(transform="pandas")
    pipeline.fit(pd.DataFrame(iris[0], columns=list("abcd")), iris[1])
    assert pipeline[-1].feature_names_in_.tolist() == list("abcd")


def test_nested_cross_validation(iris):
    search = GridSearchCV(classifier(), {"optimizer__learning_rate": [1e-4, 1e-2]}, cv=2)
    assert cross_val_score(search, *iris, cv=3).min() > 0.85


def test_grouped_folds(iris):
    X, y = iris
    groups = np.arange(150) // 5
    assert cross_val_score(classifier(), X, y, groups=groups, cv=GroupKFold(3)).shape == (3,)


@pytest.mark.parametrize(
    "ensemble",
    [
        VotingClassifier([("k", classifier()), ("l", LogisticRegression())], voting="soft"),
        StackingClassifier([("k", classifier()), ("l", LogisticRegression())], cv=2),
        BaggingClassifier(classifier(random_state=None), n_estimators=3, random_state=0),
        AdaBoostClassifier(classifier(random_state=None), n_estimators=3, random_state=0),
        CalibratedClassifierCV(classifier(), cv=2),
        OneVsRestClassifier(classifier()),
    ],
    ids=lambda e: type(e).__name__,
)
def test_ensembles_of_classifiers_learn(iris, names, ensemble):
    assert ensemble.fit(iris[0], names).score(iris[0], names) > 0.9
    probabilities = ensemble.predict_proba(iris[0])
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-4)


def test_one_estimator_for_each_output(iris):
    X, y = iris
    targets = np.column_stack([y == 0, y])
    assert (MultiOutputClassifier(classifier()).fit(X, targets).predict(X) == targets).mean() > 0.9


def test_regressors_in_meta_estimators(diabetes):
    X, y = diabetes
    raw = 100 + 50 * y
    transformed = TransformedTargetRegressor(regressor(), transformer=StandardScaler())
    assert transformed.fit(X, raw).score(X, raw) > 0.4
    voting = VotingRegressor([("k", regressor()), ("l", LinearRegression())])
    assert voting.fit(X, y).score(X, y) > 0.4
    scores = cross_val_score(regressor(epochs=10), X, y, cv=3, scoring="neg_mean_squared_error")
    assert scores.min() > -1.0


def test_feature_selection_importance_and_curves(iris):
    X, y = iris
    quick = classifier(epochs=15)
    selector = SequentialFeatureSelector(quick, n_features_to_select=1, cv=2).fit(X, y)
    assert selector.get_support().sum() == 1
    assert selector.get_support()[2:].any()  # the petals tell
    importance = permutation_importance(quick.fit(X, y), X, y, n_repeats=3, random_state=0)
    assert importance.importances_mean[2:].max() > 0.1
    sizes, _, test_scores = learning_curve(
        quick, X, y, train_sizes=[0.3, 1.0], cv=3, shuffle=True, random_state=0
    )
    assert sizes.tolist() == [30, 100]
    assert test_scores[1].mean() > 0.8
    train_scores, _ = validation_curve(
        quick, X, y, param_name="optimizer__learning_rate", param_range=[1e-5, 1e-2], cv=2
    )
    assert train_scores[1].mean() > train_scores[0].mean() + 0.1


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_two_jobs_give_the_results_of_one(iris, backend):
    import joblib

    search = GridSearchCV(
        classifier(epochs=3), {"optimizer__learning_rate": [1e-3, 1e-2]}, cv=2, n_jobs=2
    )
    with joblib.parallel_config(backend):
        parallel = search.fit(*iris).cv_results_["mean_test_score"]
    alone = search.set_params(n_jobs=1).fit(*iris).cv_results_["mean_test_score"]
    np.testing.assert_array_equal(parallel, alone)


def convolutional(meta, filters=8):
    inputs = keras.Input(meta["X_shape_"][1:])
    hidden = keras.layers.Conv2D(filters, 3, activation="relu")(inputs)
    hidden = keras.layers.Flatten()(keras.layers.MaxPooling2D()(hidden))
    return keras.Model(inputs, keras.layers.Dense(meta["n_classes_"], "softmax")(hidden))


def test_a_convolutional_net_on_images_through_the_same_estimator():
    X, y = load_digits(return_X_y=True)
    X = X.reshape(-1, 8, 8, 1) / 16
    search = GridSearchCV(
        KerasClassifier(convolutional, epochs=5, optimizer__learning_rate=0.01, random_state=0),
        {"filters": [2, 8]},
        cv=2,
    ).fit(X[:800], y[:800])
    assert search.best_estimator_.score(X[800:], y[800:]) > 0.8


def recurrent(meta, units=8):
    inputs = keras.Input(meta["X_shape_"][1:])
    return keras.Model(inputs, keras.layers.Dense(1)(keras.layers.LSTM(units)(inputs)))


def test_a_recurrent_net_on_sequences_through_the_same_estimator():
    X = np.random.default_rng(0).normal(size=(200, 10, 3))
    y = X[:, -1, 0] + X[:, -2, 1]
    network = KerasRegressor(recurrent, epochs=15, optimizer__learning_rate=0.02, random_state=0)
    assert cross_val_score(network, X, y, cv=2).min() > 0.5


def test_validation_rows_are_routed_and_transformed_in_a_pipeline(breast_cancer):
    X, y = load_breast_cancer(return_X_y=True)
    X, X_val, y, y_val = train_test_split(X, y, random_state=0)
    with sklearn.config_context(enable_metadata_routing=True):
        network = classifier(epochs=3).set_fit_request(X_val=True, y_val=True)
        pipeline = Pipeline(
            [("scale", StandardScaler()), ("network", network)], transform_input=["X_val"]
        )
        pipeline.fit(X, y, X_val=X_val, y_val=y_val)
    scaler = StandardScaler().fit(X)
    by_hand = classifier(epochs=3).fit(
        scaler.transform(X), y, X_val=scaler.transform(X_val), y_val=y_val
    )
    assert pipeline[-1].history_ == by_hand.history_
    assert len(pipeline[-1].history_["val_loss"]) == 3


def test_sample_weights_are_routed_through_a_search(iris):
    X, y = iris
    weights = np.where(y == 2, 0.0, 1.0)
    with sklearn.config_context(enable_metadata_routing=True):
        network = classifier(epochs=5).set_fit_request(sample_weight=True)
        network.set_score_request(sample_weight=True)
        search = GridSearchCV(network, {"batch_size": [16]}, cv=3)
        search.fit(X, y, sample_weight=weights)
    assert search.best_score_ > 0.9  # the class of weight 0 is neither trained nor scored
    assert 2 not in search.predict(X[y != 2])
