"""Makes cv_results_ of known numbers, and keeps them as users do."""

from __future__ import annotations

import numpy as np
import pandas as pd


def cv_results(params, scores, metric="score", **extras):
    """Make what a search of scikit-learn would have of these candidates and fold scores."""
    scores = np.atleast_2d(np.asarray(scores, dtype=float))
    n = len(params)
    table = {
        "mean_fit_time": np.arange(1.0, n + 1),
        "std_fit_time": np.zeros(n),
        "mean_score_time": np.full(n, 0.5),
        "std_score_time": np.zeros(n),
    }
    for name in dict.fromkeys(name for each in params for name in each):
        column = np.ma.masked_all(n, dtype=object)
        for i, each in enumerate(params):
            if name in each:
                column[i] = each[name]
        table[f"param_{name}"] = column
    table["params"] = params
    table |= {f"split{k}_test_{metric}": scores[:, k] for k in range(scores.shape[1])}
    table[f"mean_test_{metric}"] = scores.mean(axis=1)
    table[f"std_test_{metric}"] = scores.std(axis=1)
    order = pd.Series(-scores.mean(axis=1)).rank(method="min", na_option="bottom")
    table[f"rank_test_{metric}"] = order.to_numpy(dtype=np.int32)
    return table | extras


def through_csv(table, path):
    pd.DataFrame(table).to_csv(path / "results.csv")
    return pd.read_csv(path / "results.csv")


def through_parquet(table, path):
    pd.DataFrame(table).to_parquet(path / "results.parquet")
    return pd.read_parquet(path / "results.parquet")
