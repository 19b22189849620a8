"""What the command line prints of a search."""

from __future__ import annotations

import numpy as np
import pytest

from kerasearch._utils.text import duration
from kerasearch.cli.output import Result, describe_result, table
from kerasearch.cv_results.reading import read


def test_the_table_is_aligned_and_cut():
    n = 25
    results = {
        "params": [{"network__epochs": 10**i if i < 3 else i} for i in range(n)],
        "mean_test_score": np.array([np.nan, *np.linspace(0, 1, n - 1)]),
        "std_test_score": np.zeros(n),
        "mean_fit_time": np.full(n, 0.5),
        "split0_test_score": np.array([np.nan, *np.linspace(0, 1, n - 1)]),
    }
    lines = table(Result(read(results), {"network__epochs": []}, "accuracy", 0.5, {})).splitlines()
    assert lines[0] == "rank  epochs  accuracy (mean ± std)  fit time"
    assert lines[1] == "   1      24  1.0000 ± 0.0000           0.5 s"
    assert lines[-1] == "... and 5 more candidates"
    assert len(lines) == 22


def test_of_hyperbands_candidates_those_with_the_most_epochs_are_ranked():
    results = {
        "params": [{"epochs": i} for i in range(5)],
        "mean_test_score": np.array([0.9, 0.5, 0.7, np.nan, 0.7]),
        "std_test_score": np.zeros(5),
        "n_resources": np.array([1, 3, 3, 3, 3]),
    }
    result = Result(read(results), {"epochs": []}, "accuracy", 0.5, {})
    assert list(result.ranking) == [2, 4, 1, 3]
    assert result.best_params == {"epochs": 2}
    *lines, note = table(result).splitlines()
    assert [line.split()[0] for line in lines] == ["rank", "1", "1", "3", "5"]
    assert note.startswith("The table leaves out 1 candidate with fewer epochs")
    results["mean_test_score"][1:] = np.nan
    result = Result(read(results), {"epochs": []}, "accuracy", 0.5, {})
    assert result.ranking[0] == 0
    assert result.best_params == {"epochs": 0}


@pytest.mark.parametrize(("baseline", "warned"), [(0.5, False), (0.85, True)])
def test_a_best_candidate_near_the_baseline_is_said_to_be_no_better(baseline, warned):
    results = {
        "params": [{"epochs": 1}],
        "mean_test_score": np.array([0.9]),
        "std_test_score": np.array([0.1]),
        "mean_fit_time": np.array([1.0]),
    }
    result = Result(read(results), {"epochs": [1]}, "accuracy", baseline, {})
    text = describe_result(result, 3.0)
    assert ("not clearly better" in text) == warned


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.123, "0.12 s"),
        (3.04, "3.0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (3725, "1 h 02 min"),
    ],
)
def test_durations_are_written_as_people_do(seconds, text):
    assert duration(seconds) == text
