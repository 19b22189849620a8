"""The rows of a fit: checks, weights, and the split into training rows and validation rows."""

from __future__ import annotations

import contextlib
import copy
import numbers
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.model_selection import train_test_split
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils.validation import validate_data

from .._utils.user_warnings import warn
from ..training import sparse_rows
from ..training.loaded_rows import is_loaded
from .features import Features, is_default_encoder, layout_of, n_rows, read, take
from .loader import check_no_stream, unloaded
from .one_hot_target import as_labels
from .targets import is_missing_in, layout_of_target, rarest_labels, read_fields
from .text_columns import check_no_text, check_no_times

_OPTIONS = {"accept_sparse": True, "allow_nd": True}


@dataclass(frozen=True)
class Rows:
    """Checked rows of X and y with their weights.

    Attributes
    ----------
    X : array of shape (n_rows, ...), or dict of such arrays
        Features, as returned by `features.read`; a csr_array if they were sparse, and
        `LoadedRows` if a loader reads them.
    y : ndarray of shape (n_rows,) or (n_rows, n_outputs)
        The target, not encoded yet.
    weights : ndarray of float64 of shape (n_rows,) or (n_rows, ...), or None
        The weights of rows, or of their positions; None if all rows have the same weight.
    """

    X: Features
    y: np.ndarray
    weights: Any = None

    def at(self, indices: np.ndarray | slice) -> Rows:
        """Select rows."""
        weights = None if self.weights is None else self.weights[indices]
        return Rows(take(self.X, indices), self.y[indices], weights)


def check_X(estimator: Any, X: Any, *, reset: bool = False) -> Features:
    """Check rows without a target, such as the rows of a prediction.

    Parameters
    ----------
    estimator : estimator
        The estimator. The number and names of its columns are compared with X.
    X : array-like, data frame, sparse matrix, or dict or list of arrays
        The features, with the layout of the fit.
    reset : bool, default=False
        Whether these are the rows of a new fit, as in `check_X_y`.

    Returns
    -------
    X : array of shape (n_rows, ...), or dict of such arrays
        Features; a csr_array if they are sparse. They are dense if a subclass has its own
        `feature_encoder`.
    """
    check_no_stream(type(estimator).__name__, X)
    if reset:
        _note_layout(estimator, X, None)
    if not _is_array(estimator):
        return _checked_parts(estimator, X, reset)
    check_no_text(type(estimator).__name__, X)
    with _naming_allow_nan():
        X = validate_data(estimator, X, reset=reset, **_options(estimator))
    X = _numbers(estimator, X)
    if not reset:
        check_shapes(estimator, X)
    return X


def check_X_y(
    estimator: Any, X: Any, y: Any, *, y_numeric: bool, reset: bool
) -> tuple[Features, np.ndarray]:
    """Check rows and their target.

    If X is not one array of numbers, only the number of rows and the names of the columns are
    checked here. The dtype of each part is checked later, because it depends on the model.

    Parameters
    ----------
    estimator : estimator
        The estimator. With `reset`, its attributes ``n_features_in_`` and ``feature_names_in_``
        and its layout are set; otherwise X is compared with them.
    X : array-like, data frame, sparse matrix, or dict or list of arrays
        The features.
    y : array-like with any number of axes, data frame or structured array
        The target.
    y_numeric : bool
        Whether the target must have numbers, if it has no fields.
    reset : bool
        Whether these are the rows of a new fit.

    Returns
    -------
    X : array of shape (n_rows, ...), or dict of such arrays
        Features; a csr_array if they are sparse. They are dense if a subclass has its own
        `feature_encoder`.
    y : ndarray
        The dense target, which is numeric if `y_numeric` and it has no fields.
    """
    check_no_stream(type(estimator).__name__, X)
    if reset:
        _note_layout(estimator, X, y)
        estimator._target_layout = layout_of_target(y, labels=not y_numeric)
    in_fields = estimator._target_layout.form == "fields"
    if y_numeric and not in_fields:
        check_no_times("y", y)
    options = {"y_numeric": y_numeric and not in_fields, "reset": reset, **_options(estimator)}
    if not _is_array(estimator):
        X = _checked_parts(estimator, X, reset)
        y = _checked_target(estimator, y, y_numeric)
        if n_rows(X) != y.shape[0]:
            raise ValueError(
                f"X has {n_rows(X)} rows and y has {y.shape[0]}; pass the same number of rows"
            )
    else:
        check_no_text(type(estimator).__name__, X)
        with _naming_allow_nan():
            if in_fields or estimator.allow_nan or _n_axes(y) > 2:
                y = _checked_target(estimator, y, y_numeric)
                X = validate_data(estimator, X, reset=reset, **_options(estimator))
                check_consistent_length(X, y)
            else:
                X, y = validate_data(estimator, X, y, multi_output=True, **options)
        X = _numbers(estimator, X)
    y = y.toarray() if sparse.issparse(y) else y
    if y_numeric and not in_fields:
        y = _as_numbers("y", y, "a regressor needs numbers")
    return X, y


def _note_layout(estimator: Any, X: Any, y: Any) -> None:
    """Note the layout of the X of a new fit; with a loader, the loaded rows determine it later."""
    if estimator.loader is None:
        layout = layout_of(X, y, estimator.inputs, type(estimator).__name__)
        estimator._layout = replace(layout, allow_nan=bool(estimator.allow_nan))


def _is_array(estimator: Any) -> bool:
    return estimator.loader is None and estimator._layout.form == "array"


def _options(estimator: Any) -> dict[str, Any]:
    return {**_OPTIONS, "ensure_all_finite": "allow-nan" if estimator.allow_nan else True}


def _n_axes(y: Any) -> int:
    """Get the number of axes of y; a list of lists of lists has three."""
    axes = getattr(y, "ndim", None)
    if axes is None and isinstance(y, (list, tuple)) and len(y) and isinstance(y[0], (list, tuple)):
        axes = 2 if not len(y[0]) or np.ndim(y[0][0]) == 0 else 3
    return axes or 1


@contextlib.contextmanager
def _naming_allow_nan() -> Iterator[None]:
    """Add advice about `allow_nan` to scikit-learn's error about missing values."""
    try:
        yield
    except ValueError as error:
        begin = str(error).partition("\n")[0]
        if not begin.endswith("contains NaN."):
            raise
        raise ValueError(
            f"{begin} Fill the missing values first, for example with "
            "sklearn.impute.SimpleImputer. If the model and its loss can handle NaN, pass "
            "allow_nan=True instead"
        ) from error


def check_shapes(estimator: Any, X: np.ndarray, y: np.ndarray | None = None) -> None:
    """Raise unless rows have the same shape as in the fit."""
    fitted = f"but {type(estimator).__name__} was fitted on"
    if not (isinstance(X, dict) or is_loaded(X)) and X.shape[1:] != estimator.X_shape_[1:]:
        raise ValueError(
            f"X has rows of shape {X.shape[1:]}, {fitted} rows of shape {estimator.X_shape_[1:]}"
        )
    if y is not None and y.ndim != estimator.y_ndim_:
        raise ValueError(f"y has {y.ndim} dimensions, {fitted} a y of {estimator.y_ndim_}")


def _checked_parts(estimator: Any, X: Any, reset: bool) -> Features:
    """Read X with the layout of the fit; set or compare the names and number of its columns."""
    if estimator.loader is not None:
        return unloaded(estimator, X, reset=reset)
    layout = estimator._layout
    parts = read(X, layout)
    if not n_rows(parts):
        raise ValueError("X has 0 rows; at least one is needed")
    if layout.form in ("fields", "dict", "list"):
        if reset:
            estimator.n_features_in_ = len(layout.names)
            vars(estimator).pop("feature_names_in_", None)
            if all(isinstance(name, str) for name in layout.names):
                estimator.feature_names_in_ = np.array(layout.names, dtype=object)
    elif reset or layout.form == "columns":
        if reset:
            vars(estimator).pop("n_features_in_", None)
        validate_data(estimator, X, reset=reset, skip_check_array=True)
    return parts


def _checked_target(estimator: Any, y: Any, y_numeric: bool) -> np.ndarray:
    """Check y alone, with the same checks that scikit-learn makes for X and y."""
    if y is None:
        raise ValueError(
            f"This {type(estimator).__name__} estimator requires y to be passed, but the target y "
            "is None."
        )
    layout = estimator._target_layout
    if layout.form == "fields":
        y = read_fields(y, layout, type(estimator).__name__)
        missing = [name for name in y.dtype.names if is_missing_in(y[name]).any()]
        if missing and not estimator.allow_nan:
            raise ValueError(
                f"Input y contains NaN in the field {missing[0]!r}. Remove these rows, or pass "
                "allow_nan=True, so that these cells do not count in the loss of their head"
            )
        return y
    y = check_array(
        y,
        accept_sparse="csr",
        ensure_2d=False,
        dtype=None,
        input_name="y",
        estimator=estimator,
        allow_nd=True,
        ensure_all_finite="allow-nan" if estimator.allow_nan else True,
    )
    return y.astype(np.float64) if y_numeric and y.dtype == object else y


def weigh(rows: Rows, sample_weight: Any, class_weights: np.ndarray | None, *, scale: bool) -> Rows:
    """Add sample weights and class weights to rows; rows with weight 0 are removed.

    Parameters
    ----------
    rows : Rows
        Rows without weights.
    sample_weight : array-like of shape (n_rows,) or (n_rows, ...), or None
        The user's weights of the rows, or of the positions of each row.
    class_weights : ndarray of shape (n_rows,) or (n_rows, ...), or None
        The class weight of each row, or of each position.
    scale : bool
        Whether to scale the weights to mean 1, so that a row with weight 2 counts like two rows.

    Raises
    ------
    ValueError
        If a weight is negative, the number of weights is wrong, or all weights are zero.
    """
    weights = None
    if sample_weight is not None:
        weights = check_array(
            sample_weight,
            ensure_2d=False,
            dtype=np.float64,
            input_name="sample_weight",
            allow_nd=True,
        )
        if weights.ndim != 1 and weights.shape != rows.y.shape[: weights.ndim]:
            several = f" or have the first axes of y, {rows.y.shape}" if rows.y.ndim > 1 else ""
            raise ValueError(
                f"sample_weight must be 1-dimensional{several}, got shape {weights.shape}"
            )
        check_consistent_length(rows.y, weights)
        _check_not_negative("sample_weight", weights)
    if class_weights is not None:
        _check_not_negative("class_weight", class_weights)
        weights = class_weights if weights is None else _product(weights, class_weights)
    if weights is None:
        return rows
    X, y = rows.X, rows.y
    kept = (weights != 0).reshape(len(weights), -1).any(axis=1)
    if not kept.any():
        raise ValueError("sample_weight is zero for every row, so there is nothing to train on")
    if not kept.all():
        X, y, weights = take(X, kept), y[kept], weights[kept]
    return Rows(X, y, weights / weights.mean() if scale else weights)


def _product(weights: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Multiply weights of rows with weights of positions, in either order."""
    axes = max(weights.ndim, others.ndim)
    first, second = (w.reshape(w.shape + (1,) * (axes - w.ndim)) for w in (weights, others))
    return first * second


def validation_pair(
    X_val: Any, y_val: Any, validation_data: tuple[Any, ...] | None
) -> tuple[Any, ...] | None:
    """Get the validation rows from the arguments of ``fit``.

    Parameters
    ----------
    X_val, y_val : array-like or None
        The estimator's own arguments, which override `validation_data`.
    validation_data : tuple or None
        Keras' argument: (X, y) or (X, y, weights).

    Returns
    -------
    pair : tuple or None
        (X, y) or (X, y, weights), not checked yet; None if `fit` got no validation rows.

    Raises
    ------
    ValueError
        If only one of `X_val` and `y_val` is passed.
    """
    if X_val is None and y_val is None:
        return validation_data
    if X_val is None or y_val is None:
        missing = "X_val" if X_val is None else "y_val"
        raise ValueError(f"pass X_val and y_val together; {missing} is missing")
    return X_val, y_val


def warn_of_cut_rows(n_validation: int, n_rows: int) -> None:
    """Warn of validation rows that a search may have split into folds."""
    if n_validation == n_rows:
        warn(
            f"X_val has as many rows as X ({n_rows}). A search splits every array that is as "
            "long as its X into folds. If this fit is part of a search, its validation rows may "
            "be only a part of the rows that you passed"
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
    validation_split: Any, rows: Rows, *, stratify: bool | str, seed: int
) -> tuple[Rows, Rows | None]:
    """Split rows into training rows and validation rows.

    Parameters
    ----------
    validation_split : float, splitter or None
        The share of the validation rows, or a scikit-learn splitter, whose last split is used. A
        share is drawn at random. Keras takes the last rows instead, so that ordered rows may lack a
        class.
    rows : Rows
        All rows.
    stratify : bool or "positions"
        Whether to stratify by class, if the target is one column or one-hot. With "positions",
        rows with labels at several positions are stratified by the rarest label in each row.
    seed : int
        The seed of the draw. A shuffling splitter with ``random_state=None`` gets it too.

    Returns
    -------
    train, validation : Rows, Rows or None
        The two parts; None without validation.

    Raises
    ------
    ValueError
        If the splitter needs groups, or one of the two parts would have no rows.
    """
    y = as_labels(rows.y) if stratify else rows.y
    if stratify == "positions":
        y = rarest_labels(rows.y)
    elif stratify and is_missing_in(y).any():
        y = np.unique(y.astype(str), return_inverse=True)[1].reshape(y.shape)
    if _is_splitter(validation_split):
        train, validation = _last_split(validation_split, rows.X, y, seed)
    elif validation_split:
        train, validation = _random_split(float(validation_split), y, bool(stratify), seed)
    else:
        return rows, None
    return rows.at(train), rows.at(validation)


def _numbers(estimator: Any, X: Any) -> Any:
    if sparse.issparse(X):
        # cast only the stored values, before the matrix may become dense
        X = sparse_rows.compressed(X)
        return X if is_default_encoder(estimator.feature_encoder) else sparse_rows.dense(X)
    return _as_numbers("X", X, "encode text and categories first, for example with OneHotEncoder")


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
    splitter: Any, X: Features, y: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    splitter = copy.deepcopy(splitter)  # splitting would advance a random generator in it
    if getattr(splitter, "random_state", seed) is None:
        splitter.random_state = seed
    try:
        # one part of X is enough, because most splitters only count the rows
        one = next(iter(X.values())) if isinstance(X, dict) else X
        *_, (train, validation) = splitter.split(one, y)
    except (ValueError, TypeError) as error:
        if "groups" not in str(error):
            raise
        raise ValueError(
            f"validation_split={splitter!r} needs groups, but fit gets no groups; "
            "split the rows yourself and pass X_val and y_val to fit"
        ) from error
    return np.asarray(train), np.asarray(validation)


def _random_split(
    share: float, y: np.ndarray, stratify: bool, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    n = len(y)
    n_validation = int(np.ceil(share * n))
    if not 0 < n_validation < n:
        raise ValueError(
            f"validation_split={share} of {n} rows gives {n - n_validation} training rows and "
            f"{n_validation} validation rows; both need at least one row"
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
            why = f"there are {n_validation} validation rows for {len(classes)} classes"
        elif n - n_validation < len(classes):
            why = f"there are {n - n_validation} training rows for {len(classes)} classes"
        if why is not None:
            warn(
                f"validation_split={share}: the validation rows are not stratified, because {why}",
            )
            labels = None
    train, validation = train_test_split(
        np.arange(n), test_size=n_validation, random_state=seed % 2**32, stratify=labels
    )
    # keep the order of the data; the order of the rows in each epoch is drawn later
    return np.sort(train), np.sort(validation)
