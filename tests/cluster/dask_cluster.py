"""A scheduler and workers as processes, each in a directory of its own, as on several machines."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


class DaskCluster:
    """A scheduler and workers; what they print is in files of their names.

    Parameters
    ----------
    place : Path
        A directory for theirs.
    n_workers : int
        How many workers.
    preload : bool
        Whether workers import kerasearch before they take tasks.
    hidden : Path or None
        A directory that the workers do not see, as if they were other machines.
    """

    def __init__(
        self, place: Path, n_workers: int = 2, preload: bool = True, hidden: Path | None = None
    ) -> None:
        self._place = place
        self._hidden = hidden
        self._processes: list[subprocess.Popen] = []
        self.address_file = place / "scheduler.json"
        self._doom = place / "doom"
        self._doom.mkdir(parents=True)
        self.scheduler = self._start(
            "scheduler", "dask_scheduler", "--port", "0", "--no-dashboard", "--no-show"
        )
        self.workers = [self.add_worker(preload) for _ in range(n_workers)]

    def add_worker(self, preload: bool = True, name: str = "") -> subprocess.Popen:
        """Start a worker of one thread, with a working and a temporary directory of its own."""
        name = name or f"worker-{len(self._processes)}"
        place = self._place / name
        more = ["--preload", "kerasearch"] if preload else []
        return self._start(
            name,
            "dask_worker",
            *(
                "--name",
                name,
                "--no-nanny",
                "--nthreads",
                "1",
                "--no-dashboard",
                "--local-directory",
                place,
            ),
            *more,
        )

    def _start(self, name: str, module: str, *arguments: object) -> subprocess.Popen:
        place = self._place / name
        (place / "tmp").mkdir(parents=True)
        command = [sys.executable, "-m", f"distributed.cli.{module}", "--host", "127.0.0.1"]
        command += ["--scheduler-file", self.address_file, *arguments]
        if self._hidden is not None and name != "scheduler":
            alone = ["unshare", "--map-root-user", "--mount", "sh", "-c"]
            command = [*alone, 'mount -t tmpfs none "$0" && exec "$@"', self._hidden, *command]
        with (place / "output.txt").open("w") as output:
            process = subprocess.Popen(
                [*map(str, command)],
                cwd=place,
                stdout=output,
                stderr=output,
                env=environment(TMPDIR=place / "tmp", DOOM=self._doom),
            )
        self._processes.append(process)
        return process

    def doom(self, n: int) -> None:
        """Have the worker that builds the `n`-th model from now on be killed there."""
        (self._doom / f"{n:03}.deadly").touch()
        for i in range(1, n):
            (self._doom / f"{i:03}").touch()

    def n_dead(self) -> int:
        """How many workers have ended."""
        return sum(worker.poll() is not None for worker in self._processes[1:])

    def left_behind(self) -> list[str]:
        """Name what the workers have in their directories of temporary files."""
        return [p.name for p in self._place.glob("worker-*/tmp/*") if "kerasearch" in p.name]

    def stop(self) -> None:
        """End all processes."""
        for process in self._processes:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGKILL)
            process.wait()


@contextlib.contextmanager
def dask_cluster(place: Path, **settings: Any) -> Iterator[DaskCluster]:
    """Start a cluster, and end it."""
    cluster = DaskCluster(place, **settings)
    try:
        wait_for(cluster.address_file.exists)
        yield cluster
    finally:
        cluster.stop()


def environment(**more: object) -> dict[str, str]:
    """Make the environment of a process that can import this package and its tests."""
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
    return {**os.environ, **quiet, "PYTHONPATH": path, **{k: str(v) for k, v in more.items()}}


def wait_for(condition, seconds: float = 240.0) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.05)
