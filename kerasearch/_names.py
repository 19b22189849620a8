"""Names of parameters: which decide on others, and which is nearest to one that is not there."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

# these decide which other parameters a Keras estimator has, so they come first
PARENTS = ("model", "optimizer", "loss", "metrics", "callbacks")


def did_you_mean(name: str, known: Iterable[str], n: int = 3) -> str:
    """Name the known names nearest to `name`, as the end of an error message."""
    by_folded = {str(k).casefold(): str(k) for k in known}
    near = difflib.get_close_matches(name.casefold(), by_folded, n=n, cutoff=0.6)
    return f"; did you mean {' or '.join(by_folded[key] for key in near)}?" if near else ""


def last_part(name: str) -> str:
    """What a routed name ends with: ``"learning_rate"`` of ``"optimizer__learning_rate"``."""
    return name.rpartition("__")[2]


def argument_name(name: str) -> str:
    """Make any text a name that an argument can have: ``"conv/filters"`` is ``conv_filters``."""
    plain = re.sub(r"[\W_]+", "_", name).strip("_")
    return plain if plain.isidentifier() else f"value_{plain}"
