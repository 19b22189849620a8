"""Searches beyond scikit-learn's own, on its ``BaseSearchCV``; for any estimator."""
