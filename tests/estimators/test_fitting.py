"""What a fit does with rows, weights, validation parts, seeds and epochs."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import warnings

import joblib
import keras
import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    StratifiedKFold,
    TimeSeriesSplit,
    cross_val_score,
)
from sklearn.utils.validation import check_is_fitted

from kerasearch import DivergenceError, KerasClassifier, KerasRegressor
from kerasearch.estimators.fitting import draw_seed
from tests import builders
from tests.backends import ORDINARY_PATH
from tests.slow import long_but


def quick(estimator=KerasClassifier, **params):
    return estimator(**{"epochs": 2, "hidden_layer_sizes": (8,), "random_state": 0, **params})


def weights_of(estimator):
    return np.concatenate([w.ravel() for w in estimator.model_.get_weights()])


# ------------------------------------------------------------------------- defaults


@pytest.mark.parametrize("data", long_but(["iris", "wine", "digits"], "iris", "wine"))
@pytest.mark.slow
def test_the_defaults_learn_scaled_data(request, data):
    X, y = request.getfixturevalue(data)
    X, y = X[::2], y[::2]
    held_out = request.getfixturevalue(data)
    score = KerasClassifier(random_state=0).fit(X, y).score(held_out[0][1::2], held_out[1][1::2])
    assert score > 0.92


def test_the_regressor_learns_a_scaled_target_with_its_defaults(diabetes):
    X, y = diabetes
    regressor = KerasRegressor(random_state=0, epochs=30).fit(X[::2], y[::2])
    assert regressor.score(X[1::2], y[1::2]) > 0.3


@pytest.mark.slow
def test_verbose_zero_prints_nothing(iris, capfd):
    quick(validation_split=0.2).fit(*iris).predict(iris[0])
    captured = capfd.readouterr()
    assert captured.out == captured.err == ""


def test_an_estimator_that_was_not_fitted_says_so(iris):
    for method in ("predict", "predict_proba"):
        with pytest.raises(NotFittedError):
            getattr(KerasClassifier(), method)(iris[0])
    with pytest.raises(NotFittedError):
        check_is_fitted(KerasClassifier())


# ------------------------------------------------------------------------ containers


@pytest.mark.slow
def test_frames_arrays_and_sparse_matrices_give_the_same_numbers(iris):
    X, y = iris
    expected = quick().fit(X, y).predict_proba(X)
    columns = list("abcd")
    for data, target in [
        (pd.DataFrame(X, columns=columns), pd.Series(y)),
        (pl.DataFrame(X, schema=columns), pl.Series(y)),
        (sparse.csr_matrix(X), y),
        (np.asfortranarray(X), y.astype(np.int8)),
        (np.repeat(X, 2, axis=0)[::2], np.repeat(y, 2)[::2]),
        (X.tolist(), y.tolist()),
    ]:
        np.testing.assert_array_equal(quick().fit(data, target).predict_proba(data), expected)


def test_feature_names_are_kept_and_reordered_columns_are_an_error(iris):
    frame = pd.DataFrame(iris[0], columns=list("abcd"))
    classifier = quick().fit(frame, iris[1])
    assert classifier.feature_names_in_.tolist() == list("abcd")
    with pytest.raises(ValueError, match="feature names should match"):
        classifier.predict(frame[list("dcba")])


@pytest.mark.parametrize("fitted", [np.float32, np.float64, np.int64, np.uint8])
@pytest.mark.parametrize("predicted", [np.float32, np.float64, np.int32])
def test_predicting_with_another_dtype_than_fitted_with_works(digits, fitted, predicted):
    X = (digits[0][:200] * 16).astype(int)
    classifier = quick(epochs=1).fit(X.astype(fitted), digits[1][:200])
    expected = classifier.predict(X.astype(fitted))
    np.testing.assert_array_equal(classifier.predict(X.astype(predicted)), expected)


def test_integer_features_reach_an_embedding_as_integers():
    def embed(meta):
        inputs = keras.Input((5,), dtype="int64")
        hidden = keras.layers.Flatten()(keras.layers.Embedding(10, 3)(inputs))
        return keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(hidden))

    X = np.random.default_rng(0).integers(0, 10, (60, 5))
    classifier = KerasClassifier(embed, epochs=1, random_state=0)
    assert classifier.fit(X, X[:, 0] > 4).predict_proba(X).shape == (60, 2)


def test_inputs_are_never_changed(iris):
    X, y = iris[0].copy(), iris[1].copy()
    weights = np.arange(150)
    frame = pd.DataFrame(X)
    quick(class_weight="balanced").fit(frame, y, sample_weight=weights).score(frame, y, weights)
    np.testing.assert_array_equal(frame.to_numpy(), iris[0])
    np.testing.assert_array_equal(y, iris[1])
    np.testing.assert_array_equal(weights, np.arange(150))


def test_one_row_and_more_dimensions_are_predicted_like_many(iris):
    classifier = quick().fit(*iris)
    many = classifier.predict_proba(iris[0])
    assert classifier.predict_proba(iris[0][:1]).shape == (1, 3)
    np.testing.assert_allclose(classifier.predict_proba(iris[0][:1]), many[:1], rtol=1e-5)
    np.testing.assert_allclose(classifier.predict_proba(iris[0][::-1]), many[::-1], rtol=1e-5)
    stacked = np.stack([iris[0], iris[0]], axis=2)
    deep = quick().fit(stacked, iris[1])
    assert deep.X_shape_ == (150, 4, 2)
    with pytest.raises(ValueError, match=r"rows of shape \(4, 3\).*fitted on rows of shape"):
        deep.predict(np.zeros((5, 4, 3)))


def test_nan_one_class_and_continuous_labels_are_clear_errors(iris):
    X, y = iris
    broken = X.copy()
    broken[3, 1] = np.nan
    with pytest.raises(ValueError, match="X contains NaN"):
        quick().fit(broken, y)
    with pytest.raises(ValueError, match="y has one class, 'a'"):
        quick().fit(X, np.full(150, "a"))
    with pytest.raises(ValueError, match="Unknown label type: continuous"):
        quick().fit(X, X[:, 0])


def test_text_and_categories_among_the_numbers_are_clear_errors(iris, names):
    X, y = iris
    with pytest.raises(ValueError, match="y must be numeric.*a regressor needs numbers"):
        quick(KerasRegressor).fit(X, names)
    frame = pd.DataFrame({"a": pd.Categorical(names), "b": 1.0})
    for data in (frame, frame[["a"]], X.astype(str).astype(object) + "x"):
        with pytest.raises(ValueError, match="X has text in .*column.*OneHotEncoder"):
            quick().fit(data, y)


@pytest.mark.slow
def test_narrow_floats_of_a_dtype_policy_come_back_as_float32(iris):
    before = keras.config.dtype_policy()
    for policy in ("mixed_bfloat16", "mixed_float16"):
        keras.config.set_dtype_policy(policy)
        try:
            probabilities = quick().fit(*iris).predict_proba(iris[0])
        finally:
            keras.config.set_dtype_policy(before)
        assert probabilities.dtype == np.float32


@pytest.mark.slow
def test_text_boolean_and_shifted_labels_come_back_as_they_were(iris, names):
    X, y = iris
    for target in (names, y == 1, y + 10, names.astype(object), (y - 1).astype(np.int16)):
        classifier = quick(epochs=1).fit(X, target)
        assert classifier.predict(X).dtype == target.dtype
        np.testing.assert_array_equal(classifier.classes_, np.unique(target))
        assert set(classifier.predict(X)) <= set(np.unique(target))


@pytest.mark.slow
def test_regression_predictions_have_the_dtype_of_the_target(diabetes):
    X, y = diabetes
    for dtype, expected in [("f4", "f4"), ("f8", "f8"), ("i8", "f8")]:
        regressor = quick(KerasRegressor, epochs=1).fit(X, (y * 10).astype(dtype))
        assert regressor.predict(X).dtype == expected


# --------------------------------------------------------------------------- weights


def one_full_batch(X, y, sample_weight=None, **params):
    params = {"epochs": 5, "batch_size": -1, "shuffle": False, "optimizer": "sgd", **params}
    return quick(**params).fit(X, y, sample_weight=sample_weight)


def test_a_weight_of_zero_is_the_row_removed(iris):
    X, y = iris
    weights = np.ones(150)
    weights[::3] = 0
    removed = one_full_batch(X[weights > 0], y[weights > 0])
    np.testing.assert_array_equal(weights_of(one_full_batch(X, y, weights)), weights_of(removed))


def test_weights_of_one_are_no_weights(iris):
    weighted = one_full_batch(*iris, np.ones(150))
    np.testing.assert_allclose(weights_of(weighted), weights_of(one_full_batch(*iris)), rtol=1e-5)


def test_a_weight_of_two_is_the_row_twice(iris):
    X, y = iris
    weights = np.ones(150, dtype=int)
    weights[::2] = 2
    twice = one_full_batch(np.repeat(X, weights, axis=0), np.repeat(y, weights))
    np.testing.assert_allclose(
        weights_of(one_full_batch(X, y, weights)), weights_of(twice), rtol=1e-4, atol=1e-6
    )


def test_the_scale_of_the_weights_does_not_matter(iris):
    weights = np.linspace(1, 2, 150)
    first = one_full_batch(*iris, weights)
    second = one_full_batch(*iris, weights / 1024)
    np.testing.assert_array_equal(weights_of(first), weights_of(second))


def test_class_weights_given_to_the_call_are_by_label_too(iris, names):
    by_class = {"setosa": 3.0, "versicolor": 1.0, "virginica": 0.5}
    given = quick().fit(iris[0], names, class_weight=by_class)
    constructed = quick(class_weight=by_class).fit(iris[0], names)
    np.testing.assert_array_equal(weights_of(given), weights_of(constructed))
    with pytest.raises(ValueError, match="class_weight=.* is for classifiers"):
        quick(KerasRegressor).fit(*iris, class_weight={0: 1.0})


def test_class_weights_multiply_sample_weights(iris, names):
    X, _ = iris
    by_class = {"setosa": 3.0, "versicolor": 1.0, "virginica": 0.5}
    both = one_full_batch(X, names, np.full(150, 2.0), class_weight=by_class)
    alone = one_full_batch(X, names, [by_class[name] for name in names])
    np.testing.assert_allclose(weights_of(both), weights_of(alone), rtol=1e-5)


def test_a_class_whose_rows_weigh_nothing_keeps_its_column(iris):
    X, y = iris
    classifier = quick(epochs=60, optimizer__learning_rate=0.01)
    classifier.fit(X, y, sample_weight=np.where(y == 0, 0.0, 1.0))
    probabilities = classifier.predict_proba(X)
    assert probabilities.shape == (150, 3)
    assert probabilities[:, 0].max() < 0.5
    np.testing.assert_array_equal(
        classifier.classes_[probabilities.argmax(axis=1)], classifier.predict(X)
    )
    assert (classifier.predict(X)[y > 0] == y[y > 0]).mean() > 0.9


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.zeros(150), "sample_weight is zero for every row"),
        (np.ones(149), "inconsistent numbers of samples"),
        (-np.ones(150), "sample_weight must not be negative, got -1.0"),
        (np.ones((150, 1)), "sample_weight must be 1-dimensional"),
        (np.full(150, np.nan), "sample_weight contains NaN"),
    ],
)
def test_weights_that_make_no_sense_are_errors(iris, weights, message):
    with pytest.raises(ValueError, match=message):
        quick().fit(*iris, sample_weight=weights)


# ------------------------------------------------------------------------ validation


def test_a_validation_share_is_drawn_stratified_and_never_the_tail(iris):
    X, y = iris  # ordered by class: a third as tail would leave one class out
    classifier = quick(validation_split=1 / 3, epochs=60, optimizer__learning_rate=0.01)
    classifier.fit(X, y)
    assert classifier.score(X, y) > 0.9
    assert len(classifier.history_["val_loss"]) == 60


def test_a_class_too_small_to_stratify_is_warned_of(iris):
    X, y = iris
    rows = np.r_[0:50, 50:99, 149]
    with pytest.warns(UserWarning, match="not stratified, because class 2 has 1 of 100 rows"):
        quick(validation_split=0.2).fit(X[rows], y[rows])


def test_the_last_split_of_a_splitter_validates(iris):
    X, y = iris
    order = np.random.default_rng(0).permutation(150)
    X, y = X[order], y[order]
    classifier = quick(validation_split=TimeSeriesSplit(4)).fit(X, y)
    by_hand = quick().fit(X[:120], y[:120], X_val=X[120:], y_val=y[120:])
    assert classifier.history_ == by_hand.history_


def test_a_shuffling_splitter_without_a_seed_follows_the_estimators(iris):
    splitter = StratifiedKFold(3, shuffle=True)
    first = quick(validation_split=splitter).fit(*iris).history_
    assert quick(validation_split=splitter).fit(*iris).history_ == first
    assert quick(validation_split=splitter, random_state=1).fit(*iris).history_ != first
    assert splitter.random_state is None


def test_a_splitter_that_needs_groups_is_refused(iris):
    with pytest.raises(ValueError, match="needs groups.*pass X_val and y_val"):
        quick(validation_split=GroupKFold(3)).fit(*iris)


def test_a_validation_part_without_rows_is_an_error(iris):
    with pytest.raises(ValueError, match="validation_split=0.9 of 2 rows gives 0"):
        quick(validation_split=0.9).fit(iris[0][::75], iris[1][::75])


def test_rows_to_validate_on_come_before_the_split(iris):
    X, y = iris
    given = {"X_val": X[::3], "y_val": y[::3]}
    assert (
        quick().fit(X, y, **given).history_
        == quick(validation_split=0.5).fit(X, y, **given).history_
    )
    with pytest.raises(ValueError, match="pass X_val and y_val together; y_val is missing"):
        quick().fit(X, y, X_val=X)
    with pytest.warns(UserWarning, match="X_val has as many rows as X"):
        quick().fit(X, y, X_val=X, y_val=y)


def test_rows_to_validate_on_may_be_of_one_class_but_not_of_an_unknown_one(iris):
    X, y = iris
    assert "val_loss" in quick().fit(X, y, X_val=X[:9], y_val=y[:9]).history_
    with pytest.raises(ValueError, match=r"y has unknown classes \[7\]"):
        quick().fit(X, y, X_val=X[:9], y_val=y[:9] + 7)


def test_rows_to_validate_on_are_encoded_for_the_loss_of_a_compiled_model(iris):
    def compiled(meta):
        model = builders.build(meta)
        model.compile("adam", "categorical_crossentropy")
        return model

    X, y = iris
    classifier = KerasClassifier(compiled, epochs=1).fit(X, y, X_val=X[::2], y_val=y[::2])
    assert np.isfinite(classifier.history_["val_loss"][0])


def test_a_splitter_with_a_generator_is_not_advanced(iris):
    splitter = StratifiedKFold(3, shuffle=True, random_state=np.random.RandomState(0))
    first = quick(validation_split=splitter).fit(*iris).history_
    assert quick(validation_split=splitter).fit(*iris).history_ == first


def test_text_labels_validate_too(iris, names):
    history = (
        quick(metrics=["accuracy"])
        .fit(iris[0], names, X_val=iris[0][::2], y_val=names[::2])
        .history_
    )
    assert 0 <= history["val_accuracy"][-1] <= 1


@pytest.mark.slow
def test_early_stopping_in_a_search_restores_the_best_weights_and_counts_epochs(iris):
    stopping = keras.callbacks.EarlyStopping(patience=5, restore_best_weights=True)
    classifier = quick(
        epochs=200, validation_split=0.2, callbacks=[stopping], optimizer__learning_rate=0.03
    )

    def scoring(estimator, X, y):
        return {"accuracy": estimator.score(X, y), "epochs": estimator.n_epochs_}

    search = GridSearchCV(
        classifier, {"batch_size": [16]}, scoring=scoring, refit="accuracy", cv=3
    ).fit(*iris)
    epochs = search.cv_results_["mean_test_epochs"][0]
    assert 2 < epochs < 200
    assert search.best_score_ > 0.9
    best = search.best_estimator_
    assert best.n_epochs_ == len(best.history_["val_loss"]) < 200
    assert best.callbacks_[0].best == min(best.history_["val_loss"])


# ----------------------------------------------------------------------------- seeds


def test_the_same_seed_gives_the_same_bits_and_another_does_not(iris):
    first = weights_of(quick().fit(*iris))
    np.testing.assert_array_equal(first, weights_of(quick().fit(*iris)))
    assert not np.array_equal(first, weights_of(quick(random_state=1).fit(*iris)))


def test_no_seed_really_varies_and_follows_numpys_global_generator(iris):
    unseeded = quick(random_state=None)
    assert not np.array_equal(
        weights_of(clone(unseeded).fit(*iris)), weights_of(clone(unseeded).fit(*iris))
    )
    np.random.seed(7)
    first = weights_of(clone(unseeded).fit(*iris))
    np.random.seed(7)
    np.testing.assert_array_equal(first, weights_of(clone(unseeded).fit(*iris)))


def test_a_random_state_is_drawn_from_and_moves_on(iris):
    state = np.random.RandomState(0)
    classifier = quick(random_state=state)
    first, second = weights_of(classifier.fit(*iris)), weights_of(classifier.fit(*iris))
    assert not np.array_equal(first, second)
    other = quick(random_state=np.random.RandomState(0)).fit(*iris)
    np.testing.assert_array_equal(first, weights_of(other))
    assert other._seed > 1000


@pytest.mark.slow
def test_threads_and_processes_give_the_sequential_numbers(iris):
    search = GridSearchCV(
        quick(dropout=0.2, epochs=2), {"optimizer__learning_rate": [0.1, 0.01]}, cv=2
    )
    expected = clone(search).fit(*iris)
    for backend in ("threading", "loky"):
        with joblib.parallel_config(backend, n_jobs=2):
            got = clone(search).fit(*iris)
        for key in ("split0_test_score", "split1_test_score"):
            np.testing.assert_array_equal(got.cv_results_[key], expected.cv_results_[key])
        np.testing.assert_array_equal(
            weights_of(got.best_estimator_), weights_of(expected.best_estimator_)
        )


FRESH = """
import hashlib
from sklearn.datasets import load_iris
from kerasearch import KerasClassifier
X, y = load_iris(return_X_y=True)
classifier = KerasClassifier(epochs=2, dropout=0.2, validation_split=0.2, random_state=0).fit(X, y)
print(hashlib.sha256(classifier.predict_proba(X).tobytes()).hexdigest(), end="")
"""


@pytest.mark.long
@pytest.mark.slow
def test_a_fresh_interpreter_gives_the_same_bits():
    runs = [
        subprocess.run([sys.executable, "-c", FRESH], capture_output=True, text=True, check=True)
        for _ in range(2)
    ]
    assert runs[0].stdout == runs[1].stdout
    assert "Warning" not in runs[0].stderr, runs[0].stderr


def process_state():
    from keras.src.backend.common import global_state

    state = {
        "python": random.getstate(),
        "numpy": str(np.random.get_state()),
        "keras": keras.config.floatx(),
        "policy": keras.config.dtype_policy().name,
        "names": dict(global_state.get_global_attribute("object_name_uids") or {}),
    }
    if keras.backend.backend() == "tensorflow":
        from tensorflow.python.eager import context
        from tensorflow.python.framework import config

        state["tf_seed"] = context.global_seed()
        state["determinism"] = config.is_op_determinism_enabled()
    return state


def seed_process():
    from keras.src.backend.common import global_state

    global_state.set_global_attribute("global_seed_generator", None)  # Keras 3.10 keeps it
    keras.utils.set_random_seed(5)


def draw():
    """Numbers that Keras draws for the process, and TensorFlow where it runs."""
    drawn = [keras.ops.convert_to_numpy(keras.random.uniform([3]))]
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        drawn.append(tf.random.uniform([3]).numpy())
    return drawn


class Failing(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        raise RuntimeError("on purpose")


@pytest.mark.parametrize(
    "params",
    [
        {"validation_split": 0.2},
        {"callbacks": keras.callbacks.TerminateOnNaN},
        {"run_eagerly": True},
        {"callbacks": Failing},
    ],
    ids=["compiled", "model.fit", "eager", "failing"],
)
def test_a_fit_leaves_nothing_changed_in_the_process(iris, params):
    seed_process()
    expected = [draw(), draw()]
    seed_process()
    first = draw()
    before = process_state()
    classifier = quick(dropout=0.2, **params)
    if params.get("callbacks") is Failing:
        with pytest.raises(RuntimeError, match="on purpose"):
            classifier.fit(*iris)
    else:
        classifier.fit(*iris).predict(iris[0])
    assert process_state() == before
    np.testing.assert_array_equal([first, draw()], expected)


@pytest.mark.slow
def test_the_dtype_policy_reaches_threads_and_processes(iris):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        classifier = quick()
        expected = cross_val_score(classifier, *iris, cv=2, scoring="neg_log_loss")
        for backend in ("threading", "loky"):
            with joblib.parallel_config(backend, n_jobs=2):
                got = cross_val_score(classifier, *iris, cv=2, scoring="neg_log_loss")
            np.testing.assert_array_equal(got, expected)
    finally:
        keras.config.set_dtype_policy(before)
    assert not np.array_equal(
        expected, cross_val_score(quick(), *iris, cv=2, scoring="neg_log_loss")
    )


@pytest.mark.slow
def test_an_unseeded_draw_waits_for_a_seeded_fit_in_another_thread(iris):
    drawn = []

    class Draw(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if not drawn:
                drawn.append(threading.Thread(target=lambda: drawn.append(draw())))
                drawn[0].start()
                drawn[0].join(0.2)

    def draw():
        return draw_seed(None)

    np.random.seed(11)
    expected = draw()
    np.random.seed(11)
    quick(callbacks=Draw).fit(*iris)
    drawn[0].join()
    assert drawn[1] == expected


def test_an_unseeded_draw_of_keras_goes_on_as_if_nothing_had_been_fitted(iris):
    from keras.src.random.seed_generator import global_seed_generator

    keras.random.normal((2,))
    generator = global_seed_generator()
    before = keras.ops.convert_to_numpy(generator.state.value)
    quick(dropout=0.2).fit(*iris).predict(iris[0])
    assert global_seed_generator() is generator
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(generator.state.value), before)


# ------------------------------------------------------- partial_fit and warm_start


def test_partial_fit_is_the_next_epoch_of_a_fit(iris):
    whole = quick(epochs=3, dropout=0.2).fit(*iris)
    step = quick(epochs=3, dropout=0.2)
    for epoch in range(3):
        step.partial_fit(*iris)
        assert step.n_epochs_ == step.current_epoch == epoch + 1
    np.testing.assert_array_equal(weights_of(step), weights_of(whole))
    assert step.history_ == whole.history_


def test_partial_fit_holds_the_same_rows_out_in_each_call(iris):
    step = quick(validation_split=0.2)
    for _ in range(3):
        step.partial_fit(*iris)
    assert step.history_ == quick(validation_split=0.2, epochs=3).fit(*iris).history_


def test_partial_fit_learns_of_classes_that_the_first_rows_lack(iris, names):
    X, _ = iris
    classifier = quick().partial_fit(X[:100], names[:100], classes=np.unique(names))
    classifier.partial_fit(X[100:], names[100:])
    assert classifier.classes_.tolist() == ["setosa", "versicolor", "virginica"]
    assert classifier.predict_proba(X).shape == (150, 3)
    with pytest.raises(ValueError, match="differs from the classes of the first call"):
        classifier.partial_fit(X, names, classes=["a", "b"])
    with pytest.raises(TypeError, match="partial_fit always trains one epoch"):
        classifier.partial_fit(X, names, epochs=3)


def test_partial_fit_goes_on_from_a_fit(iris):
    classifier = quick(epochs=2).fit(*iris).partial_fit(*iris)
    np.testing.assert_array_equal(weights_of(classifier), weights_of(quick(epochs=3).fit(*iris)))


def test_a_warm_start_keeps_the_orders_and_the_rows_held_out_of_its_seed(iris):
    twice = quick(warm_start=True, epochs=1, validation_split=0.2, optimizer="sgd")
    twice.fit(*iris)
    first = weights_of(twice)
    twice.fit(*iris)
    again = quick(warm_start=True, epochs=1, validation_split=0.2, optimizer="sgd").fit(*iris)
    np.testing.assert_array_equal(first, weights_of(again))
    np.testing.assert_array_equal(weights_of(again.fit(*iris)), weights_of(twice))


@pytest.mark.filterwarnings("ignore:every row of y has exactly one 1")
def test_a_new_class_is_refused_where_the_model_goes_on(iris):
    X, y = iris
    classifier = quick(warm_start=True).fit(X[:100], y[:100])
    with pytest.raises(ValueError, match=r"y has unknown classes \[2\]; .* built for \[0, 1\]"):
        classifier.fit(X, y)
    labels = np.eye(3, dtype=int)[y]
    assert quick().partial_fit(X, labels, classes=[0, 1]).predict(X).shape == (150, 3)


def test_partial_fit_goes_on_from_the_epoch_that_a_fit_reached(iris):
    later = quick(epochs=5, initial_epoch=3).fit(*iris)
    assert later.current_epoch == 5
    assert later.partial_fit(*iris).current_epoch == 6
    assert later.n_epochs_ == 3


def test_a_warm_start_goes_on_from_the_weights_with_a_new_history(iris):
    classifier = quick(warm_start=True, epochs=5).fit(*iris)
    first = classifier.history_["loss"]
    model = classifier.model_
    classifier.set_params(epochs=3).fit(*iris)
    assert classifier.model_ is model
    assert len(classifier.history_["loss"]) == classifier.n_epochs_ == 3
    assert classifier.history_["loss"][0] < first[1]


def test_a_setting_that_a_warm_start_cannot_take_up_is_warned_of(iris):
    classifier = quick(warm_start=True).fit(*iris).set_params(optimizer__learning_rate=0.5)
    with pytest.warns(UserWarning, match="optimizer__learning_rate changed since the model"):
        classifier.fit(*iris)


def test_a_second_fit_never_sees_the_first(iris, wine):
    classifier = quick()
    classifier.fit(*wine)
    again = classifier.fit(*iris)
    np.testing.assert_array_equal(weights_of(again), weights_of(quick().fit(*iris)))
    assert again.n_features_in_ == 4


def test_initialize_builds_and_trains_nothing(iris):
    classifier = quick().initialize(*iris)
    assert classifier.initialized_
    assert classifier.current_epoch == 0
    assert classifier.predict(iris[0]).shape == (150,)
    fitted = quick(epochs=1).fit(*iris)
    classifier.partial_fit(*iris)
    np.testing.assert_array_equal(weights_of(classifier), weights_of(fitted))


def test_arguments_of_the_call_come_before_routed_ones_and_parameters(iris):
    classifier = quick(epochs=2, fit__epochs=3)
    assert classifier.fit(*iris).n_epochs_ == 3
    assert classifier.fit(*iris, epochs=4).n_epochs_ == 4
    for name in ("epoch", "steps_per_epochs", "sample_weights"):
        with pytest.raises(ValueError, match=f"Invalid parameter 'fit__{name}'"):
            classifier.fit(*iris, **{name: 4})
    with pytest.raises(ValueError, match="Invalid parameter 'predict__batch'"):
        classifier.predict(iris[0], batch=3)
    with pytest.raises(ValueError, match="batch_size=0 must be"):
        classifier.predict(iris[0], batch_size=0)


# ------------------------------------------------------------------------ divergence


def test_a_loss_that_is_not_finite_stops_the_fit_and_says_where(diabetes):
    X, y = diabetes
    regressor = quick(KerasRegressor, epochs=50, optimizer="sgd", optimizer__learning_rate=1e6)
    with pytest.raises(DivergenceError, match="epoch") as caught:
        regressor.fit(X, y)
    assert isinstance(caught.value, ValueError)
    assert len(caught.value.history["loss"]) == caught.value.epoch + 1 < 50
    assert not np.isfinite(caught.value.history["loss"][-1])
    assert not regressor.initialized_


def test_weights_that_the_last_step_made_infinite_are_a_divergence_too(iris):
    classifier = quick(optimizer="sgd", epochs=1, batch_size=-1, optimizer__learning_rate=1e38)
    with pytest.raises(
        DivergenceError, match="weights were no longer finite numbers after epoch 1"
    ):
        classifier.fit(iris[0] * 1e3, iris[1])


def test_a_diverging_partial_fit_keeps_the_model_it_had(diabetes):
    X, y = diabetes
    regressor = quick(KerasRegressor, optimizer="sgd").fit(X, y)
    before = regressor.predict(X)
    with pytest.raises(DivergenceError):
        regressor.partial_fit(X * 1e30, y)
    np.testing.assert_array_equal(regressor.predict(X), before)
    assert regressor.partial_fit(X, y).n_epochs_ == 3
    initialized = quick(KerasRegressor, optimizer="sgd").initialize(X, y)
    with pytest.raises(DivergenceError):
        initialized.partial_fit(X * 1e30, y)
    assert np.isfinite(initialized.predict(X)).all()


def test_a_failed_fit_leaves_nothing_of_an_earlier_one(iris, diabetes):
    regressor = quick(KerasRegressor, optimizer="sgd").fit(*diabetes)
    with pytest.raises(DivergenceError):
        regressor.set_params(optimizer__learning_rate=1e9).fit(*diabetes)
    for name in ("model_", "history_", "n_epochs_", "training_path_"):
        assert not hasattr(regressor, name)


def test_a_diverging_candidate_costs_itself_alone(diabetes):
    search = GridSearchCV(
        quick(KerasRegressor, optimizer="sgd", epochs=10),
        {"optimizer__learning_rate": [1e6, 0.01]},
        cv=2,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        search.fit(*diabetes)
    assert np.isnan(search.cv_results_["mean_test_score"][0])
    assert search.best_params_ == {"optimizer__learning_rate": 0.01}


def test_a_callback_of_the_users_that_deals_with_nan_is_left_to_it(diabetes):
    regressor = quick(
        KerasRegressor,
        epochs=50,
        optimizer="sgd",
        optimizer__learning_rate=1e6,
        callbacks=[keras.callbacks.TerminateOnNaN()],
    ).fit(*diabetes)
    assert regressor.n_epochs_ < 50


# ------------------------------------------------------------------------- callbacks


def test_callbacks_come_as_lists_dicts_classes_and_one_alone(iris):
    stopping = keras.callbacks.EarlyStopping
    for callbacks, params in [
        ([stopping], {"callbacks__0__patience": 3}),
        ({"stop": stopping}, {"callbacks__stop__patience": 3}),
        (stopping, {"callbacks__patience": 3}),
        ([[stopping]], {"callbacks__0__0__patience": 3}),
        (stopping(patience=3), {}),
    ]:
        classifier = quick(callbacks=callbacks, validation_split=0.2, **params).fit(*iris)
        assert classifier.callbacks_[0].patience == 3
    with pytest.raises(TypeError, match="callbacks must be a keras.callbacks.Callback"):
        quick(callbacks=["stop"]).fit(*iris)


def test_a_callback_that_needs_batches_does_not_change_the_numbers(iris):
    class Batches(keras.callbacks.Callback):
        steps = 0

        def on_train_batch_end(self, batch, logs=None):
            self.steps += 1

    plain = quick(dropout=0.2).fit(*iris)
    watched = quick(dropout=0.2, callbacks=[Batches()]).fit(*iris)
    assert watched.callbacks_[0].steps == 10
    np.testing.assert_array_equal(weights_of(watched), weights_of(plain))
    assert watched.history_ == plain.history_
    assert watched.training_path_ == "model.fit"
    assert ("Batches" in watched.training_reason_) is (ORDINARY_PATH == "compiled")


def test_the_target_encoder_is_fitted_once(iris, monkeypatch):
    from kerasearch.estimators.label_encoder import ClassifierLabelEncoder

    fitted = []
    fit = ClassifierLabelEncoder.fit
    monkeypatch.setattr(
        ClassifierLabelEncoder, "fit", lambda self, y: fitted.append(len(y)) or fit(self, y)
    )
    classifier = quick(loss="categorical_crossentropy", epochs=1).fit(*iris)
    assert fitted == [150]
    assert classifier.target_encoder_.one_hot is True
