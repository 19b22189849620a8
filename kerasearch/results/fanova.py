"""Which hyperparameters mattered? Functional ANOVA of a forest's predictions."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestRegressor

from .._utils.checks import check_integer
from .._utils.text import counted
from .._utils.user_warnings import warn
from .._utils.values import identity
from ..cv_results.reading import SearchLike, read
from ..cv_results.search_results import SearchResults
from ..cv_results.values import MISSING, is_log_spread, labels, numeric

MIN_CANDIDATES = 10
PER_PARAMETER = 5  # candidates for each hyperparameter that varies
MAX_SAMPLES = 1000  # candidates that one tree sees: bounds the time
MAX_GRID = 12  # more distinct numbers than this are draws from a range


def importance(
    search: SearchLike,
    metric: str | None = None,
    *,
    n_trees: int = 64,
    random_state: int | None = 0,
) -> pd.DataFrame:
    """Estimate each hyperparameter's share of the variance of the score (fANOVA).

    A random forest learns the mean score from the hyperparameters. Each tree is constant on
    boxes, so that the variance of its predictions over the space, and the part of it that one
    hyperparameter (or two together, beyond each alone) brings, are sums over boxes [1]_.

    Parameters
    ----------
    search : fitted search, dict or DataFrame
        As for :func:`summarize`. Random or quasi-random candidates tell most; those of an adaptive
        search crowd where scores are good, and the rest of the space is guessed from few.
    metric : str, default=None
        Which score, of a search with several. None is the one that the search refitted by, or
        the first.
    n_trees : int, default=64
        Trees of the forest.
    random_state : int or None, default=0
        Seed of the forest.

    Returns
    -------
    table : DataFrame
        Indexed by ``parameter`` (short names), the strongest first; then one row ``"a x b"``, the
        interaction of the two strongest. ``importance`` is the share of the variance, from 0 to
        1, averaged over trees; ``std`` is its standard deviation over trees. Shares add up to
        less than 1: the rest is in interactions that are not listed. Hyperparameters of one value
        are left out. In successive halving and Hyperband, the resource is listed too.
        ``table.attrs["oob_r2"]`` says how well the forest predicts candidates that it has not
        seen: 1 is perfectly.

    Raises
    ------
    NotFittedError
        If the search was not fitted.
    ValueError
        If no hyperparameter varies, or the candidates with a score are too few: at least ten, and
        five for each hyperparameter that varies.

    Warns
    -----
    UserWarning
        If the forest predicts unseen candidates no better than their mean.

    Notes
    -----
    Numbers of a grid weigh equally. Other numbers are taken as uniform from the smallest to the
    largest that was tried, on a logarithmic scale where they are spread so. Categories weigh
    equally. The values of a conditional hyperparameter are completed by "not there", which weighs
    as often as it occurs. Optuna's ``FanovaImportanceEvaluator`` agrees where all scales are
    linear; it takes logarithmic ones as linear too, and so gives other shares for them.

    References
    ----------
    .. [1] Hutter, Hoos & Leyton-Brown, "An Efficient Approach for Assessing Hyperparameter
       Importance", ICML (2014).
    """
    n_trees = check_integer("n_trees", n_trees, 1)
    results = read(search)
    scores = results.mean(metric)
    kept = np.flatnonzero(np.isfinite(scores))
    if not len(kept):
        raise ValueError("every candidate of the search failed: none has a score to learn from")
    dimensions, encoded = _encode(results, kept)
    needed = max(MIN_CANDIDATES, PER_PARAMETER * len(dimensions))
    if len(kept) < needed:
        raise ValueError(
            f"{len(kept)} candidates with a score are too few to tell the importance of "
            f"{counted(len(dimensions), 'hyperparameter')}: "
            f"at least {needed} are needed"
        )
    forest = RandomForestRegressor(
        n_trees,
        oob_score=True,
        max_samples=min(MAX_SAMPLES, len(kept)),
        random_state=random_state,
    )
    with warnings.catch_warnings():  # few trees leave candidates without an out-of-bag prediction
        warnings.filterwarnings("ignore", "Some inputs do not have OOB scores", UserWarning)
        forest.fit(encoded, scores[kept])
    constant = np.ptp(scores[kept]) == 0
    if forest.oob_score_ <= 0 and not constant:
        warn(
            f"the {len(kept)} candidates do not tell which hyperparameters matter: a forest "
            "predicts those that it has not seen no better than their mean"
        )
    table = _shares([_Boxes.of(tree.tree_, dimensions) for tree in forest.estimators_], dimensions)
    table.attrs["oob_r2"] = float("nan") if constant else float(forest.oob_score_)
    return table


@dataclass(frozen=True)
class _Dimension:
    """One hyperparameter as the trees see it.

    `columns` are its places in the encoded array. `points` are the encodings of its discrete
    values, one a row, and `weights` theirs; `span` is the range of a continuous one, which comes
    before the points and has what weight they leave.
    """

    name: str
    columns: tuple[int, ...]
    points: np.ndarray
    weights: np.ndarray
    span: tuple[float, float] | None = None

    def cells(self, thresholds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Cut it where a tree does: encodings (n_cells, n_columns) and weights (n_cells,)."""
        if self.span is None:
            return self.points, self.weights
        low, high = self.span
        inner = thresholds[(thresholds > low) & (thresholds < high)]
        edges = np.unique(np.concatenate([[low], inner, [high]]))
        middles = (edges[:-1] + edges[1:]) / 2
        weights = np.diff(edges) / (high - low) * (1 - self.weights.sum())
        return (
            np.concatenate([middles[:, None], self.points]),
            np.concatenate([weights, self.weights]),
        )


def _encode(results: SearchResults, kept: np.ndarray) -> tuple[list[_Dimension], np.ndarray]:
    """Encode the candidates for the trees, float32 as they have it."""
    columns: dict[str, list[Any]] = {}
    for full, short in results.names.items():
        values = results.values(full)
        columns[short] = [values[i] for i in kept]
    if results.resources is not None and "n_resources" not in columns:
        budgets = [name for name in results.names if _is_resource(results.numbers(name), results)]
        if not budgets:  # the resource is none of the parameters, such as a number of samples
            columns["n_resources"] = list(results.resources[kept])
    dimensions: list[_Dimension] = []
    encoded: list[np.ndarray] = []
    places = count()
    for name, values in columns.items():
        if len(set(map(identity, values))) < 2:
            continue
        array, points, weights, span = _encode_one(values)
        columns_of = tuple(next(places) for _ in range(array.shape[1]))
        dimensions.append(_Dimension(name, columns_of, points, weights, span))
        encoded.append(array)
    if not dimensions:
        raise ValueError("no hyperparameter of the search has more than one value")
    return dimensions, np.hstack(encoded)


def _is_resource(numbers: np.ndarray | None, results: SearchResults) -> bool:
    known = results.resources
    return numbers is not None and known is not None and np.array_equal(numbers, known)


def _encode_one(
    values: Sequence[Any],
) -> tuple[np.ndarray, np.ndarray, np.ndarray, tuple[float, float] | None]:
    """Encode one hyperparameter: the array, its points and their weights, its span."""
    numbers = numeric(values)
    if numbers is None:
        texts = zip(values, labels(values), strict=True)
        keys = [repr(value) if isinstance(value, str) else text for value, text in texts]
        categories, codes = np.unique(keys, return_inverse=True)
        points = np.eye(len(categories), dtype=np.float32)
        missing = np.array([value is MISSING for value in values])
        absent = np.isin(np.arange(len(categories)), codes[missing])
        share = float(missing.mean())
        weights = _with_missing(int((~absent).sum()), absent, share)
        return points[codes], points, weights, None
    missing = ~np.isfinite(numbers)
    if is_log_spread(numbers):
        numbers = np.log(numbers)
    numbers = _to_unit(numbers).astype(np.float32)
    distinct = np.unique(numbers[~missing])
    low, high = float(distinct[0]), float(distinct[-1])
    below = low - max(high - low, 1)  # where the missing ones go
    array = np.where(missing, np.float32(below), numbers)[:, None]
    share = float(missing.mean())
    n_given = (~missing).sum()
    if len(distinct) > MAX_GRID and len(distinct) > n_given / 3:
        here = [[below]] if share else np.empty((0, 1))
        return array, np.asarray(here), np.array([share] if share else []), (low, high)
    points = np.append(distinct, [below] if share else [])[:, None]
    absent = np.arange(len(points)) >= len(distinct)
    return array, points, _with_missing(len(distinct), absent, share), None


def _to_unit(numbers: np.ndarray) -> np.ndarray:
    """Map to [0, 1], so that float32 tells apart what is close, and holds what is large."""
    low, high = np.nanmin(numbers[np.isfinite(numbers)]), np.nanmax(numbers[np.isfinite(numbers)])
    half = high / 2 - low / 2  # which does not overflow
    return (numbers / 2 - low / 2) / half if half > 0 else numbers - low


def _with_missing(n_values: int, absent: np.ndarray, share: float) -> np.ndarray:
    """Weigh values equally, and "not there" as often as it occurs."""
    return np.where(absent, share, (1 - share) / n_values)


@dataclass(frozen=True)
class _Boxes:
    """A tree as boxes: what it predicts on each, and which cells of each dimension it spans."""

    values: np.ndarray  # (n_leaves,)
    masks: list[np.ndarray]  # of each dimension, (n_leaves, n_cells)
    weights: list[np.ndarray]  # of each dimension, (n_cells,)

    @classmethod
    def of(cls, tree: Any, dimensions: Sequence[_Dimension]) -> _Boxes:
        owner = {column: i for i, d in enumerate(dimensions) for column in d.columns}
        cells, weights = [], []
        for dimension in dimensions:
            mine = np.isin(tree.feature, dimension.columns)
            points, each = dimension.cells(tree.threshold[mine])
            cells.append(points)
            weights.append(each)
        values: list[float] = []
        masks: list[list[np.ndarray]] = [[] for _ in dimensions]
        for node, box in _leaves(tree, dimensions, owner, cells):
            values.append(tree.value[node, 0, 0])
            for i, mask in enumerate(box):
                masks[i].append(mask)
        return cls(np.array(values), [np.array(m, dtype=float) for m in masks], weights)

    def effects(self) -> tuple[float, np.ndarray]:
        """Get the variance of all predictions, and of each dimension's marginal."""
        shares = self._shares()
        volume = shares.prod(axis=0)
        mean = volume @ self.values
        variance = volume @ (self.values - mean) ** 2
        mains = [
            self.weights[i]
            @ ((self.values - mean) * np.delete(shares, i, axis=0).prod(axis=0) @ mask) ** 2
            for i, mask in enumerate(self.masks)
        ]
        return float(variance), np.array(mains)

    def joint(self, i: int, j: int) -> float:
        """Get the variance of the marginal of two dimensions together."""
        shares = self._shares()
        volume = shares.prod(axis=0)
        centered = self.values - volume @ self.values
        rest = np.delete(shares, [i, j], axis=0).prod(axis=0)
        marginal = (self.masks[i] * (centered * rest)[:, None]).T @ self.masks[j]
        return float(self.weights[i] @ marginal**2 @ self.weights[j])

    def _shares(self) -> np.ndarray:
        """Weight of each box in each dimension, (n_dimensions, n_leaves)."""
        return np.array([m @ w for m, w in zip(self.masks, self.weights, strict=True)])


def _leaves(
    tree: Any,
    dimensions: Sequence[_Dimension],
    owner: dict[int, int],
    cells: Sequence[np.ndarray],
) -> Iterator[tuple[int, list[np.ndarray]]]:
    """Walk to every leaf, with the mask of the cells of each dimension that lead there."""
    waiting = [(0, [np.ones(len(points), dtype=bool) for points in cells])]
    while waiting:
        node, box = waiting.pop()
        left, right = tree.children_left[node], tree.children_right[node]
        if left == right:
            yield node, box
            continue
        i = owner[tree.feature[node]]
        goes_left = (
            cells[i][:, dimensions[i].columns.index(tree.feature[node])] <= tree.threshold[node]
        )
        for child, side in ((left, goes_left), (right, ~goes_left)):
            waiting.append((child, [*box[:i], box[i] & side, *box[i + 1 :]]))


def _shares(trees: Sequence[_Boxes], dimensions: Sequence[_Dimension]) -> pd.DataFrame:
    """Tabulate each effect's share of the variance, over trees."""
    names = [dimension.name for dimension in dimensions]
    effects = [boxes.effects() for boxes in trees]
    mains = np.array([_share(part, variance) for variance, part in effects])
    order = np.argsort(-mains.mean(axis=0), kind="stable")
    rows = [(names[i], mains[:, i]) for i in order]
    if len(order) > 1:
        i, j = (int(k) for k in order[:2])
        beyond = [
            _share(max(boxes.joint(i, j) - part[i] - part[j], 0.0), variance)
            for boxes, (variance, part) in zip(trees, effects, strict=True)
        ]
        rows.append((f"{names[i]} x {names[j]}", np.array(beyond)))
    return pd.DataFrame(
        {"importance": [s.mean() for _, s in rows], "std": [s.std() for _, s in rows]},
        index=pd.Index([name for name, _ in rows], name="parameter"),
    )


def _share(part: Any, variance: float) -> Any:
    return part / variance if variance > 1e-30 else part * 0.0
