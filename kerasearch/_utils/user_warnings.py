"""Warnings that point to the user's line of code, however deep in the package they arise."""

from __future__ import annotations

import sys
import types
import warnings
from contextlib import suppress

# these packages stand between the user's line and a warning: a search calls fits through joblib
_NOT_THE_USERS = ("kerasearch", "sklearn", "joblib")


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Issue a warning at the innermost line outside kerasearch, scikit-learn and joblib.

    Parameters
    ----------
    message : str
        The text of the warning.
    category : type of Warning, default=UserWarning
        The class of the warning.
    """
    frame, level = sys._getframe(1), 2
    while frame.f_back and _package(frame) in _NOT_THE_USERS:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)
    _tell_dask(message, category)


def _tell_dask(message: str, category: type[Warning]) -> None:
    """Bring a warning of a task of Dask's to whoever runs the search, by Dask's own way for that.

    Unless it is recorded, and gets there with the fit's scores; see ``search/worker_warnings.py``.
    """
    worker = sys.modules.get("distributed.worker")
    if worker is None or isinstance(warnings.showwarning, Recorder):
        return
    with suppress(ValueError, ImportError):  # this is no worker
        if worker.get_worker() is not None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # it has been shown here
                worker.warn(message, category)


class Recorder:
    """The kind of ``warnings.showwarning`` that brings warnings to whoever runs the search."""


def _package(frame: types.FrameType) -> str:
    return frame.f_globals.get("__name__", "").partition(".")[0]
