"""Which names the estimators know, and what each reaches."""

from __future__ import annotations

import functools
import inspect

import keras
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from kerasearch import KerasClassifier, KerasRegressor
from tests import builders


def test_arguments_of_the_builder_are_listed_with_their_defaults():
    params = KerasClassifier(builders.build).get_params()
    assert params["model__units"] == 8
    assert params["model__activation"] == "tanh"
    assert "model__meta" not in params


def test_arguments_of_the_optimizer_are_listed_with_their_defaults():
    params = KerasClassifier(optimizer="sgd").get_params()
    assert params["optimizer__momentum"] == 0.0
    assert params["optimizer__learning_rate"] == 0.01
    assert "optimizer__beta_1" not in params
    assert KerasClassifier(optimizer=keras.optimizers.Adam).get_params()["optimizer__beta_1"] == 0.9


def test_an_optimizer_instance_lists_its_own_settings():
    instance = keras.optimizers.SGD(0.5, momentum=0.25)
    params = KerasClassifier(optimizer=instance).get_params()
    assert params["optimizer__momentum"] == 0.25


@pytest.mark.parametrize(
    ("model", "name"),
    [
        (builders.build, "units"),
        (functools.partial(builders.build, activation="relu"), "units"),
        (builders.Builder(), "units"),
        (builders.Builder().method, "width"),
        (builders.Subclassed, "units"),
    ],
)
def test_functions_partials_objects_methods_and_classes_are_builders(model, name):
    estimator = KerasClassifier(model).set_params(**{name: 16})
    assert estimator.get_params()[f"model__{name}"] == 16


def test_short_names_work_in_the_constructor_and_in_set_params():
    estimator = KerasClassifier(builders.build, units=16)
    assert estimator.get_params()["model__units"] == 16
    assert estimator.set_params(units=32).get_params()["model__units"] == 32
    assert estimator.set_params(model__units=64).get_params()["model__units"] == 64


def test_short_and_full_names_work_in_a_pipeline():
    pipeline = make_pipeline(StandardScaler(), KerasClassifier(builders.build))
    pipeline.set_params(kerasclassifier__units=3, kerasclassifier__optimizer__learning_rate=0.5)
    params = pipeline.get_params()
    assert params["kerasclassifier__model__units"] == 3
    assert params["kerasclassifier__optimizer__learning_rate"] == 0.5


def test_set_params_applies_the_builder_before_its_arguments():
    estimator = KerasClassifier().set_params(activation="relu", units=4, model=builders.build)
    assert estimator.get_params(deep=False)["model__units"] == 4


def test_arguments_without_a_default_are_not_listed_but_taken():
    estimator = KerasClassifier(builders.build_required)
    assert "model__units" not in estimator.get_params()
    assert estimator.set_params(units=3).get_params()["model__units"] == 3


def test_a_builder_with_kwargs_accepts_any_name():
    estimator = KerasClassifier(builders.build_anything).set_params(units=3, whatever=1)
    assert estimator.get_params()["model__whatever"] == 1


def test_an_argument_called_like_a_parameter_is_reached_by_its_full_name_alone(iris):
    seen = []

    def build(meta, epochs=7):
        seen.append(epochs)
        return builders.build(meta)

    estimator = KerasClassifier(build, epochs=1)
    estimator.fit(*iris)
    estimator.set_params(model__epochs=3, epochs=2).fit(*iris)
    assert seen == [7, 3]
    assert estimator.n_epochs_ == 2


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("hiden_layer_sizes", "model__hidden_layer_sizes"),
        ("learning_rate", "optimizer__learning_rate"),
        ("optimizer__learing_rate", "optimizer__learning_rate"),
        ("epoch", "epochs"),
        ("model__hidden_layer_size", "model__hidden_layer_sizes"),
        ("loss_weight", "loss_weights"),
    ],
)
def test_an_unknown_name_is_an_error_with_the_nearest_one(name, nearest):
    with pytest.raises(ValueError, match=f"Invalid parameter '{name}'.*Did you mean '{nearest}'"):
        KerasClassifier().set_params(**{name: 1})


def test_an_unknown_full_name_in_the_constructor_is_an_error_at_fit(iris):
    with pytest.raises(ValueError, match="Did you mean 'model__units'"):
        KerasClassifier(builders.build, model__unit=3).fit(*iris)


def test_names_left_over_from_another_builder_are_an_error_at_fit(iris):
    estimator = KerasClassifier(builders.build, units=3).set_params(model=None)
    with pytest.raises(ValueError, match="Invalid parameter 'model__units'"):
        estimator.fit(*iris)


def test_names_left_over_from_another_optimizer_are_an_error_at_fit(iris):
    estimator = KerasClassifier(optimizer="sgd", optimizer__momentum=0.9)
    with pytest.raises(ValueError, match="Invalid parameter 'optimizer__momentum'"):
        estimator.set_params(optimizer="adam").fit(*iris)


def test_an_unknown_optimizer_or_loss_is_an_error_with_the_nearest_one(iris):
    with pytest.raises(ValueError, match="optimizer='adamm' .*did you mean Adam"):
        KerasClassifier(optimizer="adamm").fit(*iris)
    with pytest.raises(ValueError, match="loss=.*did you mean BinaryCrossentropy"):
        KerasClassifier(loss="binary_crosentropy").fit(*iris)


def test_a_missing_required_argument_is_named(iris):
    with pytest.raises(ValueError, match="set model__units"):
        KerasClassifier(builders.build_required).fit(*iris)


def test_routed_names_of_losses_metrics_and_callbacks_are_checked():
    estimator = KerasClassifier(
        loss="sparse_categorical_crossentropy",
        metrics=[keras.metrics.AUC],
        callbacks={"stop": keras.callbacks.EarlyStopping},
    )
    estimator.set_params(
        loss__from_logits=True,
        metrics__0__num_thresholds=10,
        callbacks__stop__patience=3,
        callbacks__monitor="loss",
    )
    for wrong in ("loss__from_logit", "metrics__0__thresholdz", "callbacks__stop__patienc"):
        with pytest.raises(ValueError, match="Invalid parameter"):
            estimator.set_params(**{wrong: 1})


def test_keras_own_arguments_are_known_by_scikeras_names():
    params = KerasClassifier(loss_weights=[1.0], steps=3).get_params()
    assert params["compile__loss_weights"] == [1.0]
    assert params["predict__steps"] == 3


def test_nested_names_reach_a_schedule_below_the_optimizer(iris):
    estimator = KerasClassifier(
        optimizer__learning_rate=keras.optimizers.schedules.ExponentialDecay,
        optimizer__learning_rate__initial_learning_rate=0.1,
        optimizer__learning_rate__decay_steps=5,
        optimizer__learning_rate__decay_rate=0.5,
        epochs=1,
        batch_size=-1,
    ).fit(*iris)
    schedule = estimator.model_.optimizer._learning_rate
    assert isinstance(schedule, keras.optimizers.schedules.ExponentialDecay)
    assert float(schedule(5)) == pytest.approx(0.05)


def test_a_schedule_and_its_arguments_are_set_in_any_order():
    estimator = KerasClassifier().set_params(
        optimizer__learning_rate__decay_steps=5,
        optimizer__learning_rate=keras.optimizers.schedules.CosineDecay,
        fit__callbacks__0__patience=3,
        fit__callbacks=[keras.callbacks.EarlyStopping],
    )
    assert estimator.get_params()["optimizer__learning_rate__decay_steps"] == 5


def test_a_value_that_equals_the_default_is_kept_when_it_was_set():
    def other(meta, units=64):
        return builders.build(meta, units)

    estimator = KerasClassifier(builders.build).set_params(units=8).set_params(model=other)
    assert estimator.get_params()["model__units"] == 8


def test_shallow_parameters_are_those_of_the_constructor_and_those_set():
    shallow = KerasClassifier(builders.build, units=3).get_params(deep=False)
    assert {"epochs", "optimizer", "class_weight", "model__units"} <= shallow.keys()
    assert "model__activation" not in shallow
    assert "class_weight" not in KerasRegressor().get_params(deep=False)


def test_setting_what_get_params_returned_sets_nothing():
    estimator = KerasClassifier()
    estimator.set_params(**estimator.get_params())
    assert estimator.get_params(deep=False) == KerasClassifier().get_params(deep=False)


def test_numpy_scalars_reach_keras_as_python_numbers(iris):
    estimator = KerasClassifier(
        builders.build,
        units=np.int64(5),
        optimizer__learning_rate=np.float64(0.5),
        epochs=np.int32(1),
        batch_size=np.int64(50),
    ).fit(*iris)
    assert estimator.model_.layers[1].units == 5
    assert estimator.model_.optimizer.learning_rate.numpy() == np.float32(0.5)
    KerasClassifier(optimizer__learning_rate=1, epochs=1).fit(*iris)


def test_a_clone_hands_builders_and_keras_objects_on_by_reference():
    method = builders.Builder().method
    loss, callback = builders.FocalLoss(), keras.callbacks.EarlyStopping()
    estimator = KerasClassifier(method, loss=loss, callbacks=[callback], width=3)
    copy = clone(estimator)
    assert copy.model is method
    assert copy.loss is loss
    assert copy.callbacks[0] is callback
    assert copy.get_params(deep=False) == estimator.get_params(deep=False)


def test_a_clone_copies_a_random_state():
    estimator = KerasClassifier(random_state=np.random.RandomState(0))
    assert clone(estimator).random_state is not estimator.random_state


def test_subclasses_with_kwargs_keep_the_parameters_of_their_parent():
    class Mine(KerasClassifier):
        def __init__(self, hidden=3, epochs=5, **kwargs):
            super().__init__(epochs=epochs, **kwargs)
            self.hidden = hidden

    mine = Mine(hidden=4, batch_size=10, optimizer__learning_rate=0.5)
    params = clone(mine).get_params()
    assert (params["hidden"], params["epochs"], params["batch_size"]) == (4, 5, 10)
    assert params["optimizer__learning_rate"] == 0.5
    assert repr(mine) == "Mine(batch_size=10, hidden=4, optimizer__learning_rate=0.5)"


def test_the_repr_shows_what_was_set():
    estimator = KerasClassifier(hidden_layer_sizes=(3,), epochs=5)
    assert repr(estimator) == "KerasClassifier(epochs=5, model__hidden_layer_sizes=(3,))"


def test_the_html_table_shows_no_discovered_defaults():
    html = KerasClassifier(dropout=0.3, optimizer__learning_rate=0.5)._repr_html_()
    assert "KerasClassifier" in html
    assert "optimizer__beta_1" not in html


def test_routed_parameters_read_and_write_as_attributes():
    estimator = KerasClassifier(builders.build, units=3)
    assert estimator.model__units == estimator.units == 3
    default = KerasClassifier()
    default.hidden_layer_sizes = (3,)
    assert default.get_params()["model__hidden_layer_sizes"] == (3,)
    estimator.units = 5
    assert estimator.get_params()["model__units"] == 5
    estimator.optimizer__learning_rate = 0.25
    assert estimator.get_params()["optimizer__learning_rate"] == 0.25
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        estimator.nothing  # noqa: B018


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"epochs": -1}, "epochs=-1 must be an integer of at least 0"),
        ({"epochs": 2.5}, "epochs=2.5 must be an integer"),
        ({"batch_size": 0}, "batch_size=0 must be an integer of at least 1; -1 means"),
        ({"batch_size": "32"}, "batch_size='32' must be an integer"),
        ({"validation_split": 1.0}, r"validation_split=1.0 must be a number in \[0, 1\)"),
        ({"validation_split": "0.1"}, "validation_split='0.1' must be"),
        ({"random_state": -1}, "random_state=-1 must be an integer of at least 0"),
        ({"random_state": "seed"}, "random_state='seed' must be an integer"),
        ({"random_state": np.random.default_rng(0)}, "must be an integer.*a RandomState or None"),
        ({"fit__epochs": -2}, "epochs=-2 must be"),
        ({"shuffle": "yes"}, "shuffle='yes' must be True or False"),
        ({"class_weight": {0: -1, 1: 1, 2: 1}}, "class_weight must not be negative, got -1.0"),
        ({"compile__loss": "mse"}, "Invalid parameter 'compile__loss'.*Did you mean 'loss'"),
        ({"build_fn": builders.build}, "The model-building function is `model`"),
    ],
)
def test_values_are_checked_before_anything_is_trained(iris, params, message):
    with pytest.raises(ValueError, match=message):
        KerasClassifier(**params).fit(*iris)


def test_a_model_that_is_none_of_the_possible_kinds_is_an_error(iris):
    with pytest.raises(TypeError, match="model='mlp' must be a function"):
        KerasClassifier("mlp").fit(*iris)
    with pytest.raises(TypeError, match="returned str, not a Keras model"):
        KerasClassifier(lambda: "model").fit(*iris)


def test_an_error_inside_a_property_of_a_subclass_is_its_own(iris):
    class Broken(KerasClassifier):
        @property
        def feature_encoder(self):
            return self.no_such_thing

    with pytest.raises(AttributeError, match="no_such_thing"):
        Broken(epochs=1).fit(*iris)


def test_a_constructor_reads_no_signature_for_its_attributes(monkeypatch):
    KerasClassifier(builders.build_required, units=3)  # the class's own was read before
    read = []
    monkeypatch.setattr(inspect, "signature", lambda target, *args: read.append(target))
    KerasClassifier(builders.build_required, model__units=3, epochs=2, optimizer__learning_rate=0.1)
    assert read == []


@pytest.mark.parametrize("name", ["optimizer", "loss", "metrics", "epochs", "batch_size"])
def test_an_attribute_of_the_estimator_is_never_taken_for_the_builders_argument(name):
    def build(optimizer="sgd", loss=None, metrics=None, epochs=1, batch_size=4):
        raise AssertionError

    estimator = KerasClassifier(build, **{f"model__{name}": "the builder's"})
    setattr(estimator, name, "the estimator's")
    params = estimator.get_params()
    assert (params[name], params[f"model__{name}"]) == ("the estimator's", "the builder's")
    assert clone(estimator).get_params() == params


class Reporter(keras.callbacks.Callback):
    def __init__(self, **kwargs):
        super().__init__()
        self.path = kwargs["path"]


class WeightedLoss(keras.losses.Loss):
    def __init__(self, **kwargs):
        self.alpha = kwargs.pop("alpha", 1.0)
        super().__init__(**kwargs)

    def call(self, y_true, y_pred):
        return self.alpha * keras.losses.sparse_categorical_crossentropy(y_true, y_pred)


class Accuracy(keras.metrics.SparseCategoricalAccuracy):
    def __init__(self, **kwargs):
        self.suffix = kwargs.pop("suffix", "")
        super().__init__(**kwargs)


class HalvedSGD(keras.optimizers.SGD):
    def __init__(self, learning_rate=0.1, **kwargs):
        divisor = kwargs.pop("divisor", 2)
        super().__init__(learning_rate / divisor, **kwargs)


class Network(keras.Model):
    def __init__(self, **kwargs):
        units = kwargs.pop("units", 4)
        super().__init__(**kwargs)
        self.hidden, self.out = keras.layers.Dense(units), keras.layers.Dense(3, "softmax")

    def call(self, x):
        return self.out(self.hidden(x))


@pytest.mark.parametrize(
    ("params", "reached"),
    [
        ({"callbacks": Reporter, "callbacks__path": "p"}, lambda e: e.callbacks_[0].path == "p"),
        (
            {"callbacks": {"r": Reporter}, "callbacks__r__path": "p"},
            lambda e: e.callbacks_[0].path == "p",
        ),
        ({"loss": WeightedLoss, "loss__alpha": 2.0}, lambda e: e.model_.loss.alpha == 2.0),
        ({"metrics": [Accuracy], "metrics__0__name": "a"}, lambda e: "a" in e.history_),
        (
            {"optimizer": HalvedSGD, "optimizer__divisor": 4, "optimizer__learning_rate": 1.0},
            lambda e: float(e.model_.optimizer.learning_rate.numpy()) == 0.25,
        ),
        ({"model": Network, "units": 7}, lambda e: e.model_.hidden.units == 7),
    ],
)
def test_classes_that_take_kwargs_get_what_is_routed_to_them(iris, params, reached):
    assert reached(clone(KerasClassifier(epochs=1, random_state=0, **params)).fit(*iris))
    by_set_params = KerasClassifier(epochs=1, random_state=0).set_params(**params)
    assert by_set_params.get_params(deep=False).keys() > params.keys() - {"units"}


def test_keras_own_optimizers_still_refuse_what_they_do_not_know():
    with pytest.raises(ValueError, match="Did you mean 'optimizer__momentum'"):
        KerasClassifier(optimizer=keras.optimizers.SGD).set_params(optimizer__momentun=0.9)


def take_anything(meta, units=8, dropout_rate=0.1, **kwargs):
    return builders.build(meta, kwargs.get("hidden_units", units))


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("unit", "model__units"),
        ("model__unis", "model__units"),
        ("droput_rate", "model__dropout_rate"),
        ("hiden_units", "model__hidden_units"),  # one of the **kwargs
        ("epoch", "epochs"),
        ("batchsize", "batch_size"),
        ("learnin_rate", "optimizer__learning_rate"),
    ],
)
def test_a_name_in_kwargs_that_is_close_to_a_known_one_is_a_warning(iris, name, meant):
    full = f"model__{name.removeprefix('model__')}"
    message = rf"{full} goes to the \*\*kwargs of take_anything; did you mean {meant}\?"
    with pytest.warns(UserWarning, match=message) as caught:
        KerasClassifier(take_anything, epochs=1, **{name: 3}).fit(*iris)
    assert caught[0].filename == __file__
    with pytest.warns(UserWarning, match=message):
        KerasClassifier(take_anything).set_params(**{name: 3})


@pytest.mark.parametrize(
    "name",
    ["hidden_units", "units_2", "whatever", "learning_rate", "model__epochs", "dropout_rate"],
)
def test_other_names_in_kwargs_pass_without_a_warning(iris, recwarn, name):
    KerasClassifier(take_anything).set_params(**{name: 3})
    assert not [w for w in recwarn if w.category is UserWarning]


SCHEDULES = keras.optimizers.schedules


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"optimizer__learning_rate": -0.1}, "optimizer__learning_rate=-0.1 must be a finite"),
        ({"optimizer__learning_rate": -1}, "optimizer__learning_rate=-1.0 must be"),
        ({"optimizer__learning_rate": float("nan")}, "optimizer__learning_rate=nan must be"),
        (
            {"optimizer": keras.optimizers.SGD(0.1), "optimizer__learning_rate": -0.5},
            "optimizer__learning_rate=-0.5 must be a finite number of at least 0",
        ),
        ({"optimizer": keras.optimizers.SGD(-0.5)}, "SGD's learning_rate=-0.5 must be"),
        (
            {"optimizer__learning_rate": SCHEDULES.CosineDecay(-0.5, 10)},
            "Adam's learning_rate__initial_learning_rate=-0.5 must be",
        ),
        (
            {
                "optimizer__learning_rate": SCHEDULES.CosineDecay,
                "optimizer__learning_rate__initial_learning_rate": -0.5,
                "optimizer__learning_rate__decay_steps": 5,
            },
            "optimizer__learning_rate__initial_learning_rate=-0.5 must be",
        ),
        ({"model": lambda: builders.create_model("sgd", -0.5)}, "SGD's learning_rate=-0.5 must be"),
        ({"optimizer__weight_decay": -0.5}, "optimizer__weight_decay=-0.5 must be"),
        ({"optimizer__clipnorm": -1.0}, "optimizer__clipnorm=-1.0 must be a finite number above 0"),
        ({"optimizer__beta_1": 1.5}, "optimizer__beta_1=1.5 must be a number from 0 to 1"),
        (
            {"loss": keras.losses.CategoricalCrossentropy, "loss__label_smoothing": -0.5},
            "loss__label_smoothing=-0.5 must be a number from 0 to 1",
        ),
        ({"loss": keras.losses.Huber(-2.0)}, "Huber's delta=-2.0 must be"),
    ],
)
def test_numbers_with_which_nothing_learns_are_an_error(iris, params, message):
    with pytest.raises(ValueError, match=message):
        KerasClassifier(epochs=1, **params).fit(*iris)


def test_a_learning_rate_of_zero_is_none_of_them(iris):
    KerasClassifier(epochs=1, optimizer__learning_rate=0).fit(*iris)


def test_an_argument_routed_to_a_loss_instance_leaves_its_others(iris):
    estimator = KerasClassifier(loss=keras.losses.Huber(2.0), epochs=1)
    assert estimator.set_params(loss__reduction="sum").fit(*iris).model_.loss._fn_kwargs == {
        "delta": 2.0
    }
    assert estimator.set_params(loss__delta=3.0).fit(*iris).model_.loss._fn_kwargs == {"delta": 3.0}
