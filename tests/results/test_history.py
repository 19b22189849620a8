"""Every epoch of fitted networks, from every place in which they are kept."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from kerasearch import FitStore, KerasClassifier, KerasRegressor, training_history

COLUMNS = ["candidate", "fold", "epoch", "metric", "value"]


@pytest.fixture(scope="module")
def network():
    return KerasClassifier(
        hidden_layer_sizes=(4,), epochs=2, validation_split=0.2, metrics=["accuracy"],
        random_state=0,
    )  # fmt: skip


@pytest.fixture(scope="module")
def cross_validated(network, iris):
    pipeline = make_pipeline(StandardScaler(), network)
    return cross_validate(pipeline, *iris, cv=3, return_estimator=True)


def fitted(**history):
    return SimpleNamespace(history_=history)


def test_cross_validation_gives_every_fold_epoch_and_metric(cross_validated):
    curves = training_history(cross_validated)
    assert curves.columns.tolist() == COLUMNS
    assert set(curves["metric"]) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    assert len(curves) == 3 * 2 * 4
    for fold, pipeline in enumerate(cross_validated["estimator"]):
        kept = curves[(curves["fold"] == fold) & (curves["metric"] == "val_loss")]
        assert kept["value"].tolist() == pipeline[-1].history_["val_loss"]
        assert kept["epoch"].tolist() == [1, 2]
    dtypes = curves.dtypes
    assert [dtypes[name].kind for name in ("candidate", "fold", "epoch", "value")] == list("iiif")


def test_an_estimator_in_whatever_holds_it(cross_validated, diabetes):
    pipeline = cross_validated["estimator"][0]
    alone = training_history(pipeline[-1])
    assert alone.equals(training_history(pipeline))
    assert alone.equals(training_history([pipeline]))
    assert alone.equals(training_history(Pipeline([("inner", pipeline)])))
    regressor = TransformedTargetRegressor(KerasRegressor(epochs=1, random_state=0))
    regressor.fit(diabetes[0][:50], diabetes[1][:50])
    assert set(training_history(regressor)["metric"]) == {"loss"}


def test_lists_are_numbered_candidates_and_dicts_named_ones(cross_validated):
    numbered = training_history([cross_validated, fitted(loss=[1.0])])
    assert numbered.groupby("candidate")["fold"].nunique().to_dict() == {0: 3, 1: 1}
    named = training_history({"a": fitted(loss=[1.0, 0.5]), "b": cross_validated})
    assert named["candidate"].unique().tolist() == ["a", "b"]


def test_a_store_gives_its_own_curves():
    frame = pd.DataFrame({"candidate": [0]})
    assert training_history(SimpleNamespace(training_history=lambda: frame)) is frame


def test_metrics_that_were_measured_now_and_then_keep_their_epochs():
    curves = training_history(fitted(loss=[4, 3, 2, 1], val_loss=[5, 6], odd=[np.zeros(2)] * 4))
    assert curves.query("metric == 'val_loss'")["epoch"].tolist() == [2, 4]
    assert "odd" not in set(curves["metric"])


def test_an_empty_store_has_no_curves():
    with pytest.raises(ValueError, match="this fit store contains no fit"):
        training_history(FitStore())


def test_a_finished_search_says_what_to_do_instead(network, iris):
    grid = {"max_depth": [1, 2]}
    search = GridSearchCV(DecisionTreeClassifier(), grid).fit(*iris)
    for source in (search, [search], make_pipeline(StandardScaler(), search).fit(*iris)):
        with pytest.raises(
            TypeError, match=r"GridSearchCV does not keep .* store=.*return_estimator"
        ):
            training_history(source)


def test_what_has_no_history_is_told(network, iris):
    with pytest.raises(NotFittedError, match="this KerasClassifier has no history_; call fit"):
        training_history(network)
    with pytest.raises(NotFittedError, match="this Pipeline"):
        training_history(make_pipeline(StandardScaler(), network))
    with pytest.raises(TypeError, match="DummyClassifier has no history_, so it is not a Keras"):
        training_history(DummyClassifier().fit(*iris))
    with pytest.raises(TypeError, match="expected a fit store.* got int"):
        training_history(3)
    with pytest.raises(TypeError, match="expected a fit store"):
        training_history(KerasClassifier)
    with pytest.raises(ValueError, match="with return_estimator=True"):
        training_history(cross_validate(DummyClassifier(), *iris))
    with pytest.raises(ValueError, match="no fit with a history"):
        training_history([])


@pytest.mark.parametrize(
    ("validation_freq", "measured"), [(2, [2, 4]), (3, [3]), (4, [4]), ([1, 4], [1, 4])]
)
def test_validation_in_some_epochs_has_their_numbers_everywhere(validation_freq, measured, iris):
    store = FitStore()
    network = KerasClassifier(
        hidden_layer_sizes=(2,), epochs=5, validation_split=0.2, random_state=0, store=store,
        fit__validation_freq=validation_freq,
    )  # fmt: skip
    network.fit(*iris)
    for curves in (training_history(network), store.training_history()):
        found = curves[curves["metric"] == "val_loss"]
        assert found["epoch"].tolist() == measured
        assert found["value"].tolist() == pytest.approx(network.history_["val_loss"])
        assert curves[curves["metric"] == "loss"]["epoch"].tolist() == [1, 2, 3, 4, 5]
