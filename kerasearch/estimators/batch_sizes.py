"""Batch sizes: None is Keras' default of 32, and -1 is all rows."""

from __future__ import annotations

from typing import Any

from .._utils.checks import check_integer


def check_batch_size(name: str, value: Any) -> None:
    """Raise unless a batch size is None, -1 or a positive integer."""
    if value is not None and value != -1:
        check_integer(name, value, at_least=1, hint="; -1 means all rows")


def rows_of_step(batch_size: int | None, n_rows: int) -> int:
    """Get the number of rows in a step: None is Keras' default of 32, and -1 is all rows."""
    if batch_size is None:
        return 32
    return max(1, n_rows) if batch_size == -1 else int(batch_size)
