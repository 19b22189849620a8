"""Curves of training, of a search and of a history."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from kerasearch import plots

from .searches import curves


def test_training_curves_have_the_mean_over_folds_and_their_range():
    display = plots.TrainingCurvesDisplay.from_history(curves())
    assert len(display.lines_) == len(display.bands_) == 6
    mean = [1 / e + 0.005 for e in range(1, 6)]
    np.testing.assert_allclose(display.lines_[0, "train"].get_ydata(), mean)
    assert display.lines_[0, "train"].get_linestyle() == "--"
    assert display.lines_[0, "validation"].get_linestyle() == "-"
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("epoch", "loss")
    labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert labels == ["rate=1", "rate=0.1", "rate=0.01", "train", "validation"]


@pytest.mark.slow
def test_of_many_training_curves_the_best_are_colored():
    display = plots.TrainingCurvesDisplay.from_history(curves(500, n_epochs=3))
    labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert labels[6:] == ["494 others", "train", "validation"]
    assert labels[0] == "rate=1"


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 3, 1), (2, 1, 40)])
def test_few_training_curves_are_drawn(shape, recwarn):
    display = plots.TrainingCurvesDisplay.from_history(curves(*shape, validation=False))
    display.figure_.canvas.draw()
    assert len(display.lines_) == shape[0]
    assert not list(recwarn)


def test_folds_that_stopped_at_different_epochs_are_drawn_together():
    frame = curves(1, 2, 4)
    frame = frame[(frame["fold"] == 0) | (frame["epoch"] <= 2)]
    frame.loc[frame["epoch"] == 4, "value"] = np.nan
    display = plots.TrainingCurvesDisplay.from_history(frame)
    y = display.lines_[0, "train"].get_ydata()
    np.testing.assert_allclose(y[:3], [1.005, 0.505, 1 / 3])


def test_wrong_names_of_curves_are_errors():
    with pytest.raises(ValueError, match="the curves have the metrics loss, val_loss"):
        plots.TrainingCurvesDisplay.from_history(curves(), "accuracy")
    with pytest.raises(ValueError, match=r"candidates=\[7\]: the candidates are 0, 1, 2"):
        plots.TrainingCurvesDisplay.from_history(curves(), candidates=[7])
    display = plots.TrainingCurvesDisplay.from_history(curves(), candidates=[1])
    assert {candidate for candidate, _ in display.lines_} == {1}


def test_a_frame_that_has_no_curves_is_told():
    kind = plots.TrainingCurvesDisplay
    with pytest.raises(ValueError, match="candidate, fold, epoch is missing"):
        kind.from_history(pd.DataFrame({"metric": ["loss"], "value": [1.0]}))
    with pytest.raises(ValueError, match="the DataFrame of curves is empty"):
        kind.from_history(curves(2, 1, 3).head(0))
    with pytest.raises(ValueError, match="did you mean loss"):
        kind.from_history(curves(2, 1, 3), metric="los")


def test_validation_curves_go_by_both_names_and_one_candidate_may_stand_alone():
    frame = curves(3, 1, 4)
    display = plots.TrainingCurvesDisplay.from_history(frame, "val_loss", candidates=1)
    assert set(display.lines_) == {(1, "train"), (1, "validation")}
    assert display.ax_.get_ylabel() == "loss"


def test_a_single_epoch_is_a_whole_number():
    display = plots.TrainingCurvesDisplay.from_history(curves(2, 1, 1))
    low, high = display.ax_.get_xlim()
    ticks = [tick for tick in display.ax_.get_xticks() if low <= tick <= high]
    assert ticks == [0, 1, 2]


@pytest.mark.slow
def test_the_curves_of_a_fit_store_are_drawn():
    from kerasearch import FitStore, KerasClassifier

    X, y = load_iris(return_X_y=True)
    store = FitStore()
    network = KerasClassifier(hidden_layer_sizes=(4,), epochs=2, random_state=0, store=store)
    GridSearchCV(network, {"optimizer__learning_rate": [0.1, 0.01]}, cv=2, refit=False).fit(X, y)
    display = plots.TrainingCurvesDisplay.from_history(store.training_history())
    assert [len(line.get_xdata()) for line in display.lines_.values()] == [2, 2]
    assert len(display.bands_) == 2
    labels = {text.get_text() for text in display.ax_.get_legend().get_texts()}
    assert labels == {"learning_rate=0.1", "learning_rate=0.01", "train"}


def iris_search(**options):
    from kerasearch import KerasClassifier

    network = KerasClassifier(hidden_layer_sizes=(4,), epochs=2, random_state=0, **options)
    grid = {"kerasclassifier__optimizer__learning_rate": [0.1, 0.01]}
    return GridSearchCV(make_pipeline(StandardScaler(), network), grid, cv=3)


def test_the_curves_of_a_search_are_those_of_its_folds_in_the_store(tmp_path):
    search = iris_search(store=tmp_path).fit(*load_iris(return_X_y=True))
    display = plots.TrainingCurvesDisplay.from_search(search)
    curves = display.curves
    assert curves.groupby("candidate")["fold"].unique().map(list).to_dict() == {
        0: [0, 1, 2],
        1: [0, 1, 2],
    }
    name = "param_kerasclassifier__optimizer__learning_rate"
    assert curves.groupby("candidate")[name].first().to_dict() == {0: 0.1, 1: 0.01}
    labels = {text.get_text() for text in display.ax_.get_legend().get_texts()}
    assert labels == {"learning_rate=0.1", "learning_rate=0.01", "train"}
    assert set(display.bands_) == {(0, "train"), (1, "train")}
    one = plots.TrainingCurvesDisplay.from_search(search, candidates=1)
    assert set(one.lines_) == {(1, "train")}


def test_without_a_store_the_curve_of_a_search_is_its_best_estimators():
    search = iris_search().fit(*load_iris(return_X_y=True))
    display = plots.TrainingCurvesDisplay.from_search(search)
    assert set(display.lines_) == {(search.best_index_, "train")}
    line = display.lines_[search.best_index_, "train"]
    assert line.get_ydata().tolist() == search.best_estimator_[-1].history_["loss"]


def test_a_search_that_kept_no_curves_says_how_to_keep_them():
    from kerasearch import FitStore

    X, y = load_iris(return_X_y=True)
    kind = plots.TrainingCurvesDisplay
    for search in (iris_search().set_params(refit=False), GridSearchCV(SVC(), {"C": [1, 2]})):
        with pytest.raises(
            ValueError, match=r"kept no training histories.* store= .* training_history"
        ):
            kind.from_search(search.fit(X, y))
    for other in (curves(), FitStore(), search.cv_results_, search.best_estimator_):
        with pytest.raises(TypeError, match=r"expected a fitted search, got .* from_history"):
            kind.from_search(other)
    with pytest.raises(NotFittedError, match="this GridSearchCV is not fitted"):
        kind.from_search(iris_search())


def test_curves_at_a_default_are_named_so():
    frame = curves(3, 1, 4)
    frame.loc[frame["candidate"] == 1, "param_rate"] = np.nan
    display = plots.TrainingCurvesDisplay.from_history(frame)
    names = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert names[:3] == ["rate=1", "rate=default", "rate=0.01"]


def test_long_names_of_curves_are_the_legends_title_and_values_tell_them_apart():
    rows = [
        (c, 0, e, "loss", 1 / e, width, rate)
        for c, (width, rate) in enumerate([((8,), 0.01), ((16, 8), 0.01), ((8,), 0.001)])
        for e in (1, 2, 3)
    ]
    names = ["candidate", "fold", "epoch", "metric", "value"]
    names += ["param_hidden_layer_sizes", "param_optimizer__learning_rate"]
    display = plots.TrainingCurvesDisplay(pd.DataFrame(rows, columns=names)).plot()
    legend = display.ax_.get_legend()
    assert legend.get_title().get_text() == "hidden_layer_sizes, learning_rate"
    texts = {text.get_text() for text in legend.get_texts()}
    assert texts == {"(8,), 0.01", "(16, 8), 0.01", "(8,), 0.001", "train"}


def test_values_that_a_candidate_has_not_are_a_dash_below_long_names():
    frame = long_curves(2)
    frame.loc[frame["candidate"] == 1, "param_kerasclassifier__activation_function"] = None
    display = plots.TrainingCurvesDisplay.from_history(frame.convert_dtypes())
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert sum("-, " in text for text in texts) == 1
    assert not any("default" in text for text in texts)


def stored(fits):
    """Curves as a fit store has them: of (candidate, fold, n_rows)."""
    rows = [
        (candidate, fold, n_rows, 0.1 * candidate, epoch, "loss", 1 / epoch + fold)
        for candidate, fold, n_rows in fits
        for epoch in (1, 2, 3)
    ]
    names = ["candidate", "fold", "n_rows", "param_rate", "epoch", "metric", "value"]
    return pd.DataFrame(rows, columns=names)


class Store:
    """A store that has these curves."""

    def __init__(self, frame):
        self.training_history = lambda: frame


@pytest.mark.parametrize(
    ("fits", "drawn"),
    [
        # the refit of one of two candidates, by any splitter
        ([(0, 0, 90), (0, 1, 90), (1, 0, 90), (1, 1, 90), (1, 2, 100)], {0: [0, 1], 1: [0, 1]}),
        # of the only candidate: three folds of 100 rows
        ([(0, 0, 66), (0, 1, 67), (0, 2, 67), (0, 3, 100)], {0: [0, 1, 2]}),
        # a fold that is one row larger is no refit
        ([(0, 0, 66), (0, 1, 66), (0, 2, 67)], {0: [0, 1, 2]}),
        (
            [(c, f, 119 + (f == 4)) for c in (0, 1) for f in range(5)],
            {0: [*range(5)], 1: [*range(5)]},
        ),
        # nothing but fits on all rows
        ([(0, 0, 100), (1, 0, 100)], {0: [0], 1: [0]}),
    ],
)
def test_a_refit_in_a_store_is_no_fold(fits, drawn):
    curves = plots.TrainingCurvesDisplay.from_history(Store(stored(fits))).curves
    assert curves.groupby("candidate")["fold"].unique().map(list).to_dict() == drawn


def long_curves(n):
    frame = curves(n, 2, 6)
    rng = np.random.default_rng(0)
    for name in ("activation_function", "number_of_units_per_layer", "optimizer__learning_rate"):
        frame[f"param_kerasclassifier__{name}"] = frame["candidate"].map(
            {c: float(rng.uniform()) for c in range(n)}
        )
    return frame


@pytest.mark.parametrize("n", [1, 7, 40])
def test_long_names_leave_the_axes_their_room(n):
    display = plots.TrainingCurvesDisplay.from_history(long_curves(n))
    display.figure_.draw_without_rendering()
    box, page = display.ax_.get_window_extent(), display.figure_.bbox
    assert box.width > 0.75 * page.width
    assert box.height > 0.4 * page.height
    legend = display.ax_.get_legend().get_window_extent()
    assert page.x0 <= legend.x0 < legend.x1 <= page.x1
    assert box.y1 <= legend.y0 < legend.y1 <= page.y1


def test_in_small_axes_candidates_go_by_their_numbers():
    _, axes = plt.subplots(1, 2, figsize=(9, 3))
    display = plots.TrainingCurvesDisplay.from_history(long_curves(40), ax=axes[0])
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert texts[0] == "candidate 0"
    assert texts[-3:] == ["34 others", "train", "validation"]


def test_from_history_of_a_search_draws_what_from_search_does():
    search = iris_search().fit(*load_iris(return_X_y=True))
    display = plots.TrainingCurvesDisplay.from_history(search)
    expected = plots.TrainingCurvesDisplay.from_search(search)
    pd.testing.assert_frame_equal(display.curves, expected.curves)


def test_a_searched_default_has_its_name():
    from kerasearch import FitStore, KerasClassifier

    store = FitStore()
    network = KerasClassifier(hidden_layer_sizes=(4,), epochs=1, random_state=0, store=store)
    search = GridSearchCV(network, {"optimizer": ["adam", "sgd"]}, cv=2)
    search.fit(*load_iris(return_X_y=True))
    display = plots.TrainingCurvesDisplay.from_search(search)
    labels = {text.get_text() for text in display.ax_.get_legend().get_texts()}
    assert labels == {"optimizer=adam", "optimizer=sgd", "train"}
    assert set(display.curves["fold"]) == {0, 1}


def legend_of(source):
    display = plots.TrainingCurvesDisplay.from_history(source)
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    return set(texts) - {"train", "validation"}


@pytest.fixture(scope="module")
def searched():
    """Search a grid in a store of its own; gives the search and the store."""
    from kerasearch import FitStore, KerasClassifier

    class WithAdam(KerasClassifier):
        def __init__(self, model=None, *, optimizer="adam", **kwargs):
            super().__init__(model, optimizer=optimizer, **kwargs)

    def search(grid):
        settings = {"hidden_layer_sizes": (4,), "epochs": 1, "random_state": 0}
        network = WithAdam(**settings, store=FitStore())
        found = GridSearchCV(network, grid, cv=2, refit=False)
        return found.fit(*most_of_iris()), network.store

    return search


def most_of_iris():
    """Rows whose classes are not balanced, or balanced weights are all ones."""
    X, y = load_iris(return_X_y=True)
    return X[:-20], y[:-20]


@pytest.mark.parametrize(
    ("grid", "labels"),
    [
        ({"optimizer": ["adam", "sgd"]}, {"optimizer=adam", "optimizer=sgd"}),
        ({"batch_size": [32, 64]}, {"batch_size=32", "batch_size=64"}),
        ({"batch_size": [None, 64]}, {"batch_size=None", "batch_size=64"}),
        ({"class_weight": [None, "balanced"]}, {"class_weight=None", "class_weight=balanced"}),
        ({"optimizer__clipnorm": [None, 1.0]}, {"clipnorm=None", "clipnorm=1"}),
        ({"shuffle": [True, False]}, {"shuffle=True", "shuffle=False"}),
        # what one of the candidates alone sets
        (
            [{"batch_size": [64]}, {"model__dropout": [0.5]}],
            {"batch_size=64, dropout=0", "batch_size=32, dropout=0.5"},
        ),
        (
            [{"batch_size": [64]}, {"dropout": [0.5]}],
            {"batch_size=64, dropout=0", "batch_size=32, dropout=0.5"},
        ),
        (
            [{}, {"optimizer": ["sgd"], "optimizer__momentum": [0.5]}],
            {"optimizer=adam", "optimizer=sgd, momentum=0.5"},
        ),
    ],
)
def test_curves_of_a_store_and_of_a_search_have_the_values_as_searched(searched, grid, labels):
    search, store = searched(grid)
    assert legend_of(store) == labels
    assert legend_of(search) == labels
    assert legend_of(store.training_history()) == labels


def test_a_store_of_older_records_still_says_default(searched, monkeypatch):
    from kerasearch.training import stored_fits

    describe = stored_fits.StoreEntry.__init__

    def as_it_was(self, store, key, epochs, exact, description, program):
        kept = {name: value for name, value in description.items() if name != "defaults"}
        describe(self, store, key, epochs, exact, kept, program)

    monkeypatch.setattr(stored_fits.StoreEntry, "__init__", as_it_was)
    search, store = searched({"batch_size": [32, 64]})
    monkeypatch.undo()
    assert [fit.defaults for fit in store] == [{}] * 4
    assert legend_of(store) == {"batch_size=default", "batch_size=64"}
    assert legend_of(search) == {"batch_size=32", "batch_size=64"}  # which the search knows
    search.fit(*most_of_iris())
    assert [fit.defaults for fit in store] == [{}] * 4  # found by their keys, not trained anew
