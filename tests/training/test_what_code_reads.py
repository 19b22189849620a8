"""What the code of a model reads, from wherever, is in its key, or keeps it out of a store."""

from __future__ import annotations

import builtins
import contextlib
import datetime
import decimal
import functools
import locale
import os
import platform
import random
import sys
import time
import types
import warnings
from random import random as bound_random

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasearch import FitStore, KerasClassifier
from kerasearch.training.fingerprint import (
    NotFingerprintable,
    digest_of_values,
    fingerprint_of_training,
)

OWN = types.ModuleType("module_of_a_user")
X = np.ones((1, 2), "float32")
VALUE = 1.0


@contextlib.contextmanager
def attribute(holder, value, name="kerasearch_test_value"):
    missing = object()
    before = vars(holder).get(name, missing)
    setattr(holder, name, value)
    try:
        yield
    finally:
        if before is missing:
            delattr(holder, name)
        else:
            setattr(holder, name, before)


def reading(function, holder=None, name="kerasearch_test_value", to=lambda v: v):
    """A place to read from: what code does, and how a value comes there."""

    def place(value):
        if holder is None:
            return contextlib.nullcontext(), function
        return attribute(holder, to(value), name), function

    return place


def closure(value):
    return contextlib.nullcontext(), lambda x: x * value


def default(value):
    def scale(x, by=value):
        return x * by

    return contextlib.nullcontext(), scale


def keyword_default(value):
    def scale(x, *, by=value):
        return x * by

    return contextlib.nullcontext(), scale


def module_in_closure(value):
    helper = OWN
    scale = lambda x: x * helper.kerasearch_test_value  # noqa: E731
    return attribute(OWN, value), scale


def library_in_closure(value):
    library = np
    scale = lambda x: x * library.kerasearch_test_value  # noqa: E731
    return attribute(np, value), scale


def of_class(value):
    class Settings:
        factor = value

    return contextlib.nullcontext(), lambda x: x * Settings.factor


def of_method(value):
    class Scales:
        def __init__(self):
            self.factor = value

        def scale(self, x):
            return x * self.factor

    return contextlib.nullcontext(), Scales().scale


def of_partial(value):
    return contextlib.nullcontext(), functools.partial(lambda by, x: x * by, value)


def of_function(value):
    def scale(x):
        return x * scale.factor

    scale.factor = value
    return contextlib.nullcontext(), scale


def hung_function(value):
    return attribute(np, lambda: value), lambda x: x * np.kerasearch_test_value()


def imported(value):
    def scale(x):
        import math

        return x * math.kerasearch_test_value

    import math

    return attribute(math, value), scale


def environment(value):
    os.environ["KERASEARCH_TEST"] = repr(value)
    return contextlib.nullcontext(), lambda x: x * float(os.environ["KERASEARCH_TEST"])


def precision(value):
    context = decimal.localcontext(decimal.Context(prec=1 + int(abs(value)) % 20))
    return context, lambda x: x * decimal.getcontext().prec


in_builtins = compile("lambda x: x * kerasearch_test_value", "<a notebook>", "eval")
called_builtin = compile("lambda x: x * kerasearch_test_value()", "<a notebook>", "eval")

DATA = {
    "a global": reading(lambda x: x * VALUE, sys.modules[__name__], "VALUE"),
    "a closure": closure,
    "a default": default,
    "a keyword's default": keyword_default,
    "a user's module": reading(lambda x: x * OWN.kerasearch_test_value, OWN),
    "a user's module in a closure": module_in_closure,
    "a library in a closure": library_in_closure,
    "a class": of_class,
    "a bound instance": of_method,
    "a partial": of_partial,
    "an attribute of a function": of_function,
    "the arguments of the process": reading(
        lambda x: x * float(sys.argv[1]), sys, "argv", lambda v: ["a", repr(v)]
    ),
    "an attribute put on sys": reading(lambda x: x * sys.kerasearch_test_value, sys),
    "an attribute put on os": reading(lambda x: x * os.kerasearch_test_value, os),
    "an attribute put on NumPy": reading(lambda x: x * np.kerasearch_test_value, np),
    "an array put on Keras": reading(
        lambda x: x * keras.kerasearch_test_value[0], keras, to=lambda v: np.array([v])
    ),
    "an attribute found by a text": reading(
        lambda x: x * getattr(np, "kerasearch_test_value"),  # noqa: B009
        np,
    ),
    "a function put on NumPy": hung_function,
    "a module imported by the code": imported,
    "a library's constant": reading(lambda x: x * np.pi, np, "pi"),
    "a name among the builtins": reading(eval(in_builtins), builtins),
    "a function among the builtins": reading(
        eval(called_builtin), builtins, to=lambda v: lambda: v
    ),
}
PLACES = {**DATA, "the environment": environment, "decimal's context": precision}


def key_and_outcome(place, value):
    """The key of a model that reads a value from a place (None: it has none); what it gives."""
    surrounding, function = PLACES[place](value)
    with surrounding:
        model = keras.Sequential([keras.Input((2,)), keras.layers.Lambda(function)])
        model.compile("sgd", "mse")
        try:
            key = fingerprint_of_training(model).digest
        except NotFingerprintable:
            key = None
        return key, keras.ops.convert_to_numpy(model(X)).tolist()


values = st.floats(-50, 50, width=16)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(place=st.sampled_from(sorted(PLACES)), one=values, other=values)
def test_keys_are_equal_only_if_outcomes_are(place, one, other):
    key, outcome = key_and_outcome(place, one)
    other_key, other_outcome = key_and_outcome(place, other)
    if key is not None and key == other_key:
        assert outcome == other_outcome


@pytest.mark.parametrize("place", DATA)
def test_what_is_data_is_in_the_key_and_no_more(place):
    keys = [key_and_outcome(place, value)[0] for value in (2.0, 2.0, 3.0)]
    assert None not in keys
    assert keys[0] == keys[1] != keys[2]


def key_of(function):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Lambda(function)])
    model.compile("sgd", "mse")
    return fingerprint_of_training(model).digest


def with_time(x):
    from time import perf_counter as now

    return x * now()


from_time = time.time
wrapped = lambda x: x * from_time()  # noqa: E731

PRIVATE = {
    "time.time": lambda x: x * time.time(),
    "time.perf_counter": with_time,
    "time.time, bound": wrapped,
    "clock by datetime": lambda x: x * datetime.datetime.now().year,
    "decimal.getcontext": lambda x: x * decimal.getcontext().prec,
    "os.getpid": lambda x: x * os.getpid(),
    "environ": lambda x: x * float(os.environ["A"]),
    "open": lambda x: x * float(open("a").read()),  # noqa: SIM115
    "builtins.input": lambda x: x * float(input()),
    "path.exists": lambda x: x * os.path.exists("a"),
    "locale.getlocale": lambda x: x * len(locale.getlocale()),
    "platform.node": lambda x: x * len(platform.node()),
    "sys.getrecursionlimit": lambda x: x * sys.getrecursionlimit(),
    "draws for the process": lambda x: x * bound_random(),
}


@pytest.mark.parametrize("what", PRIVATE)
def test_what_may_change_from_run_to_run_is_refused_by_its_name(what):
    with pytest.raises(NotFingerprintable, match=what.partition(",")[0]):
        key_of(PRIVATE[what])


ORDINARY = {
    "NumPy": lambda x: x * np.float32(np.sqrt(2.0)) + np.pi * np.inf,
    "Keras": lambda x: keras.ops.sum(x) * keras.backend.epsilon(),
    "a seeded generator": lambda x: x * np.random.default_rng(0).random(),
    "paths and pauses": lambda x: (time.sleep(0), os.path.join("a", os.sep), x)[-1],
    "Python's own": lambda x: x * max(len(str(x.shape)), int(1e3), abs(-1)),
    "dates and decimals": lambda x: x * float(decimal.Decimal("1.5")) * datetime.MINYEAR,
    "functools": lambda x: x * functools.reduce(max, [1, 2]),
}


@pytest.mark.parametrize("what", ORDINARY)
def test_ordinary_code_has_a_key(what):
    assert key_of(ORDINARY[what]) == key_of(ORDINARY[what])


def by_random(epoch, logs):
    return random.random()


def by_numpy(epoch, logs):
    return np.random.rand()


@pytest.mark.parametrize("function", [by_random, by_numpy])
def test_a_callback_that_draws_has_no_key(function):
    with pytest.raises(NotFingerprintable, match="draws by"):
        digest_of_values(keras.callbacks.LambdaCallback(on_epoch_end=function))


def build(meta, read):
    layers = [keras.layers.Lambda(PLACES_IN_A_STORE[read]), keras.layers.Dense(2, "softmax")]
    return keras.Sequential([keras.Input((meta["n_features_in_"],)), *layers])


PLACES_IN_A_STORE = {
    "arguments": lambda t: t * float(sys.argv[1]),
    "clock": lambda t: t * (time.time() % 7),
}


def test_a_fit_is_not_read_from_a_store_where_the_arguments_of_the_process_differ(monkeypatch):
    store = FitStore()
    X, y = np.random.default_rng(0).random((20, 3)).astype("float32"), np.arange(20) % 2

    def n_trained(argument):
        monkeypatch.setattr(sys, "argv", ["script", argument])
        network = KerasClassifier(build, read="arguments", epochs=1, random_state=0, store=store)
        return network.fit(X, y).n_epochs_trained_

    assert [n_trained(a) for a in ("0.01", "100", "0.01")] == [1, 1, 0]


def test_a_fit_that_reads_the_clock_is_private_and_not_stored():
    store = FitStore()
    X, y = np.random.default_rng(0).random((20, 3)).astype("float32"), np.arange(20) % 2
    fitted = KerasClassifier(build, read="clock", epochs=1, random_state=0, store=store)
    with pytest.warns(UserWarning, match=r"not stored in .*time\.time"):
        fitted.fit(X, y)
    assert "time.time" in fitted.training_reason_
    assert len(store) == 0
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        KerasClassifier(build, read="clock", epochs=1, random_state=0).fit(X, y)
