"""Makes searches and training curves to draw."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd


def results(params, scores, metric="score", **columns):
    """A bare ``cv_results_`` of these candidates; scores of shape (n_candidates, n_folds)."""
    scores = np.asarray(scores, dtype=float)
    if scores.ndim == 1:
        scores = np.column_stack([scores - 0.01, scores + 0.01])
    with np.errstate(invalid="ignore"):  # infinite scores have no spread
        std = scores.std(axis=1)
    made = {
        "params": params,
        f"mean_test_{metric}": scores.mean(axis=1),
        f"std_test_{metric}": std,
        "mean_fit_time": np.full(len(params), 2.0),
        "mean_score_time": np.full(len(params), 0.5),
        **columns,
    }
    return made | {f"split{k}_test_{metric}": scores[:, k] for k in range(scores.shape[1])}


def grid(metric="score"):
    params = [
        {"model__rate": rate, "model__units": units, "act": act}
        for rate, units, act in itertools.product([1e-3, 1e-2, 1e-1], [32, 64], ["relu", "tanh"])
    ]
    return results(params, np.linspace(0.5, 0.9, len(params)), metric)


def random(n, seed=0):
    rng = np.random.default_rng(seed)
    params = [
        {
            "rate": float(10 ** rng.uniform(-5, -1)),
            "units": int(rng.integers(8, 512)),
            "act": str(rng.choice(["relu", "tanh", "elu"])),
            "sizes": [(32,), (64, 64), (128, 64, 32)][rng.integers(3)],
            "norm": bool(rng.integers(2)),
            "l2": [None, 1e-4][rng.integers(2)],
            "epochs": 10,
        }
        for _ in range(n)
    ]
    scores = rng.uniform(0.5, 0.9, (n, 3))
    if n > 5:
        scores[3, 0] = np.nan
    return results(params, scores)


def curves(n_candidates=3, n_folds=2, n_epochs=5, validation=True):
    rows = []
    for c, f, e in itertools.product(range(n_candidates), range(n_folds), range(1, n_epochs + 1)):
        value = 1.0 / e + 0.1 * c + 0.01 * f
        rows.append((c, f, 0.1**c, e, "loss", value))
        if validation:
            rows.append((c, f, 0.1**c, e, "val_loss", value + 0.5))
    return pd.DataFrame(
        rows, columns=["candidate", "fold", "param_rate", "epoch", "metric", "value"]
    )
