"""Names of parameters: which decide on others, which is nearest, what they are called for short."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Sequence

# these decide which other parameters a Keras estimator has, so they come first
PARENTS = ("model", "optimizer", "loss", "metrics", "callbacks")


def did_you_mean(name: str, known: Iterable[str], n: int = 3) -> str:
    """Name the known names nearest to `name`, as the end of an error message."""
    near = nearest(name, known, n)
    return f"; did you mean {' or '.join(near)}?" if near else ""


def nearest(name: str, known: Iterable[str], n: int = 3, cutoff: float = 0.6) -> list[str]:
    """Find the known names nearest to `name`, upper and lower case alike.

    Parameters
    ----------
    name : str
        What was typed.
    known : iterable of str
        What there is.
    n : int, default=3
        How many names to find at most.
    cutoff : float, default=0.6
        How near they must be, from 0, anything, to 1, the same; as in `difflib`.

    Returns
    -------
    near : list of str
        The nearest first.
    """
    by_folded = {str(k).casefold(): str(k) for k in known}
    near = difflib.get_close_matches(name.casefold(), by_folded, n=n, cutoff=cutoff)
    return [by_folded[key] for key in near]


def last_part(name: str) -> str:
    """What a routed name ends with: ``"learning_rate"`` of ``"optimizer__learning_rate"``."""
    return name.rpartition("__")[2]


def argument_name(name: str) -> str:
    """Make any text a name that an argument can have: ``"conv/filters"`` is ``conv_filters``."""
    plain = re.sub(r"[\W_]+", "_", name).strip("_")
    return plain if plain.isidentifier() else f"value_{plain}"


def short_names(names: Sequence[str], taken: Iterable[str] = ()) -> dict[str, str]:
    """Find the last routed part of each name, or the whole where two would be the same.

    Parameters
    ----------
    names : sequence of str
        Full names, such as ``"model__units"``.
    taken : iterable of str, default=()
        Names that are in use for something else.

    Returns
    -------
    short : dict of str to str
        Full name to short name, no two alike. A name of one part that is taken becomes
        ``"param_..."``, as in ``cv_results_``.
    """
    taken = set(taken)
    last = {name: last_part(name) or name for name in names}
    counts = Counter(last.values())
    short = {
        name: name if counts[part] > 1 or part in taken else part for name, part in last.items()
    }
    return {name: f"param_{name}" if part in taken else part for name, part in short.items()}
