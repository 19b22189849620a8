"""What goes into a fit: checked rows, their weights, and the rows that validate."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from scipy import sparse
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils.validation import validate_data

from .model_building import ModelBuilding
from .validation_split import split_rows


class DataPreparation(ModelBuilding):
    """Checks what `fit` and `predict` get, and weighs and parts the rows."""

    def _validate(self, X: Any, y: Any = "no_validation", *, reset: bool) -> Any:
        options = {"accept_sparse": True, "allow_nd": True, "reset": reset}
        X_only = isinstance(y, str)
        if X_only:  # as scikit-learn spells it; None is a target that was forgotten
            X = validate_data(self, X, **options)
        else:
            X, y = validate_data(
                self, X, y, multi_output=True, y_numeric=self._y_numeric, **options
            )
            y = self._check_target(y, reset)
        if sparse.issparse(X):
            X = X.toarray()
        X = _as_numbers("X", X, "encode text and categories first, with OneHotEncoder for example")
        if not X_only and self._y_numeric:
            y = _as_numbers("y", y, "a regressor wants numbers")
        if reset:
            self.X_shape_, self.X_dtype_ = X.shape, X.dtype
            self.y_dtype_, self.y_ndim_ = y.dtype, y.ndim
            self.target_type_ = self._type_of_target(y)
        elif X.shape[1:] != self.X_shape_[1:]:
            raise ValueError(
                f"X has rows of shape {X.shape[1:]}, but {type(self).__name__} was fitted on rows "
                f"of shape {self.X_shape_[1:]}"
            )
        elif not X_only and y.ndim != self.y_ndim_:
            raise ValueError(
                f"y has {y.ndim} dimensions, but {type(self).__name__} was fitted on a y of "
                f"{self.y_ndim_}"
            )
        return X if X_only else (X, y)

    def _check_target(self, y: Any, reset: bool) -> np.ndarray:
        return y.toarray() if sparse.issparse(y) else y

    def _apply_weights(
        self, X: np.ndarray, y: np.ndarray, sample_weight: Any, class_weight: Any, *, scale: bool
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Weights of the rows by sample and class; rows of weight 0 are dropped."""
        weights = None
        if sample_weight is not None:
            weights = check_array(
                sample_weight, ensure_2d=False, dtype=np.float64, input_name="sample_weight"
            )
            if weights.ndim != 1:
                raise ValueError(f"sample_weight must be 1-dimensional, got shape {weights.shape}")
            check_consistent_length(X, weights)
            if (weights < 0).any():
                raise ValueError(f"sample_weight must not be negative, got {weights.min()}")
        by_class = self._class_weights(y, class_weight)
        if by_class is not None:
            if (by_class < 0).any():
                raise ValueError(f"class_weight must not be negative, got {by_class.min()}")
            weights = by_class if weights is None else weights * by_class
        if weights is None:
            return X, y, None
        kept = weights != 0
        if not kept.any():
            raise ValueError("sample_weight is zero for every row, so there is nothing to train on")
        if not kept.all():
            X, y, weights = X[kept], y[kept], weights[kept]
        return X, y, weights / weights.mean() if scale else weights

    def _class_weights(self, y: np.ndarray, class_weight: Any) -> np.ndarray | None:
        if class_weight is not None:
            raise ValueError(f"class_weight={class_weight!r} is for classifiers")
        return None

    def _validation_data(
        self, X: np.ndarray, X_val: Any, y_val: Any, settings: Mapping[str, Any]
    ) -> tuple[Any, ...] | None:
        weights: tuple[Any, ...] = ()
        if X_val is None and y_val is None and settings.get("validation_data") is not None:
            X_val, y_val, *weights = settings["validation_data"]  # type: ignore[assignment]
        if X_val is None and y_val is None:
            return None
        if X_val is None or y_val is None:
            missing = "X_val" if X_val is None else "y_val"
            raise ValueError(f"X_val and y_val come together; {missing} is missing")
        X_val, y_val = self._validate(X_val, y_val, reset=False)
        if len(X_val) == len(X):
            warnings.warn(
                f"X_val has as many rows as X ({len(X)}). A search cuts an array as long as its "
                "own X into its folds: if this happens inside one, the rows that validate are not "
                "those you passed",
                UserWarning,
                stacklevel=4,
            )
        return (
            self.feature_encoder_.transform(X_val),
            self.target_encoder_.transform(y_val),
            *weights,
        )

    def _hold_out(
        self, X: np.ndarray, y: np.ndarray, data: tuple[Any, ...], settings: Mapping[str, Any]
    ) -> tuple[Any, Any]:
        """Part the encoded rows into those that train and those that validate, or None."""
        rows = split_rows(
            settings["validation_split"], X, y, stratify=self._stratify, seed=self._seed
        )
        return (data, None) if rows is None else (_rows(data, rows[0]), _rows(data, rows[1]))


def _rows(structure: Any, indices: np.ndarray) -> Any:
    return keras.tree.map_structure(lambda a: None if a is None else a[indices], structure)


def _as_numbers(name: str, array: np.ndarray, advice: str) -> np.ndarray:
    if array.dtype.kind in "fiub":
        return array
    try:
        return array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be numeric: {error}; {advice}") from error
