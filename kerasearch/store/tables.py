"""Stored fits as tables with a row for each fit, or with a row for each epoch of each fit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np

from .record import StoredFit

if TYPE_CHECKING:
    import pandas as pd


def fits_table(fits: Iterable[StoredFit]) -> pd.DataFrame:
    """Make a table with a row for each fit; see ``FitStore.frame``."""
    return _table([_fit_row(fit) for fit in fits])


def epochs_table(fits: Iterable[StoredFit]) -> pd.DataFrame:
    """Make a table with a row for each epoch and metric; see ``FitStore.training_history``."""
    import pandas as pd  # imported here, because pandas is not needed to store fits

    longest: dict[str, StoredFit] = {}
    folds: dict[str, int] = {}
    for fit in fits:
        folds.setdefault(fit.data, len(folds))
        if fit.key not in longest or longest[fit.key].epochs < fit.epochs:
            longest[fit.key] = fit
    names = dict.fromkeys(name for fit in longest.values() for name in fit.parameters)
    candidates: dict[str, int] = {}
    rows = []
    for fit in longest.values():
        parameters = {k: v for k, v in fit.parameters.items() if k != "epochs"}
        candidate = candidates.setdefault(repr(sorted(parameters.items())), len(candidates))
        same = {"candidate": candidate, "fold": folds[fit.data], "n_rows": fit.n_rows}
        defaults = {name: fit.defaults[name] for name in names if name in fit.defaults}
        same |= _parameter_columns({**parameters, **defaults})
        rows += [
            {**same, "epoch": epoch, "metric": metric, "value": value}
            for epoch, metric, value in history_rows(
                fit.history, fit.parameters.get("fit__validation_freq")
            )
        ]
    last = ["epoch", "metric", "value"]
    if not rows:
        return pd.DataFrame(columns=["candidate", "fold", "n_rows", *last])
    table = _table(rows)
    return table[[name for name in table.columns if name not in last] + last]


def history_rows(
    history: Mapping[str, Any], validation_freq: Any = None
) -> Iterator[tuple[int, str, float]]:
    """Iterate over a history: epoch (from 1), metric and value.

    `validation_freq` determines the epochs of the validation metrics. If it is None, the epochs
    are assumed to be equally spaced, with the largest possible distance.
    """
    n_epochs = max(map(len, history.values()), default=0)
    for metric, values in history.items():
        epochs: Iterable[int] = range(1, n_epochs + 1)
        if metric.startswith("val_") and 0 < len(values) < n_epochs:
            every = validation_freq or n_epochs // len(values)
            epochs = sorted(every) if isinstance(every, list | tuple) else count(every, every)
        for epoch, value in zip(epochs, values, strict=False):
            if np.ndim(value) == 0:  # a metric with vector values has no curve
                yield epoch, metric, float(value)


def _fit_row(fit: StoredFit) -> dict[str, Any]:
    last_values = {
        name: values[-1]
        for name, values in fit.history.items()
        if values and not np.ndim(values[-1])
    }
    return {
        "fit": fit.name,
        **_parameter_columns(fit.parameters),
        "n_rows": fit.n_rows,
        "epochs": fit.epochs,
        "seconds": fit.seconds,
        **last_values,
        "path": fit.path,
        "divergence": fit.divergence,
        "created": fit.created,
        "n_bytes": fit.n_bytes,
    }


def _parameter_columns(parameters: dict[str, Any]) -> dict[str, Any]:
    """Map column names to parameters. Lists become tuples, which pandas can group by."""
    return {
        f"param_{name}": tuple(value) if isinstance(value, list) else value
        for name, value in parameters.items()
    }


def _table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Make a table. A column of integers keeps an integer dtype if values are missing."""
    import pandas as pd  # imported here, because pandas is not needed to store fits

    columns = {name: None for row in rows for name in row}
    table: dict[str, pd.Series] = {}
    for name in columns:
        if name.startswith("param_") and any(row.get(name, "") is None for row in rows):
            # None is a valid value of a parameter, and is not a missing value
            cells = [row.get(name, np.nan) for row in rows]
            table[name] = pd.Series(cells, dtype=object)
            continue
        values = [row.get(name) for row in rows]
        kinds = {type(value) for value in values if value is not None}
        some_missing = len(kinds) == 1 and any(value is None for value in values)
        dtype = {int: "Int64", bool: "boolean"}.get(next(iter(kinds))) if some_missing else None
        table[name] = pd.Series(values, dtype=dtype)
    return pd.DataFrame(table)
