"""Rows that a function loads on demand."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

REASON = "a loader loads the rows batch by batch"


@dataclass(frozen=True, eq=False)
class LoadedRows:
    """Rows of the user's X that are not loaded yet.

    Attributes
    ----------
    source : any
        The user's X, which can be indexed by rows, such as a list, an array or a data frame.
    indices : ndarray of int
        The indices of the rows, in order.
    call : callable
        The user's loader, with arguments (rows of the source, y, rng). `y` is the target of the
        rows as the model gets it, or None. `rng` is a random generator, or None.
    read : callable
        A function that converts the loader's result to the input of a model, or raises ValueError.
        Its arguments are (loaded, y, number of rows), and it returns (features, target).
    name : str
        The name of the loader, for messages.
    n_workers : int
        The number of threads that load ahead; 0 loads each batch when it is needed.
    example : any
        The features of the first two rows of a fit, which were loaded to determine their shape.
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
        """The shape (n_rows,)."""
        return self.indices.shape

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, rows: Any) -> LoadedRows:
        return replace(self, indices=self.indices[rows])

    def rows(self) -> Any:
        """Get the rows of the source; a list or tuple gives a list."""
        if hasattr(self.source, "iloc"):
            return self.source.iloc[self.indices]
        if isinstance(self.source, list | tuple):
            return [self.source[i] for i in self.indices]
        return self.source[self.indices]

    def then(self, further: Callable[[Any], Any]) -> LoadedRows:
        """Get the same rows, with a further function that is applied to the loaded features."""
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
            A description of the rows for messages, such as ``"batch 2 of epoch 1"``.
        y : array, or nested arrays, default=None
            The target of the rows as the model gets it.
        rng : numpy.random.Generator, default=None
            The random generator for the loader.

        Returns
        -------
        features, target : arrays, or nested arrays
            Features and target as the model gets them.

        Raises
        ------
        RuntimeError
            If the loader raises an error. The message names the rows.
        ValueError
            If the loader's result is not valid.
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
            raise ValueError(f"the result of {self.name} for {place}: {error}") from error

    def digest(self) -> str:
        """Compute a digest of the rows of the source, without loading them."""
        values = np.asarray(self.rows(), dtype=object).tolist()
        return hashlib.sha256(repr(values).encode()).hexdigest()


def is_loaded(array: Any) -> bool:
    """Tell whether rows are loaded on demand."""
    return isinstance(array, LoadedRows)
