"""Checks of the parameter `class_weight`, made before scikit-learn reads it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .._utils.checks import as_real
from .._utils.text import listed


def check_class_weight(class_weight: Any, y: np.ndarray) -> None:
    """Raise unless `class_weight` is "balanced", a dict by label, or a list of these.

    Parameters
    ----------
    class_weight : dict, "balanced" or list of dict
        A list must have one entry for each column of y.
    y : ndarray of shape (n_rows,) or (n_rows, n_columns)
        The target. If it has one axis, the keys of a dict are compared with its labels.

    Raises
    ------
    ValueError
        If `class_weight` is not valid. The message shows a valid value.
    """
    given = f"class_weight={class_weight!r}"
    labels = np.unique(y).tolist() if y.ndim == 1 else []
    if isinstance(class_weight, str) and class_weight == "balanced":
        return
    if isinstance(class_weight, Mapping):
        if labels and not set(labels) & set(class_weight):
            raise ValueError(f"{given} has none of y's labels, which are {listed(labels)}")
        for weight in class_weight.values():
            if as_real(weight) is None:
                raise ValueError(f"{given} must have numbers as weights, not {weight!r}")
        return
    if isinstance(class_weight, list) and y.ndim > 1 and len(class_weight) == y.shape[1]:
        return  # one entry for each column
    example = "{0: 1.0, 1: 2.0}"
    if not isinstance(class_weight, str) and np.shape(class_weight) == (len(labels),):
        pairs = zip(labels, np.asarray(class_weight).tolist(), strict=True)
        weights = {label: weight for label, weight in pairs if not isinstance(weight, Mapping)}
        example = repr(weights) if len(weights) == len(labels) else example
    raise ValueError(
        f"{given} must be 'balanced', None, or a dict of weights by label, such as "
        f"class_weight={example}"
    )
