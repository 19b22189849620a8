"""The validation part of a fit: which rows train and which are held out."""

from __future__ import annotations

import copy
import numbers
import warnings
from typing import Any

import numpy as np
from sklearn.model_selection import train_test_split


def check_validation_split(validation_split: Any) -> None:
    """Raise unless `validation_split` is a share of the rows or a scikit-learn splitter."""
    if validation_split is None or _is_splitter(validation_split):
        return
    is_number = isinstance(validation_split, numbers.Real) and not isinstance(
        validation_split, bool
    )
    if not is_number or not 0 <= validation_split < 1:
        raise ValueError(
            f"validation_split={validation_split!r} must be a number in [0, 1), the share of the "
            "rows to hold out, or a scikit-learn splitter such as TimeSeriesSplit()"
        )


def split_rows(
    validation_split: Any, X: np.ndarray, y: np.ndarray, *, stratify: bool, seed: int
) -> tuple[np.ndarray, np.ndarray] | None:
    """Choose the rows that train and those that validate.

    Parameters
    ----------
    validation_split : float, splitter or None
        A share of the rows, drawn at random (never the tail: ordered rows would leave a class
        out), or a scikit-learn splitter, of which the last split is taken.
    X, y : ndarray
        The rows, before encoding.
    stratify : bool
        Whether to keep the classes' shares, where `y` is one column.
    seed : int
        What the draw follows from; a shuffling splitter without a seed of its own gets it too.

    Returns
    -------
    rows : tuple of two ndarray of int, or None
        Indices that train and indices that validate; None without validation.

    Raises
    ------
    ValueError
        If the splitter needs groups, or one of the two parts would have no rows.
    """
    if _is_splitter(validation_split):
        return _last_split(validation_split, X, y, seed)
    if not validation_split:
        return None
    return _random_split(float(validation_split), y, stratify, seed)


def _is_splitter(value: Any) -> bool:
    return hasattr(value, "split") and not isinstance(value, str)


def _last_split(
    splitter: Any, X: np.ndarray, y: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    splitter = copy.deepcopy(splitter)  # it may hold a generator, which splitting would advance
    if getattr(splitter, "random_state", seed) is None:
        splitter.random_state = seed
    try:
        *_, (train, validation) = splitter.split(X, y)
    except (ValueError, TypeError) as error:
        if "groups" not in str(error):
            raise
        raise ValueError(
            f"validation_split={splitter!r} needs groups, which fit does not get; "
            "split outside and pass X_val and y_val to fit"
        ) from error
    return np.asarray(train), np.asarray(validation)


def _random_split(
    share: float, y: np.ndarray, stratify: bool, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    n = len(y)
    n_validation = int(np.ceil(share * n))
    if not 0 < n_validation < n:
        raise ValueError(
            f"validation_split={share} of {n} rows leaves {n - n_validation} to train on and "
            f"{n_validation} to validate on; both need at least one"
        )
    labels = None
    if stratify and (y.ndim == 1 or y.shape[1] == 1):
        labels = y.ravel()
        classes, counts = np.unique(labels, return_counts=True)
        smallest = counts.argmin()
        why = None
        if counts[smallest] < 2:
            why = f"class {classes[smallest].item()!r} has {counts[smallest]} of {n} rows"
        elif n_validation < len(classes):
            why = f"it has {n_validation} of {n} rows for {len(classes)} classes"
        elif n - n_validation < len(classes):
            why = f"it leaves {n - n_validation} of {n} rows for {len(classes)} classes"
        if why is not None:
            warnings.warn(
                f"validation_split={share}: the validation part is not stratified, since {why}",
                UserWarning,
                stacklevel=6,
            )
            labels = None
    train, validation = train_test_split(
        np.arange(n), test_size=n_validation, random_state=seed % 2**32, stratify=labels
    )
    # the order of the rows within an epoch is drawn elsewhere; here it stays that of the data
    return np.sort(train), np.sort(validation)
