"""A folder of its own for each test, and a file such as people have."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def shop(tmp_path):
    """A file such as people have: text, booleans, dates, gaps, an identifier, an empty column."""
    rng = np.random.default_rng(0)
    n = 150
    age = rng.integers(18, 80, n).astype(float)
    city = rng.choice(["Oslo", "Rome", "Bern"], n).astype(object)
    frame = pd.DataFrame(
        {
            "row": np.arange(n),
            "age": age,
            "city": city,
            "member": rng.choice([True, False], n).astype(object),
            "joined": pd.date_range("2020-01-01", periods=n).strftime("%Y-%m-%d"),
            "note": [f"text {i}" for i in range(n)],
            "nothing": np.nan,
            "label": np.where((age > 45) ^ (city == "Rome"), "yes", "no"),
            "price": 1000 * age + rng.normal(0, 500, n),
            "stars": rng.integers(1, 6, n),
        }
    )
    for column, rows in {"age": [1, 5], "city": [2], "member": [3, 4], "label": [7]}.items():
        frame.loc[rows, column] = None
    frame.to_csv(tmp_path / "shop.csv", index=False)
    return tmp_path / "shop.csv"
