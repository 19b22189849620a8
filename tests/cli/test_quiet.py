"""Standard error of the command line: its own words, and none of TensorFlow's."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest


def run(*words):
    done = subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.slow
def test_help_writes_nothing_to_standard_error():
    assert run("-m", "kerasearch", "--help").stderr == ""


@pytest.mark.long
@pytest.mark.slow
def test_a_search_in_one_process_and_in_several_writes_its_progress_alone():
    search = ("-m", "kerasearch", "iris", "--epochs", "1", "--cv", "2")
    for n_jobs in ("1", "2"):
        error = run(*search, "--param", "batch_size=50,75", "--n-jobs", n_jobs).stderr
        assert error.splitlines()
        assert all(re.match(r"\d/4 fits, ", line) for line in error.splitlines())


@pytest.mark.slow
def test_what_is_no_message_of_tensorflows_still_reaches_standard_error():
    done = run(
        "-c",
        "import os, sys\n"
        "from kerasearch.cli import quiet\n"
        "before = os.fstat(2)\n"
        "with quiet.without_chatter():\n"
        "    os.write(2, b'I0000 00:00:1795518936.4 1 port.cc:153] oneDNN\\n')\n"
        "    print('mine', file=sys.stderr)\n"
        "assert os.fstat(2) == before\n"
        "print('after', file=sys.stderr)\n",
    )
    assert done.stderr == "mine\nafter\n"
