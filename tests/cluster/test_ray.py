"""Searches on a local Ray: the numbers of one process, in one pool of processes a search."""

from __future__ import annotations

import pytest

from .program import KINDS
from .running import program, tables

pytest.importorskip("ray", reason="pip install 'kerasearch[ray]'")

pytestmark = [pytest.mark.slow, pytest.mark.long]


def test_searches_on_ray_have_the_numbers_of_one_process(expected, tmp_path):
    assert tables(program(KINDS, tmp_path, "ray")) == expected
