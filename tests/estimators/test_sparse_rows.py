"""Sparse X: dense a few batches at a time, or sparse all the way for a model whose input is."""

from __future__ import annotations

import subprocess
import sys

import keras
import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
from sklearn.preprocessing import FunctionTransformer

from kerasearch import DivergenceError, FitStore, KerasClassifier, KerasRegressor
from kerasearch.training import sparse_rows
from tests.backends import ORDINARY_PATH

X = sparse.random(70, 40, 0.1, random_state=0, format="csr")
Y = np.arange(70) % 3
KINDS = [sparse.csr_matrix, sparse.csc_array, sparse.coo_matrix, sparse.lil_array]


def network(meta, is_sparse=False, rate=0.0):
    inputs = keras.Input((meta["n_features_in_"],), sparse=is_sparse)
    hidden = keras.layers.Dense(8, "relu")(inputs)
    hidden = keras.layers.Dropout(rate)(hidden)
    return keras.Model(inputs, keras.layers.Dense(meta["n_classes_"], "softmax")(hidden))


def one_after_another(meta, is_sparse=False):
    layers = [keras.Input((meta["n_features_in_"],), sparse=is_sparse)]
    return keras.Sequential([*layers, keras.layers.Dense(meta["n_classes_"], "softmax")])


def quick(model=network, **params):
    return KerasClassifier(
        model, **{"epochs": 3, "batch_size": 16, "random_state": 0, "verbose": 0} | params
    )


# ------------------------------------------------------------------- a model of dense rows


@pytest.mark.parametrize("make", KINDS)
@pytest.mark.parametrize("batch_size", [1, 7, -1])
def test_a_prediction_in_blocks_equals_that_of_dense_rows(monkeypatch, make, batch_size):
    monkeypatch.setattr(sparse_rows, "BLOCK_BYTES", 5000)  # a few batches, and a rest
    fitted = quick(epochs=1).fit(make(X), Y)
    of_dense = quick(epochs=1).fit(X.toarray(), Y)
    options = {"batch_size": batch_size}
    proba = of_dense.predict_proba(X.toarray(), **options)
    np.testing.assert_array_equal(fitted.predict_proba(make(X), **options), proba)
    np.testing.assert_array_equal(fitted.predict(make(X), **options), of_dense.predict(X.toarray()))
    assert fitted.score(make(X), Y) == of_dense.score(X.toarray(), Y)
    assert fitted.training_path_ == ORDINARY_PATH


@pytest.mark.parametrize(
    "options", [{"verbose": 2}, {"steps": 2}, {"callbacks": [keras.callbacks.Callback()]}]
)
def test_what_watches_a_prediction_sees_all_of_it(monkeypatch, capsys, options):
    monkeypatch.setattr(sparse_rows, "BLOCK_BYTES", 1)
    fitted = quick(epochs=1).fit(X, Y)
    expected = fitted.predict_proba(X.toarray(), **options)
    np.testing.assert_array_equal(fitted.predict_proba(X, **options), expected)


def test_a_regressor_and_a_model_of_several_outputs_are_predicted_in_blocks(monkeypatch):
    monkeypatch.setattr(sparse_rows, "BLOCK_BYTES", 1)
    y = np.stack([X.sum(axis=1).A1, Y], axis=1)
    for target in (y, y[:, 0]):
        fitted = KerasRegressor(epochs=1, random_state=0, batch_size=9).fit(X, target)
        np.testing.assert_array_equal(fitted.predict(X), fitted.predict(X.toarray()))


@pytest.mark.long
@pytest.mark.slow
def test_the_memory_of_a_prediction_is_a_fraction_of_the_dense_rows():
    code = """
import resource, numpy as np
from scipy import sparse
from kerasearch import KerasClassifier
n, k = 20_000, 5_000
X = sparse.random(n, k, 0.001, format="csr", random_state=0)
y = np.arange(n) % 2
fitted = KerasClassifier(hidden_layer_sizes=(), epochs=1, random_state=0).fit(X[:200], y[:200])
fitted.predict(X[:200])
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
before = peak()
fitted.predict_proba(X), fitted.predict(X)
print((peak() - before) / (4 * n * k))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 0.4


def test_an_encoder_of_a_subclass_gets_dense_rows():
    class Doubling(KerasClassifier):
        @property
        def feature_encoder(self):
            return FunctionTransformer(lambda rows: np.multiply(rows, 2), check_inverse=False)

    settings = {"model": network, "epochs": 1, "random_state": 0}
    fitted = Doubling(**settings).fit(X, Y)
    expected = Doubling(**settings).fit(X.toarray(), Y).predict_proba(X.toarray())
    np.testing.assert_array_equal(fitted.predict_proba(X), expected)


def test_an_embedding_is_told_of_a_category_that_it_has_not():
    def build(meta):
        inputs = keras.Input((3,), dtype="int32")
        flat = keras.layers.Flatten()(keras.layers.Embedding(5, 2)(inputs))
        return keras.Model(inputs, keras.layers.Dense(2, "softmax")(flat))

    numbers = sparse.csr_array(np.arange(30).reshape(10, 3) % 5)
    fitted = quick(build, epochs=1).fit(numbers, np.arange(10) % 2)
    numbers.data[-1] = 7
    with pytest.raises(ValueError, match=r"X has 7 in column 2, .* input_dim=5"):
        fitted.predict(numbers)


# ------------------------------------------------------------------- a model of sparse rows


@pytest.mark.tensorflow("sparse Inputs are fed by TensorFlow alone")
@pytest.mark.parametrize("model", [network, one_after_another])
@pytest.mark.parametrize("make", [sparse.csr_matrix, sparse.coo_array])
def test_sparse_rows_stay_sparse_for_a_model_that_takes_them(model, make):
    given = make(X)
    before = given.copy()
    fitted = quick(model, is_sparse=True).fit(given, Y)
    assert fitted.training_path_ == "model.fit"
    assert fitted.training_reason_ == "the rows are sparse, as the model's input is"
    of_dense = quick(model).fit(X.toarray(), Y)
    assert of_dense.training_path_ == ORDINARY_PATH
    close = {"rtol": 1e-4, "atol": 1e-6}
    np.testing.assert_allclose(fitted.history_["loss"], of_dense.history_["loss"], **close)
    proba = of_dense.predict_proba(X.toarray())
    np.testing.assert_allclose(fitted.predict_proba(given), proba, **close)
    np.testing.assert_allclose(fitted.predict_proba(X.toarray()), proba, **close)
    assert (given != before).nnz == 0
    again = quick(model, is_sparse=True).fit(given, Y)
    assert again.history_ == fitted.history_


@pytest.mark.tensorflow("sparse Inputs are fed by TensorFlow alone")
@pytest.mark.parametrize("dtype", [np.float64, np.int64, np.int8, bool])
def test_numbers_of_all_kinds_are_those_of_the_dense_rows(dtype):
    counts = (X * 10).astype(dtype)
    fitted = quick(is_sparse=True, epochs=2).fit(counts, Y)
    expected = quick(epochs=2).fit(counts.toarray(), Y)
    np.testing.assert_allclose(
        fitted.predict_proba(counts), expected.predict_proba(counts.toarray()), rtol=1e-4, atol=1e-6
    )


@pytest.mark.tensorflow("sparse Inputs are fed by TensorFlow alone")
@pytest.mark.parametrize(
    "settings",
    [
        {"validation_split": 0.2},
        {"validation_split": TimeSeriesSplit(3)},
        {"class_weight": "balanced"},
        {"callbacks": keras.callbacks.EarlyStopping, "callbacks__monitor": "loss"},
        {"rate": 0.5},
        {"fit__steps_per_epoch": 2},
        {"epochs": 0},
    ],
)
def test_settings_of_a_fit_mean_the_same_for_sparse_rows(settings):
    weights = np.arange(70) % 4  # those of weight 0 leave
    fitted = quick(is_sparse=True, **settings).fit(X, Y, sample_weight=weights)
    expected = quick(**settings).fit(X.toarray(), Y, sample_weight=weights)
    assert fitted.history_.keys() == expected.history_.keys()
    for name, values in expected.history_.items():
        np.testing.assert_allclose(fitted.history_[name], values, rtol=1e-4, atol=1e-6)


@pytest.mark.tensorflow("sparse Inputs are fed by TensorFlow alone")
def test_rows_to_validate_on_and_partial_fits_may_be_sparse():
    fitted = quick(is_sparse=True).fit(X, Y, X_val=X[:30], y_val=Y[:30])
    expected = quick().fit(X.toarray(), Y, X_val=X.toarray()[:30], y_val=Y[:30])
    losses = expected.history_["val_loss"]
    np.testing.assert_allclose(fitted.history_["val_loss"], losses, rtol=1e-4)
    grown = quick(is_sparse=True)
    for _ in range(3):
        grown.partial_fit(X, Y)
    np.testing.assert_allclose(grown.history_["loss"], fitted.history_["loss"], rtol=1e-4)


@pytest.mark.tensorflow("sparse Inputs are fed by TensorFlow alone")
def test_a_search_scores_sparse_rows_as_dense_ones():
    search = GridSearchCV(quick(), {"is_sparse": [True, False]}, cv=2).fit(X, Y)
    first, second = search.cv_results_["mean_test_score"]
    assert first == pytest.approx(second)


@pytest.mark.tensorflow("sparse Inputs are fed by TensorFlow alone")
def test_a_store_tells_sparse_rows_apart_by_what_they_hold():
    store = FitStore()
    first = quick(is_sparse=True, store=store).fit(X, Y)
    assert len(store) == 1
    # the same rows in other forms are the same fit
    for same in (sparse.csc_matrix(X), sparse.coo_array(X), X.astype(np.float32)):
        found = clone(first).fit(same, Y)
        assert found.n_epochs_trained_ == 0
        np.testing.assert_array_equal(found.predict_proba(X), first.predict_proba(X))
    moved = X.copy()
    moved.indices = moved.indices[::-1].copy()
    changed = X.copy()
    changed.data[3] += 1
    for other in (moved, changed, X.toarray(), X[:, ::-1]):
        assert clone(first).fit(other, Y).n_epochs_trained_ == 3
    assert len(store) == 5


@pytest.mark.tensorflow("sparse Inputs are fed by TensorFlow alone")
def test_an_infinite_loss_of_sparse_rows_is_an_error_that_knows_why():
    with pytest.raises(DivergenceError, match=r"not scaled \(values up to 9.99e\+24"):
        quick(is_sparse=True, optimizer="sgd").fit(X * 1e25, Y)
