"""Which cases of a parametrized test stay in the fast part, ``pytest -m "not slow"``."""

from __future__ import annotations

from collections.abc import Iterable

import pytest


def slow_but(names: Iterable[str], *fast: str) -> list:
    """All names as parameters; every one is marked slow but those named `fast`."""
    names = list(names)
    assert set(fast) <= set(names), f"there is no {set(fast) - set(names)}"
    return [name if name in fast else pytest.param(name, marks=pytest.mark.slow) for name in names]
