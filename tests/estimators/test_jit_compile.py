"""The parameter `jit_compile`: which fits run under XLA, and what contradicts it."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers

from kerasearch import KerasClassifier
from kerasearch.search.hyperband import HyperbandSearchCV
from kerasearch.training import xla_rule
from tests import builders

LONG = {"n_rows": 1200, "batch_size": 32, "epochs": 300}


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    return rng.normal(size=(40, 4)).astype("float32"), rng.integers(2, size=40)


def compiled(*middle, shape=(6,), loss="mse", **settings):
    model = keras.Sequential([keras.Input(shape), *middle, layers.Dense(1)])
    model.compile("adam", loss, **settings)
    return model


@pytest.mark.tensorflow("the rule of XLA is about TensorFlow's loops")
def test_long_fits_of_small_nets_pay_for_their_compiling_and_short_ones_do_not():
    model = compiled(layers.Dense(64))
    assert xla_rule.pays(model, **LONG)
    assert not xla_rule.pays(model, **{**LONG, "epochs": 3})
    assert not xla_rule.pays(model, **{**LONG, "n_rows": 64})
    assert not xla_rule.pays(model, **{**LONG, "batch_size": 1200})


@pytest.mark.tensorflow("the rule of XLA is about TensorFlow's loops")
def test_recurrent_and_large_nets_pay_earlier():
    sizes = {**LONG, "epochs": 20}
    assert not xla_rule.pays(compiled(layers.Dense(64)), **sizes)
    assert xla_rule.pays(compiled(layers.LSTM(4), shape=(30, 2)), **sizes)
    assert xla_rule.pays(compiled(layers.Dense(1000), layers.Dense(1000)), **sizes)


@pytest.mark.tensorflow("the rule of XLA is about TensorFlow's loops")
@pytest.mark.parametrize("n_rows", [1197, 1198, 1199, 1200])
def test_folds_that_differ_by_a_row_do_not_part(n_rows):
    model = compiled(layers.Dense(64))
    for epochs in range(10, 200, 10):
        sizes = {"batch_size": 32, "epochs": epochs}
        expected = xla_rule.pays(model, n_rows=1184, **sizes)  # 37 full batches
        assert xla_rule.pays(model, n_rows=n_rows, **sizes) is expected


def of_mine(y_true, y_pred):
    return keras.ops.mean(y_true - y_pred)


class Mine(layers.Dense):
    pass


@pytest.mark.tensorflow("the rule of XLA is about TensorFlow's loops")
@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (lambda: compiled(layers.AlphaDropout(0.2)), "nobody has measured the layer AlphaDropout"),
        (lambda: compiled(layers.Conv1D(2, 2), layers.Flatten(), shape=(3, 2)), "convolutions"),
        (lambda: compiled(layers.Hashing(4)), "Keras has no XLA for the layer Hashing"),
        (lambda: compiled(Mine(4)), "nobody has measured the layer Mine"),
        (lambda: compiled(layers.Dense(4, activation=lambda x: x * 2)), "<lambda> is not one of"),
        (lambda: compiled(metrics=[of_mine]), "of_mine is not one of Keras' own"),
        (lambda: compiled(loss=of_mine), "of_mine is not one of Keras' own"),
        (lambda: compiled(run_eagerly=True), "the model runs eagerly"),
    ],
)
def test_what_xla_is_slow_at_or_does_not_take_keeps_the_other_loop(model, reason):
    model = model()
    assert reason in xla_rule.why_never(model)
    assert not xla_rule.pays(model, **{**LONG, "epochs": 10**6})


@pytest.mark.tensorflow("the rule of XLA is about TensorFlow's loops")
def test_draws_take_longer_to_compile_and_a_dropout_of_nothing_does_not():
    sizes = {**LONG, "epochs": 55}
    assert xla_rule.pays(compiled(layers.Dense(64), layers.Dropout(0.0)), **sizes)
    assert not xla_rule.pays(compiled(layers.Dense(64), layers.Dropout(0.2)), **sizes)
    assert xla_rule.pays(compiled(layers.Dense(64), layers.Dropout(0.2)), **LONG)
    assert xla_rule.pays(compiled(layers.GRU(2, dropout=0.1), shape=(30, 2)), **LONG)


def quick(**settings):
    return KerasClassifier(builders.build, random_state=0, batch_size=16, **settings)


@pytest.mark.tensorflow("the rule of XLA is about TensorFlow's loops")
def test_auto_follows_from_the_parameters_and_the_reason_says_so(rows):
    short, judged = (
        quick(epochs=2, jit_compile="auto"),
        quick(epochs=2, jit_compile=("auto", 10**5)),
    )
    assert short.fit(*rows).training_reason_ == "shared program"
    assert short.model_.jit_compile is False
    assert judged.fit(*rows).training_reason_ == "shared program, whole epochs under XLA"
    assert judged.model_.jit_compile is True
    fixed = quick(epochs=2, jit_compile=True).fit(*rows)
    for a, b in zip(fixed.model_.get_weights(), judged.model_.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.tensorflow("the rule of XLA is about TensorFlow's loops")
def test_the_reason_says_what_keeps_a_fit_from_xla(rows):
    def build(meta):
        return keras.Sequential(
            [keras.Input((4,)), layers.AlphaDropout(0.5), layers.Dense(1, activation="sigmoid")]
        )

    fitted = KerasClassifier(build, epochs=1, random_state=0, jit_compile="auto").fit(*rows)
    assert fitted.training_path_ == "compiled"
    assert fitted.training_reason_.startswith(
        "shared program; without XLA: nobody has measured the layer AlphaDropout"
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"jit_compile": "always"}, "jit_compile='always' must be None, True, False, 'auto'"),
        ({"jit_compile": ("auto", 0)}, "jit_compile=.*must be"),
        ({"jit_compile": True, "compile__jit_compile": False}, "contradict each other"),
        ({"jit_compile": False, "compile__jit_compile": True}, "contradict each other"),
        ({"jit_compile": "auto", "compile__jit_compile": True}, "contradict each other"),
        ({"jit_compile": True, "run_eagerly": True}, "run_eagerly=True contradict"),
        ({"compile__jit_compile": True, "run_eagerly": True}, "run_eagerly=True contradict"),
    ],
)
def test_what_is_no_choice_or_contradicts_is_an_error(rows, settings, message):
    with pytest.raises(ValueError, match=message):
        quick(**settings).fit(*rows)


@pytest.mark.parametrize("value", [True, False])
def test_the_routed_name_stays(rows, value):
    fitted = quick(epochs=0, compile__jit_compile=value).fit(*rows)
    assert fitted.model_.jit_compile is value


def test_the_rungs_of_hyperband_take_the_path_of_the_last_one(rows):
    seen = []

    def score(estimator, X, y):
        seen.append((estimator.epochs, estimator.jit_compile))
        return 0.0

    space = {"optimizer__learning_rate": [0.1, 0.01]}
    settings = {"max_resources": 2, "factor": 2, "cv": 2, "scoring": score, "refit": False}
    estimator = quick(jit_compile="auto")
    search = HyperbandSearchCV(estimator, space, **settings).fit(*rows)
    assert set(seen) == {(1, ("auto", 2)), (2, ("auto", 2))}
    assert "param_jit_compile" not in search.cv_results_
    seen.clear()
    HyperbandSearchCV(estimator, {**space, "jit_compile": [False]}, **settings).fit(*rows)
    assert set(seen) == {(1, False), (2, False)}
