"""A time budget for scikit-learn's own searches."""

from __future__ import annotations

import math
import time
import uuid
from typing import Any

from .._utils.checks import check_number

# How far the clock of this process is ahead of a search's, by search. Each task tells it, but too
# large by the time that it was on its way: the least of all is kept.
_ahead: dict[str, float] = {}

_EVALUATION = "candidate-split-evaluation"  # scikit-learn's name of one fit of a search


class TimeBudget:
    """Begin no more fits of a search after some time, for scikit-learn's own searches.

    A callback for scikit-learn 1.9 and later, registered with ``set_callbacks``. A search goes on
    without fits once the time is up: the candidates left are failed ones (``error_score``), the
    best of the others is trained. At least one candidate should be finished by then. A fit that
    has begun is not stopped. `BayesSearchCV` and `HyperbandSearchCV` have a `timeout` instead.

    Parameters
    ----------
    seconds : float
        From the beginning of ``fit``.

    Examples
    --------
    >>> from kerasearch import TimeBudget
    >>> from sklearn.model_selection import RandomizedSearchCV
    >>> search = RandomizedSearchCV(estimator, distributions, n_iter=500)  # doctest: +SKIP
    >>> search.set_callbacks(TimeBudget(600)).fit(X, y)  # doctest: +SKIP
    """

    def __init__(self, seconds: float) -> None:
        check_number("seconds", seconds, "a positive number of seconds", above=0)
        self.seconds = seconds
        self._deadline, self._search = math.inf, ""

    def setup(self, estimator: Any, context: Any) -> None:
        """Start the clock."""
        self._deadline, self._search = time.monotonic() + self.seconds, uuid.uuid4().hex

    def teardown(self, estimator: Any, context: Any) -> None:
        """Do nothing; scikit-learn calls it at the end of the search."""

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        """Fail a fit that would begin too late.

        Raises
        ------
        TimeoutError
            If the time is up.
        """
        if context.task_name == _EVALUATION and time.monotonic() > self._deadline:
            raise TimeoutError(f"the time budget of {self.seconds} seconds was spent")

    def on_fit_task_end(self, estimator: Any, context: Any) -> None:
        """Do nothing; scikit-learn calls it after each task."""

    def __getstate__(self) -> dict[str, Any]:
        """Take the time along: clocks of machines differ, and this one counts from anywhere."""
        return {**vars(self), "_now": time.monotonic()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Translate the deadline to the clock of this process."""
        ahead = time.monotonic() - state.pop("_now")
        vars(self).update(state)
        if self._search:
            _ahead[self._search] = min(ahead, _ahead.get(self._search, math.inf))
            self._deadline += _ahead[self._search]
