"""From a file to rows, a target and preprocessing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from kerasearch.cli.data import load


def test_columns_are_sorted_by_what_they_hold(shop):
    data = load(str(shop), "label", None, ["price"])
    assert (data.numbers, data.dates) == (["age", "stars"], ["joined"])
    assert data.categories == ["city", "member"]
    assert data.task == "classification"
    assert len(data.y) == 149
    assert data.notes == [
        "left out 1 row without a value of 'label'",
        "left out price, because of --drop",
        "left out 'row': it numbers the rows",
        "left out 'note': it has 149 distinct texts in 149 rows, which are too many to learn from",
        "left out 'nothing': it has no values",
    ]


def test_preprocessing_takes_rows_that_look_different_from_the_training_rows(shop):
    data = load(str(shop), "label", None, ["stars"])
    encoder = data.preprocessing().fit(data.X)
    names = list(encoder.get_feature_names_out())
    rows = pd.DataFrame(
        [
            {"age": None, "price": "?", "joined": None, "city": "Mars", "member": True},
            {"age": 40, "price": 1e4, "joined": "2020-03-01", "city": None, "member": "True"},
        ]
    )
    encoded = pd.DataFrame(encoder.transform(rows), columns=names)
    assert encoded.notna().all(axis=None)
    medians = (data.X[["age", "price"]].median() - data.X[["age", "price"]].mean()).abs()
    assert (encoded.loc[0, ["age", "price"]].abs() < medians).all()
    cities = [name for name in names if name.startswith("city_")]
    assert encoded.loc[0, cities].sum() == 0
    assert encoded.loc[1, "city_(missing)"] == 1
    assert list(encoded["member_True"]) == [1, 1]


@pytest.mark.parametrize(
    ("values", "task", "dtype"),
    [
        (["a", "b"] * 20, "classification", object),
        ([True, False] * 20, "classification", bool),
        ([0, 1, 2, 3] * 10, "classification", np.int64),
        ([0.0, 1.0, np.nan, 1.0] * 10, "classification", np.int64),
        (list(range(40)), "regression", float),
        ([0.5, 1.0] * 20, "regression", float),
    ],
)
def test_the_task_follows_from_the_target(tmp_path, values, task, dtype):
    frame = pd.DataFrame({"x": np.linspace(0, 1, 40), "y": values})
    frame.to_csv(tmp_path / "data.csv", index=False)
    data = load(str(tmp_path / "data.csv"), "y", None)
    assert (data.task, data.y.dtype) == (task, dtype)


def test_few_whole_numbers_can_be_a_regression(tmp_path):
    frame = pd.DataFrame({"x": np.linspace(0, 1, 40), "y": [1, 2, 3, 4] * 10})
    frame.to_csv(tmp_path / "data.csv", index=False)
    assert "--task regression" in load(str(tmp_path / "data.csv"), "y", None).notes[0]
    assert load(str(tmp_path / "data.csv"), "y", "regression").task == "regression"


def test_a_file_with_semicolons_and_question_marks_is_read(tmp_path):
    (tmp_path / "data.csv").write_text("a; b\n1; x\n?; y\n3; x\n")
    data = load("data.csv", "b", None)
    assert data.read_options == {"sep": ";", "skipinitialspace": True}
    assert data.numbers == ["a"]
    assert list(data.y) == ["x", "y", "x"]


def test_a_text_column_of_many_values_keeps_the_frequent_ones(tmp_path):
    words = [f"w{i}" for i in range(60)] * 3 + ["often"] * 60
    pd.DataFrame({"word": words, "y": [0, 1] * 120}).to_csv("data.csv", index=False)
    data = load("data.csv", "y", None)
    assert data.preprocessing().fit_transform(data.X).shape == (240, 50)
