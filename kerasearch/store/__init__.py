"""Finished fits on disk or in memory: files and bytes. Knows neither Keras nor scikit-learn.

What makes two fits the same, and how a stored one goes on, is in ``training/stored_fits.py``.
"""

from .fit_store import FitStore, StoredFit, absolute

__all__ = ["FitStore", "StoredFit", "absolute"]
