"""A splitter that splits once, so that all candidates of a search see the same folds."""

from __future__ import annotations

from typing import Any

from sklearn.base import is_classifier
from sklearn.model_selection import check_cv

from .dask_data import SentData


class FixedSplits:
    """A splitter that splits once, also where `cv` draws its splits.

    `n_expected` is how many folds the candidates of an earlier search have, None without one;
    another number is an error. The rows of the folds are sent to workers through `sent`.
    """

    def __init__(self, cv: Any, sent: SentData | None = None) -> None:
        self.cv = cv
        self.sent = sent
        self.n_expected: int | None = None
        self._splits: list[Any] | None = None

    def get_n_splits(self, X: Any = None, y: Any = None, **params: Any) -> int:
        """How many folds there are."""
        return self.cv.get_n_splits(X, y, **params)

    def split(self, X: Any, y: Any = None, **params: Any) -> list[Any]:
        """Return the same splits at every call."""
        if self._splits is None:
            self._splits = list(self.cv.split(X, y, **params))
        if self.n_expected not in (None, len(self._splits)):
            raise ValueError(
                f"cv makes {len(self._splits)} folds, and the study's candidates have "
                f"{self.n_expected}; use the same cv, or another study_name"
            )
        if self.sent is not None:
            self.sent.send(rows for split in self._splits for rows in split)
        return self._splits


def fixed_splits(
    cv: Any, y: Any, estimator: Any, sent: SentData | None = None
) -> FixedSplits | None:
    """Make `cv` split once; None for an iterator of splits, which needs no such care."""
    if hasattr(cv, "__next__"):
        return None  # scikit-learn reads it once, and so has the same splits each time
    return FixedSplits(check_cv(cv, y, classifier=is_classifier(estimator)), sent)
