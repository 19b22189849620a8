"""Stored fits as tables: a row for each fit, or for each epoch of each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np

from .record import StoredFit

if TYPE_CHECKING:
    import pandas as pd


def fits_table(fits: Iterable[StoredFit]) -> pd.DataFrame:
    """A row for each fit; see ``FitStore.frame``."""
    return _table([_fit_row(fit) for fit in fits])


def epochs_table(fits: Iterable[StoredFit]) -> pd.DataFrame:
    """A row for each epoch and metric; see ``FitStore.training_history``."""
    import pandas as pd  # here: storing fits needs no pandas

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
    """Walk through a history: epoch, metric and value.

    The values of ``validation_freq`` are those of the epochs at whose ends they were measured.
    Where that setting is not known, they are taken to be as far apart as there is room for.
    """
    n_epochs = max(map(len, history.values()), default=0)
    for metric, values in history.items():
        epochs: Iterable[int] = range(1, n_epochs + 1)
        if metric.startswith("val_") and 0 < len(values) < n_epochs:
            every = validation_freq or n_epochs // len(values)
            epochs = sorted(every) if isinstance(every, list | tuple) else count(every, every)
        for epoch, value in zip(epochs, values, strict=False):
            if np.ndim(value) == 0:  # a metric that is a vector is no curve
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
    """Parameters by the names of their columns; lists as tuples, which can be grouped by."""
    return {
        f"param_{name}": tuple(value) if isinstance(value, list) else value
        for name, value in parameters.items()
    }


def _table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Make a table in which whole numbers stay whole where some are missing."""
    import pandas as pd  # here: storing fits needs no pandas

    columns = {name: None for row in rows for name in row}
    table: dict[str, pd.Series] = {}
    for name in columns:
        if name.startswith("param_") and any(row.get(name, "") is None for row in rows):
            # None is a value too
            cells = [row.get(name, np.nan) for row in rows]
            table[name] = pd.Series(cells, dtype=object)
            continue
        values = [row.get(name) for row in rows]
        kinds = {type(value) for value in values if value is not None}
        some_missing = len(kinds) == 1 and any(value is None for value in values)
        dtype = {int: "Int64", bool: "boolean"}.get(next(iter(kinds))) if some_missing else None
        table[name] = pd.Series(values, dtype=dtype)
    return pd.DataFrame(table)
