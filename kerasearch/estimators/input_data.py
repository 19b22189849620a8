"""The rows of a fit as it gets them: checked, weighed, and parted into training and validation."""

from __future__ import annotations

import copy
import numbers
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.model_selection import train_test_split
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils.validation import validate_data

from .._utils.user_warnings import warn
from .one_hot_target import as_labels
from .text_columns import check_no_text, check_no_times

_OPTIONS = {"accept_sparse": True, "allow_nd": True}


@dataclass(frozen=True)
class Rows:
    """Rows of X and y with their weights, dense and checked.

    Attributes
    ----------
    X : ndarray of shape (n_rows, ...)
        Numbers.
    y : ndarray of shape (n_rows,) or (n_rows, n_outputs)
        The target, not encoded yet.
    weights : ndarray of float64 of shape (n_rows,), or None
        None where every row weighs the same.
    """

    X: np.ndarray
    y: np.ndarray
    weights: Any = None

    def at(self, indices: np.ndarray) -> Rows:
        """Take some of the rows."""
        weights = None if self.weights is None else self.weights[indices]
        return Rows(self.X[indices], self.y[indices], weights)


def check_X(estimator: BaseEstimator, X: Any) -> np.ndarray:
    """Check the rows of a prediction against those that the estimator was fitted on.

    Parameters
    ----------
    estimator : estimator
        scikit-learn compares the number and the names of columns with what it has.
    X : array-like or sparse matrix of shape (n_rows, ...)
        The features.

    Returns
    -------
    X : ndarray of shape (n_rows, ...)
        Dense numbers.
    """
    check_no_text(estimator, X)
    X = _dense_numbers(validate_data(estimator, X, reset=False, **_OPTIONS))
    check_shapes(estimator, X)
    return X


def check_X_y(
    estimator: BaseEstimator, X: Any, y: Any, *, y_numeric: bool, reset: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Check rows and their target.

    Parameters
    ----------
    estimator : estimator
        With `reset`, scikit-learn's ``n_features_in_`` and ``feature_names_in_`` are set on it;
        otherwise X is compared with them.
    X : array-like or sparse matrix of shape (n_rows, ...)
        The features.
    y : array-like of shape (n_rows,) or (n_rows, n_outputs)
        The target.
    y_numeric : bool
        Whether the target must be numbers.
    reset : bool
        Whether these are the rows of a new fit.

    Returns
    -------
    X, y : ndarray
        Dense; X is numbers, and y too where `y_numeric`.
    """
    check_no_text(estimator, X)
    if y_numeric:
        check_no_times("y", y)
    X, y = validate_data(
        estimator, X, y, multi_output=True, y_numeric=y_numeric, reset=reset, **_OPTIONS
    )
    y = y.toarray() if sparse.issparse(y) else y
    if y_numeric:
        y = _as_numbers("y", y, "a regressor wants numbers")
    return _dense_numbers(X), y


def check_shapes(estimator: Any, X: np.ndarray, y: np.ndarray | None = None) -> None:
    """Raise unless rows have the shape of those that the estimator was fitted on."""
    fitted = f"but {type(estimator).__name__} was fitted on"
    if X.shape[1:] != estimator.X_shape_[1:]:
        raise ValueError(
            f"X has rows of shape {X.shape[1:]}, {fitted} rows of shape {estimator.X_shape_[1:]}"
        )
    if y is not None and y.ndim != estimator.y_ndim_:
        raise ValueError(f"y has {y.ndim} dimensions, {fitted} a y of {estimator.y_ndim_}")


def weigh(rows: Rows, sample_weight: Any, class_weights: np.ndarray | None, *, scale: bool) -> Rows:
    """Weigh rows by sample and class; rows of weight 0 are dropped.

    Parameters
    ----------
    rows : Rows
        Without weights.
    sample_weight : array-like of shape (n_rows,) or None
        What the user gave.
    class_weights : ndarray of shape (n_rows,) or None
        The weight of each row's class.
    scale : bool
        Whether to scale the weights to mean 1, so that a weight of 2 is the row twice.

    Raises
    ------
    ValueError
        If a weight is negative, there is not one a row, or all are zero.
    """
    weights = None
    if sample_weight is not None:
        weights = check_array(
            sample_weight, ensure_2d=False, dtype=np.float64, input_name="sample_weight"
        )
        if weights.ndim != 1:
            raise ValueError(f"sample_weight must be 1-dimensional, got shape {weights.shape}")
        check_consistent_length(rows.X, weights)
        _check_not_negative("sample_weight", weights)
    if class_weights is not None:
        _check_not_negative("class_weight", class_weights)
        weights = class_weights if weights is None else weights * class_weights
    if weights is None:
        return rows
    X, y, kept = rows.X, rows.y, weights != 0
    if not kept.any():
        raise ValueError("sample_weight is zero for every row, so there is nothing to train on")
    if not kept.all():
        X, y, weights = X[kept], y[kept], weights[kept]
    return Rows(X, y, weights / weights.mean() if scale else weights)


def validation_pair(
    X_val: Any, y_val: Any, validation_data: tuple[Any, ...] | None
) -> tuple[Any, ...] | None:
    """Find the rows to validate on in what a call of fit was given.

    Parameters
    ----------
    X_val, y_val : array-like or None
        The call's own arguments, which come first.
    validation_data : tuple or None
        Keras' argument: (X, y) or (X, y, weights).

    Returns
    -------
    pair : tuple or None
        (X, y) or (X, y, weights), not checked yet; None where there are none.

    Raises
    ------
    ValueError
        If one of `X_val` and `y_val` is missing.
    """
    if X_val is None and y_val is None:
        return validation_data
    if X_val is None or y_val is None:
        missing = "X_val" if X_val is None else "y_val"
        raise ValueError(f"X_val and y_val come together; {missing} is missing")
    return X_val, y_val


def warn_of_cut_rows(n_validation: int, n_rows: int) -> None:
    """Warn of rows to validate on that a search may have cut into its folds."""
    if n_validation == n_rows:
        warn(
            f"X_val has as many rows as X ({n_rows}). A search cuts an array as long as its "
            "own X into its folds: if this happens inside one, the rows that validate are not "
            "those you passed"
        )


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
    validation_split: Any, rows: Rows, *, stratify: bool, seed: int
) -> tuple[Rows, Rows | None]:
    """Part rows into those that train and those that validate.

    Parameters
    ----------
    validation_split : float, splitter or None
        A share of the rows, drawn at random (never the tail: ordered rows would leave a class
        out), or a scikit-learn splitter, of which the last split is taken.
    rows : Rows
        All of them.
    stratify : bool
        Whether to keep the classes' shares, where the target is one column or one-hot.
    seed : int
        What the draw follows from; a shuffling splitter without a seed of its own gets it too.

    Returns
    -------
    train, validation : Rows, Rows or None
        None without validation.

    Raises
    ------
    ValueError
        If the splitter needs groups, or one of the two parts would have no rows.
    """
    y = as_labels(rows.y) if stratify else rows.y
    if _is_splitter(validation_split):
        train, validation = _last_split(validation_split, rows.X, y, seed)
    elif validation_split:
        train, validation = _random_split(float(validation_split), y, stratify, seed)
    else:
        return rows, None
    return rows.at(train), rows.at(validation)


def at_least_float32(array: np.ndarray) -> np.ndarray:
    """Widen what NumPy, and so scikit-learn, lacks (bfloat16) or counts badly in (float16)."""
    narrow = array.dtype.kind not in "fiubcOSU" or array.dtype == np.float16
    return array.astype(np.float32) if narrow else array


def _dense_numbers(X: Any) -> np.ndarray:
    if sparse.issparse(X):
        if X.dtype.kind == "f":  # cast what is stored, before there are zeros beside it
            X = X.tocsr().astype(keras.config.floatx())
        return X.toarray()
    return _as_numbers("X", X, "encode text and categories first, with OneHotEncoder for example")


def _as_numbers(name: str, array: np.ndarray, advice: str) -> np.ndarray:
    if array.dtype.kind in "fiub":
        return array
    check_no_times(name, array)
    try:
        return array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be numeric: {error}; {advice}") from error


def _check_not_negative(name: str, weights: np.ndarray) -> None:
    if (weights < 0).any():
        raise ValueError(f"{name} must not be negative, got {weights.min()}")


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
            warn(
                f"validation_split={share}: the validation part is not stratified, since {why}",
            )
            labels = None
    train, validation = train_test_split(
        np.arange(n), test_size=n_validation, random_state=seed % 2**32, stratify=labels
    )
    # the order of the rows within an epoch is drawn elsewhere; here it stays that of the data
    return np.sort(train), np.sort(validation)
