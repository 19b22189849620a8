"""A classifier's target of one column for each class, of which each row has one."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._utils.user_warnings import warn

_AS_CLASSES = (
    "For classes, pass the labels, y.argmax(axis=1): scikit-learn stratifies the folds of labels "
    "and has every score for them"
)


def is_one_hot(y: np.ndarray) -> bool:
    """Tell whether every row of `y` has exactly one 1, and zeros else, in two columns or more."""
    if y.ndim != 2 or y.shape[1] < 2 or y.dtype.kind not in "biuf":
        return False
    return bool(((y == 0) | (y == 1)).all() and (y.sum(axis=1) == 1).all())


def as_labels(y: np.ndarray) -> np.ndarray:
    """Get the number of each row's class where `y` is one-hot, else `y`."""
    return y.argmax(axis=1) if is_one_hot(y) else y


def warn_of_target(y: np.ndarray, exclusive: bool, loss: Any, *, was_said: bool) -> None:
    """Warn of what a one-hot target was taken for where that may be wrong.

    Parameters
    ----------
    y : ndarray of shape (n_rows, n_classes)
        The target of the rows that train. Columns that are no one-hot classes are warned of where
        they are taken for such.
    exclusive : bool
        Whether the columns are taken for classes, of which each row has one.
    loss : any
        What the model is compiled with.
    was_said : bool
        Whether the model or the loss says so.
    """
    if not is_one_hot(y):
        if exclusive:
            warn(
                "y has rows with no 1 or with several, but softmax and a categorical loss take its "
                "columns for classes that exclude each other, so that `predict` gives each row "
                "one. For labels that may occur together, end the model in sigmoid and use "
                "loss='binary_crossentropy'"
            )
        return
    one = "every row of y has exactly one 1: its columns were taken for"
    if not exclusive:
        named = f"the loss, {loss!r}," if isinstance(loss, str) else "the loss"
        warn(
            f"{one} labels that may occur together, since neither {named} nor the output layer "
            "says that they are classes; `predict` may then give a row no 1, or several. "
            f"{_AS_CLASSES}. Or end the model in softmax and use loss='categorical_crossentropy'"
        )
    elif not was_said:
        warn(
            f"{one} classes that exclude each other. {_AS_CLASSES}, or say so with "
            "loss='categorical_crossentropy'. For labels that may occur together, pass "
            "loss='binary_crossentropy'"
        )
    absent = np.flatnonzero(~(y == 1).any(axis=0)).tolist()
    if absent:
        warn(
            f"no row that trains has a 1 in column {', '.join(map(str, absent))} of y, so that "
            "class will not be predicted. The folds of a one-hot y are not stratified, and those "
            "of ordered rows lack classes. Pass the labels, y.argmax(axis=1), or let the rows be "
            "shuffled, for example by cv=KFold(5, shuffle=True, random_state=0)"
        )
