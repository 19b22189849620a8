"""Names of parameters: similar names, short names, and names that other libraries use."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Sequence

# the values of these parameters determine which other parameters a Keras estimator has
PARENTS = ("model", "optimizer", "loss", "metrics", "callbacks")

# names of other libraries and of older Keras versions: the meaning, and the name in kerasearch
RENAMED = {
    "build_fn": ("model-building function", "model"),
    "lr": ("learning rate", "optimizer__learning_rate"),
    "eta": ("learning rate", "optimizer__learning_rate"),
    "learning_rate_init": ("learning rate", "optimizer__learning_rate"),
    "solver": ("optimizer", "optimizer"),
    "bs": ("batch size", "batch_size"),
    "nb_epoch": ("number of epochs", "epochs"),
    "n_epochs": ("number of epochs", "epochs"),
    "max_iter": ("number of epochs", "epochs"),
    "seed": ("seed", "random_state"),
}


def did_you_mean(name: str, known: Iterable[str], n: int = 3) -> str:
    """Write the known names that are most similar to `name`, as the end of an error message."""
    near = nearest(name, known, n)
    return f"; did you mean {' or '.join(near)}?" if near else ""


def nearest(name: str, known: Iterable[str], n: int = 3, cutoff: float = 0.6) -> list[str]:
    """Find the known names that are most similar to `name`; upper and lower case count as equal.

    Parameters
    ----------
    name : str
        The name that was typed.
    known : iterable of str
        The names that exist.
    n : int, default=3
        The largest number of names to return.
    cutoff : float, default=0.6
        The smallest similarity, from 0 (any name) to 1 (the same name); see
        `difflib.get_close_matches`.

    Returns
    -------
    near : list of str
        The similar names, the most similar one first.
    """
    by_folded = {str(k).casefold(): str(k) for k in known}
    near = difflib.get_close_matches(name.casefold(), by_folded, n=n, cutoff=cutoff)
    return [by_folded[key] for key in near]


def last_part(name: str) -> str:
    """Get the last part of a routed name: ``"optimizer__learning_rate"`` → ``"learning_rate"``."""
    return name.rpartition("__")[2]


def argument_name(name: str) -> str:
    """Turn any text into a valid name of an argument: ``"conv/filters"`` → ``"conv_filters"``."""
    plain = re.sub(r"[\W_]+", "_", name).strip("_")
    return plain if plain.isidentifier() else f"value_{plain}"


def short_names(names: Sequence[str], taken: Iterable[str] = ()) -> dict[str, str]:
    """Shorten each name to its last part; keep the full name where two would become equal.

    Parameters
    ----------
    names : sequence of str
        Full names, such as ``"model__units"``.
    taken : iterable of str, default=()
        Names that already have another use.

    Returns
    -------
    short : dict of str to str
        The short name of each full name; all short names are different. If the last part is
        taken, the full name is used; if that is taken as well, it gets the prefix ``"param_"``,
        as in ``cv_results_``.
    """
    taken = set(taken)
    last = {name: last_part(name) or name for name in names}
    counts = Counter(last.values())
    short = {
        name: name if counts[part] > 1 or part in taken else part for name, part in last.items()
    }
    return {name: f"param_{name}" if part in taken else part for name, part in short.items()}
