"""Keras' backend, as the tests need to know it."""

from __future__ import annotations

import os
import subprocess
import sys

import keras
import pytest

from kerasearch.training import eligibility

BACKEND = keras.backend.backend()

# how an ordinary fit is trained: in whole epochs, where the backend has an engine for them
_reason = eligibility._about_process()
ORDINARY_PATH = "compiled" if _reason is None else "model.fit"
ORDINARY_REASON = _reason or "shared program"
if _reason is None and BACKEND == "jax":
    ORDINARY_REASON += ", whole epochs under XLA"


def with_log(step, **more):
    """What a training step returns, with more logs: on JAX, it returns the state beside them."""
    if BACKEND == "jax":
        logs, state = step
        return {**logs, **more}, state
    return {**step, **more}


def has_text(*cases):
    """Parameters of a test that are left to TensorFlow, since models of theirs take text."""
    mark = pytest.mark.tensorflow("text and lookup layers are TensorFlow's alone")
    marked = [case if hasattr(case, "marks") else pytest.param(case) for case in cases]
    return [pytest.param(*case.values, marks=[*case.marks, mark]) for case in marked]


def run_on(backend: str, code: str, *arguments: str) -> str:
    """Run code in a fresh process on a backend; give what it printed."""
    process = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, "KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert process.returncode == 0, process.stderr
    return process.stdout
