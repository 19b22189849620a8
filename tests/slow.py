"""Which cases of a parametrized test stay in the fast part."""

from __future__ import annotations

from collections.abc import Iterable

import pytest


def long_but(names: Iterable[str], *fast: str) -> list:
    """All names as parameters; those not named `fast` are left to ``pytest -m long``."""
    names = list(names)
    assert set(fast) <= set(names), f"there is no {set(fast) - set(names)}"
    marks = (pytest.mark.slow, pytest.mark.long)
    return [name if name in fast else pytest.param(name, marks=marks) for name in names]
