"""Runs the program of these tests, as its user would."""

from __future__ import annotations

import json
import subprocess
import sys

from .dask_cluster import ROOT, environment


def program(kinds, folder, cluster, variables=None, **streams):
    command = [sys.executable, "-m", "tests.cluster.program", ",".join(kinds), folder, cluster]
    return subprocess.Popen(
        [*map(str, command)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        env=environment(**(variables or {})),
        **streams,
    )


def outputs(process):
    """Wait for a process, and get what it printed; on a loaded machine it may take minutes."""
    try:
        return process.communicate(timeout=900)
    finally:
        process.kill()


def tables(process):
    output = outputs(process)[0]
    assert process.returncode == 0
    return json.loads(output.splitlines()[-1])


def n_stored(folder):
    return len([*folder.rglob("*.npz")])
