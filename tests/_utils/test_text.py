"""Durations and the time left, in words."""

from __future__ import annotations

import pytest

from kerasearch._utils.text import time_left


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ((1, 4, 5.0), "about 15 s left"),
        ((30, 40, 3600.0), "about 20 min 00 s left"),
        ((1, 4, 5.0, 6.0), "about 6.0 s left"),  # it ends by then
        ((1, 4, 5.0, -1.0), "about 0 s left"),
        ((0, 4, 5.0), ""),
        ((4, 4, 5.0), ""),
        ((0, 0, 5.0), ""),
    ],
)
def test_the_time_left_is_what_the_rest_takes_at_the_same_pace(given, text):
    assert time_left(*given) == text
