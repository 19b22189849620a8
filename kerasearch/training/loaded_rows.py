"""Rows that a function loads when they are due, and what stands for them until then."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

REASON = "a loader gives the rows batch by batch"


@dataclass(frozen=True, eq=False)
class LoadedRows:
    """Rows of what a user gave as X, not loaded yet.

    Attributes
    ----------
    source : any
        What is indexed by rows: a list, an array, a data frame, ...
    indices : ndarray of int
        Which rows of it, in order.
    call : callable
        Loads: (rows of the source, y, rng) to anything. `y` is their target as the model gets it,
        or None; `rng` a generator of random numbers, or None.
    read : callable
        Makes of that what a model gets, or raises a ValueError: (loaded, y, number of rows) to
        (features, target).
    name : str
        What loads, for messages.
    n_workers : int
        How many threads load ahead; 0 loads each batch when it is due.
    example : any
        The features of the first row or two of a fit, which were loaded to see their shape.
    """

    source: Any
    indices: np.ndarray
    call: Callable[[Any, Any, np.random.Generator | None], Any]
    read: Callable[[Any, Any, int], tuple[Any, Any]]
    name: str
    n_workers: int = 0
    example: Any = None

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of rows, as the shape of an array has it."""
        return self.indices.shape

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, rows: Any) -> LoadedRows:
        return replace(self, indices=self.indices[rows])

    def rows(self) -> Any:
        """The rows of the source, in a container of its type."""
        if hasattr(self.source, "iloc"):
            return self.source.iloc[self.indices]
        if isinstance(self.source, list | tuple):
            return [self.source[i] for i in self.indices]
        return self.source[self.indices]

    def then(self, further: Callable[[Any], Any]) -> LoadedRows:
        """The same rows, whose features go through one more function when they are loaded."""
        read = self.read

        def read_further(loaded: Any, y: Any, n_rows: int) -> tuple[Any, Any]:
            features, target = read(loaded, y, n_rows)
            return further(features), target

        return replace(self, read=read_further)

    def loaded(
        self, what: str, y: Any = None, rng: np.random.Generator | None = None
    ) -> tuple[Any, Any]:
        """Load all of these rows at once.

        Parameters
        ----------
        what : str
            What they are, for messages: ``"batch 2 of epoch 1"``.
        y : array, or nested arrays, default=None
            Their target as the model gets it.
        rng : numpy.random.Generator, default=None
            For what is to be random.

        Returns
        -------
        features, target : arrays, or nested arrays
            As the model gets them.

        Raises
        ------
        RuntimeError
            If loading fails; the message says on which rows.
        ValueError
            If what was loaded is not valid.
        """
        rows = self.rows()
        first = repr(np.asarray(self[:1].rows(), dtype=object).tolist()[0])
        place = f"{what} ({len(self)} rows from {first[:80]} on)"
        try:
            loaded = self.call(rows, y, rng)
        except Exception as error:
            raise RuntimeError(
                f"{self.name} failed on {place}: {type(error).__name__}: {error}"
            ) from error
        try:
            return self.read(loaded, y, len(self))
        except (TypeError, ValueError) as error:
            raise ValueError(f"what {self.name} returned for {place}: {error}") from error

    def digest(self) -> str:
        """A digest of the rows of the source, not of what is loaded for them."""
        values = np.asarray(self.rows(), dtype=object).tolist()
        return hashlib.sha256(repr(values).encode()).hexdigest()


def is_loaded(array: Any) -> bool:
    """Tell whether rows are still to be loaded."""
    return isinstance(array, LoadedRows)
