"""Run each part of a benchmark in a process of its own, and describe the machine."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version

PACKAGES = (
    "kerasearch",
    "keras",
    "tensorflow",
    "jax",
    "scikit-learn",
    "scikeras",
    "keras-tuner",
    "optuna",
    "numpy",
)


def measure(module: str, *args: str, timeout: int = 1800, backend: str = "tensorflow") -> dict:
    """Run ``python -m module --run args`` and return the JSON object of its last line."""
    done = subprocess.run(
        [sys.executable, "-m", module, "--run", *args],
        capture_output=True,
        text=True,
        timeout=timeout,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": backend},
    )
    if done.returncode:
        raise RuntimeError(f"{module} {' '.join(args)} failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def machine() -> dict[str, str]:
    """Describe the machine and the versions of the packages, to record with the figures."""
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "from source" if package == "kerasearch" else "absent"
    return {
        "cpus": str(os.cpu_count()),
        "processor": platform.processor() or platform.machine(),
        "python": platform.python_version(),
        **versions,
    }


def print_table(rows: list[dict[str, str]]) -> None:
    """Print rows as a Markdown table."""
    names = list(rows[0])
    print("| " + " | ".join(names) + " |")
    print("|" + "---|" * len(names))
    for row in rows:
        print("| " + " | ".join(str(row[name]) for name in names) + " |")
