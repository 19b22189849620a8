"""The parameter `loader`: a function that turns a batch of rows of X into the input of a model.

The result of the function is read like X: it may be an array, a data frame, text, or a dict or
tuple of arrays. The first two rows are loaded before the model is built, so that the builder knows
their shape.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import keras
import numpy as np
from scipy import sparse
from sklearn.utils import assert_all_finite

from .._utils.checks import check_integer
from .._utils.text import counted
from ..training.loaded_rows import LoadedRows
from ..training.sparse_rows import compressed
from .arguments import arguments
from .features import Features, Layout, dense_part, is_default_encoder, layout_of, read
from .text_columns import check_no_text

_N_FIRST = 2


def check_loader(estimator: Any) -> None:
    """Raise unless `loader` and `loader_workers` are valid.

    Raises
    ------
    TypeError, ValueError
        If one of them is not valid.
    """
    loader = estimator.loader
    check_integer("loader_workers", estimator.loader_workers, at_least=0)
    if loader is None:
        return
    if not callable(loader):
        raise TypeError(
            f"loader={loader!r} must be a function that turns a batch of rows of X into an array, "
            "or None; to set an argument `loader` of the model-building function, pass "
            "model__loader"
        )
    if not is_default_encoder(estimator.feature_encoder):
        raise ValueError(
            f"loader= is set, but {type(estimator).__name__} has its own feature_encoder, which "
            "needs all rows at once: do its work in the loader"
        )


def check_no_stream(owner: str, X: Any) -> None:
    """Raise if X is a stream of batches, whose rows cannot be indexed.

    Parameters
    ----------
    owner : str
        The class of the estimator, for the message.
    X : any
        The features as the user passed them.

    Raises
    ------
    TypeError
        If X is a stream. The message shows how to use a loader instead.
    """
    kind = _kind_of_stream(X)
    if kind is None:
        return
    what, makes = kind
    raise TypeError(
        f"X is {what}, whose rows a search cannot split into folds. Pass the sources of the rows "
        f"(paths, keys, row numbers) as X, their targets as y, and {makes} as loader=, a "
        "function of a batch of rows of X: def read(paths): return np.stack([image(path) for path "
        f"in paths]); {owner}(build, loader=read, batch_size=32).fit(paths, y). For batches, "
        "shuffling and reading ahead, use batch_size=, shuffle= and loader_workers="
    )


def unloaded(estimator: Any, X: Any, *, reset: bool) -> LoadedRows:
    """Wrap the rows of X, which are loaded later, batch by batch.

    Parameters
    ----------
    estimator : estimator
        The estimator. With `reset`, its layout and number of features are set.
    X : any
        Anything that can be indexed by rows.
    reset : bool
        Whether these are the rows of a new fit. The first rows are then loaded as an example.

    Returns
    -------
    rows : LoadedRows
        The rows; with `reset`, they have an `example`.

    Raises
    ------
    TypeError, ValueError
        If X has no rows, or the loader's result for the first rows is not valid.
    """
    check_loader(estimator)
    takes_target = "y" in arguments(estimator.loader).names[1:]
    reader = _Reader(
        None if reset else estimator._layout,
        estimator.inputs,
        type(estimator).__name__,
        takes_target,
        bool(estimator.allow_nan),
    )
    rows = LoadedRows(
        X.tocsr() if sparse.issparse(X) else X,
        np.arange(_n_rows(X)),
        _calling(estimator.loader),
        reader,
        f"loader={_name(estimator.loader)}",
        estimator.loader_workers,
    )
    if not reset:
        return rows
    example, _ = rows[:_N_FIRST].loaded("the first rows of X")
    estimator._layout = reader.layout
    estimator.n_features_in_ = len(example) if isinstance(example, dict) else _size(example)
    vars(estimator).pop("feature_names_in_", None)
    return replace(rows, example=example)


class _Reader:
    """Read the result of a loader with the layout of the fit.

    Parameters
    ----------
    layout : Layout or None
        The layout; None means the layout of the first result.
    inputs : dict or None
        The estimator's parameter.
    owner : str
        The class of the estimator.
    takes_target : bool
        Whether the loader returns both features and target.
    allow_nan : bool
        Whether numbers may be missing.
    """

    def __init__(
        self, layout: Layout | None, inputs: Any, owner: str, takes_target: bool, allow_nan: bool
    ) -> None:
        self.layout: Any = layout
        self._inputs = inputs
        self._owner = owner
        self._takes_target = takes_target
        self._allow_nan = allow_nan

    def __call__(self, loaded: Any, y: Any, n: int) -> tuple[Features, Any]:
        if self._takes_target:
            if not isinstance(loaded, tuple) or len(loaded) != 2:
                raise ValueError(
                    "a loader with an argument y must return a tuple (X, y), but it returned a "
                    f"{type(loaded).__name__}"
                )
            loaded, changed = loaded
            if y is not None:
                y = keras.tree.map_structure(np.asarray, changed)
                for part in keras.tree.flatten(y):
                    _check_count("y", part.shape, n)
        if self.layout is None:
            self.layout = self._layout_of(loaded, n)
        features = self._features(loaded)
        for part in features.values() if isinstance(features, dict) else [features]:
            _check_count("", part.shape, n)
        return features, y

    def _layout_of(self, loaded: Any, n: int) -> Layout:
        if isinstance(loaded, tuple) and self._inputs is None:
            layout = Layout("list", self._owner, names=tuple(range(len(loaded))))
        else:
            layout = layout_of(_stacked(loaded), range(n), self._inputs, self._owner)
        return replace(layout, allow_nan=self._allow_nan)

    def _features(self, loaded: Any) -> Features:
        loaded = loaded if self.layout.form == "list" else _stacked(loaded)
        if self.layout.form != "array":
            return read(loaded, self.layout)
        if isinstance(loaded, Mapping | tuple):
            raise ValueError(
                f"the result is a {type(loaded).__name__}, but for the first rows it was an array"
            )
        if sparse.issparse(loaded):
            values = compressed(loaded)
        else:
            check_no_text(self._owner, loaded)
            values = dense_part(loaded)
            values = values if values.dtype.kind in "fiub" else values.astype(np.float64)
        assert_all_finite(values, allow_nan=self._allow_nan, input_name="X")
        return values


def _stacked(loaded: Any) -> Any:
    """Stack a list of rows to an array; arrays for several Inputs are a tuple, not a list."""
    if isinstance(loaded, list) and loaded and np.ndim(loaded[0]):
        shapes = {np.shape(row) for row in loaded}
        if len(shapes) > 1:
            raise ValueError(f"rows have the shapes {sorted(shapes)}; all must have the same shape")
        return np.stack(loaded)
    return loaded


def _check_count(name: str, shape: tuple[int, ...], n: int) -> None:
    if shape[:1] != (n,):
        got = counted(shape[0], "row") if shape else "one value"
        raise ValueError(
            f"{f'{name} with ' if name else ''}{got}, for {n}; a loader returns a row for each row "
            "that it gets"
        )


def _calling(loader: Callable[..., Any]) -> Callable[[Any, Any, Any], Any]:
    """Wrap a loader so that it gets `y` and `rng` only if it has these arguments."""
    taken = [name for name in arguments(loader).names[1:] if name in ("y", "rng")]

    def call(rows: Any, y: Any, rng: Any) -> Any:
        given = {"y": y, "rng": rng}
        return loader(rows, **{name: given[name] for name in taken})

    return call


def _name(loader: Callable[..., Any]) -> str:
    while isinstance(loader, functools.partial):
        loader = loader.func
    return getattr(loader, "__name__", type(loader).__name__)


def _size(example: Any) -> int:
    return int(example.shape[1]) if example.ndim > 1 else 1


def _n_rows(X: Any) -> int:
    shape = getattr(X, "shape", None)
    if isinstance(X, Mapping | str | bytes) or not (shape or hasattr(X, "__len__")):
        raise TypeError(
            f"X is a {type(X).__name__}; with a loader, X must be indexable by rows: a list, "
            "an array, a column or a data frame of paths, keys or row numbers"
        )
    n = int(shape[0]) if shape else len(X)
    if not n:
        raise ValueError("X has 0 rows; at least one is needed")
    return n


def _kind_of_stream(X: Any) -> tuple[str, str] | None:
    """Describe a stream, and the part of it that becomes the loader; None if X has rows."""
    if isinstance(X, keras.utils.PyDataset):
        return f"a PyDataset ({type(X).__name__})", "the body of its __getitem__"
    if hasattr(X, "element_spec") and hasattr(X, "map"):
        return "a tf.data.Dataset", "the function that it maps over them"
    if any(cls.__name__ == "DataLoader" for cls in type(X).__mro__):
        return "a torch DataLoader", "the body of its dataset's __getitem__"
    if isinstance(X, Iterator):
        return f"a {type(X).__name__}", "the code that makes a batch"
    return None
