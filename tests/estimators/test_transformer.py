"""KerasTransformer: trained to give X back, and the output of one of its layers."""

from __future__ import annotations

import pickle

import joblib
import keras
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from kerasearch import FitStore, KerasTransformer, param_grid, summarize
from kerasearch.training import layer_outputs, seeds
from tests.backends import ORDINARY_REASON

from ..slow import long_but


def narrow(meta, size=3, rate=0.0):
    """An autoencoder with one output, whose code has a name."""
    inputs = keras.Input(meta["X_shape_"][1:])
    flat = keras.layers.Flatten()(inputs)
    hidden = keras.layers.Dropout(rate)(keras.layers.Dense(16, activation="relu")(flat))
    code = keras.layers.Dense(size, name="code")(hidden)
    outputs = keras.layers.Dense(int(np.prod(inputs.shape[1:])))(code)
    return keras.Model(inputs, keras.layers.Reshape(inputs.shape[1:])(outputs))


def nested(meta, size=3):
    """The same of two models, behind a layer."""
    inputs = keras.Input(meta["X_shape_"][1:])
    x = keras.Input(meta["X_shape_"][1:])
    code = keras.layers.Dense(size, name="code")(keras.layers.Dense(8, name="wide")(x))
    encoder = keras.Model(x, keras.layers.Activation("tanh")(code), name="encoder")
    z = keras.Input((size,))
    decoder = keras.Model(z, keras.layers.Dense(meta["X_shape_"][1])(z), name="decoder")
    return keras.Model(inputs, decoder(encoder(keras.layers.GaussianNoise(0.1)(inputs))))


class Variational(keras.Model):
    """Its loss is its own, and its code the second output."""

    def __init__(self, width, size):
        super().__init__()
        self.size = size
        self.encoder = keras.layers.Dense(2 * size)
        self.decoder = keras.layers.Dense(width)
        self.draws = keras.random.SeedGenerator(0)

    def call(self, x, training=False):
        mean, log_variance = keras.ops.split(self.encoder(x), 2, axis=-1)
        code = mean
        if training:
            noise = keras.random.normal(keras.ops.shape(mean), seed=self.draws)
            code = mean + keras.ops.exp(log_variance / 2) * noise
        return self.decoder(code), mean, log_variance

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        again, mean, log_variance = y_pred
        error = keras.ops.sum((x - again) ** 2, axis=-1)
        distance = mean**2 + keras.ops.exp(log_variance) - log_variance - 1
        return keras.ops.mean(error + keras.ops.sum(distance, axis=-1) / 2)


class Alone(keras.Sequential):
    """Trains in a step of its own, on X alone."""

    def __init__(self, layers):
        super().__init__(layers)
        self.tracker = keras.metrics.Mean("loss")

    @property
    def metrics(self):
        return [self.tracker]

    def train_step(self, x):
        import tensorflow as tf

        assert not isinstance(x, tuple)
        with tf.GradientTape() as tape:
            loss = keras.ops.mean((self(x) - x) ** 2)
        weights = self.trainable_weights
        self.optimizer.apply(tape.gradient(loss, weights), weights)
        self.tracker.update_state(loss)
        return {"loss": self.tracker.result()}


class WithTestStep(Alone):
    def test_step(self, x):
        self.tracker.update_state(keras.ops.mean((self(x) - x) ** 2))
        return {"loss": self.tracker.result()}


def network(model=narrow, layer="code", **params):
    return KerasTransformer(model, layer=layer, **{"epochs": 2, "random_state": 0, **params})


def again(transformer, X):
    """X as the model gives it back."""
    return transformer.model_.predict(X, verbose=0)


def weights_of(estimator):
    return [w.tolist() for w in estimator.model_.get_weights()]


# --------------------------------------------------------------------------- fit and transform


def test_the_code_is_the_output_of_the_layer_of_that_name(iris):
    X, y = iris
    transformer = network(epochs=5).fit(X, y)
    layers = transformer.model_
    hidden = layers.get_layer("dense")(X.astype("float32"))
    expected = keras.ops.convert_to_numpy(layers.get_layer("code")(hidden))
    np.testing.assert_allclose(transformer.transform(X), expected, rtol=1e-5, atol=1e-6)
    assert transformer.training_reason_ == ORDINARY_REASON
    assert transformer.history_["loss"][-1] < transformer.history_["loss"][0]
    error = np.mean((again(transformer, X) - X) ** 2)
    assert transformer.score(X) == pytest.approx(-error, rel=1e-5)
    names = ["kerastransformer0", "kerastransformer1", "kerastransformer2"]
    assert transformer.get_feature_names_out().tolist() == names
    frame = transformer.set_output(transform="pandas").transform(X)
    assert (list(frame.columns), frame.shape) == (names, (150, 3))


@pytest.mark.slow
def test_the_default_model_has_its_code_as_second_output(iris):
    transformer = KerasTransformer(code_size=2, epochs=3, random_state=0).fit(iris[0])
    _, code = transformer.model_(iris[0].astype("float32"))
    np.testing.assert_allclose(transformer.transform(iris[0]), code, rtol=1e-5, atol=1e-6)
    assert list(transformer.history_) == ["loss"]
    images = KerasTransformer(epochs=1, metrics=["mae"]).fit(np.ones((20, 4, 4)))
    assert images.transform(np.ones((3, 4, 4))).shape == (3, 8)
    assert len(images.history_) == 2


@pytest.mark.parametrize("layer", long_but(["encoder", "code", "wide"], "code"))
@pytest.mark.slow
def test_a_layer_is_found_in_a_model_in_the_model(iris, layer):
    X = iris[0]
    transformer = network(nested, layer).fit(X)
    encoder = transformer.model_.get_layer("encoder")
    inner = (
        encoder
        if layer == "encoder"
        else keras.Model(encoder.input, encoder.get_layer(layer).output)
    )
    np.testing.assert_allclose(transformer.transform(X), inner(X.astype("float32")), rtol=1e-5)
    before = [len(node) for node in map(vars(encoder).get, ["_inbound_nodes", "_outbound_nodes"])]
    transformer.transform(X)
    after = [len(node) for node in map(vars(encoder).get, ["_inbound_nodes", "_outbound_nodes"])]
    assert before == after


def test_names_of_layers_are_counted_as_before(iris):
    transformer = network(nested, "code").fit(iris[0])
    with seeds.fresh_names() as counters:
        layer_outputs.up_to_layer(transformer.model_, "code")
        assert dict(counters) == {}


@pytest.mark.slow
def test_validation_weights_and_single_epochs_are_those_of_other_estimators(iris):
    X = iris[0]
    weights = np.linspace(0, 2, len(X))
    whole = network(validation_split=0.2).fit(X, sample_weight=weights)
    given = network(validation_split=0).fit(X, sample_weight=weights, X_val=X[:30])
    assert len(whole.history_["val_loss"]) == len(given.history_["val_loss"]) == 2
    assert whole.score(X, sample_weight=weights) != whole.score(X)
    in_steps = network()
    for _ in range(2):
        in_steps.partial_fit(X)
    assert weights_of(in_steps) == weights_of(network().fit(X))
    loaded = pickle.loads(pickle.dumps(in_steps))
    assert loaded.transform(X).tolist() == in_steps.transform(X).tolist()
    assert weights_of(loaded.partial_fit(X)) == weights_of(network(epochs=3).fit(X))


def test_fits_are_stored(iris, tmp_path):
    store = FitStore(tmp_path)
    first = network(store=store).fit(iris[0])
    second = network(store=store).fit(iris[0])
    assert (first.n_epochs_trained_, second.n_epochs_trained_) == (2, 0)
    assert weights_of(first) == weights_of(second)
    longer = network(store=store, epochs=3).fit(iris[0])
    assert longer.n_epochs_trained_ == 1


# ----------------------------------------------------------------------- searches and pipelines


@pytest.mark.slow
def test_its_hyperparameters_are_searched_before_a_classifier(digits):
    X, y = digits
    pipeline = make_pipeline(network(epochs=10), LogisticRegression(max_iter=500))
    grid = param_grid(pipeline, size=[1, 12])
    search = GridSearchCV(pipeline, grid, cv=2, n_jobs=2).fit(X, y)
    assert search.best_params_ == {"kerastransformer__model__size": 12}
    assert search.best_score_ > 0.6
    assert list(summarize(search)["size"]) == [12, 1]
    with joblib.parallel_config("threading", n_jobs=2):
        best = clone(pipeline).set_params(**search.best_params_)
        folds = cross_validate(best, X, y, cv=2, error_score="raise")
    assert folds["test_score"].mean() == pytest.approx(search.best_score_)


@pytest.mark.slow
def test_by_itself_a_search_ranks_by_the_loss(iris):
    X = iris[0]
    grid = {"optimizer__learning_rate": [0.0001, 0.01]}
    search = GridSearchCV(network(epochs=10), grid, cv=2).fit(X)
    assert search.best_params_ == {"optimizer__learning_rate": 0.01}
    assert (search.cv_results_["mean_test_score"] < 0).all()
    assert search.transform(X).shape == (150, 3)


@pytest.mark.slow
def test_files_are_coded_as_they_are_loaded(digits):
    X, y = digits
    rows = np.arange(len(X))
    in_memory = network(validation_split=0.2).fit(X)
    transformer = network(validation_split=0.2, loader=lambda rows: X[rows], loader_workers=2)
    transformer.fit(rows)
    assert transformer.history_ == in_memory.history_
    assert weights_of(transformer) == weights_of(in_memory)
    assert transformer.transform(rows).tolist() == in_memory.transform(X).tolist()
    assert transformer.score(rows) == pytest.approx(in_memory.score(X))
    pipeline = make_pipeline(transformer, RandomForestClassifier(20, random_state=0))
    assert (
        cross_validate(pipeline, rows, y, cv=2, error_score="raise")["test_score"].min() > 0.2
    )  # of ten


# --------------------------------------------------------------------------- losses of their own


@pytest.mark.slow
def test_a_loss_of_the_models_own_is_minimized(iris):
    X = iris[0]

    def build(meta, size=2):
        return Variational(meta["n_features_in_"], size)

    transformer = KerasTransformer(build, epochs=30, random_state=0).fit(X)
    assert transformer.transform(X).shape == (150, 2)
    assert transformer.history_["loss"][-1] < transformer.history_["loss"][0]
    assert transformer.score(X) == pytest.approx(
        -transformer.model_.evaluate(X, verbose=0), rel=1e-4
    )
    search = GridSearchCV(transformer, {"size": [1, 2]}, cv=2, error_score="raise").fit(X)
    assert np.isfinite(search.best_score_)


@pytest.mark.tensorflow("its train_step is written with TensorFlow's tape")
@pytest.mark.slow
def test_a_step_of_the_models_own_gets_X_alone(iris):
    def build(meta, cls=WithTestStep):
        return cls([keras.Input((4,)), keras.layers.Dense(2, name="code"), keras.layers.Dense(4)])

    X = iris[0]
    transformer = network(build, epochs=3).fit(X)
    assert transformer.transform(X).shape == (150, 2)
    assert transformer.history_["loss"][-1] < transformer.history_["loss"][0]
    assert transformer.score(X) == pytest.approx(
        -np.mean((again(transformer, X) - X) ** 2), rel=0.1
    )
    transformer.set_params(cls=Alone).fit(X)
    with pytest.raises(ValueError, match="Alone has its own train_step.* define test_step"):
        transformer.score(X)


@pytest.mark.slow
def test_a_loss_is_set_as_with_the_other_estimators(iris):
    def by_names(meta, compiled=True):
        inputs = keras.Input((4,))
        code = keras.layers.Dense(2, name="code")(inputs)
        again = keras.layers.Dense(4, name="again")(code)
        model = keras.Model(inputs, {"code": code, "again": again})
        if compiled:
            model.compile("adam", {"again": "mae", "code": None})
        return model

    X = iris[0]
    compiled = network(by_names).fit(X)
    error = np.mean(np.abs(compiled.model_.predict(X, verbose=0)["again"] - X))
    assert compiled.score(X) == pytest.approx(-error, rel=1e-5)
    assert weights_of(network(by_names, compiled=False, loss="mae").fit(X)) == weights_of(compiled)
    assert compiled.transform(X).shape == (150, 2)


# ------------------------------------------------------------------------------- kinds of X


def two_parts(meta):
    sizes = {name: part.shape for name, part in meta["inputs_"].items()}
    inputs = {name: keras.Input(shape or (1,), name=name) for name, shape in sizes.items()}
    code = keras.layers.Dense(2, name="code")(keras.layers.concatenate(list(inputs.values())))
    outputs = {name: keras.layers.Dense(t.shape[1])(code) for name, t in inputs.items()}
    return keras.Model(inputs, {"code": code, **outputs})


@pytest.mark.slow
def test_several_parts_are_given_back_by_their_names(iris):
    X = pd.DataFrame(iris[0], columns=list("abcd"))
    columns = {"left": ["a", "b", "c"], "right": "d"}
    transformer = network(two_parts, inputs=columns, epochs=20).fit(X)
    left, right = iris[0][:, :3], iris[0][:, 3:]
    given = again(transformer, {"left": left, "right": right})
    errors = np.mean((given["left"] - left) ** 2), np.mean((given["right"] - right) ** 2)
    assert transformer.score(X) == pytest.approx(-sum(errors), rel=1e-4)
    assert transformer.transform(X).shape == (150, 2)
    with pytest.raises(ValueError, match="has 1 output, but X has 2 parts to reconstruct"):
        network(one_of_two, inputs=columns).fit(X)


def one_of_two(meta):
    model = two_parts(meta)
    return keras.Model(model.input, model.output["left"])


@pytest.mark.slow
def test_sparse_rows_are_given_back_dense(digits):
    X = digits[0]
    dense = network().fit(X)
    one = network().fit(sparse.csr_array(X))
    np.testing.assert_allclose(one.transform(X), dense.transform(X), rtol=1e-4, atol=1e-5)
    assert one.score(sparse.csr_array(X)) == pytest.approx(one.score(X), rel=1e-5)


# ------------------------------------------------------------------------------------ errors


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (
            {"layer": "cod"},
            r"layer='cod' is not a layer of the model\. .* are [^.]*'code'.*; did you mean code\?",
        ),
        ({"layer": None}, "the model's second output .* has one output: pass the name .*'code'"),
        ({"layer": 3}, "layer=3 is not a layer of the model.* model__layer"),
        ({"class_weight": "balanced"}, "class_weight"),
        ({"model": lambda: Variational(4, 2)}, "Variational has its own call method: return"),
        ({"model": lambda: shared_layer()}, "'code' is called 2 times in the model"),
        ({"model": lambda: wrong_width()}, r"has shape \(None, 3\), but X, which .* \(4,\)"),
    ],
)
def test_what_cannot_be_is_an_error_before_training(iris, params, message):
    with pytest.raises(ValueError, match=message):
        network(**params, epochs=10**9).fit(iris[0])


def shared_layer():
    inputs, code = keras.Input((4,)), keras.layers.Dense(4, name="code")
    return keras.Model(inputs, code(code(inputs)))


def wrong_width():
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="code")])


def test_the_layer_may_be_changed_after_a_fit(iris):
    transformer = network(epochs=0).fit(iris[0]).set_params(layer="dense")
    assert transformer.transform(iris[0]).shape == (150, 16)
    with pytest.raises(
        ValueError, match=r"layer='dens' is not a layer of the model\..*; did you mean"
    ):
        transformer.set_params(layer="dens").transform(iris[0])


def test_rows_of_another_width_are_refused(iris):
    transformer = network(epochs=0).fit(iris[0])
    with pytest.raises(ValueError, match="X has 3 features, but KerasTransformer is expecting 4"):
        transformer.transform(iris[0][:, :3])
    with pytest.raises(ValueError, match="X has 3 features"):
        transformer.partial_fit(iris[0][:, :3])


def test_an_argument_of_the_builder_called_layer_is_warned_of(iris):
    def build(meta, layer=2):
        return narrow(meta, size=layer)

    with pytest.warns(UserWarning, match="layer is a parameter of KerasTransformer.*model__layer"):
        transformer = network(build, epochs=0).fit(iris[0])
    assert transformer.transform(iris[0]).shape == (150, 2)
    transformer = network(build, model__layer=3, epochs=0).fit(iris[0])
    assert transformer.transform(iris[0]).shape == (150, 3)


def test_there_is_nothing_to_predict(iris):
    assert not hasattr(network(), "predict")


def test_in_a_pipeline_frames_have_names(iris):
    pipeline = make_pipeline(StandardScaler(), network(epochs=1)).set_output(transform="pandas")
    frame = pipeline.fit_transform(pd.DataFrame(iris[0], columns=list("abcd")), iris[1])
    assert list(frame.columns) == [f"kerastransformer{i}" for i in range(3)]
    assert pipeline[1].feature_names_in_.tolist() == list("abcd")
