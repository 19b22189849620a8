"""Searches on a local Ray: the numbers of one process, in one pool of processes a search."""

from __future__ import annotations

import pytest

from .running import program, tables

pytest.importorskip("ray", reason="pip install 'kerasearch[ray]'")

pytestmark = [pytest.mark.slow, pytest.mark.long]

KINDS = ("grid", "bayes", "hyperband")


def test_searches_on_ray_have_the_numbers_of_one_process(expected, tmp_path):
    found = tables(program(KINDS, tmp_path, "ray"))
    assert found == {kind: expected[kind] for kind in KINDS}
