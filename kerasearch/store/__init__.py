"""Finished fits as files. Knows neither Keras nor scikit-learn.

What makes two fits the same, and how a stored one goes on, is in ``training/fit_key.py``
and ``training/stored_fits.py``.
"""

from .fit_store import FitStore, absolute
from .record import StoredFit

__all__ = ["FitStore", "StoredFit", "absolute"]
