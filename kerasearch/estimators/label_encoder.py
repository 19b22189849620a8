"""What turns a target into what a model gets, and back; the one door to scikeras' routing.

Importing scikeras replaces ``__reduce__`` and ``__deepcopy__`` on Keras' own classes for the whole
process. That is undone here, unless the user had imported scikeras before and so asked for it.
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
    """Labels to what a model is trained on, and its raw output back to labels.

    It is fitted once, to the labels. How they are written for a loss is said afterwards, by
    `encode_for`, since the loss is known only when the model is built. It is no scikit-learn
    estimator and fits none, so that tools which watch scikit-learn's fits do not see it.

    Parameters
    ----------
    target_type : str
        What the target is taken for, in the words of scikit-learn's ``type_of_target``. Rows with
        one 1 each are labels that may occur together (``"multilabel-indicator"``), or classes in
        another notation (``"multiclass"``); `encode_for` can make the former the latter.
    one_hot : bool or list of bool, default=False
        Whether the loss compares with one column for each class; a list for several columns of y.
    categories : ndarray of shape (n_classes,), default=None
        The classes; None takes those of the target given to `fit`.
    from_logits : bool or list of bool, default=False
        Whether the model's output is logits.
    positions : tuple of int, default=()
        Where each row has a label at each of several positions, their axes: the steps of a
        sequence, the height and width of an image. All positions have the same classes.
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
        """Learn the classes of `y`, of shape (n_samples, ...)."""
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
        """Say how the labels are written for the loss of a model; nothing is fitted again.

        Parameters
        ----------
        one_hot, from_logits : bool or list of bool
            As in the constructor.
        exclusive : bool, default=None
            Whether the columns of an indicator matrix are classes, of which each row has one. None
            leaves it as it is.
        is_raw : bool, default=False
            Whether the model's output is what only a loss of the user's own can read, so that it is
            what is predicted.

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
        """Whether each row has one label, and not any number of them."""
        return self._exclusive

    def transform(self, y: np.ndarray) -> Any:
        """Encode `y` as the Keras model wants it; a list of arrays for several columns."""
        if self.target_type == "multiclass-multioutput":
            return [encoder.transform(c) for encoder, c in zip(self._columns, y.T, strict=True)]
        if self._in_columns:
            if self._exclusive and not (self.one_hot or is_one_hot(y)):
                raise ValueError(
                    "y has rows with no 1 or with several, but its columns were taken for classes "
                    "of which each row has one: for labels that may occur together, use sigmoid "
                    "and loss='binary_crossentropy'"
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
                    "the model's output is no probability of each class, but what its loss makes "
                    "of it: take it by predict, which gives the output itself"
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
        if self._in_columns:  # in y's own notation, so that scorers can compare
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
        """Get what the estimator and its builder may know of the target."""
        names = ("classes_", "n_classes_", "n_outputs_", "n_outputs_expected_")
        return {name: getattr(self, name) for name in names}


def _the_array(raw: Any) -> np.ndarray:
    """The one output of a model, which may come in a list or dict."""
    return np.asarray(keras.tree.flatten(raw)[0])


def _numbers_of_columns(y: np.ndarray) -> np.ndarray:
    # two plain integers would be a binary target to scikit-learn's scorers, which then take the
    # second column of the probabilities alone; objects are of no type to them, and they take all
    return np.arange(y.shape[1], dtype=object if y.shape[1] == 2 else int)


class RegressorTargetEncoder:
    """A regressor's target, which the model gets as it is, and predictions in its shape."""

    def fit(self, y: np.ndarray) -> RegressorTargetEncoder:
        """Note the shape of `y`: (n_samples,), (n_samples, n_outputs) or more axes."""
        self._y_shape, self._floating = y.shape, y.dtype if y.dtype.kind == "f" else np.float64
        self.n_outputs_ = 1 if y.ndim == 1 else y.shape[-1]
        self.n_outputs_expected_ = 1
        return self.encode_for()

    def encode_for(
        self, row: tuple[int, ...] | None = None, is_raw: bool = False
    ) -> RegressorTargetEncoder:
        """Say how the values are written for a model.

        Parameters
        ----------
        row : tuple of int, default=None
            The shape of a row, where the model's output has a last axis of one more or less than y.
        is_raw : bool, default=False
            Whether the model's output is what only a loss of the user's own can read.

        Returns
        -------
        self : RegressorTargetEncoder
            This encoder.
        """
        self._row, self._is_raw = row, is_raw
        return self

    def transform(self, y: np.ndarray) -> np.ndarray:
        """Return `y`, which must have the columns of the one fitted on."""
        if y.shape[1:] != self._y_shape[1:]:
            raise ValueError(
                f"y has rows of shape {y.shape[1:]}, but was fitted on rows of "
                f"shape {self._y_shape[1:]}"
            )
        return y if self._row is None else y.reshape(-1, *self._row)

    def inverse_transform(self, y: np.ndarray) -> np.ndarray:
        """Give the model's raw output the shape of the target, and its floating dtype."""
        values = _the_array(y)
        if not self._is_raw:
            values = values.reshape(-1, *self._y_shape[1:])
        return values.astype(self._floating, copy=False)

    def get_metadata(self) -> dict[str, Any]:
        """Get what the estimator and its builder may know of the target."""
        return {"n_outputs_": self.n_outputs_, "n_outputs_expected_": self.n_outputs_expected_}
