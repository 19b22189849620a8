"""Optuna, which is an optional dependency: imported where it is used, and kept from chatting."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


def import_optuna() -> Any:
    """Import Optuna, or say how to install it.

    Raises
    ------
    ImportError
        If it is not installed.
    """
    try:
        with warnings.catch_warnings():  # of the progress bar in notebooks, which is not used
            warnings.filterwarnings("ignore", "IProgress not found")
            import optuna
    except ImportError:
        raise ImportError(
            "Bayesian search is done by Optuna: pip install 'kerasearch[bayes]'"
        ) from None
    return optuna


@contextmanager
def optuna_warnings_only(verbose: int = 0) -> Iterator[None]:
    """Keep Optuna's log to warnings for a while, unless `verbose` is 2 or more."""
    logging = import_optuna().logging
    before = logging.get_verbosity()
    if verbose < 2:
        logging.set_verbosity(max(before, logging.WARNING))
    try:
        yield
    finally:
        logging.set_verbosity(before)
