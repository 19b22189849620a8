"""The import of Optuna, which is an optional dependency, and the level of its log."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


def import_optuna() -> Any:
    """Import Optuna.

    Raises
    ------
    ImportError
        If Optuna is not installed. The message says how to install it.
    """
    try:
        with warnings.catch_warnings():  # a warning about a progress bar that is not used
            warnings.filterwarnings("ignore", "IProgress not found")
            import optuna
    except ImportError:
        raise ImportError("Bayesian search needs Optuna: pip install 'kerasearch[bayes]'") from None
    return optuna


@contextmanager
def optuna_warnings_only(verbose: int = 0) -> Iterator[None]:
    """Restrict Optuna's log to warnings within this context, unless `verbose` is 2 or more."""
    logging = import_optuna().logging
    before = logging.get_verbosity()
    if verbose < 2:
        logging.set_verbosity(max(before, logging.WARNING))
    try:
        yield
    finally:
        logging.set_verbosity(before)
