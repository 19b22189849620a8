"""The one door to scikeras: its target encoders and its parameter routing.

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
from scikeras.utils.transformers import (  # noqa: E402
    ClassifierLabelEncoder as _ClassifierLabelEncoder,
)
from scikeras.utils.transformers import RegressorTargetEncoder  # noqa: E402

if not _theirs:
    for (_cls, _name), _value in _before.items():
        if _value is not None:
            setattr(_cls, _name, _value)
        elif _name in vars(_cls):
            delattr(_cls, _name)

__all__ = ["ClassifierLabelEncoder", "RegressorTargetEncoder", "unflatten_params"]


class ClassifierLabelEncoder(_ClassifierLabelEncoder):
    """scikeras' label encoder, with what it gets wrong or leaves out mended.

    Differences: a loss given as a class or an instance is recognized; a two-class target is one-hot
    encoded too where the loss asks for it; an indicator matrix means one-hot classes only with such
    a loss, whatever the rows at hand look like; several multiclass columns are encoded one by one
    (the model then has one output for each); probabilities keep their shape for a single row; raw
    outputs of a loss with ``from_logits=True`` become probabilities.

    It is fitted once, to the labels. How they are written for a loss is said afterwards, by
    `encode_for`, since the loss is known only when the model is built.

    Parameters
    ----------
    one_hot : bool or list of bool, default=False
        Whether the loss compares with one column for each class; a list for several columns of y.
    categories : "auto" or list of one ndarray, default="auto"
        The classes; "auto" takes those of the target given to `fit`.
    from_logits : bool or list of bool, default=False
        Whether the model's output is logits.
    """

    classes_: Any
    n_classes_: Any
    _target_type: str

    def __init__(self, one_hot: Any = False, categories: Any = "auto", from_logits: Any = False):
        super().__init__(categories=categories)
        self.one_hot = one_hot
        self.from_logits = from_logits

    def fit(self, y: np.ndarray) -> ClassifierLabelEncoder:
        """Learn the classes of `y`, of shape (n_samples,) or (n_samples, n_outputs)."""
        if self._type_of_target(y) == "multiclass-multioutput":
            return self._fit_columns(y)
        super().fit(y)  # without a loss: classes become numbers, and `transform` does the rest
        if self._target_type == "multiclass-onehot":  # scikeras goes by the rows at hand
            self._target_type = "multilabel-indicator"
        return self.encode_for(self.one_hot, self.from_logits)

    def _fit_columns(self, y: np.ndarray) -> ClassifierLabelEncoder:
        self._y_shape, self._y_dtype = y.shape, y.dtype
        self._target_type = "multiclass-multioutput"
        self._columns = [type(self)().fit(column) for column in y.T]
        self.classes_ = [column.classes_ for column in self._columns]
        self.n_classes_ = [column.n_classes_ for column in self._columns]
        self.n_outputs_ = self.n_outputs_expected_ = y.shape[1]
        return self.encode_for(self.one_hot, self.from_logits)

    def encode_for(self, one_hot: Any, from_logits: Any) -> ClassifierLabelEncoder:
        """Say how the labels are written for the loss of a model; nothing is fitted again.

        Parameters
        ----------
        one_hot, from_logits : bool or list of bool
            As in the constructor.

        Returns
        -------
        self : ClassifierLabelEncoder
            This encoder.
        """
        self.one_hot, self.from_logits = one_hot, from_logits
        if self._target_type == "multiclass-multioutput":
            n = len(self._columns)
            each_one_hot = one_hot if isinstance(one_hot, list) else [one_hot] * n
            each_logits = from_logits if isinstance(from_logits, list) else [from_logits] * n
            for encoder, one, logits in zip(self._columns, each_one_hot, each_logits, strict=True):
                encoder.encode_for(one, logits)
        elif self._target_type in ("multiclass-onehot", "multilabel-indicator"):
            self._target_type = "multiclass-onehot" if one_hot else "multilabel-indicator"
        return self

    def transform(self, y: np.ndarray) -> Any:
        """Encode `y` as the Keras model wants it; a list of arrays for several columns."""
        if self._target_type == "multiclass-multioutput":
            return [encoder.transform(c) for encoder, c in zip(self._columns, y.T, strict=True)]
        encoded = super().transform(y)
        if self.one_hot and self._target_type in ("binary", "multiclass"):
            numbers = encoded.astype(int).ravel()
            return np.eye(self.n_classes_, dtype=encoded.dtype)[numbers]
        return encoded

    def inverse_transform(self, y: Any, return_proba: bool = False) -> Any:
        """Turn the model's raw output into classes, or into probabilities."""
        if self._target_type == "multiclass-multioutput":
            columns = [
                encoder.inverse_transform(raw, return_proba)
                for encoder, raw in zip(self._columns, y, strict=True)
            ]
            return columns if return_proba else np.column_stack(columns)
        proba = self._probabilities(np.asarray(y))
        if return_proba:
            return proba
        if self._target_type in ("binary", "multiclass"):
            labels = self.classes_[np.argmax(proba, axis=1)]
            return labels.reshape(-1, *self._y_shape[1:])
        return super().inverse_transform(proba)

    def _probabilities(self, raw: np.ndarray) -> np.ndarray:
        exclusive = self._target_type != "multilabel-indicator"
        if self.from_logits:
            raw = softmax(raw, axis=-1) if exclusive and raw.shape[-1] > 1 else expit(raw)
        if self._target_type == "binary" and raw.reshape(len(raw), -1).shape[1] == 1:
            positive = raw.reshape(-1)
            raw = np.stack([1 - positive, positive], axis=1)
        return raw
