"""Subclasses with a constructor of their own: what it sets, names and fixes is kept everywhere."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.ensemble import BaggingClassifier
from sklearn.model_selection import GridSearchCV, cross_validate

from kerasearch import KerasClassifier, param_grid
from kerasearch._utils.json_values import parameters_as_json
from tests import builders
from tests.slow import long_but


class Fixing(KerasClassifier):
    """Takes one argument and fixes what its parent takes."""

    def __init__(self, units=8):
        super().__init__(builders.build, epochs=2, random_state=0)
        self.units = units


class Child(Fixing):
    """Has no constructor."""


class SettingFirst(KerasClassifier):
    """Stores its arguments, and one of the builder's, before it calls its parent's constructor."""

    def __init__(self, units=8, **kwargs):
        self.units = units
        self.activation = "relu"
        super().__init__(builders.build, epochs=2, **kwargs)


class HandingOn(KerasClassifier):
    """Hands its argument on as the builder's."""

    def __init__(self, units=8, epochs=2, **kwargs):
        super().__init__(builders.build, units=units, **kwargs)
        self.units = units
        self.epochs = epochs


class Building(KerasClassifier):
    """Its method builds, and asks for the argument of the constructor."""

    def __init__(self, units=8, **kwargs):
        super().__init__(epochs=2, **kwargs)
        self.units = units

    def _keras_build_fn(self, meta, units):
        return builders.build(meta, units)


class Grandchild(Building):
    """Hands all of its parents' arguments on."""

    def __init__(self, depth=1, **kwargs):
        super().__init__(**kwargs)
        self.depth = depth


class Mixin:
    """No estimator, but with a constructor."""

    def __init__(self, units=8, **kwargs):
        super().__init__(**kwargs)
        self.units = units


class Mixed(Mixin, Fixing):
    """Has the constructor of a class that is no estimator."""

    def __init__(self, *args, units=8):
        Fixing.__init__(self, *args)
        self.units = units


class Routed(KerasClassifier):
    """A routed name in the signature, handed on."""

    def __init__(self, model__units=8, **kwargs):
        super().__init__(builders.build, epochs=2, model__units=model__units, **kwargs)


class RoutedStored(KerasClassifier):
    """A routed name in the signature, stored."""

    def __init__(self, model__units=8, optimizer__learning_rate=0.1, **kwargs):
        self.model__units = model__units
        super().__init__(builders.build, epochs=2, **kwargs)
        self.optimizer__learning_rate = optimizer__learning_rate


OF_ITS_OWN = [Fixing, Child, SettingFirst, HandingOn, Building, Grandchild, Mixed]
ROUTED = [Routed, RoutedStored]


def name_of(cls):
    return "model__units" if cls in ROUTED else "units"


@pytest.mark.parametrize("cls", OF_ITS_OWN + ROUTED)
def test_what_a_constructor_takes_is_a_parameter(cls):
    name = name_of(cls)
    estimator = cls(**{name: 5})
    assert estimator.get_params()[name] == estimator.get_params(deep=False)[name] == 5
    assert clone(estimator).get_params()[name] == getattr(estimator, name) == 5
    assert clone(estimator.set_params(**{name: 6})).get_params()[name] == 6
    assert clone(cls()).get_params() == cls().get_params()


@pytest.mark.parametrize("cls", OF_ITS_OWN + ROUTED)
def test_what_a_constructor_fixes_is_kept_and_can_be_set(cls):
    assert clone(cls()).epochs == cls().get_params()["epochs"] == 2
    estimator = clone(cls().set_params(epochs=3, optimizer__learning_rate=0.5))
    assert estimator.get_params(deep=False)["epochs"] == 3
    assert estimator.get_params()["optimizer__learning_rate"] == 0.5
    assert parameters_as_json(cls(**{name_of(cls): 5}))[name_of(cls)] == 5


@pytest.mark.parametrize("cls", long_but(OF_ITS_OWN + ROUTED, Fixing, SettingFirst, Building))
def test_what_a_constructor_takes_reaches_the_builder(iris, cls):
    estimator = cls(**{name_of(cls): 5}).fit(*iris)
    assert estimator.model_.layers[1].units == 5
    assert estimator.n_epochs_ == 2
    copy = pickle.loads(pickle.dumps(estimator))
    assert copy.get_params() == estimator.get_params()
    np.testing.assert_array_equal(copy.predict_proba(iris[0]), estimator.predict_proba(iris[0]))


@pytest.mark.parametrize("cls", long_but([Fixing, Building, RoutedStored], RoutedStored))
def test_a_search_over_it_reports_what_was_trained(iris, cls):
    name = name_of(cls)
    search = GridSearchCV(cls(), {name: [3], "epochs": [1]}, cv=2, error_score="raise").fit(*iris)
    assert search.best_params_ == {name: 3, "epochs": 1}
    assert search.best_estimator_.model_.layers[1].units == 3
    assert search.best_estimator_.n_epochs_ == 1
    loaded = pickle.loads(pickle.dumps(search.best_estimator_))
    np.testing.assert_array_equal(loaded.predict(iris[0]), search.predict(iris[0]))


def test_it_serves_in_cross_validation_and_ensembles(iris):
    estimator = Fixing(units=3)
    fitted = cross_validate(estimator, *iris, cv=2, return_estimator=True, error_score="raise")
    fitted = [*fitted["estimator"], *BaggingClassifier(estimator, 2).fit(*iris).estimators_]
    assert [one.model_.layers[1].units for one in fitted] == [3] * 4
    assert [one.n_epochs_ for one in fitted] == [2] * 4


def test_what_is_set_before_the_parents_constructor_reaches_the_builder(iris):
    assert SettingFirst().get_params()["model__activation"] == "relu"
    assert SettingFirst(activation="tanh").get_params()["model__activation"] == "tanh"


def test_one_argument_has_one_name():
    estimator = HandingOn(units=5)
    assert "model__units" not in estimator.get_params()
    assert estimator.set_params(model__units=6).units == estimator.model__units == 6
    assert param_grid(estimator, units=[3]) == {"units": [3]}


class Renaming(KerasClassifier):
    """Hands its arguments on under other names."""

    def __init__(self, width=8, rate=0.1, **kwargs):
        super().__init__(builders.build, units=width, optimizer__learning_rate=rate, **kwargs)
        self.width = width
        self.rate = rate


def test_what_a_constructor_makes_of_an_argument_follows_it(iris):
    estimator = Renaming(epochs=1).set_params(width=4)
    assert clone(estimator).get_params()["model__units"] == 4
    grid = {"width": [3], "rate": [0.5]}
    best = GridSearchCV(estimator, grid, cv=2, error_score="raise").fit(*iris).best_estimator_
    assert best.model_.layers[1].units == 3
    assert float(best.model_.optimizer.learning_rate.numpy()) == 0.5
    assert best.epochs == 1


def test_what_was_set_for_itself_does_not_follow_an_argument():
    estimator = Renaming().set_params(model__units=5)
    assert estimator.set_params(width=4).get_params()["model__units"] == 5
    assert estimator.set_params(width=3, model__units=6).get_params()["model__units"] == 6


def test_its_repr_shows_what_differs_from_the_defaults():
    assert repr(Fixing().set_params(model=None)) == "Fixing(epochs=2, random_state=0)"
    assert repr(Grandchild(depth=2)) == "Grandchild(depth=2, epochs=2)"


def test_a_parameter_that_is_not_stored_is_named(iris):
    class Forgetting(KerasClassifier):
        def __init__(self, optimizer__learning_rate=0.1, **kwargs):
            super().__init__(**kwargs)

    message = r"Forgetting.__init__ does not store .* self.optimizer__learning_rate = optimizer__"
    with pytest.raises(AttributeError, match=message):
        Forgetting().fit(*iris)
    assert not hasattr(Forgetting(), "optimizer__learning_rate")


def test_a_change_on_a_warm_start_is_told_of(iris):
    estimator = Building(units=3, warm_start=True).fit(*iris)
    with pytest.warns(UserWarning, match="model__units changed since the model was built"):
        estimator.set_params(units=4).fit(*iris)
