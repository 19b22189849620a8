"""What candidates of successive halving and Hyperband were given, read in one way everywhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd


def resources(results: Mapping[str, Any]) -> np.ndarray | None:
    """Read ``n_resources`` of a ``cv_results_``.

    Parameters
    ----------
    results : mapping
        Columns by name.

    Returns
    -------
    resources : ndarray of float of shape (n_candidates,), or None
        None where there is no such column. Where a merged table has none for a candidate, another
        search evaluated it with all that it was to have: that counts as the most there is.
    """
    if "n_resources" not in results:
        return None
    column = pd.Series(results["n_resources"], dtype="Float64")
    amounts = column.to_numpy(dtype=float, na_value=np.nan)
    return np.nan_to_num(amounts, nan=np.nanmax(amounts, initial=0))
