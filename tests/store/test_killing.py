"""A search that is killed at any moment goes on where it was, to the same numbers."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kerasearch import FitStore

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
N_FITS, EPOCHS = 8 * 2 + 1, 40


def start(directory, n_jobs=1):
    code = "from tests.store import killed_search; killed_search.main()"  # the module by its name
    command = [sys.executable, "-c", code, str(directory), str(n_jobs)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, text=True, cwd=ROOT, **pipes)


def finish(process):
    out, error = process.communicate(timeout=300)
    assert process.returncode == 0, error
    return json.loads(out.splitlines()[-1])


def outcome(result):
    return {name: result[name] for name in ("scores", "loss", "proba")}


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """What the search finds without a store, and how many seconds it takes with one."""
    plain = finish(start(""))
    process = start(tmp_path_factory.mktemp("timed"))
    assert process.stdout.readline() == "begin\n"
    begin = time.monotonic()
    cold = finish(process)
    assert outcome(plain) == outcome(cold)
    assert plain["epochs"] == cold["epochs"] == N_FITS * EPOCHS
    return outcome(plain), time.monotonic() - begin


def kill_and_resume(directory, uninterrupted, seed):
    expected, seconds = uninterrupted
    process = start(directory)
    assert process.stdout.readline() == "begin\n"
    time.sleep(random.Random(seed).uniform(0.1, 0.9) * seconds)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = len(FitStore(directory))
    result = finish(start(directory))
    assert outcome(result) == expected
    assert result["epochs"] == (N_FITS - kept) * EPOCHS  # what was finished is not trained again
    assert len(FitStore(directory)) == N_FITS
    assert FitStore(directory).verify() == {}
    return kept


@pytest.mark.long
def test_a_search_killed_at_two_moments_loses_no_finished_fit(tmp_path, uninterrupted):
    # at many moments, within writes too, and beside others: `python -m tests.campaign`
    kept = [kill_and_resume(tmp_path / str(i), uninterrupted, seed=i) for i in range(2)]
    assert max(kept) > 0


@pytest.mark.long
def test_workers_share_the_store_and_a_killed_search_goes_on_with_them(tmp_path, uninterrupted):
    expected, _ = uninterrupted
    process = start(tmp_path, n_jobs=2)
    deadline = time.monotonic() + 120
    while len(FitStore(tmp_path)) < 3 and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = len(FitStore(tmp_path))
    result = finish(start(tmp_path, n_jobs=2))
    assert outcome(result) == expected
    # workers may have outlived the kill for a moment, and stored more
    assert result["epochs"] <= (N_FITS - kept) * EPOCHS
    assert len(FitStore(tmp_path)) == N_FITS
