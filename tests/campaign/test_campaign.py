"""The campaign's own parts that are quick; all of it is ``python -m tests.campaign``."""

from __future__ import annotations

import os
import signal
import sys

import pytest

from tests.forks import Fork, in_a_fork

from .table import Row, table

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="forks, /proc and tmpfs"),
]


def test_the_table_tells_what_is_not_as_promised():
    rows = [Row("kills", 3, 3, note="quick"), Row("flips", 8, 8, wrong=1)]
    assert table(rows).splitlines()[2:] == [
        "| kills | 3 | 3 | 0 | 0 | quick |",
        "| flips | 8 | 8 | 0 | 1 |  |",
    ]
    assert [row.is_good for row in rows] == [True, False]
    assert not Row("never tried").is_good


def test_a_killed_fork_returns_nothing_and_a_failed_one_is_an_error():
    assert in_a_fork(lambda: [1, "a"]) == [1, "a"]
    assert in_a_fork(lambda: os.kill(os.getpid(), signal.SIGKILL)) is None
    fork = Fork(lambda: signal.pause())
    assert not fork.ends_within(0.05)
    fork.kill()
    assert fork.result() is None
    with pytest.raises(RuntimeError, match="status"):
        in_a_fork(lambda: 1 / 0)
