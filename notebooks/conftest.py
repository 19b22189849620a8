"""Notebooks take one to three minutes each: they are no part of ``pytest -m "not slow"``."""

import pytest


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.suffix == ".ipynb":
            item.add_marker(pytest.mark.slow)
