"""Which hyperparameters mattered? Functional ANOVA of a forest's predictions."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np
import pandas as pd
from sklearn import config_context
from sklearn.ensemble import RandomForestRegressor
from sklearn.tree import DecisionTreeRegressor
from sklearn.utils import check_random_state

from .._utils.checks import check_integer
from .._utils.text import listed
from .._utils.user_warnings import warn
from .._utils.values import identity
from ..cv_results.reading import SearchLike, read
from ..cv_results.search_results import SearchResults
from ..cv_results.values import MISSING, is_log_spread, labels, numeric

MIN_CANDIDATES = 4  # a grid of two values by two: fewer cannot tell two hyperparameters apart
MAX_SAMPLES = 1000  # candidates that one tree sees: bounds the time
MAX_GRID = 12  # more distinct numbers than this are draws from a range
CONFIDENCE = 0.95
# of the bootstrap: how often candidates are drawn, how many at most, and trees for each draw
N_DRAWS = 100
MAX_DRAWN = 200
TREES_A_DRAW = 2


def importance(
    search: SearchLike,
    metric: str | None = None,
    *,
    parameters: Sequence[str] | str | None = None,
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
    parameters : str or sequence of str, default=None
        Names of the hyperparameters to list, short or full. None lists all that vary. The forest
        learns from all of them in any case, so that a share does not depend on what else is listed.
    n_trees : int, default=64
        Trees of the forest.
    random_state : int or None, default=0
        Seed of the forest and of the bootstrap.

    Returns
    -------
    table : DataFrame
        Indexed by ``parameter`` (short names), the strongest first; then one row ``"a x b"``, the
        interaction of the two strongest listed. ``importance`` is the share of the variance, from
        0 to 1, averaged over trees; ``std`` is its standard deviation over trees. Shares add up to
        less than 1: the rest is in interactions that are not listed. Hyperparameters of one value
        are left out. In successive halving and Hyperband, the resource is listed too.
        ``ci_low`` and ``ci_high`` are a 95 % bootstrap interval of the share: how far it would
        move with other candidates drawn alike. It is wide where candidates are few for their
        hyperparameters. Where intervals overlap, the order is not known.
        ``table.attrs["oob_r2"]`` says how well the forest predicts candidates that it has not
        seen: 1 is perfectly.

    Raises
    ------
    NotFittedError
        If the search was not fitted.
    ValueError
        If no hyperparameter varies, a listed one does not, or fewer than four candidates have a
        score: then there is nothing to tell.

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

    For the interval, as many candidates as there are (200 at most) are drawn with replacement,
    100 times, and a small forest learns from each draw; the interval is the share plus the central
    95 % of its deviations from their median, narrowed by the square root of how many times more
    candidates there are than were drawn. In simulated random searches of 12 to 100 candidates and
    3 to 8 hyperparameters it held the average share of such searches in 83 to 100 % of cases. It
    does not hold what every forest of few candidates gets wrong alike: weak effects look weaker
    than they are, and a hyperparameter without any effect has a share of one or two percent.

    References
    ----------
    .. [1] Hutter, Hoos & Leyton-Brown, "An Efficient Approach for Assessing Hyperparameter
       Importance", ICML (2014).

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn.svm import SVC
    >>> from kerasearch import importance
    >>> grid = {"C": [0.01, 0.1, 1, 10], "gamma": [0.001, 0.01, 0.1], "shrinking": [True, False]}
    >>> search = GridSearchCV(SVC(), grid, cv=3).fit(*load_iris(return_X_y=True))
    >>> importance(search).index.tolist()
    ['C', 'gamma', 'shrinking', 'C x gamma']
    """
    n_trees = check_integer("n_trees", n_trees, 1)
    results = read(search)
    data = _Data.of(results, metric)
    chosen = data.places(results, parameters)
    forest = data.forest(n_trees, random_state)
    if forest.oob_score_ <= 0 and not data.is_constant:
        warn(
            f"the {len(data.scores)} candidates do not tell which hyperparameters matter: a forest "
            "predicts those that it has not seen no better than their mean"
        )
    trees = [_Boxes.of(tree.tree_, data.dimensions) for tree in forest.estimators_]
    mains = np.array([boxes.main_shares() for boxes in trees])
    order = [i for i in _order(mains) if i in chosen]
    pair = order[:2] if len(order) > 1 else None
    columns = order if pair is None else [*order, len(data.dimensions)]
    shares = _with_joint(trees, mains, pair)[:, columns]
    low, high = data.interval(shares.mean(axis=0), pair, columns, random_state)
    names = [data.dimensions[i].name for i in order]
    table = pd.DataFrame(
        {
            "importance": shares.mean(axis=0),
            "std": shares.std(axis=0),
            "ci_low": low,
            "ci_high": high,
        },
        index=pd.Index(names + ([" x ".join(names[:2])] if pair else []), name="parameter"),
    )
    table.attrs["oob_r2"] = float("nan") if data.is_constant else float(forest.oob_score_)
    return table


def by_importance(results: SearchResults, metric: str | None = None) -> list[str]:
    """List the hyperparameters that vary by full names, as :func:`importance` orders them.

    Where that is not known, they are in the order of the search.
    """
    varying = results.varying()
    try:
        data = _Data.of(results, metric)
    except ValueError:
        return varying
    trees = data.forest(64, 0).estimators_
    mains = [_Boxes.of(tree.tree_, data.dimensions).main_shares() for tree in trees]
    ranked = [data.dimensions[i].name for i in _order(np.array(mains))]
    full = {results.names[name]: name for name in varying}
    return list(dict.fromkeys([*(full[name] for name in ranked if name in full), *varying]))


@dataclass(frozen=True)
class _Data:
    """What the forest learns from: candidates that have a score."""

    dimensions: list[_Dimension]
    encoded: np.ndarray
    scores: np.ndarray

    @classmethod
    def of(cls, results: SearchResults, metric: str | None) -> _Data:
        scores = results.mean(metric)
        kept = np.flatnonzero(np.isfinite(scores))
        if not len(kept):
            raise ValueError("every candidate of the search failed: none has a score to learn from")
        dimensions, encoded = _encode(results, kept)
        if len(kept) < MIN_CANDIDATES:
            raise ValueError(
                f"{len(kept)} candidates with a score are too few to tell which hyperparameters "
                f"matter: at least {MIN_CANDIDATES} are needed"
            )
        return cls(dimensions, encoded, scores[kept])

    @property
    def is_constant(self) -> bool:
        return bool(np.ptp(self.scores) == 0)

    def places(self, results: SearchResults, parameters: Sequence[str] | str | None) -> set[int]:
        """Find the dimensions of these hyperparameters, given by full or short names."""
        place = {dimension.name: i for i, dimension in enumerate(self.dimensions)}
        if parameters is None:
            return set(place.values())
        names = [parameters] if isinstance(parameters, str) else list(parameters)
        if not names:
            raise ValueError("parameters is empty: name hyperparameters, or give None for all")
        short = [n if n in place else results.names[results.parameter(n)] for n in names]
        if constant := [name for name in short if name not in place]:
            raise ValueError(
                f"parameters={names!r}: of {listed(constant)} the candidates with a score have "
                f"but one value, which explains nothing; {listed(place)} vary"
            )
        return {place[name] for name in short}

    def forest(self, n_trees: int, random_state: Any) -> RandomForestRegressor:
        forest = RandomForestRegressor(
            n_trees,
            oob_score=True,
            max_samples=min(MAX_SAMPLES, len(self.scores)),
            random_state=random_state,
        )
        with warnings.catch_warnings():  # few trees or candidates: some have no such prediction
            warnings.filterwarnings("ignore", "Some inputs do not have OOB scores", UserWarning)
            return forest.fit(self.encoded, self.scores)

    def interval(
        self, shares: np.ndarray, pair: Sequence[int] | None, columns: list[int], random_state: Any
    ) -> tuple[np.ndarray, np.ndarray]:
        """Get the ends of the bootstrap interval of each share."""
        random = check_random_state(random_state)
        n = len(self.scores)
        n_drawn = min(n, MAX_DRAWN)
        draws = [random.randint(n, size=n_drawn) for _ in range(N_DRAWS)]
        draws = [rows for rows in draws if np.ptp(self.scores[rows]) > 0]
        if not draws:
            return shares, shares
        drawn = np.array([self._shares_of(rows, pair, random)[columns] for rows in draws])
        outside = 50 * (1 - CONFIDENCE)
        ends = np.percentile(drawn, [outside, 100 - outside], axis=0) - np.median(drawn, axis=0)
        low, high = np.clip(shares + ends * np.sqrt(n_drawn / n), 0, 1)
        return low, high

    def _shares_of(
        self, rows: np.ndarray, pair: Sequence[int] | None, random: np.random.RandomState
    ) -> np.ndarray:
        """Average the shares over a few trees, each of a sample of these rows, as a forest is."""
        trees = []
        for _ in range(TREES_A_DRAW):
            sample = rows[random.randint(len(rows), size=len(rows))]
            seen, times = np.unique(sample, return_counts=True)
            tree = DecisionTreeRegressor(random_state=random.randint(2**31 - 1))
            with config_context(skip_parameter_validation=True):  # half of the time of a fit
                tree.fit(self.encoded[seen], self.scores[seen], times, check_input=False)
            trees.append(_Boxes.of(tree.tree_, self.dimensions))
        mains = np.array([boxes.main_shares() for boxes in trees])
        return _with_joint(trees, mains, pair).mean(axis=0)


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
        leaves = np.flatnonzero(tree.children_left == tree.children_right)[::-1]
        lower, upper = (ends[leaves] for ends in _ends(tree))
        masks, weights = [], []
        for dimension in dimensions:
            mine = (tree.feature[:, None] == dimension.columns).any(axis=1)
            points, each = dimension.cells(tree.threshold[mine])
            mask = np.ones((len(leaves), len(points)), dtype=bool)
            for column, place in zip(dimension.columns, points.T, strict=True):
                mask &= (place > lower[:, column, None]) & (place <= upper[:, column, None])
            masks.append(mask.astype(float))
            weights.append(each)
        return cls(tree.value[leaves, 0, 0], masks, weights)

    def main_shares(self) -> np.ndarray:
        """Get the share of the variance of all predictions that each dimension's marginal has."""
        shares = self._shares()
        centered, variance = self._centered(shares)
        mains = [
            self.weights[i] @ (centered * np.delete(shares, i, axis=0).prod(axis=0) @ mask) ** 2
            for i, mask in enumerate(self.masks)
        ]
        return _share(np.array(mains), variance)

    def joint_share(self, i: int, j: int) -> float:
        """Get the share of the marginal of two dimensions together."""
        shares = self._shares()
        centered, variance = self._centered(shares)
        rest = np.delete(shares, [i, j], axis=0).prod(axis=0)
        marginal = (self.masks[i] * (centered * rest)[:, None]).T @ self.masks[j]
        return _share(float(self.weights[i] @ marginal**2 @ self.weights[j]), variance)

    def _shares(self) -> np.ndarray:
        """Weight of each box in each dimension, (n_dimensions, n_leaves)."""
        return np.array([m @ w for m, w in zip(self.masks, self.weights, strict=True)])

    def _centered(self, shares: np.ndarray) -> tuple[np.ndarray, float]:
        """Get the boxes' predictions minus their mean, and their variance."""
        volume = shares.prod(axis=0)
        centered = self.values - volume @ self.values
        return centered, float(volume @ centered**2)


def _ends(tree: Any) -> tuple[np.ndarray, np.ndarray]:
    """Find the ends of each node's box: beyond the lower, up to the upper; (n_nodes, n_columns)."""
    lower = np.full((tree.node_count, tree.n_features), -np.inf)
    upper = np.full((tree.node_count, tree.n_features), np.inf)
    inner = np.flatnonzero(tree.children_left != tree.children_right)
    for node in inner:  # a node's number is less than those of its children
        left, right = tree.children_left[node], tree.children_right[node]
        for child in (left, right):
            lower[child], upper[child] = lower[node], upper[node]
        upper[left, tree.feature[node]] = lower[right, tree.feature[node]] = tree.threshold[node]
    return lower, upper


def _order(mains: np.ndarray) -> list[int]:
    """Order dimensions by their shares of shape (n_trees, n_dimensions), the strongest first."""
    return [int(i) for i in np.argsort(-mains.mean(axis=0), kind="stable")]


def _with_joint(
    trees: Sequence[_Boxes], mains: np.ndarray, pair: Sequence[int] | None
) -> np.ndarray:
    """Append what two dimensions have together, beyond each alone, to the shares of each tree."""
    if pair is None:
        return mains
    i, j = pair
    joint = np.array([boxes.joint_share(i, j) for boxes in trees])
    return np.column_stack([mains, np.maximum(joint - mains[:, i] - mains[:, j], 0)])


def _share(part: Any, variance: float) -> Any:
    return part / variance if variance > 1e-30 else part * 0.0
