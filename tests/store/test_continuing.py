"""A longer fit goes on from a shorter one that is stored, to the numbers of one fit."""

from __future__ import annotations

import pickle

import keras
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from kerasearch import DivergenceError, FitStore, KerasClassifier, training
from kerasearch.training import stored_fits
from tests.slow import long_but

from . import nets


def build(meta, units=4, dropout=0.0, norm=False, compile_kwargs=None):
    inputs = keras.Input((meta["n_features_in_"],))
    hidden = keras.layers.Dense(units, "relu")(inputs)
    if norm:
        hidden = keras.layers.BatchNormalization()(hidden)
    hidden = keras.layers.Dropout(dropout)(hidden)
    return keras.Model(inputs, keras.layers.Dense(meta["n_classes_"], "softmax")(hidden))


def scaled_adam():
    return keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.01))


SETTINGS = {
    "adam": {},
    "momentum": {"optimizer": "sgd", "optimizer__momentum": 0.9},
    "averaged weights": {"optimizer__use_ema": True},
    "dropout": {"model__dropout": 0.3},
    "batch normalization": {"model__norm": True},
    "validation": {"validation_split": 0.2, "metrics": ["accuracy"]},
    "loss scale": {"optimizer": scaled_adam()},
    "schedule": {"optimizer__learning_rate": keras.optimizers.schedules.CosineDecay(0.01, 50)},
    "class weights": {"class_weight": "balanced"},
}


def network(**settings):
    return KerasClassifier(build, **{"random_state": 0, "epochs": 7, **settings})


def state_of(estimator):
    model = estimator.model_
    return [keras.ops.convert_to_numpy(v) for v in [*model.variables, *model.optimizer.variables]]


def assert_same_fit(one, other):
    assert one.history_ == other.history_
    for a, b in zip(state_of(one), state_of(other), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", long_but(SETTINGS, "adam", "dropout", "schedule"))
def test_a_continued_fit_is_the_uninterrupted_one_to_the_last_bit(iris, name):
    X, y = iris
    whole = network(**SETTINGS[name]).fit(X, y)
    store = FitStore()
    trained = []
    for epochs in (2, 5, 7, 7, 5):
        fitted = network(**SETTINGS[name], store=store).fit(X, y, epochs=epochs)
        trained.append(fitted.n_epochs_trained_)
        if epochs == 7:
            assert_same_fit(fitted, whole)
            np.testing.assert_array_equal(fitted.predict_proba(X), whole.predict_proba(X))
    assert trained == [2, 3, 2, 0, 0]
    fresh = network(**SETTINGS[name]).fit(X, y, epochs=5)
    assert_same_fit(fitted, fresh)  # read, though longer ones are there


def test_what_is_read_goes_on_with_partial_fit_and_through_pickle(iris):
    X, y = iris
    store = FitStore()
    network(store=store).fit(X, y)
    read = network(store=store).fit(X, y)
    assert read.n_epochs_trained_ == 0
    plain = network().fit(X, y)
    loaded = pickle.loads(pickle.dumps(read))
    loaded.set_params(store=None)
    for estimator in (read, plain, loaded):
        assert estimator.partial_fit(X, y).n_epochs_trained_ == 1
    assert_same_fit(read, plain)
    assert_same_fit(loaded, plain)


def test_ascending_epochs_of_a_grid_train_the_longest_alone(iris):
    store = FitStore()
    grid = {"epochs": [2, 4, 8]}
    search = GridSearchCV(network(store=store), grid, cv=2, refit=False).fit(*iris)
    expected = GridSearchCV(network(), grid, cv=2, refit=False).fit(*iris)
    np.testing.assert_array_equal(
        search.cv_results_["mean_test_score"], expected.cv_results_["mean_test_score"]
    )
    assert sorted(fit.epochs for fit in store) == [2, 2, 4, 4, 8, 8]
    assert GridSearchCV(network(store=store), grid, cv=2, scoring=trained, refit=False).fit(
        *iris
    ).cv_results_["mean_test_score"].tolist() == [0, 0, 0]


def trained(estimator, X, y):
    final = estimator[-1] if hasattr(estimator, "steps") else estimator
    return final.n_epochs_trained_


@pytest.mark.parametrize("piped", [pytest.param(False, marks=pytest.mark.slow), True])
def test_successive_halving_repeats_no_epoch(iris, piped):
    counts = []

    def scoring(estimator, X, y):
        counts.append(trained(estimator, X, y))
        return estimator.score(X, y)

    estimator, prefix = network(store=FitStore()), ""
    if piped:
        estimator, prefix = make_pipeline(StandardScaler(), estimator), "kerasclassifier__"
    search = HalvingGridSearchCV(
        estimator,
        {f"{prefix}optimizer__learning_rate": [0.1, 0.01, 0.001, 1e-4]},
        resource=f"{prefix}epochs",
        min_resources=2,
        max_resources=8,
        factor=2,
        cv=2,
        scoring=scoring,
        return_train_score=False,
        refit=False,
    ).fit(*iris)
    assert list(search.n_resources_) == [2, 4, 8]
    assert counts == [2] * 8 + [2] * 4 + [4] * 2


def test_callbacks_are_found_at_their_exact_length_and_never_continued(iris):
    X, y = iris
    store = FitStore()
    stopping = keras.callbacks.EarlyStopping("loss", patience=1, restore_best_weights=True)
    settings = {"callbacks": stopping, "optimizer__learning_rate": 0.1, "store": store}
    counts = [
        network(**settings, epochs=epochs).fit(X, y).n_epochs_trained_ for epochs in (3, 6, 3, 6)
    ]
    assert counts[2:] == [0, 0]
    assert counts[0] > 0 and counts[1] > 0  # noqa: PT018
    fresh = network(**{**settings, "store": None}, epochs=6).fit(X, y)
    assert_same_fit(network(**settings, epochs=6).fit(X, y), fresh)


def test_a_callback_that_writes_files_is_not_stored_with_one_warning(iris, tmp_path):
    store = FitStore()
    logger = keras.callbacks.CSVLogger(str(tmp_path / "log.csv"))
    with pytest.warns(UserWarning, match="CSVLogger writes files of its own") as caught:
        counts = [
            network(callbacks=logger, store=store).fit(*iris).n_epochs_trained_ for _ in range(2)
        ]
    assert counts == [7, 7]
    assert len(caught) == 1
    assert len(store) == 0


def test_a_divergence_is_raised_again_without_training(iris):
    X, y = iris
    store = FitStore()
    exploding = {"optimizer": "sgd", "optimizer__learning_rate": 1e30, "store": store}
    errors = []
    for epochs in (7, 7, 20):
        with pytest.raises(DivergenceError) as raised:
            network(**exploding, epochs=epochs).fit(X, y)
        errors.append((str(raised.value), raised.value.epoch, repr(raised.value.history)))
    assert errors[0] == errors[1] == errors[2]
    assert [fit.divergence for fit in store] == [errors[0][0]]


def test_neither_partial_fit_nor_warm_start_reads_or_writes(iris):
    store = FitStore()
    network(store=store).partial_fit(*iris)
    warm = network(store=store, warm_start=True)
    assert [warm.fit(*iris).n_epochs_trained_ for _ in range(2)] == [7, 7]
    assert len(store) == 0


@pytest.mark.parametrize("random_state", [None, np.random.RandomState(0)])
def test_without_an_integer_seed_nothing_is_stored_with_one_warning(iris, random_state):
    store = FitStore()
    with pytest.warns(UserWarning, match="needs an integer random_state") as caught:
        GridSearchCV(network(store=store, random_state=random_state), {}, cv=2).fit(*iris)
    assert len(caught) == 1
    assert len(store) == 0


@pytest.mark.slow
def test_metrics_that_make_their_variables_late_are_read_and_continued(iris):
    X, y = iris
    onehot = np.eye(3, dtype="float32")[y]
    store = FitStore()

    def fit(store, epochs):
        # F1Score has no variables before its first update, so AUC's move to other places
        auc = keras.metrics.AUC(num_thresholds=7, name="auc")
        metrics = [keras.metrics.F1Score(name="f1"), auc]
        loss = "categorical_crossentropy"
        return nets.make(store, epochs=epochs, metrics=metrics, loss=loss).fit(X, onehot)

    fits = [fit(store, 3), fit(store, 3), fit(store, 5)]
    assert [one.n_epochs_trained_ for one in fits] == [3, 0, 2]
    direct = fit(None, 5)
    for name, values in direct.history_.items():
        np.testing.assert_array_equal(fits[2].history_[name], values)
    np.testing.assert_array_equal(fits[2].predict_proba(X), direct.predict_proba(X))


def test_equal_instances_of_an_optimizer_are_the_same_fit_and_program(iris):
    X, y = iris
    store = FitStore()

    def fit(epochs, rate=0.05):
        optimizer = keras.optimizers.SGD(rate)  # which Keras names sgd, sgd_1, ...
        return network(optimizer=optimizer, store=store).fit(X, y, epochs=epochs)

    assert [fit(epochs).n_epochs_trained_ for epochs in (2, 2, 5)] == [2, 0, 3]
    assert fit(2, rate=0.01).n_epochs_trained_ == 2
    before = training.programs()
    network(optimizer=keras.optimizers.SGD(0.05), epochs=1).fit(X, y)
    assert training.programs().misses == before.misses


@pytest.fixture
def always_checkpoints(monkeypatch):
    monkeypatch.setattr(stored_fits, "_SECONDS_PER_CHECKPOINT", -1.0)


def test_a_finished_fit_leaves_none_of_its_checkpoints(iris, always_checkpoints):
    store = FitStore()
    fitted = network(store=store).fit(*iris)
    assert [fit.epochs for fit in store] == [7]
    assert_same_fit(fitted, network().fit(*iris))


def test_an_interrupted_fit_goes_on_from_its_checkpoint(iris, always_checkpoints, monkeypatch):
    store = FitStore()
    epochs_seen = []

    def interrupted(self, n_epochs, model, after_epoch=stored_fits.StoreEntry.after_epoch):
        after_epoch(self, n_epochs, model)
        epochs_seen.append(n_epochs)
        if n_epochs == 4:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(stored_fits.StoreEntry, "after_epoch", interrupted)
        with pytest.raises(KeyboardInterrupt):
            network(store=store).fit(*iris)
    assert [fit.epochs for fit in store] == [4]
    resumed = network(store=store).fit(*iris)
    assert resumed.n_epochs_trained_ == 3
    assert_same_fit(resumed, network().fit(*iris))


def steep(y_true, y_pred):
    return 1e3 * keras.losses.sparse_categorical_crossentropy(y_true, y_pred)


def test_weights_that_are_not_finite_make_no_checkpoint(iris, always_checkpoints, monkeypatch):
    store = FitStore()
    settings = {"optimizer": "sgd", "optimizer__learning_rate": 1e38, "batch_size": -1}
    settings["loss"] = steep

    def interrupted(self, n_epochs, model, after_epoch=stored_fits.StoreEntry.after_epoch):
        after_epoch(self, n_epochs, model)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(stored_fits.StoreEntry, "after_epoch", interrupted)
        with pytest.raises(KeyboardInterrupt):
            network(**settings, store=store).fit(*iris)
    for place in (None, store):
        with pytest.raises(DivergenceError, match="weights were no longer finite"):
            network(**settings, store=place, epochs=1).fit(*iris)


def test_a_checkpoint_does_not_take_a_finished_fit_of_its_length_along(iris, always_checkpoints):
    store = FitStore()
    short = network(store=store, epochs=3).fit(*iris)
    network(store=store).fit(*iris)
    assert [fit.epochs for fit in store] == [3, 7]
    assert network(store=store, epochs=3).fit(*iris).n_epochs_trained_ == 0
    (key,) = {fit.key for fit in store}
    store.discard(key, 3, checkpoint="of another fit")
    assert_same_fit(network(store=store, epochs=3).fit(*iris), short)
    assert [fit.epochs for fit in store] == [3, 7]


OUTSIDE = []


class ReadsOutside(keras.layers.Layer):
    def call(self, x):
        return x * OUTSIDE[0]


def build_outside(meta):
    inputs = keras.Input((meta["n_features_in_"],))
    hidden = ReadsOutside()(keras.layers.Dense(3, "relu")(inputs))
    return keras.Model(inputs, keras.layers.Dense(meta["n_classes_"], "softmax")(hidden))


@pytest.mark.slow
def test_a_fit_that_is_not_stored_leaves_no_checkpoint_either(iris, always_checkpoints):
    store = FitStore()
    settings = {"random_state": 0, "store": store}
    OUTSIDE[:] = [keras.Variable(1.0)]
    with pytest.warns(UserWarning, match="not stored"):
        KerasClassifier(build_outside, epochs=6, **settings).fit(*iris)
    assert len(store) == 0
    OUTSIDE[0].assign(5.0)
    assert KerasClassifier(build_outside, epochs=5, **settings).fit(*iris).n_epochs_trained_ == 5


def test_a_pickled_estimator_keeps_the_directory_that_its_relative_path_meant(
    monkeypatch, tmp_path
):
    monkeypatch.chdir(tmp_path)
    classifier = pickle.loads(pickle.dumps(KerasClassifier(store="fits")))
    assert classifier.store == str(tmp_path / "fits")
    assert clone(KerasClassifier(store="fits")).store == "fits"


def test_a_fit_that_ended_before_the_first_epoch_does_not_move_it(iris):
    X, y = iris
    store = FitStore()

    def fit(epochs, store=store):
        def compiled():
            model = build({"n_features_in_": 4, "n_classes_": 3})
            model.compile("adam", "sparse_categorical_crossentropy")
            return model

        model = training.build(compiled, 0)
        return training.fit(model, X, y, epochs=epochs, initial_epoch=3, store=store)

    assert [fit(epochs).n_trained for epochs in (2, 5, 6)] == [0, 2, 1]
    assert fit(6).history == fit(6, store=None).history


def test_the_warning_that_a_fit_is_not_stored_names_the_line_of_the_user(iris):
    network_without_seed = network(store=FitStore(), random_state=None)
    with pytest.warns(UserWarning, match="not stored") as caught:
        network_without_seed.fit(*iris)
    assert [warning.filename for warning in caught] == [__file__]
