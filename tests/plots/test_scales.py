"""Where values go on an axis, and what is written there."""

from __future__ import annotations

import numpy as np
import pytest

from kerasearch import plots
from kerasearch.cv_results.values import MISSING
from kerasearch.plots.drawing import score_limits
from kerasearch.plots.scales import Scale, number, shortened

from .searches import results


def test_numbers_that_are_spread_by_factors_get_a_logarithmic_axis():
    assert Scale.of("rate", [1e-4, 1e-3, 1e-2]).log
    assert not Scale.of("units", [32, 64, 96]).log
    assert not Scale.of("rate", [0.0, 1e-3, 1e-2]).log


def test_categories_are_in_a_natural_order():
    values = ["b", 10, None, (64, 64), 9, "a", True, (128,), (32,)]
    assert Scale.of("x", values).categories == [
        "None",
        "True",
        "9",
        "10",
        "a",
        "b",
        "(32,)",
        "(128,)",
        "(64, 64)",
    ]


def test_a_value_that_a_candidate_does_not_have_has_no_place():
    np.testing.assert_array_equal(Scale.of("x", [3, MISSING, 5]).positions, [3, np.nan, 5])
    np.testing.assert_array_equal(Scale.of("x", ["b", MISSING, "a"]).positions, [1, np.nan, 0])


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([1e-4, 1e-3, 1e-2], ["0.0001", "0.001", "0.01"]),
        (list(np.geomspace(1e-5, 1e-1, 50)), ["1e-05", "0.0001", "0.001", "0.01", "0.1"]),
        (list(np.linspace(0, 1, 50)), ["0", "0.2", "0.4", "0.6", "0.8", "1"]),
        ([16, 32], ["16", "32"]),
    ],
)
def test_ticks_are_at_the_values_or_at_round_numbers(values, texts):
    assert [text for _, text in Scale.of("x", values).ticks(6)] == texts


@pytest.mark.parametrize("most", [2, 3, 7, 12])
def test_there_are_never_many_more_ticks_than_asked_for(most):
    for values in (np.geomspace(1e-9, 1e9, 300), np.linspace(-3, 977, 300), [3.0, 3.1] * 40):
        assert 1 <= len(Scale.of("x", list(map(float, values))).ticks(most)) <= most + 1
    assert len(Scale.of("x", [f"c{i}" for i in range(400)]).ticks(most)) <= most


def test_the_limits_hold_every_value_and_are_never_a_point():
    for values in ([3], [0.0], [1e-5, 1.0], ["a"], [MISSING], [5, 5], [-2.0]):
        scale = Scale.of("x", values)
        low, high = scale.limits
        assert low < high
        assert all(low < p < high for p in scale.distinct)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.001, "0.001"), (1e-5, "1e-05"), (128, "128"), (12345, "12345"), (0.1 + 0.2, "0.3")],
)
def test_numbers_are_short(value, text):
    assert number(value) == text


def test_numbers_that_differ_are_written_differently():
    beta = Scale.of("beta_2", [0.99, 0.999, 0.9999])
    assert beta.bins()[1] == ["0.99", "0.999", "0.9999"]
    close = Scale.of("scale", list(1 + 1e-6 * np.random.default_rng(0).uniform(size=50)))
    for texts in ([text for _, text in close.ticks(5)], close.bins()[1]):
        assert len(set(texts)) == len(texts)
    search = results([{"a": i, "b": 0} for i in range(4)], [0.9991, 0.99935, 0.9996, 0.9999])
    heatmap = plots.HeatmapDisplay.from_search(search, "a", "b")
    assert [text.get_text() for text in heatmap.text_] == ["0.9991", "0.99935", "0.9996", "0.9999"]
    parallel = plots.ParallelCoordinatesDisplay.from_search(search)
    assert {"0.9991", "0.9999"} <= {text.get_text() for text in parallel.ax_.texts}


def test_a_long_label_keeps_both_ends():
    assert shortened("abcdefghijklmnopqrstuvwxyz", 9) == "abcd…wxyz"


def test_one_score_far_below_does_not_flatten_the_others():
    low, high = score_limits(np.array([0.8, 0.85, 0.9, -1e9, np.nan]))
    assert -1 < low < 0.8
    assert 0.9 < high < 1


@pytest.mark.parametrize(
    "values",
    [list(range(8, 512, 7)), [2**k for k in range(14)], list(range(-5, 20)), [1.0, *range(2, 300)]],
)
def test_ranges_of_whole_numbers_are_whole_and_hold_what_they_say(values):
    cells, labels = Scale.of("units", values).bins()
    assert 5 <= len(labels) <= 10
    assert not any("." in label for label in labels)
    ends = [[int(end) for end in label.split(" to ")] for label in labels]
    assert [low for low, *_ in ends[1:]] == [high[-1] + 1 for high in ends[:-1]]
    for value, cell in zip(values, cells, strict=True):
        assert ends[cell][0] <= value <= ends[cell][-1]


def test_numbers_among_other_values_are_short():
    assert Scale.of("l2", [None, 0.00123456789, 1e-4, "auto"]).categories == [
        "None",
        "0.0001",
        "0.00123",
        "auto",
    ]
