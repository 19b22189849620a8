"""A splitter that splits once, so that all candidates of a search use the same folds."""

from __future__ import annotations

from typing import Any

from sklearn.base import is_classifier
from sklearn.model_selection import check_cv

from .dask_data import SentData


class FixedSplits:
    """A splitter that splits once, even if each call of ``cv.split`` draws new splits.

    `n_expected` is the number of folds in the results of an earlier search; None if there is no
    earlier search. It is an error if `cv` makes another number of folds. `sent` sends the row
    indices of the folds to the workers.
    """

    def __init__(self, cv: Any, sent: SentData | None = None) -> None:
        self.cv = cv
        self.sent = sent
        self.n_expected: int | None = None
        self._splits: list[Any] | None = None

    def get_n_splits(self, X: Any = None, y: Any = None, **params: Any) -> int:
        """Get the number of folds."""
        return self.cv.get_n_splits(X, y, **params)

    def split(self, X: Any, y: Any = None, **params: Any) -> list[Any]:
        """Return the same splits at every call."""
        if self._splits is None:
            self._splits = list(self.cv.split(X, y, **params))
        if self.n_expected not in (None, len(self._splits)):
            raise ValueError(
                f"cv makes {len(self._splits)} folds, but the candidates of the study have "
                f"{self.n_expected} folds; use the same cv, or another study_name"
            )
        if self.sent is not None:
            self.sent.send(rows for split in self._splits for rows in split)
        return self._splits


def fixed_splits(
    cv: Any, y: Any, estimator: Any, sent: SentData | None = None
) -> FixedSplits | None:
    """Make a splitter from `cv` that splits once; None if `cv` is an iterator of splits."""
    if hasattr(cv, "__next__"):
        return None  # scikit-learn reads an iterator once, and then uses the same splits each time
    return FixedSplits(check_cv(cv, y, classifier=is_classifier(estimator)), sent)
