"""Warnings that name the user's line, however deep in the package they arise."""

from __future__ import annotations

import sys
import types
import warnings

# frames of these are not the user's: a search calls a fit by way of scikit-learn and joblib
_NOT_THE_USERS = ("kerasearch", "sklearn", "joblib")


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Issue a warning at the innermost line that is neither ours nor scikit-learn's.

    Parameters
    ----------
    message : str
        What the user is to know.
    category : type of Warning, default=UserWarning
        The kind of warning.
    """
    frame, level = sys._getframe(1), 2
    while frame.f_back and _package(frame) in _NOT_THE_USERS:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


def _package(frame: types.FrameType) -> str:
    return frame.f_globals.get("__name__", "").partition(".")[0]
