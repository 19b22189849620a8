"""One-hot targets of classifiers: one column for each class, and one 1 in each row."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._utils.user_warnings import warn

_AS_CLASSES = (
    "For classes, pass the labels, y.argmax(axis=1): scikit-learn then stratifies the folds, and "
    "all its scores can be used"
)


def is_one_hot(y: np.ndarray) -> bool:
    """Tell whether `y` has two or more columns, and every row has exactly one 1 and else zeros."""
    if y.ndim != 2 or y.shape[1] < 2 or y.dtype.kind not in "biuf":
        return False
    return bool(((y == 0) | (y == 1)).all() and (y.sum(axis=1) == 1).all())


def as_labels(y: np.ndarray) -> np.ndarray:
    """Get the class number of each row if `y` is one-hot, otherwise `y`."""
    return y.argmax(axis=1) if is_one_hot(y) else y


def warn_of_target(y: np.ndarray, exclusive: bool, loss: Any, *, was_said: bool) -> None:
    """Warn if the interpretation of a target with several columns may be wrong.

    Parameters
    ----------
    y : ndarray of shape (n_rows, n_classes)
        The target of the training rows.
    exclusive : bool
        Whether the columns are interpreted as classes, with one class for each row.
    loss : any
        The loss that the model is compiled with.
    was_said : bool
        Whether the model or the loss determines this interpretation.
    """
    if not is_one_hot(y):
        if exclusive:
            warn(
                "y has rows with no 1 or with several. With softmax or a categorical loss, its "
                "columns are interpreted as classes that exclude each other, so that `predict` "
                "returns one class for each row. For labels that may occur together, end the "
                "model with sigmoid and use loss='binary_crossentropy'"
            )
        return
    one = "every row of y has exactly one 1: its columns were interpreted as"
    if not exclusive:
        named = f"the loss, {loss!r}," if isinstance(loss, str) else "the loss"
        warn(
            f"{one} labels that may occur together, because neither {named} nor the output layer "
            "is for classes. `predict` may therefore return rows with no 1 or with several. "
            f"{_AS_CLASSES}. Or end the model with softmax and use loss='categorical_crossentropy'"
        )
    elif not was_said:
        warn(
            f"{one} classes that exclude each other. {_AS_CLASSES}. Or pass "
            "loss='categorical_crossentropy'. For labels that may occur together, pass "
            "loss='binary_crossentropy'"
        )
    absent = np.flatnonzero(~(y == 1).any(axis=0)).tolist()
    if absent:
        warn(
            f"no training row has a 1 in column {', '.join(map(str, absent))} of y, so that this "
            "class cannot be learned. Folds of a one-hot y are not stratified, so that folds of "
            "ordered rows lack classes. Pass the labels, y.argmax(axis=1), or shuffle the rows, "
            "for example with cv=KFold(5, shuffle=True, random_state=0)"
        )
