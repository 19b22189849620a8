"""A time budget for scikit-learn's own searches."""

from __future__ import annotations

import math
import time
import uuid
from typing import Any

from .._utils.checks import check_number

# The difference between the clock of this process and the clock of the search, by search. Each task
# gives an estimate, which is too large by the transfer time of the task. The smallest one is kept.
_ahead: dict[str, float] = {}

_EVALUATION = "candidate-split-evaluation"  # scikit-learn's name for one fit of a search


class TimeBudget:
    """Start no more fits of a search after some time, for scikit-learn's own searches.

    The time budget is a callback for scikit-learn 1.9 and later. Register it with
    ``set_callbacks``. When the time is up, the remaining fits are not started and count as failed
    (``error_score``). The best of the finished candidates is then trained. At least one candidate
    should be finished by then. A fit that has started is not stopped. `BayesSearchCV` and
    `HyperbandSearchCV` have a parameter `timeout` instead.

    Parameters
    ----------
    seconds : float
        The time budget in seconds from the start of ``fit``; it must be positive.

    Raises
    ------
    ValueError
        If `seconds` is not a positive number.

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
        """Set the deadline at the start of the search."""
        self._deadline, self._search = time.monotonic() + self.seconds, uuid.uuid4().hex

    def teardown(self, estimator: Any, context: Any) -> None:
        """Do nothing; scikit-learn calls it at the end of the search."""

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        """Raise an error if a fit would start after the deadline.

        Raises
        ------
        TimeoutError
            If the time is up.
        """
        if context.task_name == _EVALUATION and time.monotonic() > self._deadline:
            raise TimeoutError(f"the time budget of {self.seconds} seconds is used up")

    def on_fit_task_end(self, estimator: Any, context: Any) -> None:
        """Do nothing; scikit-learn calls it after each task."""

    def __getstate__(self) -> dict[str, Any]:
        """Pickle the present time as well, because monotonic clocks of processes are different."""
        return {**vars(self), "_now": time.monotonic()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Convert the deadline to the clock of this process."""
        ahead = time.monotonic() - state.pop("_now")
        vars(self).update(state)
        if self._search:
            _ahead[self._search] = min(ahead, _ahead.get(self._search, math.inf))
            self._deadline += _ahead[self._search]
