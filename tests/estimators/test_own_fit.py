"""A fit of the model's own, one that somebody replaced, and Keras' arguments of ``Model.fit``."""

from __future__ import annotations

import functools

import keras
import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV

from kerasearch import FitStore, KerasClassifier, KerasRegressor, training
from tests.backends import ORDINARY_PATH
from tests.slow import long_but

layers = keras.layers


def quick(model=None, **params):
    defaults = {"epochs": 2, "random_state": 0, "batch_size": 50}
    return KerasClassifier(model, **{**defaults, **params})


def three_classes(cls):
    inputs = keras.Input((4,))
    return cls(inputs, layers.Dense(3, activation="softmax")(inputs))


def weights_of(estimator):
    return np.concatenate([w.ravel() for w in estimator.model_.get_weights()])


# ------------------------------------------------------------------ a fit of the model's own


class TrainsItself(keras.Model):
    """A `fit` in Keras' own signature, with one argument more."""

    got: dict = {}

    def fit(self, x, y, sample_weight=None, custom="not given", **kwargs):
        TrainsItself.got = {"x": x, "y": y, "weight": sample_weight, "custom": custom, **kwargs}
        return super().fit(x, y, sample_weight=sample_weight, **kwargs)


class TakesLittle(keras.Model):
    """A `fit` that takes no more than it needs, and returns nothing."""

    def fit(self, x, y, epochs=1, rate=0.1):
        for _ in range(epochs):
            super().fit(x, y, epochs=1, verbose=0)


class ReturnsDict(keras.Model):
    def fit(self, x, y, **kwargs):
        super().fit(x, y, **kwargs)
        return {"rows": [len(x)], "loss": 1.5}


def test_a_models_own_fit_gets_arrays_and_its_own_arguments(iris):
    X, y = iris
    network = quick(lambda: three_classes(TrainsItself), fit__custom=3, validation_split=0.2)
    network.fit(X, y, sample_weight=np.linspace(1, 2, len(y)))
    got = TrainsItself.got
    assert got["x"].shape == (120, 4)
    assert got["y"].shape[0] == got["weight"].shape[0] == 120
    assert got["weight"].mean() == pytest.approx(1, abs=0.01)
    assert (got["custom"], got["epochs"], got["batch_size"]) == (3, 2, 50)
    assert got["validation_data"][0].shape == (30, 4)
    assert (network.training_path_, network.training_reason_) == (
        "model.fit",
        "the model overrides fit",
    )
    assert len(network.history_["val_loss"]) == 2
    network.fit(X, y, custom="of the call")
    assert TrainsItself.got["custom"] == "of the call"


@pytest.mark.slow
def test_the_argument_of_an_own_fit_can_be_searched(iris):
    template = three_classes(TrainsItself)
    search = GridSearchCV(quick(template), {"fit__custom": [1]}, cv=2, error_score="raise")
    assert search.fit(*iris).best_params_["fit__custom"] == TrainsItself.got["custom"]


@pytest.mark.parametrize("cls", long_but([TrainsItself, TakesLittle, ReturnsDict]))
def test_an_own_fit_gives_the_same_numbers_for_the_same_seed(iris, cls):
    first, second = (quick(lambda: three_classes(cls), batch_size=32).fit(*iris) for _ in range(2))
    np.testing.assert_array_equal(weights_of(first), weights_of(second))
    assert first.history_ == second.history_


def test_a_fit_that_takes_little_gets_little_and_keeps_what_history_there_is(iris):
    little = quick(lambda: three_classes(TakesLittle), batch_size=32, fit__rate=0.5).fit(*iris)
    assert len(little.history_["loss"]) == 1  # of its last call of Keras' own
    assert little.score(*iris) >= 0.0
    of_dict = quick(lambda: three_classes(ReturnsDict)).fit(*iris)
    assert of_dict.history_ == {"rows": [150], "loss": [1.5]}
    with pytest.raises(TypeError, match="unexpected keyword argument 'batch_size'"):
        quick(lambda: three_classes(TakesLittle), batch_size=7).fit(*iris)


@pytest.mark.parametrize("cls", [keras.Model, TakesLittle])
def test_what_no_fit_takes_is_an_error_before_training(iris, cls):
    network = quick(lambda: three_classes(cls), batch_size=32)
    with pytest.raises(ValueError, match="Invalid parameter 'fit__custom'"):
        network.fit(*iris, custom=3)
    with pytest.raises(ValueError, match="'fit__epoch'.*Did you mean.*epochs"):
        network.set_params(fit__epoch=3).fit(*iris)
    assert not network.initialized_


# ---------------------------------------------------------------- a fit that was replaced


@pytest.fixture
def replaced(monkeypatch):
    """Replace a method of keras.Model as mlflow's autologging does: with the name of what it is."""

    def replace(name):
        calls = []
        original = getattr(keras.Model, name)

        @functools.wraps(original)
        def patched(self, *args, **kwargs):
            calls.append((args, kwargs))
            return original(self, *args, **kwargs)

        monkeypatch.setattr(keras.Model, name, patched)
        return calls

    return replace


def test_a_fit_goes_through_who_replaced_keras_fit(iris, replaced, monkeypatch):
    before = quick().fit(*iris)
    calls = replaced("fit")
    network = quick().fit(*iris)
    assert len(calls) == 1
    assert calls[0][1]["epochs"] == 2
    assert network.training_path_ == "model.fit"
    assert network.training_reason_ == f"keras.Model.fit was replaced, by {__name__}"
    assert network.history_ == before.history_
    np.testing.assert_array_equal(weights_of(network), weights_of(before))
    monkeypatch.undo()
    assert quick().fit(*iris).training_path_ == before.training_path_ == ORDINARY_PATH


def test_a_callable_without_a_function_counts_as_a_replacement(iris, monkeypatch):
    class Patched:
        def __init__(self, original):
            self.original = original
            self.called = 0

        def __get__(self, model, cls=None):
            return self if model is None else functools.partial(self, model)

        def __call__(self, model, *args, **kwargs):
            self.called += 1
            return self.original(model, *args, **kwargs)

    patched = Patched(keras.Model.fit)
    monkeypatch.setattr(keras.Model, "fit", patched)
    assert quick().fit(*iris).training_reason_.startswith("keras.Model.fit was replaced")
    assert patched.called == 1


@pytest.mark.parametrize("name", long_but(["predict", "evaluate", "train_step"], "train_step"))
def test_the_other_methods_that_somebody_replaced_are_called_too(iris, replaced, name):
    quick().fit(*iris).predict(iris[0])  # programs of before are there
    calls = replaced(name)
    network = quick(validation_split=0.2).fit(*iris)
    network.predict(iris[0])
    target = np.asarray(iris[1])
    network.model_.compile("adam", "sparse_categorical_crossentropy")
    training.evaluate(network.model_, iris[0], target)
    assert calls


def test_a_fit_through_a_replacement_is_not_stored(iris, replaced):
    store = FitStore()
    calls = replaced("fit")
    network = quick(store=store)
    with pytest.warns(UserWarning, match=r"not stored .*keras\.Model\.fit was replaced"):
        network.fit(*iris)
    network.fit(*iris)
    assert len(calls) == 2


# --------------------------------------------------------------- Keras' arguments of a fit


class EveryBatch(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        pass


@pytest.mark.parametrize(
    ("steps", "lengths", "callbacks"),
    [
        (1, [1] * 5, None),
        (1, [1] * 5, EveryBatch),
        (2, [2, 1, 2, 1, 2], None),
        pytest.param(3, [3] * 5, EveryBatch, marks=pytest.mark.slow),
    ],
)
def test_steps_per_epoch_cuts_a_pass_into_epochs_as_keras_does(iris, steps, lengths, callbacks):
    # three batches of fifty rows; Keras begins a new pass where one ends in an epoch
    network = quick(epochs=5, fit__steps_per_epoch=steps, callbacks=callbacks, optimizer="sgd")
    network.fit(*iris)
    assert int(network.model_.optimizer.iterations.numpy()) == sum(lengths)
    assert network.training_path_ == (ORDINARY_PATH if callbacks is None else "model.fit")
    assert network.n_epochs_ == 5
    compiled = quick(epochs=5, optimizer="sgd").fit(*iris, steps_per_epoch=steps)
    assert network.history_ == compiled.history_
    np.testing.assert_array_equal(weights_of(network), weights_of(compiled))


def test_steps_that_keras_would_miscount_are_an_error(iris):
    network = quick(fit__steps_per_epoch=2, callbacks=EveryBatch)
    with pytest.raises(ValueError, match=r"steps_per_epoch=2 does not divide the 3 batches"):
        network.fit(*iris)


@pytest.mark.parametrize("steps", long_but([1, 2], 2))
@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_steps_per_epoch_without_shuffling_are_keras_numbers(iris, steps):
    X, y = iris
    network = quick(epochs=5, shuffle=False, fit__steps_per_epoch=steps).fit(X, y)
    twin = quick(epochs=5).initialize(X, y).model_
    history = twin.fit(
        X, y, batch_size=50, epochs=5, shuffle=False, steps_per_epoch=steps, verbose=0
    ).history
    np.testing.assert_allclose(network.history_["loss"], history["loss"], rtol=1e-6)


def test_passes_over_the_rows_are_whole_whatever_the_steps(iris):
    rows = [
        training.data.order_of_epoch(7, epoch, 10, rows_per_epoch=4).tolist() for epoch in range(6)
    ]
    assert [len(r) for r in rows] == [4, 4, 2, 4, 4, 2]
    for p in range(2):
        whole = [row for part in rows[3 * p : 3 * p + 3] for row in part]
        assert whole == training.data.order_of_epoch(7, p, 10).tolist()


def test_more_steps_than_batches_are_warned_of(iris):
    with pytest.warns(UserWarning, match="steps_per_epoch=9, but 150 rows make only 3 batches"):
        network = quick().fit(*iris, steps_per_epoch=9)
    assert network.history_ == quick().fit(*iris).history_
    with pytest.raises(ValueError, match="steps_per_epoch=0 must be an integer of at least 1"):
        quick(fit__steps_per_epoch=0).fit(*iris)


def test_the_steps_of_an_epoch_are_part_of_a_stored_fit(iris):
    store = FitStore()
    assert quick(store=store).fit(*iris).n_epochs_trained_ == 2
    stepped = quick(store=store, fit__steps_per_epoch=1)
    assert [stepped.fit(*iris).n_epochs_trained_ for _ in range(2)] == [2, 0]
    longer = stepped.set_params(epochs=4).fit(*iris)
    assert longer.n_epochs_trained_ == 2
    plain = quick(epochs=4, fit__steps_per_epoch=1).fit(*iris)
    assert longer.history_ == plain.history_


@pytest.mark.parametrize("way", ["parameter", "call"])
def test_initial_epoch_is_where_training_begins_as_in_model_fit(iris, way):
    whole = quick(epochs=5, optimizer="sgd", optimizer__learning_rate=0.0).fit(*iris)
    network = quick(epochs=5, optimizer="sgd", optimizer__learning_rate=0.0)
    kwargs = {"initial_epoch": 3} if way == "call" else {}
    if way == "parameter":
        network.set_params(fit__initial_epoch=3)
    seen = []
    watch = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: seen.append(epoch))
    network.fit(*iris, callbacks=[watch], **kwargs)
    assert seen == [3, 4]
    assert network.n_epochs_ == 2
    assert network.current_epoch == 5
    np.testing.assert_allclose(network.history_["loss"], whole.history_["loss"][3:], rtol=1e-5)


def test_an_initial_epoch_beyond_the_last_trains_nothing_and_says_so(iris):
    with pytest.warns(UserWarning, match="epochs=2 and initial_epoch=3: nothing is trained"):
        network = quick(initial_epoch=3).fit(*iris)
    assert (network.n_epochs_, network.history_) == (0, {})


@pytest.mark.parametrize("store", [False, True])
def test_no_epochs_build_the_model_and_train_nothing(iris, store):
    kept = FitStore() if store else None
    network = quick(epochs=0, store=kept).fit(*iris)
    built = quick().initialize(*iris)
    np.testing.assert_array_equal(weights_of(network), weights_of(built))
    assert (network.n_epochs_, network.n_epochs_trained_, network.history_) == (0, 0, {})
    assert network.predict(iris[0]).shape == (150,)
    assert kept is None or len(kept) == 0
    whole = quick(epochs=1).fit(*iris)
    np.testing.assert_array_equal(weights_of(network.partial_fit(*iris)), weights_of(whole))


def test_no_epochs_leave_averaged_weights_alone(diabetes):
    regressor = KerasRegressor(
        optimizer=keras.optimizers.SGD(use_ema=True), epochs=0, random_state=0
    ).fit(*diabetes)
    assert np.abs(weights_of(regressor)).max() > 0


def test_a_builder_sees_the_encoders_in_meta(iris):
    X, y = iris
    labels = np.array(["a", "b", "c"])[y]

    def build(meta):
        encoded = meta["target_encoder_"].transform(np.array(["a", "c"]))
        assert encoded.ravel().tolist() == [0, 2]
        assert meta["feature_encoder_"].transform(X[:2]).shape == (2, 4)
        return three_classes(keras.Model)

    assert set(quick(build).fit(X, labels).predict(X)) <= {"a", "b", "c"}
