"""Pictures, by their structure: artists, labels, limits."""

from __future__ import annotations

import itertools
import subprocess
import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.svm import SVC

from kerasearch import plots
from kerasearch.plots.drawing import BLUE, SCORE_MAP

from ..cv_results.tables import cv_results
from .searches import curves, grid, random, results

OF_SEARCH = [
    plots.CoverageDisplay,
    plots.HeatmapDisplay,
    plots.SliceDisplay,
    plots.ParallelCoordinatesDisplay,
    plots.OptimizationHistoryDisplay,
]


HARD = {
    "two candidates": random(2),
    "many candidates": random(500),
    "one candidate": random(1),
    "one parameter": results([{"a": 1}, {"a": 2}, {"a": 3}], [0.1, 0.2, 0.3]),
    "one parameter of strings": results([{"a": "x"}, {"a": "y"}], [0.1, 0.2]),
    "constant parameters": results([{"a": 1, "b": "x"}] * 3, [0.1, 0.2, 0.3]),
    "one fold": results([{"a": 1, "b": 2}, {"a": 2, "b": 2}], [[0.1], [0.2]]),
    "equal scores": results([{"a": 1, "b": 2}, {"a": 2, "b": 3}], [0.5, 0.5]),
    "every candidate failed": results([{"a": 1, "b": 2}, {"a": 2, "b": 3}], [np.nan, np.nan]),
    "an infinite score": results([{"a": 1, "b": 2}, {"a": 2, "b": 3}], [0.5, -np.inf]),
    "conditional parameters": results(
        [{"opt": "sgd", "momentum": 0.9}, {"opt": "adam"}, {"opt": "sgd", "momentum": 0.5}],
        [0.5, 0.6, 0.7],
    ),
    "strange values": results(
        [
            {"a": v, "b": i}
            for i, v in enumerate([None, True, 1, 2.5, "x", (1, 2), [3], np.float32])
        ],
        np.linspace(0, 1, 8),
    ),
    "zero and negative numbers": results(
        [{"a": v, "b": v} for v in (-1.0, 0.0, 1e-5, 1e5)], [0.1, 0.2, 0.3, 0.4]
    ),
    "text that matplotlib would typeset": results(
        [{"a": "$\\frac{$", "b": "_x"}, {"a": "<b>&", "b": "%s"}], [0.1, 0.2]
    ),
}


@pytest.mark.parametrize("name", HARD)
@pytest.mark.parametrize("kind", OF_SEARCH)
def test_a_hard_case_is_drawn_without_a_warning(kind, name, recwarn):
    display = kind.from_search(HARD[name])
    display.figure_.canvas.draw()
    assert display.ax_.figure is display.figure_
    assert not [str(w.message) for w in recwarn]


@pytest.mark.parametrize("kind", OF_SEARCH)
def test_a_fitted_search_is_drawn_on_the_axes_given(kind):
    search = GridSearchCV(SVC(), {"C": [0.1, 1, 10], "gamma": [0.01, 0.1]}, cv=2)
    search.fit(*load_iris(return_X_y=True))
    figure, ax = plt.subplots()
    display = kind.from_search(search, ax=ax)
    assert display.figure_ is figure
    assert plt.get_fignums() == [figure.number]
    assert isinstance(display, kind)


@pytest.mark.parametrize("kind", OF_SEARCH)
def test_a_search_that_was_not_fitted_is_an_error(kind):
    with pytest.raises(NotFittedError, match="GridSearchCV is not fitted"):
        kind.from_search(GridSearchCV(SVC(), {"C": [1]}))


@pytest.mark.parametrize("kind", OF_SEARCH)
def test_an_unknown_metric_names_those_there_are(kind):
    with pytest.raises(ValueError, match="accuracy"):
        kind.from_search(grid("accuracy"), metric="acuracy")


@pytest.mark.parametrize("kind", [*OF_SEARCH, plots.TrainingCurvesDisplay])
def test_plotting_again_makes_a_new_figure(kind):
    of_curves = kind is plots.TrainingCurvesDisplay
    display = kind.from_history(curves()) if of_curves else kind.from_search(grid())
    first = display.figure_
    assert display.plot() is display
    assert display.figure_ is not first


@pytest.mark.slow
def test_without_matplotlib_the_error_says_how_to_get_it():
    code = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "import kerasearch\n"
        "try: kerasearch.SliceDisplay.from_search({})\n"
        "except ImportError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'kerasearch[plot]'" in done.stdout


def overlap(texts):
    """Whether any of these texts runs into the next, once drawn."""
    texts = [text for text in texts if text.get_text()]
    texts[0].figure.draw_without_rendering()
    boxes = sorted((text.get_window_extent() for text in texts), key=lambda box: box.x0)
    return any(left.x1 > right.x0 for left, right in itertools.pairwise(boxes))


@pytest.mark.slow
def test_labels_do_not_run_together_where_others_take_the_room():
    rng = np.random.default_rng(0)
    params = [
        {"max_features": int(n), "words": f"a rather long text number {n % 9}"}
        for n in rng.integers(1, 10**7, 60)
    ]
    display = plots.CoverageDisplay.from_search(
        results(params, rng.uniform(size=60)), "max_features", "words"
    )
    labels = [label for label in display.ax_.get_xticklabels() if label.get_text()]
    assert len(labels) >= 2
    assert not overlap(labels)
    _, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    params = [{f"quite_a_long_name_{k}": float(rng.uniform()) for k in range(6)} for _ in range(20)]
    display = plots.ParallelCoordinatesDisplay.from_search(
        results(params, rng.uniform(size=20)), ax=axes[1]
    )
    assert not overlap(display.ax_.get_xticklabels())


@pytest.mark.parametrize("scores", [-1e9 * np.arange(1, 4), 1 - 1e-6 * np.arange(3)])
def test_no_power_or_offset_stands_in_the_way_of_the_legend(scores):
    display = plots.OptimizationHistoryDisplay.from_search(
        results([{"a": i} for i in range(3)], scores)
    )
    display.figure_.draw_without_rendering()
    assert display.ax_.yaxis.get_offset_text().get_text() == ""


def test_the_color_bar_of_one_row_has_room_for_its_name():
    rng = np.random.default_rng(0)
    search = results([{"rate": 10**v} for v in rng.uniform(-5, -1, 60)], rng.uniform(size=60))
    display = plots.HeatmapDisplay.from_search(search)
    display.figure_.draw_without_rendering()
    name = display.image_.colorbar.ax.yaxis.label.get_window_extent()
    assert display.figure_.bbox.y0 <= name.y0 < name.y1 <= display.figure_.bbox.y1


def test_one_score_is_in_the_middle():
    display = plots.OptimizationHistoryDisplay.from_search(results([{"a": 1}], [0.9]))
    low, high = display.ax_.get_ylim()
    assert (low + high) / 2 == pytest.approx(0.9, abs=1e-3)


@pytest.mark.parametrize("kind", [plots.SliceDisplay, plots.CoverageDisplay])
def test_what_is_no_axes_is_told(kind):
    with pytest.raises(TypeError, match="ax=3 must be matplotlib Axes"):
        kind.from_search(grid(), ax=3)


@pytest.mark.parametrize("n_columns", [0, "2", 1.5])
def test_a_wrong_number_of_columns_is_told(n_columns):
    with pytest.raises(ValueError, match=f"n_columns={n_columns!r}"):
        plots.SliceDisplay.from_search(grid(), n_columns=n_columns)


def test_coverage_projects_nine_grid_points_on_three_values_and_nine_random_ones_on_nine():
    rng = np.random.default_rng(0)
    three = [{"a": a, "b": b} for a, b in itertools.product([0.1, 0.5, 0.9], [0.1, 0.5, 0.9])]
    nine = [{"a": float(a), "b": float(b)} for a, b in rng.random((9, 2))]
    for params, n in ((three, 3), (nine, 9)):
        display = plots.CoverageDisplay.from_search(results(params, rng.random(9)))
        points, above, right = display.axes_
        assert len(display.points_.get_offsets()) == 9
        assert above.get_title() == f"{n} values of a"
        assert [text.get_text() for text in right.texts] == [f"{n} values of b"]
        assert (points.get_xlabel(), points.get_ylabel()) == ("a", "b")
        assert len(above.collections[0].get_segments()) == n


def test_coverage_takes_two_parameters_by_short_or_full_name():
    display = plots.CoverageDisplay.from_search(grid(), "units", "model__rate")
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("units", "rate")
    assert (display.ax_.get_xscale(), display.ax_.get_yscale()) == ("linear", "log")
    with pytest.raises(ValueError, match="did you mean units"):
        plots.CoverageDisplay.from_search(grid(), "unit")


def test_coverage_marks_failed_candidates_apart():
    display = plots.CoverageDisplay.from_search(
        results([{"a": i, "b": i} for i in range(4)], [0.1, np.nan, 0.3, 0.2])
    )
    crosses, points = display.ax_.collections
    np.testing.assert_array_equal(crosses.get_offsets(), [[1, 1]])
    np.testing.assert_array_equal(points.get_offsets(), [[0, 0], [3, 3], [2, 2]])  # best last


def test_coverage_of_one_parameter_is_against_the_score():
    display = plots.CoverageDisplay.from_search(HARD["one parameter"])
    assert display.ax_.get_ylabel() == "mean test score"
    assert len(display.axes_) == 1


def test_a_heat_map_shows_the_best_or_the_mean_over_the_other_parameters():
    best = plots.HeatmapDisplay.from_search(grid(), "rate", "units")
    assert best.cells_.shape == (2, 3)
    scores = np.linspace(0.5, 0.9, 12).reshape(3, 2, 2)
    np.testing.assert_allclose(best.cells_, scores.max(axis=2).T)
    mean = plots.HeatmapDisplay.from_search(grid(), "rate", "units", aggregate="mean")
    np.testing.assert_allclose(mean.cells_, scores.mean(axis=2).T)
    assert (best.counts_ == 2).all()
    assert best.image_.get_cmap().name == SCORE_MAP
    assert best.text_[0].get_text() == "0.536"
    with pytest.raises(ValueError, match="must be 'best' or 'mean'"):
        plots.HeatmapDisplay.from_search(grid(), aggregate="median")


def test_a_heat_map_of_many_numbers_shows_ranges_of_them():
    display = plots.HeatmapDisplay.from_search(random(500), "rate", "act")
    assert display.cells_.shape == (3, 10)
    assert display.counts_.sum() == 499  # one failed
    assert all(" to " in label.get_text() for label in display.ax_.get_xticklabels())


def test_a_heat_map_of_many_categories_shows_the_best():
    params = [{"a": f"c{i}", "b": i % 2} for i in range(40)]
    display = plots.HeatmapDisplay.from_search(results(params, np.linspace(0, 1, 40)), "a", "b")
    assert display.cells_.shape == (2, 12)
    assert display.ax_.get_xlabel() == "a (12 best of 40 values)"
    assert np.nanmax(display.cells_) == 1


def test_slices_have_a_panel_for_each_parameter_that_varies():
    display = plots.SliceDisplay.from_search(random(60))
    assert [ax.get_xlabel() for ax in display.axes_] == [
        "rate",
        "units",
        "act",
        "sizes",
        "norm",
        "l2",
    ]
    assert [ax.get_xscale() for ax in display.axes_] == ["log", *["linear"] * 5]
    assert [len(points.get_offsets()) for points in display.points_] == [59] * 6
    assert display.axes_[0].get_ylabel() == "mean test score"


def test_slices_mark_the_best_and_draw_the_spread_over_folds():
    display = plots.SliceDisplay.from_search(grid(), "units")
    bars, points, star = display.ax_.collections
    assert len(bars.get_segments()) == 12
    np.testing.assert_allclose(bars.get_segments()[0], [[32, 0.49], [32, 0.51]])
    np.testing.assert_allclose(star.get_offsets(), [[64, 0.9]])
    assert to_hex(points.get_facecolor()[0]) == BLUE.lower()


def test_slices_can_share_the_place_of_one_axes_or_take_several():
    figure, (left, right) = plt.subplots(1, 2)
    assert plots.SliceDisplay.from_search(grid(), ax=left).figure_ is figure
    display = plots.SliceDisplay.from_search(grid(), ["units", "rate"], ax=[right, left])
    assert list(display.axes_) == [right, left]
    with pytest.raises(ValueError, match="ax has 2 axes, but 3 panels are to be drawn"):
        plots.SliceDisplay.from_search(grid(), ax=[right, left])


def test_parallel_coordinates_have_a_line_for_each_candidate_that_has_a_score():
    display = plots.ParallelCoordinatesDisplay.from_search(random(60))
    assert len(display.lines_.get_segments()) == 59
    assert [label.get_text() for label in display.ax_.get_xticklabels()] == [
        "rate",
        "units",
        "act",
        "sizes",
        "norm",
        "l2",
        "score",
    ]
    best_last = display.lines_.get_segments()[-1]
    assert best_last[-1, 1] == 1


def test_parallel_coordinates_break_where_a_candidate_lacks_the_parameter():
    display = plots.ParallelCoordinatesDisplay.from_search(HARD["conditional parameters"])
    adam = display.lines_.get_paths()[1].vertices
    np.testing.assert_array_equal(np.isnan(adam[:, 1]), [False, True, False])


@pytest.mark.parametrize(
    ("unit", "last", "label"),
    [
        ("candidates", 3, "candidates"),
        ("fits", 6, "fits"),
        ("epochs", 2 * (5 + 10 + 20), "epochs trained, all folds"),
        ("seconds", 3 * 2 * 2.5, "fit and score time, all folds (s)"),
    ],
)
def test_progress_is_the_best_so_far_against_what_was_spent(unit, last, label):
    search = results([{"epochs": e} for e in (5, 10, 20)], [0.5, np.nan, 0.4])
    display = plots.OptimizationHistoryDisplay.from_search(search, unit=unit)
    x, y = display.lines_[0].get_data()
    assert x[-2] == last
    np.testing.assert_array_equal(y, [0.5] * 4)
    assert display.ax_.get_xlabel() == label


def test_progress_counts_the_epochs_that_a_scorer_brought():
    search = results([{"a": 1}, {"a": 2}], [0.5, 0.6], mean_test_epochs=np.array([3.0, 7.0]))
    display = plots.OptimizationHistoryDisplay.from_search(search, unit="epochs")
    np.testing.assert_array_equal(display.spent[""], [6, 20])


def test_progress_that_cannot_be_told_says_what_to_do():
    with pytest.raises(ValueError, match="use a scorer that returns"):
        plots.OptimizationHistoryDisplay.from_search(HARD["one parameter"], unit="epochs")
    with pytest.raises(ValueError, match="unit='minutes' must be one of"):
        plots.OptimizationHistoryDisplay.from_search(grid(), unit="minutes")


def test_several_searches_are_in_one_picture():
    display = plots.OptimizationHistoryDisplay.from_search({"grid": grid(), "random": random(60)})
    assert [line.get_label() for line in display.lines_] == ["grid", "random"]
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert texts == ["grid", "random", "1 failed"]
    merged = grid() | {"search": np.repeat(["first", "second"], 6)}
    display = plots.OptimizationHistoryDisplay.from_search(merged)
    assert [len(line.get_xdata()) for line in display.lines_] == [7, 7]
    np.testing.assert_array_equal(display.spent["second"], [1, 2, 3, 4, 5, 6])


def test_progress_shows_all_candidates_or_says_how_many_are_beyond_the_axis():
    for search in (random(30), {"first": random(30), "second": random(12, seed=1)}):
        display = plots.OptimizationHistoryDisplay.from_search(search)
        scores = np.concatenate(list(display.scores.values()))
        parts = [points for points in display.ax_.collections if points.get_offsets().size]
        n_drawn = sum(len(points.get_offsets()) for points in parts)
        assert n_drawn == len(scores)
        labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
        n_below = int((scores < display.ax_.get_ylim()[0]).sum())
        assert n_below > 0
        assert f"{n_below} below the axis" in labels
        assert f"{int(np.isnan(scores).sum())} failed" in labels


def test_the_best_so_far_is_what_would_be_chosen_then():
    columns = {"n_resources": np.array([1, 1, 3, 3, 9, 1])}
    scores = [0.5, 0.9, 0.6, 0.7, np.nan, 0.95]
    params = [{"epochs": int(n)} for n in columns["n_resources"]]
    search = results(params, scores, **columns)
    display = plots.OptimizationHistoryDisplay.from_search(search)
    np.testing.assert_allclose(display.lines_[0].get_ydata(), [0.5, 0.9, 0.6, 0.7, 0.7, 0.7, 0.7])
    plain = plots.OptimizationHistoryDisplay({"": [1, 2, 3]}, {"": [0.1, np.nan, 0.05]}).plot()
    np.testing.assert_allclose(plain.lines_[0].get_ydata(), [0.1] * 4)


def test_two_axes_are_two_parameters():
    search = cv_results([{"a": i, "b": i} for i in range(3)], np.arange(6.0).reshape(3, 2))
    for display in (plots.HeatmapDisplay, plots.CoverageDisplay):
        with pytest.raises(ValueError, match="x and y are both 'a'"):
            display.from_search(search, "a", "a")


def six_parameters(n=40, n_folds=3):
    """Two of six hyperparameters matter, the last and the third."""
    rng = np.random.default_rng(0)
    params = [{f"p{k}": float(rng.uniform()) for k in range(6)} for _ in range(n)]
    means = np.array([3 * each["p5"] + 2 * each["p2"] for each in params])
    return results(params, means[:, None] + rng.normal(0, 0.2, (n, n_folds)))


@pytest.mark.parametrize("kind", [plots.CoverageDisplay, plots.HeatmapDisplay])
def test_two_parameters_that_are_not_named_are_those_that_matter_most(kind):
    search = six_parameters()
    display = kind.from_search(search)
    assert (display.x_name, display.y_name) == ("p2", "p5")
    assert kind.from_search(search, "p5").y_name == "p2"
    assert kind.from_search(search, y="p2").x_name == "p5"
    two = kind.from_search(results([{"a": 1, "b": 2}, {"a": 2, "b": 3}], [0.5, 0.6]))
    assert (two.x_name, two.y_name) == ("a", "b")


def legend_of(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_slices_explain_their_marks_in_a_legend():
    rng = np.random.default_rng(0)
    params = [{"a": float(v), "b": float(v)} for v in rng.uniform(size=24)]
    params[2] = {"b": 0.5}
    scores = np.full(24, 0.9) + rng.uniform(0, 0.05, 24)
    scores[[1, 2]] = -1e6, np.nan  # the failed candidate has no value in the first panel
    display = plots.SliceDisplay.from_search(results(params, scores))
    assert legend_of(display.ax_)[1:] == ["best", "1 below the axis", "1 failed"]
    assert legend_of(display.ax_)[0] == "std over folds"


@pytest.mark.parametrize("kind", [plots.SliceDisplay, plots.ParallelCoordinatesDisplay])
def test_the_legend_says_where_so_few_folds_cannot_decide(kind):
    few, enough = six_parameters(n_folds=3), six_parameters(n_folds=10)
    assert "best (too few folds to decide)" in legend_of(kind.from_search(few).ax_)
    assert "best" in legend_of(kind.from_search(enough).ax_)


@pytest.mark.parametrize("kind", [plots.CoverageDisplay, plots.ParallelCoordinatesDisplay])
def test_failed_candidates_are_named_in_a_legend(kind):
    params = [{"a": i, "b": -i} for i in range(4)]
    display = kind.from_search(results(params, [0.1, np.nan, 0.3, 0.2]))
    axes = [ax for ax in display.figure_.axes if ax.get_legend()]
    assert "failed" in [text for ax in axes for text in legend_of(ax)]


def test_the_legend_of_slices_leaves_panels_of_other_axes_their_width():
    figure, axes = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
    display = plots.SliceDisplay.from_search(six_parameters(), ["p0", "p1"], ax=axes[1])
    figure.draw_without_rendering()
    for ax in display.axes_:
        assert ax.get_window_extent().width > 150
    legend = display.ax_.get_legend().get_window_extent()
    assert legend.y1 <= figure.bbox.y1


def test_searches_with_different_scores_are_not_drawn_on_one_axis():
    kind = plots.OptimizationHistoryDisplay
    both = {"a": grid("accuracy"), "b": grid("r2")}
    with pytest.raises(ValueError, match=r"different metrics \(a: accuracy, b: r2\); pass metric"):
        kind.from_search(both)
    kind.from_search({"a": grid("accuracy"), "b": grid()})  # a bare table does not tell
