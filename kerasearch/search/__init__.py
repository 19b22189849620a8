"""Searches that scikit-learn lacks. They extend its ``BaseSearchCV`` and accept any estimator."""

from __future__ import annotations

from .bayes import BayesSearchCV
from .cost import Cost, search_cost
from .hyperband import HyperbandSearchCV, hyperband_schedule
from .manual import ManualSearchCV
from .optuna_export import to_optuna_study
from .time_budget import TimeBudget

__all__ = [
    "BayesSearchCV",
    "Cost",
    "HyperbandSearchCV",
    "ManualSearchCV",
    "TimeBudget",
    "hyperband_schedule",
    "search_cost",
    "to_optuna_study",
]
