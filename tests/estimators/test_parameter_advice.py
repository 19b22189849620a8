"""A name that nothing takes is refused with the right name, or with the way to say it."""

from __future__ import annotations

import keras
import pytest
from keras.callbacks import EarlyStopping, ReduceLROnPlateau

from kerasearch import KerasClassifier, KerasRegressor
from tests.builders import build


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"optimizer__lr": 0.1}, "The learning rate is optimizer__learning_rate"),
        (
            {"optimizer__decay": 0.1},
            "the schedule optimizer__learning_rate=keras.optimizers.schedules",
        ),
        ({"optimizer__momentum": 0.9}, "Adam has no 'momentum', but .*RMSprop, SGD"),
        ({"optimizer": "sgd", "optimizer__rho": 0.9}, "SGD has no 'rho', but Adadelta, RMSprop"),
        ({"loss__label_smoothing": 0.1}, 'loss is None: set it, for example loss="binary'),
        ({"metrics__0__threshold": 0.5}, "metrics is None: set it, .*keras.metrics"),
        ({"callbacks__0__patience": 2}, "callbacks is None: .*callbacks=keras.callbacks.EarlySt"),
        (
            {"callbacks": [EarlyStopping()], "callbacks__0__patience": 2},
            r"callbacks\[0\] is an instance of EarlyStopping, .* pass the class, EarlyStopping",
        ),
        (
            {"callbacks": {"a": ReduceLROnPlateau()}, "callbacks__a__factor": 2},
            r"callbacks\[a\] is an instance of ReduceLROnPlateau, .* pass the class",
        ),
        ({"callbacks": EarlyStopping(), "callbacks__patience": 2}, "callbacks is an instance of"),
        ({"callbacks": [EarlyStopping()], "callbacks__patience": 2}, r"callbacks\[0\] is an inst"),
    ],
)
def test_a_routed_name_says_what_its_target_takes(settings, message):
    network = KerasClassifier(build, epochs=1, **settings)
    with pytest.raises(ValueError, match=message):
        network.fit([[0.0], [1.0]], [0, 1])
    parents = {name: value for name, value in settings.items() if "__" not in name}
    with pytest.raises(ValueError, match=message):
        KerasClassifier(build, **parents).set_params(**settings)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("epoch", "Invalid parameter 'epoch' .*Did you mean 'epochs'"),
        ("batchsize", "Invalid parameter 'batchsize' .*Did you mean 'batch_size'"),
        ("unit", "Invalid parameter 'unit' .*Did you mean 'model__units'"),
        ("learning_rate", "Did you mean 'optimizer__learning_rate'"),
        ("lr", "Invalid parameter 'lr' .*optimizer__learning_rate"),
        ("nb_epoch", "The number of epochs is `epochs`"),
        ("seed", "The seed is `random_state`"),
        ("n_jobs", "Searches and cross-validation have n_jobs"),
        ("patience", "callbacks=keras.callbacks.EarlyStopping"),
        ("validation_data", "Pass X_val and y_val to fit"),
        ("feature_encoder", "override it in a subclass, or put a transformer before"),
        ("build_fn", "The model-building function is `model`"),
    ],
)
@pytest.mark.parametrize("model", [None, build])
def test_a_name_that_nothing_takes_is_refused_by_the_constructor_as_it_was_typed(
    name, message, model
):
    if (name, model) == ("unit", None):
        message = "Invalid parameter 'unit' "
    with pytest.raises(ValueError, match=message):
        KerasClassifier(model, **{name: 1})


def test_a_name_that_the_builder_takes_is_accepted_by_the_constructor():
    assert KerasClassifier(build, units=3).get_params()["model__units"] == 3
    assert KerasClassifier(hidden_layer_sizes=(3,)).get_params()["model__hidden_layer_sizes"] == (
        3,
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"metrics": ["f1"]}, "metrics='f1' is not in keras.metrics; did you mean F1Score?"),
        ({"metrics": ["r2"]}, "did you mean R2Score?"),
        ({"metrics": "rmse"}, r"did you mean RootMeanSquaredError\?"),
        ({"metrics": ["top_k"]}, "did you mean TopKCategoricalAccuracy"),
        ({"loss": "logcosh"}, "loss='logcosh' is not in keras.losses; did you mean LogCosh?"),
        ({"loss": "meansquarederror"}, "did you mean MeanSquaredError?"),
        ({"optimizer": "adamm"}, "did you mean Adam"),
    ],
)
def test_a_name_that_keras_does_not_know_has_the_nearest(settings, message):
    with pytest.raises(ValueError, match=message.replace("?", r"\?").replace(r"\\?", r"\?")):
        KerasRegressor(epochs=1, **settings).fit([[0.0], [1.0]], [0.0, 1.0])


@pytest.mark.parametrize("name", ["log_cosh", "LogCosh", "mse", "mean_squared_error", "MSE"])
def test_every_name_of_a_loss_that_keras_takes_is_taken(name):
    assert keras.losses.get(name)
    network = KerasRegressor(epochs=1, loss=name, random_state=0).fit([[0.0], [1.0]], [0.0, 1.0])
    assert len(network.history_["loss"]) == 1
