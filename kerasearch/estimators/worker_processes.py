"""A search in worker processes that cost more than they can give: one warning says so.

Each of joblib's processes imports Keras' backend, which takes seconds, and traces for itself. Many
long fits pay for that, a few short ones do not. How many there are is known where the search runs,
and how long they take is known in a worker. So an estimator takes the one along to the other.
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

# One of the workers speaks for all. joblib counts them, and those that come later go on from there.
_SPEAKER = "LokyProcess-1"


class Search(NamedTuple):
    """The fits of a search, and in how many workers they run."""

    n_fits: int
    n_workers: int


class _Worker:
    """What is known in a worker process: all of it is of this process."""

    search: Search | None = None
    seconds_to_begin: float | None = None
    n_done = 0


def search_around() -> Search | None:
    """Find the search, or cross-validation, of scikit-learn's that is handing out fits, if any.

    None for a search that may hand out any number more. scikit-learn tells nobody how many fits
    there will be, so this reads variables of its functions: checked for scikit-learn 1.6 to 1.9.
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
    """Fit; in a worker process, look at how long that takes, and warn where it is too short."""
    if multiprocessing.current_process().name != _SPEAKER:
        return fit(*given)
    if _Worker.seconds_to_begin is None:
        _Worker.seconds_to_begin = time.process_time()  # nearly all of it imports Keras
    _Worker.search = _Worker.search or search
    started = time.perf_counter()
    fitted = fit(*given)
    seconds = time.perf_counter() - started
    _Worker.n_done += 1
    if _Worker.n_done == 2 and _Worker.search is not None:  # the first one traces, anywhere
        with contextlib.suppress(UserWarning):  # where warnings are errors: the fit is done
            warn_of_cost(_Worker.search, _Worker.seconds_to_begin, seconds)
    return fitted


def warn_of_cost(search: Search, seconds_to_begin: float, seconds_of_a_fit: float) -> None:
    """Warn where all that processes can save is less than what each of them takes to begin.

    Parameters
    ----------
    search : Search
        Its fits and workers.
    seconds_to_begin, seconds_of_a_fit : float
        Of a worker, before its first fit; and of a fit that traces nothing.
    """
    saved = search.n_fits * seconds_of_a_fit * (1 - 1 / search.n_workers)
    if saved < seconds_to_begin:
        warn(
            f"{search.n_fits} fits that take {seconds_of_a_fit:.2g} s each run in "
            f"{search.n_workers} processes that took {seconds_to_begin:.2g} s each to import "
            f"{backend_name()}: they would be done sooner without n_jobs, or with n_jobs in "
            "joblib.parallel_config('threading'), where fits share what is compiled"
        )


def _search_of(names: Mapping[str, Any]) -> Search | None:
    """Read the variables of `evaluate_candidates` in a search, or of `cross_validate`."""
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
