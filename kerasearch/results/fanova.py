"""The importance of hyperparameters: functional ANOVA of the predictions of a random forest."""

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

MIN_CANDIDATES = 4  # the size of a grid of two hyperparameters with two values each
MAX_SAMPLES = 1000  # the largest number of candidates for one tree, to limit the time
MAX_GRID = 12  # more distinct numbers than this are taken for draws from a range
CONFIDENCE = 0.95
# bootstrap: the number of draws, the largest number of candidates in a draw, and its trees
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

    A random forest predicts the mean score from the hyperparameters. The predictions of a tree are
    constant on boxes of the search space. Therefore the variance of the predictions over the space
    is a sum over boxes. So is the part of the variance that one hyperparameter explains, and the
    part that two hyperparameters explain together beyond their individual parts [1]_.

    Parameters
    ----------
    search : fitted search, dict or DataFrame
        The search, as in :func:`summarize`. Random or quasi-random candidates suit best. The
        candidates of an adaptive search are concentrated at good scores, so that few candidates
        describe the rest of the space.
    metric : str, default=None
        The metric to explain, if the search has several. None uses the metric that `refit` of the
        search names, or else the first metric.
    parameters : str or sequence of str, default=None
        Short or full names of the hyperparameters to list. None lists all hyperparameters that
        vary. The forest always uses all hyperparameters, so a share does not depend on which
        other hyperparameters are listed.
    n_trees : int, default=64
        The number of trees in the forest.
    random_state : int or None, default=0
        The seed of the forest and of the bootstrap.

    Returns
    -------
    table : DataFrame
        One row for each hyperparameter, indexed by ``parameter`` (the short name), the largest
        share first. The last row, ``"a x b"``, is the interaction of the first two
        hyperparameters in the table. The columns are:

        - ``importance``: the share of the variance, from 0 to 1, averaged over trees;
        - ``std``: the standard deviation of the share over trees;
        - ``ci_low``, ``ci_high``: a 95 % bootstrap interval of the share. It shows how much the
          share would vary with other candidates from the same space. It is wide if the search has
          few candidates for the number of hyperparameters. If two intervals overlap, the order of
          the two hyperparameters is uncertain.

        The shares usually sum to less than 1. The rest belongs to interactions that are not
        listed. A hyperparameter with a single value is left out. In successive halving and
        Hyperband, the resource is listed as well. ``table.attrs["oob_r2"]`` is the R² of the
        forest on candidates that it was not trained on; 1 means perfect predictions.

    Raises
    ------
    NotFittedError
        If the search was not fitted.
    ValueError
        If no hyperparameter varies, if one in `parameters` is unknown or does not vary, if
        `n_trees` is not a positive integer, or if fewer than four candidates have a score.

    Warns
    -----
    UserWarning
        If the forest predicts unseen candidates no better than the mean score does.

    See Also
    --------
    zoom : Make a narrower space around the best candidates.
    SliceDisplay : Plot the score over each hyperparameter.

    Notes
    -----
    The numbers of a grid have equal weights. Other numbers are treated as uniformly distributed
    from the smallest to the largest tried number. The distribution is uniform on a logarithmic
    scale if the numbers are spread logarithmically. Categories have equal weights. A conditional
    hyperparameter has the additional value "absent", whose weight is its frequency among the
    candidates. Optuna's ``FanovaImportanceEvaluator`` gives the same shares if all scales are
    linear. It also treats logarithmic scales as linear, so its shares differ there.

    For the interval, candidates are drawn with replacement 100 times: in each draw as many as the
    search has, but at most 200. A small forest is trained on each draw. The interval is the share
    plus the central 95 % of the deviations of the draws from their median. If a draw has fewer
    candidates than the search, the deviations are divided by the square root of the ratio of the
    two numbers. In simulated random searches with 12 to 100 candidates and 3 to 8 hyperparameters,
    the interval contained the average share over many such searches in 83 to 100 % of the cases.
    The interval does not cover errors that all forests with few candidates share: weak effects are
    underestimated, and a hyperparameter without an effect gets a share of one or two percent.

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
            f"the {len(data.scores)} candidates do not show which hyperparameters matter: the "
            "forest predicts unseen candidates no better than their mean score does"
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
    """List the full names of the varying hyperparameters in the order of :func:`importance`.

    If the importance cannot be computed, they are in the order of the search.
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
    """The training data of the forest: the candidates that have a score.

    Attributes
    ----------
    dimensions : list of _Dimension
        The hyperparameters that vary.
    encoded : ndarray of shape (n_candidates, n_columns)
        The encoded hyperparameters.
    scores : ndarray of shape (n_candidates,)
        The mean scores.
    """

    dimensions: list[_Dimension]
    encoded: np.ndarray
    scores: np.ndarray

    @classmethod
    def of(cls, results: SearchResults, metric: str | None) -> _Data:
        scores = results.mean(metric)
        kept = np.flatnonzero(np.isfinite(scores))
        if not len(kept):
            raise ValueError("every candidate of the search failed, so no candidate has a score")
        dimensions, encoded = _encode(results, kept)
        if len(kept) < MIN_CANDIDATES:
            raise ValueError(
                f"{len(kept)} candidates with a score are too few to find out which "
                f"hyperparameters matter; at least {MIN_CANDIDATES} are needed"
            )
        return cls(dimensions, encoded, scores[kept])

    @property
    def is_constant(self) -> bool:
        return bool(np.ptp(self.scores) == 0)

    def places(self, results: SearchResults, parameters: Sequence[str] | str | None) -> set[int]:
        """Find the positions of hyperparameters from their full or short names."""
        place = {dimension.name: i for i, dimension in enumerate(self.dimensions)}
        if parameters is None:
            return set(place.values())
        names = [parameters] if isinstance(parameters, str) else list(parameters)
        if not names:
            raise ValueError(
                "parameters is empty; pass names of hyperparameters, or parameters=None for all"
            )
        short = [n if n in place else results.names[results.parameter(n)] for n in names]
        if constant := [name for name in short if name not in place]:
            raise ValueError(
                f"parameters={names!r}: all candidates with a score have the same value of "
                f"{listed(constant)}; the hyperparameters that vary are {listed(place)}"
            )
        return {place[name] for name in short}

    def forest(self, n_trees: int, random_state: Any) -> RandomForestRegressor:
        forest = RandomForestRegressor(
            n_trees,
            oob_score=True,
            max_samples=min(MAX_SAMPLES, len(self.scores)),
            random_state=random_state,
        )
        with warnings.catch_warnings():  # with few trees, every tree may have seen a candidate
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
        """Average the shares over a few trees, each trained on a bootstrap sample of the rows."""
        trees = []
        for _ in range(TREES_A_DRAW):
            sample = rows[random.randint(len(rows), size=len(rows))]
            seen, times = np.unique(sample, return_counts=True)
            tree = DecisionTreeRegressor(random_state=random.randint(2**31 - 1))
            with config_context(skip_parameter_validation=True):  # it takes half of the fit's time
                tree.fit(self.encoded[seen], self.scores[seen], times, check_input=False)
            trees.append(_Boxes.of(tree.tree_, self.dimensions))
        mains = np.array([boxes.main_shares() for boxes in trees])
        return _with_joint(trees, mains, pair).mean(axis=0)


@dataclass(frozen=True)
class _Dimension:
    """One hyperparameter in the encoding for the trees.

    Attributes
    ----------
    name : str
        The short name.
    columns : tuple of int
        The columns of the encoded array.
    points : ndarray of shape (n_points, n_columns)
        The encodings of the discrete values.
    weights : ndarray of shape (n_points,)
        The weights of the discrete values.
    span : (float, float) or None
        The range of a continuous hyperparameter. Its weight is 1 minus the sum of `weights`.
    """

    name: str
    columns: tuple[int, ...]
    points: np.ndarray
    weights: np.ndarray
    span: tuple[float, float] | None = None

    def cells(self, thresholds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Split the values at the thresholds of a tree.

        Return the encodings of the cells, of shape (n_cells, n_columns), and their weights, of
        shape (n_cells,).
        """
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
    """Encode the candidates for the trees as float32, the dtype of scikit-learn's trees."""
    columns: dict[str, list[Any]] = {}
    for full, short in results.names.items():
        values = results.values(full)
        columns[short] = [values[i] for i in kept]
    if results.resources is not None and "n_resources" not in columns:
        budgets = [name for name in results.names if _is_resource(results.numbers(name), results)]
        if not budgets:  # the resource is not a parameter, but for example the number of samples
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
    """Encode one hyperparameter; return the array, the points, their weights and the span."""
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
    below = low - max(high - low, 1)  # the number that stands for a missing value
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
    """Map numbers to [0, 1], so that float32 can represent close numbers and large numbers."""
    low, high = np.nanmin(numbers[np.isfinite(numbers)]), np.nanmax(numbers[np.isfinite(numbers)])
    half = high / 2 - low / 2  # this form does not overflow
    return (numbers / 2 - low / 2) / half if half > 0 else numbers - low


def _with_missing(n_values: int, absent: np.ndarray, share: float) -> np.ndarray:
    """Give equal weights to the values, and the weight `share` to an absent value."""
    return np.where(absent, share, (1 - share) / n_values)


@dataclass(frozen=True)
class _Boxes:
    """The boxes of a tree, one for each leaf.

    Attributes
    ----------
    values : ndarray of shape (n_leaves,)
        The prediction on each box.
    masks : list of ndarray of shape (n_leaves, n_cells)
        For each dimension, whether a box contains a cell.
    weights : list of ndarray of shape (n_cells,)
        For each dimension, the weights of the cells.
    """

    values: np.ndarray
    masks: list[np.ndarray]
    weights: list[np.ndarray]

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
        """Get the variance of each dimension's marginal prediction, as a share of all variance."""
        shares = self._shares()
        centered, variance = self._centered(shares)
        mains = [
            self.weights[i] @ (centered * np.delete(shares, i, axis=0).prod(axis=0) @ mask) ** 2
            for i, mask in enumerate(self.masks)
        ]
        return _share(np.array(mains), variance)

    def joint_share(self, i: int, j: int) -> float:
        """Get the variance of the marginal of two dimensions, as a share of all variance."""
        shares = self._shares()
        centered, variance = self._centered(shares)
        rest = np.delete(shares, [i, j], axis=0).prod(axis=0)
        marginal = (self.masks[i] * (centered * rest)[:, None]).T @ self.masks[j]
        return _share(float(self.weights[i] @ marginal**2 @ self.weights[j]), variance)

    def _shares(self) -> np.ndarray:
        """Get the weight of each box in each dimension, shape (n_dimensions, n_leaves)."""
        return np.array([m @ w for m, w in zip(self.masks, self.weights, strict=True)])

    def _centered(self, shares: np.ndarray) -> tuple[np.ndarray, float]:
        """Get the predictions on the boxes minus their mean, and their variance."""
        volume = shares.prod(axis=0)
        centered = self.values - volume @ self.values
        return centered, float(volume @ centered**2)


def _ends(tree: Any) -> tuple[np.ndarray, np.ndarray]:
    """Find the bounds of each node's box, two arrays of shape (n_nodes, n_columns).

    The lower bound is excluded and the upper bound is included.
    """
    lower = np.full((tree.node_count, tree.n_features), -np.inf)
    upper = np.full((tree.node_count, tree.n_features), np.inf)
    inner = np.flatnonzero(tree.children_left != tree.children_right)
    for node in inner:  # the number of a node is smaller than the numbers of its children
        left, right = tree.children_left[node], tree.children_right[node]
        for child in (left, right):
            lower[child], upper[child] = lower[node], upper[node]
        upper[left, tree.feature[node]] = lower[right, tree.feature[node]] = tree.threshold[node]
    return lower, upper


def _order(mains: np.ndarray) -> list[int]:
    """Order dimensions by their shares of shape (n_trees, n_dimensions), the largest first."""
    return [int(i) for i in np.argsort(-mains.mean(axis=0), kind="stable")]


def _with_joint(
    trees: Sequence[_Boxes], mains: np.ndarray, pair: Sequence[int] | None
) -> np.ndarray:
    """Append the share of the interaction of two dimensions to the shares of each tree."""
    if pair is None:
        return mains
    i, j = pair
    joint = np.array([boxes.joint_share(i, j) for boxes in trees])
    return np.column_stack([mains, np.maximum(joint - mains[:, i] - mains[:, j], 0)])


def _share(part: Any, variance: float) -> Any:
    return part / variance if variance > 1e-30 else part * 0.0
