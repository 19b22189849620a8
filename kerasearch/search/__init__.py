"""Searches beyond scikit-learn's own, on its ``BaseSearchCV``; for any estimator."""

from __future__ import annotations

from .bayes import BayesSearchCV
from .cost import Cost, cost
from .hyperband import HyperbandSearchCV, brackets
from .manual import ManualSearchCV
from .optuna_export import to_study
from .time_budget import TimeBudget

__all__ = [
    "BayesSearchCV",
    "Cost",
    "HyperbandSearchCV",
    "ManualSearchCV",
    "TimeBudget",
    "brackets",
    "cost",
    "to_study",
]
