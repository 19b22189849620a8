"""What model a fit trains: defaults, losses, templates, and errors before training."""

from __future__ import annotations

import functools

import keras
import numpy as np
import pytest
from sklearn.datasets import make_multilabel_classification
from sklearn.metrics import f1_score

from kerasearch import KerasClassifier, KerasRegressor, mlp
from tests import builders


def quick(estimator=KerasClassifier, *args, **params):
    return estimator(*args, **{"epochs": 1, "random_state": 0, **params})


def output_layer(estimator):
    layer = estimator.model_.layers[-1]
    return layer.units, layer.activation.__name__, estimator.model_.loss


@pytest.mark.slow
def test_the_default_model_and_loss_follow_the_target(iris, breast_cancer, diabetes):
    binary = quick().fit(*breast_cancer)
    assert output_layer(binary) == (1, "sigmoid", "binary_crossentropy")
    multiclass = quick().fit(*iris)
    assert output_layer(multiclass) == (3, "softmax", "sparse_categorical_crossentropy")
    regression = quick(KerasRegressor).fit(*diabetes)
    assert output_layer(regression) == (1, "linear", "mean_squared_error")


@pytest.mark.slow
def test_the_default_model_takes_multilabel_and_several_columns(iris, diabetes):
    X, y = make_multilabel_classification(60, 5, n_classes=4, random_state=0)
    multilabel = quick().fit(X, y)
    assert output_layer(multilabel) == (4, "sigmoid", "binary_crossentropy")
    assert multilabel.predict(X).shape == multilabel.predict_proba(X).shape == (60, 4)
    assert set(np.unique(multilabel.predict(X))) <= {0, 1}

    columns = np.column_stack([diabetes[1], -2 * diabetes[1]])
    regression = quick(KerasRegressor).fit(diabetes[0], columns)
    assert output_layer(regression) == (2, "linear", "mean_squared_error")
    assert regression.predict(diabetes[0]).shape == columns.shape


@pytest.mark.slow
def test_several_multiclass_columns_get_one_output_each(iris):
    X, y = iris
    targets = np.column_stack([y, (y + 1) % 3, y == 2]).astype(int)
    classifier = quick(epochs=60, optimizer__learning_rate=0.01).fit(X, targets)
    assert [len(c) for c in classifier.classes_] == [3, 3, 2]
    assert (classifier.predict(X) == targets).mean() > 0.9
    probabilities = classifier.predict_proba(X[:5])
    assert [p.shape for p in probabilities] == [(5, 3), (5, 3), (5, 2)]


def test_mlp_builds_what_its_arguments_say():
    meta = {"X_shape_": (10, 4, 2), "target_type_": "multiclass", "n_classes_": 3}
    model = mlp(meta, (6, 5), activation="tanh", dropout=0.25, batch_norm=True, l2=0.5)
    kinds = [type(layer).__name__ for layer in model.layers]
    block = ["Dense", "BatchNormalization", "Activation", "Dropout"]
    assert kinds == ["InputLayer", "Flatten", *block, *block, "Dense"]
    assert model.layers[5].rate == 0.25
    assert float(model.layers[2].kernel_regularizer.l2) == 0.5
    assert not model.compiled


@pytest.mark.parametrize("sizes", [(0,), (2.5,), "100", (True,), ((3,),)])
def test_mlp_refuses_widths_that_are_no_positive_integers(sizes):
    meta = {"X_shape_": (10, 4), "target_type_": "multiclass", "n_classes_": 3}
    with pytest.raises(ValueError, match="hidden_layer_sizes=.* must hold positive integers"):
        mlp(meta, sizes)


def test_mlp_takes_one_width_none_and_numpy_integers():
    meta = {"X_shape_": (10, 4), "target_type_": "multiclass", "n_classes_": 3}
    assert mlp(meta, 7).layers[1].units == 7
    assert mlp(meta, np.array([7, 6])).layers[3].units == 6
    assert len(mlp(meta, ()).layers) == 2


@pytest.mark.parametrize(
    "loss",
    [
        "categorical_crossentropy",
        "CategoricalCrossentropy",
        keras.losses.CategoricalCrossentropy,
        keras.losses.CategoricalCrossentropy(label_smoothing=0.1),
        keras.losses.categorical_crossentropy,
        "sparse_categorical_crossentropy",
        builders.FocalLoss(),
    ],
)
def test_every_spelling_of_a_loss_trains_and_predicts_labels(iris, names, loss):
    classifier = quick(loss=loss, epochs=20, optimizer__learning_rate=0.02).fit(iris[0], names)
    assert classifier.score(iris[0], names) > 0.8


@pytest.mark.parametrize(
    "loss",
    [
        "poisson",
        "Huber",
        pytest.param("mse", marks=pytest.mark.slow),
        pytest.param("kl_divergence", marks=pytest.mark.slow),
        pytest.param("squared_hinge", marks=pytest.mark.slow),
        pytest.param(keras.losses.Dice, marks=pytest.mark.slow),
    ],
)
def test_losses_that_compare_columns_get_one_for_each_class(iris, loss):
    X, y = iris
    classifier = quick(loss=loss, epochs=40, optimizer__learning_rate=0.03).fit(X, y)
    assert classifier.score(X, y) > 0.9
    assert classifier.predict_proba(X[:1]).shape == (1, 3)


@pytest.mark.parametrize("activation", ["linear", "relu", "tanh"])
def test_a_classifier_whose_output_is_no_probability_needs_a_loss_that_says_so(iris, activation):
    def logits(meta):
        inputs = keras.Input(meta["X_shape_"][1:])
        outputs = keras.layers.Dense(meta["n_classes_"], activation=activation)(inputs)
        return keras.Model(inputs, outputs)

    with pytest.raises(ValueError, match=rf"'{activation}' activation.*Dense\(3, activation='soft"):
        quick(model=logits).fit(*iris)


@pytest.mark.slow
def test_metrics_that_compare_columns_are_right_with_the_default_loss(iris):
    X, y = iris
    classifier = quick(metrics=["F1Score", "AUC", "accuracy"], epochs=30).fit(X, y)
    predicted = classifier.predict(X)
    assert classifier.model_.loss == "categorical_crossentropy"
    history = classifier.partial_fit(X, y).history_
    expected = f1_score(y, predicted, average=None)
    np.testing.assert_allclose(history["F1Score"][-1], expected, atol=0.05)
    assert history["AUC"][-1] > 0.9


def test_metrics_that_cannot_compare_with_the_target_are_an_error(iris):
    for metric, loss, other in [
        ("F1Score", "sparse_categorical_crossentropy", "categorical_crossentropy"),
        ("sparse_categorical_accuracy", "categorical_crossentropy", "sparse_categorical_cross"),
    ]:
        with pytest.raises(ValueError, match=f"metrics: .* cannot compare.*use loss='{other}"):
            quick(metrics=[metric], loss=loss).fit(*iris)
    with pytest.raises(ValueError, match="metrics='acuracy' is not in keras.metrics; did you"):
        quick(metrics=["acuracy"]).fit(*iris)


def test_a_categorical_loss_works_for_two_classes(breast_cancer):
    def build(meta):
        inputs = keras.Input(meta["X_shape_"][1:])
        model = keras.Model(inputs, keras.layers.Dense(2, activation="softmax")(inputs))
        model.compile("adam", "categorical_crossentropy")
        return model

    classifier = quick(model=build, epochs=10).fit(*breast_cancer)
    assert classifier.score(*breast_cancer) > 0.8
    assert classifier.predict_proba(breast_cancer[0]).shape == (569, 2)


def test_one_hot_targets_with_a_categorical_loss_come_back_one_hot(iris):
    X, y = iris
    classifier = quick(
        loss="categorical_crossentropy",
        model=softmax_for_labels,
        epochs=30,
        optimizer__learning_rate=0.02,
    ).fit(X, np.eye(3, dtype=int)[y])
    predicted = classifier.predict(X)
    assert predicted.shape == (150, 3)
    assert (predicted.sum(axis=1) == 1).all()
    assert (predicted.argmax(axis=1) == y).mean() > 0.8


def softmax_for_labels(meta):
    inputs = keras.Input(meta["X_shape_"][1:])
    return keras.Model(inputs, keras.layers.Dense(meta["n_classes_"], activation="softmax")(inputs))


@pytest.mark.slow
def test_logits_become_probabilities_when_the_loss_says_from_logits(iris, breast_cancer):
    def linear(meta, units):
        inputs = keras.Input(meta["X_shape_"][1:])
        return keras.Model(inputs, keras.layers.Dense(units)(inputs))

    multiclass = quick(
        model=linear, units=3, loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    ).fit(*iris)
    np.testing.assert_allclose(multiclass.predict_proba(iris[0]).sum(axis=1), 1, rtol=1e-6)
    binary = quick(
        model=linear, units=1, loss="binary_crossentropy", loss__from_logits=True, epochs=10
    ).fit(*breast_cancer)
    probabilities = binary.predict_proba(breast_cancer[0])
    assert ((probabilities >= 0) & (probabilities <= 1)).all()
    assert binary.score(*breast_cancer) > 0.8


def test_routed_arguments_reach_the_loss_by_name_class_and_instance(iris):
    for loss in (
        "categorical_crossentropy",
        keras.losses.CategoricalCrossentropy,
        keras.losses.CategoricalCrossentropy(),
    ):
        classifier = quick(loss=loss, loss__label_smoothing=0.25).fit(*iris)
        assert classifier.model_.loss.get_config()["label_smoothing"] == 0.25


@pytest.mark.parametrize(
    ("units", "activation", "expected"),
    [
        (1, "sigmoid", r"Dense\(3, activation='softmax'\)"),
        (4, "softmax", r"4 units.*3 classes: use Dense\(3, activation='softmax'\)"),
        (3, "linear", r"'linear' activation.*Dense\(3, activation='softmax'\).*from_logits=True"),
        (3, "sigmoid", r"'sigmoid' activation.*Dense\(3, activation='softmax'\)"),
    ],
)
def test_an_output_layer_that_does_not_fit_says_which_does(iris, units, activation, expected):
    def wrong(meta):
        inputs = keras.Input(meta["X_shape_"][1:])
        model = keras.Model(inputs, keras.layers.Dense(units, activation=activation)(inputs))
        model.compile("adam", "sparse_categorical_crossentropy")
        return model

    with pytest.raises(ValueError, match=expected):
        quick(model=wrong).fit(*iris)


def test_an_output_layer_that_does_not_fit_two_classes_or_values(breast_cancer, diabetes):
    def one_softmax(meta):
        inputs = keras.Input(meta["X_shape_"][1:])
        return keras.Model(inputs, keras.layers.Dense(1, activation="softmax")(inputs))

    expected = r"Dense\(1, activation='sigmoid'\) or Dense\(2, activation='softmax'\)"
    with pytest.raises(ValueError, match=expected):
        quick(model=one_softmax).fit(*breast_cancer)
    with pytest.raises(ValueError, match=r"Dense\(1, activation='linear'\)"):
        quick(KerasRegressor, one_softmax).fit(*diabetes)


def test_a_model_with_the_wrong_number_of_outputs_is_an_error(iris):
    def two(meta):
        inputs = keras.Input(meta["X_shape_"][1:])
        heads = [keras.layers.Dense(3, activation="softmax")(inputs) for _ in range(2)]
        return keras.Model(inputs, heads)

    with pytest.raises(ValueError, match="the model has 2 outputs, but the target needs 1"):
        quick(model=two).fit(*iris)


def test_settings_that_a_compiled_model_would_ignore_are_an_error(iris):
    for params, ignored in [
        ({"optimizer__learning_rate": 0.5}, "optimizer__learning_rate=0.5"),
        ({"loss": "mse"}, "loss='mse'"),
        ({"optimizer": "rmsprop"}, "optimizer='rmsprop'"),
        ({"metrics": ["accuracy"]}, r"metrics=\['accuracy'\]"),
    ]:
        with pytest.raises(ValueError, match=f"{ignored} would be ignored.*compile_kwargs"):
            quick(model=builders.build_compiled, **params).fit(*iris)


def test_instances_that_a_compiled_model_would_ignore_are_an_error(iris):
    losses = keras.losses.SparseCategoricalCrossentropy
    for params in (
        {"optimizer": keras.optimizers.SGD(0.9)},
        {"loss": losses(ignore_class=1)},
        {"run_eagerly": True},
    ):
        with pytest.raises(ValueError, match=f"(?s){next(iter(params))}=.* would be ignored"):
            quick(model=builders.build_compiled, **params).fit(*iris)
    meta = {"X_shape_": (1, 4), "target_type_": "multiclass", "n_classes_": 3}
    with pytest.raises(ValueError, match="would be ignored.*Pass the model uncompiled"):
        quick(model=builders.build_compiled(meta), optimizer__learning_rate=0.5).fit(*iris)


@pytest.mark.slow
def test_models_layers_and_lists_given_as_builder_arguments_are_copied(iris):
    def extend(meta, base, layer, sizes):
        inputs = keras.Input((4,))
        hidden = layer(base(inputs))
        while sizes:
            hidden = keras.layers.Dense(sizes.pop())(hidden)
        return keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(hidden))

    base = keras.Sequential([keras.Input((4,)), keras.layers.Dense(5)])
    layer = builders.Scale(0.5)
    layer.build((None, 5))
    before = [*base.get_weights(), *layer.get_weights()]
    classifier = quick(model=extend, base=base, layer=layer, sizes=[3, 2])
    first = classifier.fit(*iris).predict_proba(iris[0])
    np.testing.assert_array_equal(classifier.fit(*iris).predict_proba(iris[0]), first)
    for a, b in zip(before, [*base.get_weights(), *layer.get_weights()], strict=True):
        np.testing.assert_array_equal(a, b)
    assert classifier.get_params()["model__sizes"] == [3, 2]


def test_a_builder_that_takes_compile_kwargs_gets_the_settings(iris):
    classifier = quick(
        model=builders.build_with_compile_kwargs,
        optimizer="sgd",
        optimizer__learning_rate=0.5,
        metrics=["accuracy"],
    ).fit(*iris)
    assert type(classifier.model_.optimizer).__name__ == "SGD"
    assert float(classifier.model_.optimizer.learning_rate.numpy()) == 0.5
    assert classifier.model_.loss == "sparse_categorical_crossentropy"
    assert "accuracy" in classifier.history_


def test_a_builder_that_takes_params_gets_all_of_them(iris):
    seen = {}

    def build(meta, params, units=3):
        seen.update(params)
        return builders.build(meta, units)

    quick(model=build, units=5).fit(*iris)
    assert seen["model__units"] == 5
    assert seen["epochs"] == 1


def test_a_ready_made_model_is_a_template_and_stays_untouched(iris):
    template = builders.build_custom(
        {"X_shape_": (150, 4), "target_type_": "multiclass", "n_classes_": 3}
    )
    before = template.get_weights()
    classifier = quick(model=template)
    first = classifier.fit(*iris).model_.get_weights()
    second = classifier.fit(*iris).model_.get_weights()
    for a, b, c in zip(before, template.get_weights(), first, strict=True):
        np.testing.assert_array_equal(a, b)
        assert not np.array_equal(a, c)
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)


def test_an_optimizer_instance_is_a_template_and_its_settings_can_be_searched(iris):
    optimizer = keras.optimizers.SGD(0.25, momentum=0.5)
    classifier = quick(optimizer=optimizer)
    classifier.fit(*iris).fit(*iris)
    assert classifier.model_.optimizer is not optimizer
    assert not optimizer.built
    classifier.set_params(optimizer__learning_rate=0.125).fit(*iris)
    assert float(classifier.model_.optimizer.learning_rate.numpy()) == 0.125
    assert classifier.model_.optimizer.momentum == 0.5


def test_a_builder_that_keeps_the_model_of_its_first_call_is_an_error(iris):
    @functools.lru_cache
    def keeps():
        return builders.build({"X_shape_": (1, 4), "target_type_": "multiclass", "n_classes_": 3})

    classifier = quick(model=keeps).fit(*iris)
    with pytest.raises(ValueError, match="that an earlier fit has trained.*Make a new model"):
        classifier.fit(*iris)


@pytest.mark.slow
@pytest.mark.parametrize("model", [builders.build_lazily, builders.build_subclassed])
def test_models_that_build_at_the_first_call_are_seeded_and_checked(iris, model):
    first = quick(model=model, random_state=3).fit(*iris).predict_proba(iris[0])
    second = quick(model=model, random_state=3).fit(*iris).predict_proba(iris[0])
    np.testing.assert_array_equal(first, second)


def test_the_builder_sees_what_is_known_of_the_data(iris, names):
    seen = {}

    def build(meta):
        seen.update(meta)
        return builders.build(meta)

    quick(model=build).fit(iris[0], names)
    assert seen["n_features_in_"] == 4
    assert seen["X_shape_"] == (150, 4)
    assert seen["n_classes_"] == 3
    assert seen["classes_"].tolist() == ["setosa", "versicolor", "virginica"]
    assert seen["target_type_"] == "multiclass"
    assert "model_" not in seen


@pytest.mark.slow
def test_layers_and_metrics_are_named_as_in_a_fresh_process(iris):
    for _ in range(2):
        X, y = iris[0], iris[1] == 0
        classifier = quick(metrics=[keras.metrics.AUC]).fit(X, y, X_val=X[::2], y_val=y[::2])
        assert set(classifier.history_) == {"loss", "auc", "val_loss", "val_auc"}
        assert [layer.name for layer in classifier.model_.layers][1] == "dense"
