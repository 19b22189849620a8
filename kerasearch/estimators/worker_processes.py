"""One warning if worker processes make a search slower.

Each of joblib's processes imports Keras' backend, which takes seconds, and traces its own programs.
This is worthwhile for many long fits, but not for a few short fits. The process of the search knows
the number of fits, and a worker knows how long a fit takes. The estimator therefore carries the
number of fits to the worker.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import sys
import time
import types
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import joblib
from sklearn.model_selection import GridSearchCV

from .._utils.user_warnings import warn
from ..training.backend_facts import backend_name

# Only the first worker warns. joblib numbers its workers, and later workers get higher numbers.
_WARNING_WORKER = "LokyProcess-1"


class Search(NamedTuple):
    """The number of fits of a search, and the number of its workers."""

    n_fits: int
    n_workers: int


class _Worker:
    """The state of this worker process."""

    search: Search | None = None
    seconds_to_begin: float | None = None
    n_done = 0


def search_around() -> Search | None:
    """Find the search or cross-validation of scikit-learn that calls this function.

    The result is None if there is none, or if its number of fits is not known in advance.
    scikit-learn has no public access to this number, so that this function reads local variables
    of scikit-learn's functions. This was checked with scikit-learn 1.6 to 1.9.
    """
    frame: types.FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_globals.get("__name__", "").startswith("sklearn.model_selection."):
            names = frame.f_locals
            if isinstance(names.get("parallel"), joblib.Parallel):
                return _search_of(names)
        frame = frame.f_back
    return None


def watched(search: Search | None, fit: Callable[..., Any], *given: Any) -> Any:
    """Fit; in the first worker process, also measure the time of a fit and warn if it is short."""
    if multiprocessing.current_process().name != _WARNING_WORKER:
        return fit(*given)
    if _Worker.seconds_to_begin is None:
        _Worker.seconds_to_begin = time.process_time()  # mostly the import of Keras
    _Worker.search = _Worker.search or search
    started = time.perf_counter()
    fitted = fit(*given)
    seconds = time.perf_counter() - started
    _Worker.n_done += 1
    if _Worker.n_done == 2 and _Worker.search is not None:  # the first fit also traces
        with contextlib.suppress(UserWarning):  # warnings may be errors, but the fit succeeded
            warn_of_cost(_Worker.search, _Worker.seconds_to_begin, seconds)
    return fitted


def warn_of_cost(search: Search, seconds_to_begin: float, seconds_of_a_fit: float) -> None:
    """Warn if the time that processes can save is less than the time to start a process.

    Parameters
    ----------
    search : Search
        The number of fits and workers.
    seconds_to_begin : float
        The seconds that a worker needs before its first fit.
    seconds_of_a_fit : float
        The seconds of a fit without tracing.
    """
    saved = search.n_fits * seconds_of_a_fit * (1 - 1 / search.n_workers)
    if saved < seconds_to_begin:
        warn(
            f"{search.n_fits} fits that take {seconds_of_a_fit:.2g} s each run in "
            f"{search.n_workers} processes that took {seconds_to_begin:.2g} s each to import "
            f"{backend_name()}: the search is faster without n_jobs, or with n_jobs in "
            "joblib.parallel_config('threading'), where fits share compiled programs"
        )


def _search_of(names: Mapping[str, Any]) -> Search | None:
    """Read the local variables of `evaluate_candidates` in a search, or of `cross_validate`."""
    search = names.get("self")
    n_candidates = getattr(search, "n_iter", names.get("n_candidates"))
    if search is None:
        n_candidates, n_splits = 1, getattr(names.get("cv"), "n_splits", None)
    elif isinstance(search, GridSearchCV) or hasattr(search, "n_iter"):
        n_splits = names.get("n_splits")
    else:
        return None
    n_workers = joblib.effective_n_jobs(names["parallel"].n_jobs)
    if n_workers < 2 or not (isinstance(n_candidates, int) and isinstance(n_splits, int)):
        return None
    return Search(n_candidates * n_splits, n_workers)
