"""Finished fits as files. This package knows neither Keras nor scikit-learn.

``training/fit_key.py`` decides which two fits are the same. ``training/stored_fits.py`` continues
a stored fit.
"""

from .fit_store import FitStore, absolute
from .record import StoredFit

__all__ = ["FitStore", "StoredFit", "absolute"]
