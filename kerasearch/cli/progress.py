"""A progress line for a running search.

The searches of scikit-learn do not report their progress in a way that works in all versions, and
in one process as well as in several. But they call the scorer once after each fit, in the process
of the fit. Therefore the scorer appends each score to a temporary file, and a thread of the main
process reads the file.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

from .._utils.text import counted, duration, time_left

_REFRESH_SECONDS = 0.2
_LINES_WITHOUT_TERMINAL = 5


@dataclass(frozen=True)
class ReportingScorer:
    """A scorer that also writes each score to a file.

    Parameters
    ----------
    scorer : callable
        The scorer, ``scorer(estimator, X, y)``.
    names : tuple of str
        The parameters that identify a candidate.
    path : str
        The file to append to. Each line is written in one call, so that lines of different
        processes do not mix.
    resource : str, default=None
        The parameter that is the resource of the search, such as the epochs in Hyperband.
    """

    scorer: Callable[..., float]
    names: tuple[str, ...]
    path: str
    resource: str | None = None

    def __call__(self, estimator: Any, X: Any, y: Any) -> float:
        """Compute the score, and append it to the file."""
        score = float(self.scorer(estimator, X, y))
        params = estimator.get_params()
        candidate = repr([params.get(name) for name in self.names])
        with open(self.path, "ab", buffering=0) as file:
            amount = 0 if self.resource is None else int(params[self.resource])
            file.write(json.dumps([candidate, amount, score]).encode() + b"\n")
        return score


class Progress:
    """A line in a terminal with the finished fits, the best mean score and the remaining time.

    If the stream is not a terminal, a few plain lines are written to it. A failed fit is not
    scored, so the line does not count it. The table after the search shows it.

    Parameters
    ----------
    n_candidates, n_folds : int
        The number of candidates and of folds in the search.
    stream : text stream
        The stream to write to, usually standard error.

    Examples
    --------
    >>> import sys
    >>> from sklearn.metrics import get_scorer
    >>> with Progress(6, 3, sys.stderr) as progress:
    ...     scorer = progress.watch(get_scorer("accuracy"), ["network__epochs"])
    """

    def __init__(self, n_candidates: int, n_folds: int, stream: TextIO) -> None:
        self.total = n_candidates * n_folds
        self.n_folds = n_folds
        self.stream = stream
        self.live = stream.isatty()
        # scores by candidate and by its amount of the resource
        self._scores: dict[tuple[str, int], list[float]] = defaultdict(list)
        self._read_to = 0
        self._lines = 0
        self._width = 0

    def watch(
        self, scorer: Callable[..., float], names: Sequence[str], resource: str | None = None
    ) -> ReportingScorer:
        """Make a scorer whose calls this line counts.

        The best candidate on the line is one with the largest amount of `resource`.
        """
        return ReportingScorer(scorer, tuple(names), self._path, resource)

    def __enter__(self) -> Progress:
        handle, self._path = tempfile.mkstemp(prefix="kerasearch-progress-")
        os.close(handle)
        self._begin = time.monotonic()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stop.set()
        self._thread.join()
        os.unlink(self._path)
        if self.live:
            self._write_over("")

    def _watch(self) -> None:
        while not self._stop.wait(_REFRESH_SECONDS):
            self._read()
            self._show()
        self._read()
        self._show()

    def _read(self) -> None:
        with open(self._path, "rb") as file:
            file.seek(self._read_to)
            lines = file.read()
        lines = lines[: lines.rfind(b"\n") + 1]  # the last line may be incomplete
        self._read_to += len(lines)
        for line in lines.splitlines():
            candidate, amount, score = json.loads(line)
            self._scores[candidate, amount].append(score)

    def _show(self) -> None:
        if self.live:
            self._write_over(self._line())
            return
        reached = self._done() * _LINES_WITHOUT_TERMINAL // self.total
        if reached > self._lines:
            self._lines = reached
            print(self._line(), file=self.stream, flush=True)

    def _done(self) -> int:
        return sum(map(len, self._scores.values()))

    def _line(self) -> str:
        spent = time.monotonic() - self._begin
        done = self._done()
        parts = [f"{done}/{counted(self.total, 'fit')}"]
        means = [
            (amount, sum(scores) / len(scores))
            for (_, amount), scores in self._scores.items()
            if len(scores) == self.n_folds
        ]
        means = [each for each in means if math.isfinite(each[1])]
        if means:
            parts.append(f"best so far {max(means)[1]:.4g}")
        parts.append(f"{duration(spent)} spent")
        parts.append(time_left(done, self.total, spent))
        return ", ".join(filter(None, parts))

    def _write_over(self, line: str) -> None:
        line = line[: shutil.get_terminal_size().columns - 1]
        self.stream.write(f"\r{line.ljust(self._width)}" + ("" if line else "\r"))
        self.stream.flush()
        self._width = len(line)
