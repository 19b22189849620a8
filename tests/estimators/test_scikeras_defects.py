"""What scikeras 0.13.0 gets wrong on today's scikit-learn and Keras, and is right here.

Each test fails when the two names below are imported from scikeras.wrappers instead: they were all
run that way, on scikit-learn 1.9, Keras 3.15 and TensorFlow 2.21. The numbers are those of the
list that the project started from. Number 2, scikit-learn's own checks, is test_sklearn_checks.py.
"""

from __future__ import annotations

import subprocess
import sys

import keras
import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, TransformerMixin, is_classifier
from sklearn.ensemble import VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score

from kerasearch import KerasClassifier, KerasRegressor

pytestmark = pytest.mark.slow


def build(meta, units=16):
    inputs = keras.Input(meta["X_shape_"][1:])
    hidden = keras.layers.Dense(units, activation="relu")(inputs)
    binary = meta["target_type_"] == "binary"
    layer = (1, "sigmoid") if binary else (meta["n_classes_"], "softmax")
    return keras.Model(inputs, keras.layers.Dense(*layer)(hidden))


def classifier(**params):
    defaults = {
        "model": build,
        "loss": "sparse_categorical_crossentropy",
        "optimizer": "adam",
        "epochs": 2,
        "verbose": 0,
        "random_state": 0,
    }
    return KerasClassifier(**{**defaults, **params})


def weights_of(estimator):
    return np.concatenate([w.ravel() for w in estimator.model_.get_weights()])


def test_01_a_classifier_is_seen_as_one_so_that_cv_3_is_stratified(iris):
    estimator = classifier(epochs=60, optimizer__learning_rate=0.01)
    assert is_classifier(estimator)
    assert cross_val_score(estimator, *iris, cv=3).min() > 0.9


def test_01_roc_auc_and_voting_work(breast_cancer):
    estimator = classifier(loss="binary_crossentropy", epochs=10)
    assert cross_val_score(estimator, *breast_cancer, cv=3, scoring="roc_auc").min() > 0.95
    voting = VotingClassifier([("a", estimator), ("b", LogisticRegression())], voting="soft")
    assert voting.fit(*breast_cancer).score(*breast_cancer) > 0.9


@pytest.mark.tensorflow("a flag of TensorFlow's")
@pytest.mark.long
def test_03_a_seeded_fit_does_not_leave_op_determinism_on(iris):
    program = (
        "import keras, numpy as np\n"
        f"from {KerasClassifier.__module__} import KerasClassifier\n"
        "from tensorflow.python.framework import config\n"
        "def build():\n"
        "    return keras.Sequential([keras.Input((2,)), keras.layers.Dropout(0.5),"
        " keras.layers.Dense(1, activation='sigmoid')])\n"
        "def fit(seed):\n"
        "    KerasClassifier(build, loss='binary_crossentropy', optimizer='adam', epochs=1,"
        " verbose=0, random_state=seed).fit(np.ones((20, 2)), np.arange(20) % 2)\n"
        "fit(0)\n"
        "assert not config.is_op_determinism_enabled()\n"
        "fit(None)\n"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


def test_04_two_random_states_give_two_seeds(iris):
    first = classifier(random_state=np.random.RandomState(1)).fit(*iris)
    second = classifier(random_state=np.random.RandomState(2)).fit(*iris)
    assert not np.array_equal(weights_of(first), weights_of(second))


def test_05_predicting_float64_after_float32_and_float_after_int(digits):
    X, y = (digits[0][:100] * 16).astype(np.int64), digits[1][:100]
    for fitted, predicted in [(np.float32, np.float64), (np.int64, np.float64)]:
        estimator = classifier().fit(X.astype(fitted), y)
        assert estimator.predict(X.astype(predicted)).shape == (100,)


def test_06_an_optimizer_instance_serves_any_number_of_fits(iris):
    estimator = classifier(optimizer=keras.optimizers.Adam(0.01))
    first = weights_of(estimator.fit(*iris))
    np.testing.assert_array_equal(first, weights_of(estimator.fit(*iris)))


def test_07_a_loss_by_name_takes_routed_arguments(iris):
    estimator = classifier(loss="sparse_categorical_crossentropy", loss__ignore_class=2)
    assert estimator.fit(*iris).model_.loss.get_config()["ignore_class"] == 2


def test_07_a_loss_class_gets_one_hot_targets(iris):
    estimator = classifier(loss=keras.losses.CategoricalCrossentropy, epochs=30)
    assert estimator.fit(*iris).score(*iris) > 0.7


def test_07_nested_routing_reaches_a_schedule(iris):
    estimator = classifier(
        optimizer__learning_rate=keras.optimizers.schedules.ExponentialDecay,
        optimizer__learning_rate__initial_learning_rate=0.5,
        optimizer__learning_rate__decay_steps=7,
        optimizer__learning_rate__decay_rate=0.5,
    ).fit(*iris)
    assert float(estimator.model_.optimizer._learning_rate(7)) == 0.25


def test_08_integer_sample_weights_work_and_are_not_changed(iris):
    weights = np.full(150, 2)
    classifier(class_weight={0: 1.0, 1: 2.0, 2: 3.0}).fit(*iris, sample_weight=weights)
    np.testing.assert_array_equal(weights, np.full(150, 2))
    floats = np.ones(150)
    classifier(class_weight={0: 1.0, 1: 2.0, 2: 3.0}).fit(*iris, sample_weight=floats)
    np.testing.assert_array_equal(floats, np.ones(150))


class Builder:
    def __call__(self, meta):
        return build(meta)

    def method(self, meta):
        return build(meta)


@pytest.mark.parametrize("model", [Builder(), Builder().method])
def test_09_callable_objects_and_bound_methods_build(iris, model):
    assert classifier(model=model).fit(*iris).predict(iris[0]).shape == (150,)


def test_10_history_keys_are_those_of_keras(breast_cancer):
    X, y = breast_cancer
    for _ in range(2):
        estimator = classifier(
            loss="binary_crossentropy",
            metrics=["AUC", keras.metrics.AUC],
            validation_split=0.2,
            callbacks=[keras.callbacks.EarlyStopping("val_auc", mode="max", patience=0)],
            epochs=50,
        ).fit(X, y)
        keys = {"loss", "AUC", "auc"}
        assert set(estimator.history_) == keys | {f"val_{key}" for key in keys}
        assert len(estimator.history_["loss"]) < 50


def test_11_a_ready_made_model_is_not_trained_in_place(iris):
    model = build({"X_shape_": (1, 4), "target_type_": "multiclass", "n_classes_": 3})
    before = [w.copy() for w in model.get_weights()]
    estimator = classifier(model=model)
    first = weights_of(estimator.fit(*iris))
    np.testing.assert_array_equal(first, weights_of(estimator.fit(*iris)))
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


class Counting(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        self.count_ = len(X)
        return self

    def transform(self, X):
        return X

    def get_metadata(self):
        return {"count_": self.count_}


class Counted(KerasClassifier):
    @property
    def feature_encoder(self):
        return Counting()


def test_12_metadata_comes_from_the_fitted_feature_encoder(iris):
    estimator = Counted(
        build, loss="sparse_categorical_crossentropy", optimizer="adam", epochs=1, verbose=0
    )
    assert estimator.fit(*iris).count_ == 150


def test_13_probabilities_of_one_row_are_a_row(iris):
    assert classifier().fit(*iris).predict_proba(iris[0][:1]).shape == (1, 3)


@pytest.mark.parametrize("name", ["optimizer__learing_rate", "model__unit"])
def test_14_a_misspelt_routed_parameter_is_refused_with_the_right_name(iris, name):
    with pytest.raises(ValueError, match="Did you mean"):
        classifier(**{name: 1}).fit(*iris)


def test_14_a_hyperparameter_of_the_builder_needs_no_declaration(iris):
    search = GridSearchCV(classifier(), {"units": [2, 3], "model__units": [4]}, cv=2)
    assert search.estimator.get_params()["model__units"] == 16
    search.set_params(param_grid={"units": [2, 3]}).fit(*iris)
    assert search.best_params_["units"] in (2, 3)


def test_14_an_optimizer_setting_that_a_compiled_model_ignores_is_an_error(iris):
    def compiled(meta):
        model = build(meta)
        model.compile("sgd", "sparse_categorical_crossentropy")
        return model

    with pytest.raises(ValueError, match="would be ignored"):
        classifier(model=compiled, optimizer__learning_rate=0.1).fit(*iris)


class Counter(keras.callbacks.Callback):
    def __init__(self, step=1):
        super().__init__()
        self.step, self.count = step, 0

    def on_epoch_end(self, epoch, logs=None):
        self.count += self.step


def test_15_callback_parameters_are_set_without_declaring_and_nothing_is_shared(iris):
    estimator = classifier(callbacks=[Counter])
    estimator.get_params()
    GridSearchCV(estimator, {"callbacks__0__step": [2, 3]}, cv=2, error_score="raise").fit(*iris)
    shared = Counter()
    classifier(callbacks=[shared]).fit(*iris)
    assert shared.count == 0


def test_16_feature_names_are_kept_checked_and_frames_score_with_weights(iris):
    frame = pd.DataFrame(iris[0], columns=list("abcd"))
    estimator = classifier().fit(frame, iris[1])
    assert estimator.feature_names_in_.tolist() == list("abcd")
    with pytest.raises(ValueError, match="feature names"):
        estimator.predict(frame[list("dcba")])
    weights = pd.Series(np.ones(150))
    assert estimator.score(frame, iris[1], weights) == estimator.score(frame, iris[1])


@pytest.mark.long
def test_17_importing_leaves_keras_as_it_was():
    program = (
        "import keras\n"
        "kinds = [keras.Model, keras.losses.Loss, keras.metrics.Metric,"
        " keras.optimizers.Optimizer]\n"
        "def hooks(): return [(k.__reduce__, getattr(k, '__deepcopy__', None)) for k in kinds]\n"
        "before = hooks()\n"
        f"from {KerasClassifier.__module__} import KerasClassifier\n"
        "assert hooks() == before\n"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


@pytest.mark.long
def test_17_the_patches_stay_for_a_user_who_imported_scikeras_before():
    program = (
        "import keras, scikeras\n"
        "theirs = keras.Model.__reduce__\n"
        "from kerasearch import KerasClassifier\n"
        "KerasClassifier()\n"
        "assert keras.Model.__reduce__ is theirs\n"
        "assert 'scikeras' in theirs.__module__\n"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


def test_18_a_validation_share_is_not_the_tail_of_the_rows(iris):
    estimator = classifier(validation_split=1 / 3, epochs=60, optimizer__learning_rate=0.01).fit(
        *iris
    )
    assert estimator.score(*iris) > 0.9


def test_the_regressor_is_seen_as_one(diabetes):
    from sklearn.base import is_regressor

    assert is_regressor(KerasRegressor())
