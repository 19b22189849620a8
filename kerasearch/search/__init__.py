"""Searches beyond scikit-learn's own, on its ``BaseSearchCV``; for any estimator."""

from __future__ import annotations

from .bayes import BayesSearchCV
from .budget import TimeBudget
from .hyperband import HyperbandSearchCV, brackets
from .manual import ManualSearchCV
from .study import to_study

__all__ = [
    "BayesSearchCV",
    "HyperbandSearchCV",
    "ManualSearchCV",
    "TimeBudget",
    "brackets",
    "to_study",
]
