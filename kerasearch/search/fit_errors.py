"""The errors of failed fits: this module reads and writes scikit-learn's messages about them.

scikit-learn keeps no errors in ``cv_results_``. If some fits of a batch fail, a warning lists the
errors. If all fits fail, an error lists them. Both list the tracebacks, and the number of fits for
each. A canary test in ``tests/search/test_base.py`` fails if scikit-learn changes these messages.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

_ALL_FAILED = re.compile(r"\s*All the (\d+) fits failed")
_DETAILS = "Below are more details about the failures:\n"
_HEAD = re.compile(r"^(\d+) fits failed with the following error:\n", re.MULTILINE)
_TRACEBACK = "Traceback (most recent call last):\n"


def count_errors(message: str) -> Counter[str]:
    r"""Read the errors of failed fits, and the number of fits with each error.

    Parameters
    ----------
    message : str
        The text of scikit-learn's ``FitFailedWarning``, the text of its error if no fit succeeded,
        or one traceback.

    Returns
    -------
    errors : Counter
        The number of fits by error, such as ``"ValueError: no"``. An error may have several lines.

    Examples
    --------
    >>> from kerasearch.search.fit_errors import count_errors
    >>> count_errors("Traceback (most recent call last):\n  File ...\nValueError: no\n")
    Counter({'ValueError: no': 1})
    """
    errors: Counter[str] = Counter()
    for n_fits, traceback in _tracebacks(message, 1):
        errors[_last_error(traceback)] += n_fits
    return errors


def error_message(folds: Iterable[Mapping[str, Any]]) -> str:
    """Summarize why folds of a candidate have no score; empty if all folds have a score."""
    messages: dict[str, None] = {}
    for fold in folds:
        if fold["fit_error"]:
            messages |= dict.fromkeys(count_errors(fold["fit_error"]))
        elif _has_nan(fold["test_scores"]):
            messages["the score is not a number"] = None
    return "; ".join(messages)


def _has_nan(scores: Any) -> bool:
    """Tell whether the score of a fold, or one of its scores by metric, is NaN."""
    values = list(scores.values()) if isinstance(scores, Mapping) else [scores]
    return bool(np.isnan(np.asarray(values, dtype=float)).any())


def read_all_failed(message: str) -> tuple[int, str] | None:
    """Read scikit-learn's error for a batch in which no fit succeeded.

    Returns
    -------
    failure : (int, str) or None
        The number of fits, and the details of the failures; None for any other error.
    """
    found = _ALL_FAILED.match(message)
    return (int(found[1]), message.partition(_DETAILS)[2]) if found else None


def warn_text(n_fits: int, error_score: float, details: str) -> str:
    """Write scikit-learn's warning for a batch in which all fits failed."""
    return (
        f"\n{n_fits} fits failed out of a total of {n_fits}.\nThe score of these candidates "
        f"will be set to {error_score}.\n\n{_DETAILS}{details}"
    )


def all_failed_text(candidates: Sequence[Sequence[Mapping[str, Any]]]) -> str:
    """Write scikit-learn's error for a search without a successful fit, from all folds' errors."""
    n_with: Counter[str] = Counter()
    for folds in candidates:
        # each fold of a candidate has the details of the whole batch
        for n_fits, traceback in _tracebacks(folds[0]["fit_error"], len(folds)):
            n_with[traceback] += n_fits
    listed = "\n".join(
        f"{'-' * 80}\n{n_fits} fits failed with the following error:\n{traceback}"
        for traceback, n_fits in n_with.items()
    )
    return (
        f"\nAll the {sum(map(len, candidates))} fits failed.\n"
        "It is very likely that your model is misconfigured.\n"
        f"You can try to debug the error by setting error_score='raise'.\n\n{_DETAILS}{listed}"
    )


def _tracebacks(text: str, n_fits: int) -> list[tuple[int, str]]:
    """Split a message into pairs (n, traceback). If it is one traceback, n is `n_fits`."""
    _, *parts = _HEAD.split(text)  # the text before the first head, then numbers and tracebacks
    found = zip(map(int, parts[::2]), parts[1::2], strict=True)
    return [(n, part.strip("-\n") + "\n") for n, part in found] or [(n_fits, text)]


def _last_error(traceback: str) -> str:
    """Get the type and message of an exception: the lines after the last indented traceback."""
    lines = traceback.rpartition(_TRACEBACK)[2].splitlines()
    first = next((i for i, line in enumerate(lines) if line and not line.startswith(" ")), 0)
    return "\n".join(lines[first:]).strip()
