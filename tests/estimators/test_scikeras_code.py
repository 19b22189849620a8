"""Code written for scikeras runs by changing the import."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.metrics import f1_score
from sklearn.preprocessing import OneHotEncoder

from kerasearch import KerasClassifier, KerasRegressor

pytestmark = pytest.mark.slow

QUICK = {"epochs": 2, "verbose": 0, "random_state": 0}


def get_classifier(hidden_layer_sizes, dropout, meta, compile_kwargs):
    """The builder of scikeras' own tutorial: required arguments, meta and compile_kwargs."""
    inputs = keras.Input(shape=(meta["n_features_in_"],))
    hidden = inputs
    for width in hidden_layer_sizes:
        hidden = keras.layers.Dropout(dropout)(keras.layers.Dense(width, "relu")(hidden))
    units, activation = (
        (1, "sigmoid") if meta["target_type_"] == "binary" else (meta["n_classes_"], "softmax")
    )
    loss = "binary_crossentropy" if units == 1 else "sparse_categorical_crossentropy"
    model = keras.Model(inputs, keras.layers.Dense(units, activation)(hidden))
    model.compile(loss=loss, optimizer=compile_kwargs["optimizer"])
    return model


def test_the_tutorials_builder_with_arguments_given_in_the_constructor(iris, breast_cancer):
    classifier = KerasClassifier(
        model=get_classifier, hidden_layer_sizes=(10,), dropout=0.5, **QUICK
    )
    for X, y in (iris, breast_cancer):
        fitted = clone(classifier).fit(X, y)
        assert fitted.predict_proba(X).shape == (len(X), len(np.unique(y)))
    assert classifier.hidden_layer_sizes == (10,)


class MLPClassifier(KerasClassifier):
    """The subclass of scikeras' documentation."""

    def __init__(
        self,
        hidden_layer_sizes=(10,),
        optimizer="adam",
        optimizer__learning_rate=0.01,
        epochs=2,
        verbose=0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.hidden_layer_sizes = hidden_layer_sizes
        self.optimizer = optimizer
        self.epochs = epochs
        self.verbose = verbose
        self.optimizer__learning_rate = optimizer__learning_rate

    def _keras_build_fn(self, compile_kwargs):
        model = keras.Sequential([keras.Input((self.n_features_in_,))])
        for width in self.hidden_layer_sizes:
            model.add(keras.layers.Dense(width, activation="relu"))
        model.add(keras.layers.Dense(self.n_classes_, activation="softmax"))
        model.compile(loss="sparse_categorical_crossentropy", optimizer=compile_kwargs["optimizer"])
        return model


def test_a_subclass_with_keras_build_fn_and_parameters_of_its_own(iris):
    classifier = MLPClassifier(hidden_layer_sizes=(7,), random_state=0)
    params = clone(classifier.set_params(optimizer__learning_rate=0.5)).get_params()
    assert params["hidden_layer_sizes"] == (7,)
    assert params["optimizer__learning_rate"] == 0.5
    fitted = clone(classifier).fit(*iris)
    assert fitted.model_.layers[0].units == 7
    assert float(fitted.model_.optimizer.learning_rate.numpy()) == 0.5


class TwoHeads(BaseEstimator, TransformerMixin):
    """A target encoder for two outputs: a number of classes, and a flag."""

    def fit(self, y):
        self.encoder_ = OneHotEncoder(sparse_output=False).fit(y[:, :1])
        self.n_outputs_, self.n_outputs_expected_ = 2, 2
        self.n_classes_ = len(self.encoder_.categories_[0])
        return self

    def transform(self, y):
        return [self.encoder_.transform(y[:, :1]), y[:, 1]]

    def inverse_transform(self, y, return_proba=False):
        if return_proba:
            return np.column_stack(y)
        return np.column_stack([self.encoder_.inverse_transform(y[0]), y[1] > 0.5]).astype(int)

    def get_metadata(self):
        return {"n_outputs_": 2, "n_outputs_expected_": 2, "n_classes_": self.n_classes_}


class MultiOutputClassifier(KerasClassifier):
    @property
    def target_encoder(self):
        return TwoHeads()

    @staticmethod
    def scorer(y_true, y_pred, **kwargs):
        return float(np.mean(y_true == y_pred))


def two_heads(meta):
    inputs = keras.Input((meta["n_features_in_"],))
    hidden = keras.layers.Dense(20, "relu")(inputs)
    heads = [
        keras.layers.Dense(meta["n_classes_"], "softmax")(hidden),
        keras.layers.Dense(1, "sigmoid")(hidden),
    ]
    return keras.Model(inputs, heads)


def test_an_encoder_of_the_users_own_gives_several_outputs(iris):
    X, y = iris
    targets = np.column_stack([y, y == 0])
    for loss in (None, ["categorical_crossentropy", "binary_crossentropy"]):
        classifier = MultiOutputClassifier(
            two_heads, loss=loss, **{**QUICK, "epochs": 60}, optimizer__learning_rate=0.01
        ).fit(X, targets)
        assert classifier.predict(X).shape == (150, 2)
        assert classifier.score(X, targets) > 0.9
        assert classifier.predict_proba(X).shape == (150, 4)


class SplitColumns(BaseEstimator, TransformerMixin):
    def __init__(self, as_dict):
        self.as_dict = as_dict

    def fit(self, X):
        return self

    def transform(self, X):
        parts = {"left": X[:, :2], "right": X[:, 2:]}
        return parts if self.as_dict else list(parts.values())


def two_inputs(meta):
    inputs = {name: keras.Input((2,), name=name) for name in ("left", "right")}
    hidden = keras.layers.Concatenate()(list(inputs.values()))
    outputs = keras.layers.Dense(3, "softmax")(hidden)
    return keras.Model(inputs if meta["as_dict_"] else list(inputs.values()), outputs)


class MultiInput(KerasClassifier):
    as_dict = True

    @property
    def feature_encoder(self):
        self.as_dict_ = self.as_dict
        return SplitColumns(self.as_dict)


def test_an_encoder_of_features_gives_dict_and_list_inputs(iris):
    class Listed(MultiInput):
        as_dict = False

    got = [
        kind(two_inputs, validation_split=0.2, **QUICK).fit(*iris).predict_proba(iris[0])
        for kind in (MultiInput, Listed)
    ]
    np.testing.assert_array_equal(got[0], got[1])


def test_a_scorer_of_the_users_own_with_routed_arguments(iris):
    class Scored(KerasClassifier):
        @staticmethod
        def scorer(y_true, y_pred, **kwargs):
            return f1_score(y_true, y_pred, **kwargs)

    classifier = Scored(**QUICK, score__average="macro").fit(*iris)
    predicted = classifier.predict(iris[0])
    assert classifier.score(*iris) == f1_score(iris[1], predicted, average="macro")


def test_batch_size_minus_one_is_all_rows(iris):
    classifier = KerasClassifier(batch_size=-1, **QUICK).fit(*iris)
    assert int(classifier.model_.optimizer.iterations.numpy()) == 2


def test_fit_and_predict_arguments_can_be_routed(iris):
    classifier = KerasClassifier(
        fit__epochs=3, fit__batch_size=75, predict__batch_size=10, **QUICK
    ).fit(*iris)
    assert int(classifier.model_.optimizer.iterations.numpy()) == 6
    assert classifier.predict(iris[0], batch_size=7).shape == (150,)


def test_fit_and_predict_have_callbacks_of_their_own(iris):
    seen = []

    class Watch(keras.callbacks.Callback):
        def __init__(self, name="both"):
            super().__init__()
            self.name = name

        def on_train_begin(self, logs=None):
            seen.append((self.name, "fit"))

        def on_predict_begin(self, logs=None):
            seen.append((self.name, "predict"))

    classifier = KerasClassifier(
        callbacks=Watch,
        fit__callbacks=[Watch],
        fit__callbacks__0__name="fit",
        predict__callbacks=[Watch],
        predict__callbacks__0__name="predict",
        **QUICK,
    ).fit(*iris)
    assert seen == [("both", "fit"), ("fit", "fit")]
    seen.clear()
    classifier.predict(iris[0])
    assert ("both", "predict") in seen
    assert ("predict", "predict") in seen


def test_a_metric_of_the_users_own_and_weights_of_several_outputs(iris):
    def error_rate(y_true, y_pred):
        wrong = keras.ops.argmax(y_pred, axis=-1) != keras.ops.cast(y_true[:, 0], "int32")
        return keras.ops.cast(wrong, "float32")

    history = KerasClassifier(metrics=[error_rate, "accuracy"], **QUICK).fit(*iris).history_
    np.testing.assert_allclose(1 - np.array(history["accuracy"]), history["error_rate"], rtol=1e-5)

    def two_numbers():
        inputs = keras.Input((4,))
        return keras.Model(inputs, [keras.layers.Dense(1)(inputs) for _ in range(2)])

    class Pair(KerasRegressor):
        @property
        def target_encoder(self):
            return PairEncoder()

    regressor = Pair(two_numbers, loss_weights=[1.0, 0.0], optimizer="sgd", **QUICK)
    regressor.fit(iris[0], iris[0][:, :2])
    losses = regressor.history_["loss"]
    assert regressor.predict(iris[0]).shape == (150, 2)
    assert losses[1] < losses[0]


class PairEncoder(BaseEstimator, TransformerMixin):
    def fit(self, y):
        return self

    def transform(self, y):
        return [y[:, 0], y[:, 1]]

    def inverse_transform(self, y):
        return np.column_stack(y)


def test_regression_with_the_tutorials_builder(diabetes):
    def get_regressor(meta, compile_kwargs):
        model = keras.Sequential([keras.Input((meta["n_features_in_"],)), keras.layers.Dense(1)])
        model.compile(loss="mse", optimizer=compile_kwargs["optimizer"])
        return model

    regressor = KerasRegressor(get_regressor, loss="mse", **{**QUICK, "epochs": 60})
    assert regressor.fit(*diabetes).score(*diabetes) > 0.3
