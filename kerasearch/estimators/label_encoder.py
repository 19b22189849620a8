"""Encoders between the target and the arrays of a model. Only this module imports scikeras.

Importing scikeras replaces ``__reduce__`` and ``__deepcopy__`` of Keras' classes in the whole
process. This module restores them, unless the user has imported scikeras before.
"""

from __future__ import annotations

import sys
from typing import Any

import keras
import numpy as np
from scipy.special import expit, softmax

_PATCHED = {
    keras.Model: ("__reduce__", "__deepcopy__"),
    keras.losses.Loss: ("__reduce__",),
    keras.metrics.Metric: ("__reduce__",),
    keras.optimizers.Optimizer: ("__reduce__",),
}
_theirs = "scikeras" in sys.modules
_before = {(cls, name): vars(cls).get(name) for cls, names in _PATCHED.items() for name in names}

from scikeras._utils import unflatten_params  # noqa: E402

from .one_hot_target import is_one_hot  # noqa: E402

if not _theirs:
    for (_cls, _name), _value in _before.items():
        if _value is not None:
            setattr(_cls, _name, _value)
        elif _name in vars(_cls):
            delattr(_cls, _name)

__all__ = ["ClassifierLabelEncoder", "RegressorTargetEncoder", "unflatten_params"]


class ClassifierLabelEncoder:
    """Encode labels for the loss of a model, and decode its raw output to labels.

    The encoder is fitted once to the labels. The loss is known only after the model is built, and
    `encode_for` then sets the encoding that the loss needs. This class is not a scikit-learn
    estimator, so that tools that observe scikit-learn's fits ignore it.

    Parameters
    ----------
    target_type : str
        The type of the target, as in scikit-learn's ``type_of_target``. A matrix with exactly one 1
        in each row may have independent labels (``"multilabel-indicator"``) or one-hot classes
        (``"multiclass"``); `encode_for` can change the first to the second.
    one_hot : bool or list of bool, default=False
        Whether the loss needs one column for each class; a list if y has several columns.
    categories : ndarray of shape (n_classes,), default=None
        The classes; None means the classes of the target in `fit`.
    from_logits : bool or list of bool, default=False
        Whether the model returns logits.
    positions : tuple of int, default=()
        The sizes of the axes of positions, if each row has a label at several positions. Examples
        are the steps of a sequence, and the height and width of an image. All positions have the
        same classes.
    """

    classes_: Any
    n_classes_: Any

    def __init__(
        self,
        target_type: str,
        one_hot: Any = False,
        categories: np.ndarray | None = None,
        from_logits: Any = False,
        positions: tuple[int, ...] = (),
    ):
        self.target_type = target_type
        self.one_hot = one_hot
        self.categories = categories
        self.from_logits = from_logits
        self.positions = positions

    def fit(self, y: np.ndarray) -> ClassifierLabelEncoder:
        """Determine the classes of `y`, of shape (n_samples, ...)."""
        self.n_outputs_ = self.n_outputs_expected_ = 1
        self._y_shape, self._y_dtype = y.shape, y.dtype
        self._float = np.dtype(keras.config.floatx())
        self._in_columns = y.ndim == 2 and y.shape[1] > 1 and not self.positions
        self._exclusive = self.target_type != "multilabel-indicator"
        if self.target_type == "multiclass-multioutput":
            kinds = ["binary" if len(np.unique(c)) < 3 else "multiclass" for c in y.T]
            self._columns = [type(self)(k).fit(c) for k, c in zip(kinds, y.T, strict=True)]
            self.classes_ = [column.classes_ for column in self._columns]
            self.n_classes_ = [column.n_classes_ for column in self._columns]
            self.n_outputs_ = self.n_outputs_expected_ = y.shape[1]
        else:
            found = _numbers_of_columns(y) if self._in_columns else np.unique(y)
            self.classes_ = found if self.categories is None else self.categories
            self.n_classes_ = len(self.classes_)
        return self.encode_for(self.one_hot, self.from_logits)

    def encode_for(
        self,
        one_hot: Any,
        from_logits: Any,
        exclusive: Any = None,
        is_raw: bool = False,
    ) -> ClassifierLabelEncoder:
        """Set the encoding of the labels for the loss of a model, without a new fit.

        Parameters
        ----------
        one_hot, from_logits : bool or list of bool
            As in the constructor.
        exclusive : bool, default=None
            Whether the columns of an indicator matrix are classes, and each row has one class. None
            keeps the current setting.
        is_raw : bool, default=False
            Whether only a loss of the user can interpret the model's output. Predictions are then
            the output itself.

        Returns
        -------
        self : ClassifierLabelEncoder
            This encoder.
        """
        self.one_hot, self.from_logits, self._is_raw = one_hot, from_logits, is_raw
        if self.target_type == "multiclass-multioutput":
            n = len(self._columns)
            each_one_hot = one_hot if isinstance(one_hot, list) else [one_hot] * n
            each_logits = from_logits if isinstance(from_logits, list) else [from_logits] * n
            for encoder, one, logits in zip(self._columns, each_one_hot, each_logits, strict=True):
                encoder.encode_for(one, logits)
        elif self.target_type == "multilabel-indicator" and exclusive is not None:
            self._exclusive = exclusive
        return self

    @property
    def exclusive(self) -> bool:
        """Whether each row has exactly one label."""
        return self._exclusive

    def transform(self, y: np.ndarray) -> Any:
        """Encode `y` for the Keras model; the result is a list if y has several columns."""
        if self.target_type == "multiclass-multioutput":
            return [encoder.transform(c) for encoder, c in zip(self._columns, y.T, strict=True)]
        if self._in_columns:
            if self._exclusive and not (self.one_hot or is_one_hot(y)):
                raise ValueError(
                    "y has rows with no 1 or with several, but its columns were interpreted as "
                    "classes, with one class for each row: for labels that may occur together, "
                    "use sigmoid and loss='binary_crossentropy'"
                )
            return y if self.one_hot or not self._exclusive else self._column(y.argmax(axis=1))
        labels = y.ravel()
        numbers = np.searchsorted(self.classes_, labels).clip(max=self.n_classes_ - 1)
        unknown = np.unique(labels[self.classes_[numbers] != labels])
        if len(unknown):
            raise ValueError(f"y has classes {unknown.tolist()} that the encoder was not fitted on")
        if self.one_hot:
            columns = np.eye(self.n_classes_, dtype=self._float)[numbers]
            return columns.reshape(-1, *self.positions, self.n_classes_)
        return self._column(numbers)

    def _column(self, numbers: np.ndarray) -> np.ndarray:
        return numbers.astype(self._float).reshape(-1, *self.positions, 1)

    def inverse_transform(self, y: Any, return_proba: bool = False) -> Any:
        """Turn the model's raw output into classes, or into probabilities."""
        if self._is_raw:
            if return_proba:
                raise ValueError(
                    "the model's output has no class probabilities, because only its loss can "
                    "interpret it: use predict, which returns the output itself"
                )
            return _the_array(y)
        if self.target_type == "multiclass-multioutput":
            columns = [
                encoder.inverse_transform(raw, return_proba)
                for encoder, raw in zip(self._columns, keras.tree.flatten(y), strict=True)
            ]
            return columns if return_proba else np.column_stack(columns)
        proba = self._probabilities(_the_array(y))
        if return_proba:
            return proba
        if not self._exclusive:
            return np.around(proba).astype(int, copy=False)
        numbers = np.argmax(proba, axis=-1)
        if self._in_columns:  # in the form of y, so that scorers can compare
            return np.eye(self.n_classes_, dtype=self._y_dtype)[numbers]
        return self.classes_[numbers].reshape(-1, *self._y_shape[1:])

    def _probabilities(self, raw: np.ndarray) -> np.ndarray:
        if self.from_logits:
            several = self._exclusive and raw.shape[-1] > 1
            raw = softmax(raw, axis=-1) if several else expit(raw)
        if self.positions:
            raw = raw.reshape(-1, *self._y_shape[1:], raw.shape[-1])
            single = raw.shape[-1] == 1
        else:
            single = raw.reshape(len(raw), -1).shape[1] == 1
        if self.target_type == "binary" and single:
            positive = raw[..., 0] if self.positions else raw.reshape(-1)
            raw = np.stack([1 - positive, positive], axis=-1)
        return raw

    def get_metadata(self) -> dict[str, Any]:
        """Get the facts about the target for the estimator and its builder."""
        names = ("classes_", "n_classes_", "n_outputs_", "n_outputs_expected_")
        return {name: getattr(self, name) for name in names}


def _the_array(raw: Any) -> np.ndarray:
    """Get the single output of a model, which may be in a list or dict."""
    return np.asarray(keras.tree.flatten(raw)[0])


def _numbers_of_columns(y: np.ndarray) -> np.ndarray:
    # With two integer classes, scikit-learn's scorers assume a binary target and use only the
    # second column of the probabilities. With objects, they use all columns.
    return np.arange(y.shape[1], dtype=object if y.shape[1] == 2 else int)


class RegressorTargetEncoder:
    """Check a regressor's target, which is not encoded, and give predictions its shape."""

    def fit(self, y: np.ndarray) -> RegressorTargetEncoder:
        """Note the shape of `y`, which is (n_samples,), (n_samples, n_outputs) or longer."""
        self._y_shape, self._floating = y.shape, y.dtype if y.dtype.kind == "f" else np.float64
        self.n_outputs_ = 1 if y.ndim == 1 else y.shape[-1]
        self.n_outputs_expected_ = 1
        return self.encode_for()

    def encode_for(
        self, row: tuple[int, ...] | None = None, is_raw: bool = False
    ) -> RegressorTargetEncoder:
        """Set the shape of the target for a model.

        Parameters
        ----------
        row : tuple of int, default=None
            The shape of a row, if only one of the model's output and y has a last axis of size 1.
            None keeps the shape of y.
        is_raw : bool, default=False
            Whether only a loss of the user can interpret the model's output.

        Returns
        -------
        self : RegressorTargetEncoder
            This encoder.
        """
        self._row, self._is_raw = row, is_raw
        return self

    def transform(self, y: np.ndarray) -> np.ndarray:
        """Return `y`, whose rows must have the same shape as in `fit`."""
        if y.shape[1:] != self._y_shape[1:]:
            raise ValueError(
                f"y has rows of shape {y.shape[1:]}, but was fitted on rows of "
                f"shape {self._y_shape[1:]}"
            )
        return y if self._row is None else y.reshape(-1, *self._row)

    def inverse_transform(self, y: np.ndarray) -> np.ndarray:
        """Give the model's raw output the shape and floating dtype of the target."""
        values = _the_array(y)
        if not self._is_raw:
            values = values.reshape(-1, *self._y_shape[1:])
        return values.astype(self._floating, copy=False)

    def get_metadata(self) -> dict[str, Any]:
        """Get the facts about the target for the estimator and its builder."""
        return {"n_outputs_": self.n_outputs_, "n_outputs_expected_": self.n_outputs_expected_}
