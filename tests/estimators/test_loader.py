"""`loader`: X is what rows come from, and a function turns a batch of it into what a model gets."""

from __future__ import annotations

import functools
import pickle
import subprocess
import sys
import textwrap
import warnings

import joblib
import keras
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from kerasearch import FitStore, KerasClassifier, KerasRegressor

from ..builders import build
from ..slow import long_but


def read_images(paths):
    """Images as numbers from 0 to 1."""
    images = [np.asarray(Image.open(path)) for path in paths]
    return np.stack(images)[..., np.newaxis] / np.float32(255)


def shifted_images(paths, rng=None):
    """The same, in training moved by up to a pixel."""
    images = read_images(paths)
    if rng is None:
        return images
    return np.roll(images, rng.integers(-1, 2, size=2), axis=(1, 2))


def convolutions(meta, filters=4):
    image = keras.Input(meta["X_shape_"][1:])
    seen = keras.layers.Conv2D(filters, 3, activation="relu")(image)
    hidden = keras.layers.Flatten()(keras.layers.MaxPooling2D()(seen))
    return keras.Model(image, keras.layers.Dense(meta["n_classes_"], activation="softmax")(hidden))


@pytest.fixture(scope="session")
def files(tmp_path_factory, digits):
    """Paths of 2,000 small PNG files, and the digit on each."""
    folder, (X, y) = tmp_path_factory.mktemp("images"), digits
    rows = np.arange(2000) % len(X)
    images = (X[rows].reshape(-1, 8, 8) * 255).round().astype("uint8")
    paths = [str(folder / f"{i:04}.png") for i in range(2000)]
    for path, image in zip(paths, images, strict=True):
        Image.fromarray(image).save(path)
    return paths, y[rows]


def network(model=convolutions, cls=KerasClassifier, **params):
    settings = {"epochs": 2, "loader": read_images, "optimizer": "sgd", "random_state": 0}
    return cls(model, **{**settings, **params})


def weights_of(estimator):
    return [w.tolist() for w in estimator.model_.get_weights()]


class Rows:
    """A loader of rows of an array, by their numbers; it says how it was called."""

    def __init__(self, X):
        self.X, self.calls = np.asarray(X), []

    def __call__(self, rows):
        self.calls.append(len(rows))
        return self.X[np.asarray(rows)]


@pytest.fixture
def numbered(iris):
    """Iris by row numbers: a loader, X and y."""
    return Rows(iris[0]), np.arange(len(iris[1])), iris[1]


# -------------------------------------------------------------------------------- searches


@pytest.mark.slow
def test_a_search_over_images_in_files_gives_the_scores_of_one_over_an_array(files):
    paths, y = files
    grid = {"filters": [2, 4], "optimizer__learning_rate": [0.1]}
    settings = {"cv": 2, "error_score": "raise"}
    in_memory = GridSearchCV(network(loader=None), grid, **settings).fit(read_images(paths), y)
    search = GridSearchCV(network(loader_workers=4), grid, **settings).fit(paths, y)
    for name in ("split0_test_score", "split1_test_score"):
        assert search.cv_results_[name].tolist() == in_memory.cv_results_[name].tolist()
    assert search.best_score_ > 0.2  # of ten classes
    assert (
        search.predict(paths[:50]).tolist() == in_memory.predict(read_images(paths[:50])).tolist()
    )


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_folds_in_threads_and_processes_are_those_of_one_after_the_other(files, backend):
    paths, y = files[0][:100], files[1][:100]
    stopping = keras.callbacks.EarlyStopping(patience=1)
    estimator = make_pipeline(
        FunctionTransformer(),
        network(loader=shifted_images, loader_workers=2, validation_split=0.2, callbacks=stopping),
    )
    settings = {"cv": 2, "scoring": "neg_log_loss", "error_score": "raise"}
    one = cross_validate(estimator, paths, y, **settings)
    with joblib.parallel_config(backend, n_jobs=2):
        other = cross_validate(estimator, paths, y, **settings)
    assert one["test_score"].tolist() == other["test_score"].tolist()


@pytest.mark.slow
def test_random_changes_follow_from_the_seed_whoever_loads(files):
    paths, y = files[0][:300], files[1][:300]

    def fit(**params):
        return network(**{"loader": shifted_images, **params}).fit(paths, y)

    one, four = fit(), fit(loader_workers=4)
    assert weights_of(one) == weights_of(four)
    assert one.history_ == four.history_
    assert weights_of(one) != weights_of(fit(random_state=1))
    assert weights_of(one) != weights_of(fit(loader=read_images))
    # predictions are not random
    assert (
        one.predict_proba(paths).tolist()
        == four.set_params(loader=read_images).predict_proba(paths).tolist()
    )
    in_steps = network(loader=shifted_images)
    for _ in range(2):
        in_steps.partial_fit(paths, y)
    assert weights_of(in_steps) == weights_of(one)


def test_with_a_loader_nothing_is_stored_and_one_warning_says_so(tmp_path, numbered):
    loader, X, y = numbered
    store = FitStore(tmp_path)
    estimator = network(build, loader=loader, store=store, epochs=1)
    with pytest.warns(
        UserWarning, match="not stored in .*: a loader loads the rows batch by batch"
    ):
        estimator.fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        estimator.fit(X, y)
    assert len(store) == 0


# ------------------------------------------------------------------------------ what a fit does


@pytest.mark.slow
def test_weights_validation_and_more_epochs_are_those_of_an_array(numbered, iris):
    loader, X, y = numbered
    sample_weight = np.linspace(0, 2, len(y))  # the first row leaves

    def fitted(X, **params):
        estimator = network(
            build, class_weight="balanced", validation_split=0.2, batch_size=20, epochs=3,
            callbacks=keras.callbacks.ReduceLROnPlateau, **params,
        )  # fmt: skip
        estimator.fit(X, y, sample_weight=sample_weight)
        first = estimator.history_, weights_of(estimator)
        estimator.set_params(warm_start=True, validation_split=0).fit(
            X, y, X_val=X[:9], y_val=y[:9]
        )
        return (*first, estimator.history_, weights_of(estimator), estimator.score(X, y))

    assert fitted(X, loader=loader) == fitted(iris[0], loader=None)


def test_a_builder_knows_what_the_first_rows_look_like(numbered, iris):
    loader, X, y = numbered
    seen = {}

    def see(meta, X):
        seen.update(meta, X=X)
        return build(meta)

    estimator = network(see, loader=loader, epochs=0).fit(X, y)
    assert estimator.X_shape_ == seen["X_shape_"] == iris[0].shape
    assert (seen["n_features_in_"], seen["X_dtype_"]) == (4, np.dtype(float))
    assert loader.calls[0] == 2
    assert seen["X"].tolist() == X.tolist()  # to load as many of as an adapted layer needs


def test_a_fitted_estimator_pickles_and_its_loader_can_be_taken_away(numbered, iris):
    loader, X, y = numbered
    estimator = network(build, loader=loader, epochs=1).fit(X, y)
    assert clone(estimator).loader is loader  # which may hold a file open
    again = pickle.loads(pickle.dumps(estimator))
    expected = estimator.predict_proba(X)
    np.testing.assert_array_equal(again.predict_proba(X), expected)
    np.testing.assert_array_equal(again.set_params(loader=None).predict_proba(iris[0]), expected)
    again.set_params(loader=Rows(iris[0][:, :3]), loader_workers=2)
    with pytest.raises(ValueError, match=r"for batch 1 of the rows to predict \(32 rows from 0 on"):
        again.predict(X)


@pytest.mark.parametrize(
    "make", [list, np.asarray, pd.Series, lambda X: pd.DataFrame({"row": X, "other": X})]
)
def test_a_loader_gets_rows_in_the_type_of_X(numbered, make):
    loader, X, y = numbered
    types = set()

    def read(rows):
        types.add(type(rows))
        return loader(rows["row"] if isinstance(rows, pd.DataFrame) else rows)

    estimator = network(build, loader=read, epochs=0).fit(make(X), y)
    assert estimator.predict(make(X)).shape == y.shape
    assert types == {type(make(X))}


@pytest.mark.slow
def test_a_memory_map_is_searched_by_row_numbers_and_as_it_is(tmp_path, digits):
    X, y = digits
    path = tmp_path / "digits.dat"
    mapped = np.memmap(path, "float32", "w+", shape=X.shape)
    mapped[:] = X
    mapped.flush()
    by_number = network(build, loader=functools.partial(read_map, str(path), X.shape))
    scores = cross_validate(by_number, np.arange(len(y)), y, cv=2, error_score="raise")
    as_it_is = network(build, loader=np.asarray)
    same = cross_validate(as_it_is, np.memmap(path, "float32", "r", shape=X.shape), y, cv=2)
    in_memory = cross_validate(network(build, loader=None), X.astype("float32"), y, cv=2)
    assert scores["test_score"].tolist() == in_memory["test_score"].tolist()
    assert same["test_score"].tolist() == in_memory["test_score"].tolist()


def read_map(path, shape, rows):
    return np.memmap(path, "float32", "r", shape=shape)[rows]


# ------------------------------------------------------------------------------ what is loaded


def two_inputs(meta):
    left, right = keras.Input((2,), name="left"), keras.Input((2,), name="right")
    both = keras.layers.concatenate([left, right])
    return keras.Model([left, right], keras.layers.Dense(3, activation="softmax")(both))


@pytest.mark.parametrize("form", long_but(["dict", "tuple", "frame", "inputs"], "dict"))
def test_a_loader_feeds_several_inputs(iris, form):
    X, y = iris

    def read(rows):
        part = X[rows]
        if form == "dict":
            return {"right": part[:, 2:], "left": part[:, :2]}
        if form == "tuple":
            return part[:, :2], part[:, 2:]
        return pd.DataFrame(part, columns=list("abcd")) if form == "frame" else part

    columns = {"left": ["a", "b"], "right": ["c", "d"]} if form == "frame" else None
    columns = {"left": [0, 1], "right": slice(2, 4)} if form == "inputs" else columns
    estimator = network(two_inputs, loader=read, inputs=columns).fit(np.arange(len(y)), y)
    dense = network(two_inputs, loader=None, inputs={"left": [0, 1], "right": [2, 3]}).fit(X, y)
    assert weights_of(estimator) == weights_of(dense)
    if form == "dict":
        assert estimator.inputs_["left"] == {"shape": (2,), "dtype": np.dtype(float)}


@pytest.mark.tensorflow("text and lookup layers are TensorFlow's alone")
@pytest.mark.slow
def test_a_loader_gives_text(files):
    words = np.array(["one", "two", "three"])

    def count(meta):
        text = keras.Input((), dtype="string")
        code = keras.layers.StringLookup(vocabulary=words.tolist(), output_mode="one_hot")(text)
        return keras.Model(text, keras.layers.Dense(3, activation="softmax")(code))

    X = np.arange(90) % 3
    estimator = network(count, loader=lambda rows: words[rows], epochs=20, batch_size=5)
    estimator.set_params(optimizer__learning_rate=1.0, validation_split=0.2)
    assert estimator.fit(X, X).score(X, X) == 1


@pytest.mark.slow
def test_a_loader_gives_sparse_rows(numbered, iris):
    loader, X, y = numbered

    def linear(meta, takes_sparse=False):
        inputs = keras.Input((4,), sparse=takes_sparse)
        return keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(inputs))

    def read(rows):
        return sparse.csr_array(loader(rows))

    dense = network(linear, loader=loader).fit(X, y)
    for takes_sparse in (False, True):
        one = network(linear, loader=read, takes_sparse=takes_sparse).fit(X, y)
        np.testing.assert_allclose(one.predict_proba(X), dense.predict_proba(X), rtol=1e-5)


@pytest.mark.slow
def test_a_loader_that_takes_y_changes_both(numbered):
    _, X, y = numbered
    loader, seen = numbered[0], []

    def mixed(rows, y, rng):
        features = loader(rows)
        seen.append((None if y is None else y.shape, rng is None))
        if rng is None:
            return features, y
        other = rng.permutation(len(rows))
        share = rng.beta(0.2, 0.2)
        return (
            share * features + (1 - share) * features[other],
            share * y + (1 - share) * y[other],
        )

    estimator = network(
        build, loader=mixed, loss="categorical_crossentropy", epochs=30, validation_split=0.2,
        optimizer__learning_rate=0.1,
    )  # fmt: skip
    assert estimator.fit(X, y).score(X, y) > 0.8
    assert set(seen) == {
        ((32, 3), False), ((24, 3), False), ((30, 3), True), (None, True)
    }  # fmt: skip


@pytest.mark.slow
def test_a_regressor_takes_a_loader(diabetes):
    X, y = diabetes
    estimator = network(None, KerasRegressor, loader=Rows(X), epochs=5)
    dense = network(None, KerasRegressor, loader=None, epochs=5).fit(X, y)
    assert weights_of(estimator.fit(np.arange(len(y)), y)) == weights_of(dense)
    assert estimator.score(np.arange(len(y)), y) == dense.score(X, y)


# ------------------------------------------------------------------------------------ errors


@pytest.mark.slow
def test_a_loader_that_fails_is_named_with_the_batch(numbered):
    loader, X, y = numbered

    def read(rows):
        if 77 in rows:
            raise OSError("row 77 cannot be read")
        return loader(rows)

    estimator = network(build, loader=read, epochs=1)
    with pytest.raises(RuntimeError, match=r"loader=read failed on batch \d of epoch 1 .\d\d"):
        estimator.fit(X, y)
    estimator.fit(X[:60], y[:60] > 0)
    with pytest.raises(RuntimeError, match="batch 3 of the rows to predict .* row 77 cannot"):
        estimator.predict(X)
    with pytest.raises(RuntimeError, match="failed on the first rows of X .2 rows from 77 on"):
        estimator.fit(X[77:], y[77:])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda part: part[:-1], "31 rows, for 32; a loader returns a row for each row"),
        (lambda part: part.sum(), "one value, for 32; a loader"),
        (lambda part: part[0], "4 rows, for 32; a loader"),
        (lambda part: part * np.nan, "Input X contains NaN"),
        (lambda part: part.astype(str), "X has text"),
        (lambda part: part[:, :3], r"rows of shape \(3,\), but the model's input has shape"),
        (lambda part: [row[: 2 + i % 2] for i, row in enumerate(part)], "rows have the shapes"),
        (lambda part: {"a": part}, "a dict, but for the first rows it was an array"),
    ],
)
def test_what_a_loader_returns_is_checked_and_the_batch_named(numbered, change, message):
    loader, X, y = numbered

    def read(rows):
        return change(loader(rows)) if len(rows) == 32 else loader(rows)

    with pytest.raises(
        ValueError, match=f"the result of loader=read for batch 1 of epoch 1.*{message}"
    ):
        network(build, loader=read).fit(X, y)


@pytest.mark.slow
def test_in_a_search_a_bad_batch_costs_its_candidate(numbered):
    loader, X, y = numbered
    grid = {"loader": [loader, lambda rows: loader(rows)[1:]]}
    with pytest.warns(FitFailedWarning, match="for the first rows of X .2 rows from"):
        search = GridSearchCV(network(build, epochs=1), grid, cv=2).fit(X, y)
    assert np.isnan(search.cv_results_["mean_test_score"]).tolist() == [False, True]


class Dataset(keras.utils.PyDataset):
    def __len__(self):
        return 3


@pytest.mark.parametrize(
    ("X", "message"),
    [
        pytest.param(
            "tf.data",
            "X is a tf.data.Dataset.* and the function that it maps over",
            marks=pytest.mark.tensorflow("makes a tf.data.Dataset"),
        ),
        (Dataset(), "X is a PyDataset .Dataset., .* and the body of its __getitem__ as loader="),
        ((batch for batch in [1]), "X is a generator, whose rows"),
    ],
)
def test_what_has_no_rows_is_an_error_that_shows_a_loader(X, message, iris):
    if X == "tf.data":
        import tensorflow as tf

        X = tf.data.Dataset.range(4).batch(2)
    estimator = KerasClassifier(build, random_state=0)
    for call in (estimator.fit, KerasRegressor().fit, network(build).fit):
        with pytest.raises(TypeError, match=message):
            call(X)
    estimator.set_params(epochs=0).fit(*iris)
    with pytest.raises(TypeError, match=message):
        estimator.predict(X)


class Halved(KerasClassifier):
    @property
    def feature_encoder(self):
        return FunctionTransformer(lambda X: X / 2)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: network(loader="read"),
            TypeError,
            "loader='read' must be a function",
        ),
        (lambda: network(loader_workers=-1), ValueError, "loader_workers=-1 must be an integer of"),
        (lambda: network(cls=Halved), ValueError, "Halved has its own feature_encoder"),
    ],
)
def test_a_loader_that_cannot_be_is_refused_before_anything_is_loaded(make, error, message):
    with pytest.raises(error, match=message):
        make().fit(["a", "b"], [0, 1])


def test_rows_that_cannot_be_indexed_are_refused(numbered):
    loader, X, y = numbered
    estimator = network(build, loader=loader)
    with pytest.raises(TypeError, match="X is a dict; with a loader, X must be indexable by rows"):
        estimator.fit({"row": X}, y)
    with pytest.raises(ValueError, match="X has 150 rows and y has 149"):
        estimator.fit(X, y[1:])
    with pytest.raises(ValueError, match="X has 0 rows"):
        estimator.fit(X[:0], y[:0])


def test_an_argument_of_the_builder_of_the_same_name_is_warned_of(numbered):
    loader, X, y = numbered

    def own(meta, loader=8):
        return build(meta, units=loader)

    with pytest.warns(UserWarning, match="loader is a parameter of .*model__loader="):
        estimator = network(own, loader=loader, epochs=0).fit(X, y)
    assert estimator.model_.layers[1].units == 8
    estimator.set_params(model__loader=4, loader_workers=1).fit(X, y)
    assert estimator.model_.layers[1].units == 4


# ------------------------------------------------------------------------------------ memory

_MEMORY = """
import resource, sys
import keras, numpy as np
from kerasearch import KerasClassifier

def read(rows):
    return np.ones((len(rows), 32, 32, 3), "float32") * (rows % 2)[:, None, None, None]

def build(meta):
    image = keras.Input(meta["X_shape_"][1:])
    return keras.Model(image, keras.layers.Dense(1, "sigmoid")(keras.layers.Flatten()(image)))

def fit(n):
    rows = np.arange(n)
    estimator = KerasClassifier(
        build, loader=read, loader_workers=4, epochs=2, validation_split=0.2, random_state=0
    )
    assert estimator.fit(rows, rows % 2).score(rows, rows % 2) == 1

fit(2000)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
fit(20000)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.long
@pytest.mark.slow
def test_ten_times_the_rows_take_no_more_memory():
    command = [sys.executable, "-c", textwrap.dedent(_MEMORY)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    grown = int(done.stdout) / 1024
    assert grown < 30, (
        f"{grown:.0f} MiB more; the rows would take {20000 * 32 * 32 * 3 * 4 / 2**20:.0f}"
    )
