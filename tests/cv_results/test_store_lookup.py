"""What a table of a search takes from the fit store of its estimator."""

import keras
import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from kerasearch import (
    FitStore,
    KerasClassifier,
    OptimizationHistoryDisplay,
    merge_searches,
    report,
    summarize,
)

pytestmark = pytest.mark.filterwarnings("ignore:.*fits failed:sklearn.exceptions.FitFailedWarning")
RATES = "optimizer__learning_rate"


@pytest.fixture(scope="module")
def data():
    X, y = load_iris(return_X_y=True)
    return StandardScaler().fit_transform(X).astype("float32"), y


def network(**params):
    return KerasClassifier(
        **{"hidden_layer_sizes": (4,), "epochs": 3, "random_state": 0, "store": FitStore()} | params
    )


def folds(n=2):
    return KFold(n, shuffle=True, random_state=0)


def test_epochs_of_folds_come_from_the_store_where_early_stopping_ended_them(data):
    stopping = {"callbacks": keras.callbacks.EarlyStopping, "callbacks__monitor": "loss"}
    grid = [{"callbacks__min_delta": [0, 1e9], "callbacks__patience": [1]}]
    search = GridSearchCV(network(epochs=7, **stopping), grid, cv=folds(), refit=True)
    table = summarize(search.fit(*data)).sort_index()
    assert table["epochs"].tolist() == [7, 2]


def test_epochs_that_are_a_parameter_are_told_apart(data):
    search = GridSearchCV(network(), {"epochs": [2, 5], RATES: [0.1, 0.01]}, cv=folds())
    table = summarize(search.fit(*data))
    assert (table["epochs"] == table["param_epochs"]).all()


def test_the_message_of_fits_that_diverged_comes_from_the_store(data, tmp_path):
    search = GridSearchCV(network(epochs=5, optimizer="sgd"), {RATES: [1e30, 0.1]}, cv=folds())
    table = summarize(search.fit(*data)).sort_index()
    assert table["failed_folds"].tolist() == [2, 0]
    assert "loss" in table["error"][0]
    assert "1e+30" not in table["error"][1]
    assert table["error"][1] == ""
    assert table["epochs"][0] < 5
    assert table["epochs"][1] == 5
    report(search, tmp_path / "report.html")
    assert table["error"][0][:30] in (tmp_path / "report.html").read_text()


def test_an_estimator_inside_a_pipeline_is_looked_up(data):
    pipeline = make_pipeline(StandardScaler(), network())
    search = GridSearchCV(pipeline, {f"kerasclassifier__{RATES}": [0.1, 0.01]}, cv=folds())
    assert summarize(search.fit(*data))["epochs"].tolist() == [3, 3]


def test_candidates_that_differ_outside_the_network_alone_stay_unknown(data):
    pipeline = make_pipeline(StandardScaler(), network())
    grid = {"standardscaler__with_mean": [True, False], "kerasclassifier__epochs": [1, 2]}
    search = GridSearchCV(pipeline, grid, cv=folds()).fit(*data)
    assert "epochs" not in summarize(search)


def test_a_store_with_fits_of_another_search_on_other_rows_is_not_guessed_from(data):
    store = FitStore()
    for cv in (folds(2), folds(3)):
        search = GridSearchCV(network(store=store), {RATES: [0.1, 0.01]}, cv=cv).fit(*data)
    assert "epochs" not in summarize(search)


def test_halving_shows_the_epochs_of_each_rung(data):
    search = HalvingGridSearchCV(
        network(),
        {RATES: [0.1, 0.01, 0.001, 0.0001]},
        resource="epochs",
        min_resources=2,
        max_resources=4,
        factor=2,
        cv=folds(),
    ).fit(*data)
    table = summarize(search)
    assert (table["epochs"] == table["n_resources"]).all()


def test_a_directory_that_is_gone_is_not_made_again(data, tmp_path):
    search = GridSearchCV(network(store=tmp_path / "fits"), {RATES: [0.1]}, cv=folds())
    search.fit(*data)
    assert summarize(search)["epochs"].tolist() == [3]
    (tmp_path / "fits").rename(tmp_path / "moved")
    assert "epochs" not in summarize(search)
    assert not (tmp_path / "fits").exists()


def test_a_merged_table_keeps_the_epochs_of_each_search(data):
    first, second = (
        GridSearchCV(network(epochs=n), {RATES: [0.1, 0.01]}, cv=folds()).fit(*data) for n in (2, 3)
    )
    plain = GridSearchCV(network(store=None), {RATES: [0.1]}, cv=folds()).fit(*data)
    epochs = summarize(merge_searches(first, second, plain)).sort_index()["epochs"]
    np.testing.assert_array_equal(epochs.astype(float), [2, 2, 3, 3, np.nan])


def test_epochs_are_not_summed_where_the_store_knows_some_candidates_alone(data, tmp_path):
    store = FitStore()
    estimator = network(store=store, epochs=4)
    search = GridSearchCV(estimator, {RATES: [0.1, 0.01]}, cv=folds(2), refit=False).fit(*data)
    other = {RATES: [0.01]}
    GridSearchCV(estimator, other, cv=folds(3), refit=False).fit(*data)
    table = summarize(search).sort_index()
    np.testing.assert_array_equal(table["epochs"], [4, np.nan])
    progress = OptimizationHistoryDisplay.from_search(search, unit="epochs")
    (spent,) = progress.spent.values()
    assert spent.tolist() == [8, 16]
    report(search, tmp_path / "report.html")
    assert '<td class="wrap">epochs</td>' not in (tmp_path / "report.html").read_text()
