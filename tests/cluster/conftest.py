from __future__ import annotations

import pytest

from .program import KINDS
from .running import program, tables


@pytest.fixture(scope="session")
def expected(tmp_path_factory):
    """The tables of all searches in one process."""
    return tables(program(KINDS, tmp_path_factory.mktemp("here"), "here"))
