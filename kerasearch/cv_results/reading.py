"""One reading of every form in which the results of a search come."""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from sklearn.exceptions import NotFittedError

from .._utils.names import last_part, short_names
from .._utils.plain_data import plain
from .resources import resources
from .store_lookup import Known, known_to_store
from .values import MISSING, column, numeric

_SPLIT = re.compile(r"split(\d+)_(test|train)_(.+)")
_TIMES = {f"{kind}_{part}_time" for kind in ("mean", "std") for part in ("fit", "score")}
_STATISTIC = re.compile(r"(mean|std|rank)_(test|train)_(.+)")
_NUMPY_SCALAR = re.compile(r"\bnp\.(?:float|int|uint|str|bool)\w*\(([^()]*)\)")
# what a CSV file has of a callable; its name is the last part
_CALLABLE = re.compile(
    r"<(?:built-in function|function|cyfunction|class|ufunc) "
    r"'?(?:[\w.<>]*\.)?(<?\w+>?)'?(?: at 0x\w+)?>"
)
# what a scorer that counts epochs calls its count: a cost, not a score
EPOCHS = ("epochs", "n_epochs")


@dataclass(frozen=True, eq=False)
class SearchResults:
    """The candidates of a search and what they scored. Higher scores are better.

    A candidate's number is its place in ``cv_results_``; all arrays are in that order.

    Attributes
    ----------
    params : list of dict
        Each candidate's parameters by full name; those that it does not have are absent.
    names : dict of str to str
        Full name to short name (the last routed part; the full one where two would clash).
    metrics : list of str
        Names of the scores; ``["score"]`` for a search of one metric.
    extras : dict of str to ndarray of shape (n_candidates,)
        Further columns, such as ``iter``, ``n_resources``, ``bracket``, ``rung``, ``search``.
    messages : list of str
        Why a candidate failed, where the search kept it; else ``""``.
    default_metric : str
        What the search refitted by, or the first metric.
    cv, estimator, search : object or None
        What the search has; None for a bare ``cv_results_``. ``search`` is the search itself.
    statistics : dict of str to ndarray of shape (n_candidates,)
        The columns ``mean_...``, ``std_...`` and ``rank_...``, as floats.
    folds : dict of str to ndarray of shape (n_candidates, n_folds)
        The scores of folds by part and metric, such as ``"test_score"``.
    """

    params: list[dict[str, Any]]
    names: dict[str, str]
    metrics: list[str]
    extras: dict[str, np.ndarray]
    messages: list[str]
    default_metric: str
    cv: Any = None
    estimator: Any = None
    search: Any = field(default=None, repr=False)
    statistics: Mapping[str, np.ndarray] = field(default_factory=dict, repr=False)
    folds: Mapping[str, np.ndarray] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.params)

    @property
    def n_candidates(self) -> int:
        """How many candidates there are."""
        return len(self.params)

    @cached_property
    def n_folds(self) -> int:
        """How many fits a candidate had; 0 where the source has no scores of folds."""
        return max((scores.shape[1] for scores in self.folds.values()), default=0)

    def metric(self, name: str | None = None) -> str:
        """Check the name of a metric; None is the default one."""
        if name is None:
            return self.default_metric
        known = [
            *self.metrics,
            *(other for other in EPOCHS if f"mean_test_{other}" in self.statistics),
        ]
        if name not in known:
            raise ValueError(
                f"metric={name!r}: the search has {_listed(known)}{_near(name, known)}"
            )
        return name

    def metric_label(self, name: str | None = None) -> str:
        """Name a metric for people: what a search of one metric calls ``"score"`` by its name."""
        name = self.metric(name)
        scoring = getattr(self.search, "scoring", None)
        return scoring if name == "score" and isinstance(scoring, str) else name

    def parameter(self, name: str) -> str:
        """Find the full name of a parameter given by its full or its short name."""
        if name in self.names:
            return name
        full = [full for full in self.names if last_part(full) == name]
        if len(full) == 1:
            return full[0]
        if full:
            raise ValueError(
                f"parameter {name!r} may be any of {_listed(full)}: give the full name"
            )
        known = [*self.names, *self.names.values()]
        raise ValueError(
            f"no parameter {name!r} in the search, which has {_listed(list(self.names))}"
            f"{_near(name, known)}"
        )

    def values(self, name: str) -> list[Any]:
        """Get a parameter's value of each candidate, ``MISSING`` where it has none."""
        full = self.parameter(name)
        return [params.get(full, MISSING) for params in self.params]

    def column(self, name: str) -> pd.Series:
        """Get a parameter's values as a column: dtypes right, objects as text, missing as NA."""
        full = self.parameter(name)
        return column(self.values(full), self.names[full])

    def parameters(self, taken: Iterable[str] = ()) -> pd.DataFrame:
        """Get a column for each parameter, by short names that are not ``taken``."""
        names = short_names(list(self.names), taken)
        columns = {short: column(self.values(full)) for full, short in names.items()}
        return pd.DataFrame(columns, index=pd.RangeIndex(len(self), name="candidate"))

    def numbers(self, name: str) -> np.ndarray | None:
        """Get a parameter's values as floats, NaN where missing; None if it is not numeric."""
        return numeric(self.values(name))

    def varying(self) -> list[str]:
        """List the full names of the parameters that have more than one value."""
        return [name for name in self.names if len(set(map(repr, self.values(name)))) > 1]

    def scores(self, metric: str | None = None) -> np.ndarray:
        """Test scores, shape (n_candidates, n_folds); NaN where a fit failed."""
        found = self.folds.get(f"test_{self.metric(metric)}")
        return np.empty((len(self), 0)) if found is None else found

    def train_scores(self, metric: str | None = None) -> np.ndarray | None:
        """Training scores, shape (n_candidates, n_folds), where the search kept them."""
        return self.folds.get(f"train_{self.metric(metric)}")

    def mean(self, metric: str | None = None) -> np.ndarray:
        """Mean test score over folds; NaN where a fold failed."""
        return self.statistics[f"mean_test_{self.metric(metric)}"]

    def std(self, metric: str | None = None) -> np.ndarray:
        """Standard deviation over folds, of the population (``ddof=0``) as in ``cv_results_``."""
        known = self.statistics.get(f"std_test_{self.metric(metric)}")
        if known is not None:
            return known
        scores = self.scores(metric)
        return scores.std(axis=1) if scores.shape[1] else np.full(len(self), np.nan)

    def train_mean(self, metric: str | None = None) -> np.ndarray | None:
        """Mean training score over folds, where the search kept it."""
        return self.statistics.get(f"mean_train_{self.metric(metric)}")

    def time(self, part: str, total: bool = False) -> np.ndarray | None:
        """Seconds of ``part`` ("fit" or "score") of one fold, or of all; None where not known."""
        mean = self.statistics.get(f"mean_{part}_time")
        return mean * max(self.n_folds, 1) if total and mean is not None else mean

    @cached_property
    def epochs(self) -> np.ndarray | None:
        """Mean number of epochs that a fold ran, where a scorer, the search or the store knows."""
        for name in EPOCHS:
            if f"mean_test_{name}" in self.statistics:
                return self.statistics[f"mean_test_{name}"]
            if name in self.extras:
                return self.extras[name].astype(float)
        known = self._known_to_store
        return known.epochs if known is not None and np.isfinite(known.epochs).any() else None

    @property
    def all_epochs(self) -> np.ndarray | None:
        """The same, where no candidate with a score lacks them: only then there is a sum."""
        known = self.epochs
        if known is None or np.isnan(known[np.isfinite(self.mean())]).any():
            return None
        return known

    @cached_property
    def errors(self) -> list[str]:
        """Why each candidate failed, where the search or the store knows; else ``""``."""
        failed = np.isnan(self.mean())
        if not failed.any() or any(self.messages) or self._known_to_store is None:
            return self.messages
        found = self._known_to_store.errors
        return [message if fail else "" for message, fail in zip(found, failed, strict=True)]

    @cached_property
    def _known_to_store(self) -> Known | None:
        if self.estimator is None:
            return None
        return known_to_store(self.estimator, self.params, self.n_folds)

    @cached_property
    def resources(self) -> np.ndarray | None:
        """What each candidate was given in successive halving or Hyperband."""
        return resources(self.extras)

    @cached_property
    def comparable(self) -> np.ndarray:
        """Mask of the candidates that had the largest resource; all, where none is recorded."""
        if self.resources is None:
            return np.ones(len(self), dtype=bool)
        return self.resources == self.resources.max()

    def n_failed(self, metric: str | None = None) -> np.ndarray:
        """How many folds of each candidate have no score."""
        return np.isnan(self.scores(metric)).sum(axis=1)

    def rank(self, metric: str | None = None) -> np.ndarray:
        """Rank of each candidate, int; 1 is best, ties have the same, failed ones come last.

        In successive halving and Hyperband, scores of different resources do not compare: those
        of the largest resource come first, and beside them those of other searches in the table.
        """
        mean = self.mean(metric)
        failed = np.isnan(mean)
        worth = np.where(failed, -np.inf, mean)
        keys = [failed, -worth]
        if self.resources is not None:
            keys.insert(1, np.where(failed, 0, -self.resources))
        order = np.lexsort(keys[::-1])
        rows = np.column_stack(keys)[order]
        new = np.ones(len(self), dtype=bool)
        new[1:] = (rows[1:] != rows[:-1]).any(axis=1)
        place = np.flatnonzero(new) + 1
        rank = np.empty(len(self), dtype=int)
        rank[order] = place[np.cumsum(new) - 1]
        return rank

    def order(self, metric: str | None = None) -> np.ndarray:
        """Candidates' numbers, best first, failed ones last; ties in the order of the search."""
        return np.argsort(self.rank(metric), kind="stable")

    def best(self, metric: str | None = None) -> int:
        """Get the number of the best candidate."""
        first = int(self.order(metric)[0])
        if np.isnan(self.mean(metric)[first]):
            reason = next((f": {error}" for error in self.errors if error), "")
            raise ValueError(f"every candidate of the search failed{reason}")
        return first


def read(source: Any) -> SearchResults:
    """Read a search, a bare ``cv_results_`` or a table made of one.

    Parameters
    ----------
    source : fitted search, dict, DataFrame or SearchResults
        A search of scikit-learn or of this library, its ``cv_results_``, or that as a DataFrame,
        also one that was read back from CSV or Parquet.

    Returns
    -------
    results : SearchResults

    Raises
    ------
    NotFittedError
        If the search was not fitted.
    TypeError
        If the source is none of these.
    ValueError
        If there are no mean test scores, no parameters or no candidates in it.
    """
    if isinstance(source, SearchResults):
        return source
    search = None
    if not isinstance(source, Mapping | pd.DataFrame):
        if hasattr(source, "cv_results_"):
            search, source = source, source.cv_results_
        elif hasattr(source, "to_pandas"):  # other libraries' data frames
            source = source.to_pandas()
        elif hasattr(source, "fit") and not isinstance(source, type):
            name = type(source).__name__
            if hasattr(source, "estimator"):
                raise NotFittedError(f"this {name} is not fitted: call fit first")
            raise TypeError(f"{name} is not a search: it has no cv_results_")
        else:
            raise TypeError(
                "expected a fitted search, its cv_results_ or a DataFrame of that, "
                f"got {type(source).__name__}"
            )
    stored = isinstance(source, pd.DataFrame)
    table = {str(name): source[name] for name in source}
    prefix = "mean_test_"
    metrics = [name.removeprefix(prefix) for name in table if name.startswith(prefix)]
    if not metrics:
        raise ValueError(
            "no column mean_test_... found: this is not a cv_results_ "
            f"(it has {_listed(list(table)) or 'no columns'})"
        )
    params = _read_params(table, stored)
    if not params:
        raise ValueError("the search has no candidates: cv_results_ is empty")
    names = list(dict.fromkeys(name for each in _distinct_keys(params) for name in each))
    scores = [metric for metric in metrics if metric not in EPOCHS] or metrics
    refit = getattr(search, "refit", None)
    statistics = [name for name in table if name in _TIMES or _STATISTIC.fullmatch(name)]
    return SearchResults(
        params=params,
        names=short_names(names),
        metrics=scores,
        extras=_read_extras(table),
        messages=_read_errors(table.get("error_messages"), len(params)),
        default_metric=refit if isinstance(refit, str) and refit in scores else scores[0],
        cv=getattr(search, "cv", None),
        estimator=getattr(search, "estimator", None),
        search=search,
        statistics={name: _floats(table[name]) for name in statistics},
        folds=_read_folds(table),
    )


def _read_params(table: Mapping[str, Any], stored: bool) -> list[dict[str, Any]]:
    """Read each candidate's parameters, from ``params`` or, where it does not tell, ``param_*``."""
    columns = {
        name.removeprefix("param_"): list(values if stored else np.ma.asarray(values))
        for name, values in table.items()
        if name.startswith("param_")
    }
    given = list(table.get("params", []))
    params = [_parsed_dict(value) for value in given]
    if params and all(isinstance(each, dict) for each in params):
        # a text tells None from a gap, a Parquet file does not
        filled = stored and not any(isinstance(value, str) for value in given)
        return _without_filled(params, table) if filled else [dict(each) for each in params]
    if not columns:
        raise ValueError("cv_results_ has neither params nor a column param_... to read")
    read = {name: _parsed_column(values) for name, values in columns.items()}
    rows = zip(*read.values(), strict=True)
    return [
        {name: value for name, value in zip(read, row, strict=True) if value is not MISSING}
        for row in rows
    ]


def _parsed_dict(value: Any) -> Any:
    """Read the text of a dict, as a CSV file has it; anything unreadable stays as it is."""
    if not isinstance(value, str):
        return value
    simpler = _NUMPY_SCALAR.sub(r"\1", value)
    for text in (value, simpler, _CALLABLE.sub(r"'\1'", simpler)):
        try:
            return ast.literal_eval(text)
        except (ValueError, SyntaxError):
            continue
    return value


def _without_filled(
    params: Sequence[Mapping[str, Any]], table: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Undo what a Parquet file does to dicts: absent keys become None, sequences arrays."""
    numeric_columns = {
        name.removeprefix("param_")
        for name, values in table.items()
        if name.startswith("param_") and values.dtype.kind in "fiu"
    }
    filled = {
        name
        for each in params
        for name, value in each.items()
        if value is None and name in numeric_columns
    }
    whole = {name for name in filled if _are_whole([each.get(name) for each in params])}

    def undone(name: str, value: Any) -> Any:
        if isinstance(value, np.ndarray):
            return _as_tuple(value)
        return int(value) if name in whole else value

    # None among numbers gives such a file away; then it is a gap everywhere
    return [
        {n: undone(n, value) for n, value in each.items() if value is not None or not filled}
        for each in params
    ]


def _parsed_column(values: Sequence[Any]) -> list[Any]:
    """Read one ``param_*`` column: masked and NaN are missing, text of a literal is its value."""
    cells: list[Any] = [MISSING if _is_missing(v) else _literal(plain(v)) for v in values]
    if MISSING in cells and _are_whole(cells):
        cells = [cell if cell is MISSING else int(cell) for cell in cells]
    return cells


def _are_whole(cells: Iterable[Any]) -> bool:
    """Tell whether all are whole floats: integers, before gaps made them floats."""
    given = [cell for cell in cells if cell is not MISSING and cell is not None]
    return all(isinstance(cell, float) and cell.is_integer() for cell in given)


def _literal(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return _as_tuple(value)
    if not isinstance(value, str):
        return value
    if named := _CALLABLE.fullmatch(value):
        return named[1]
    if value[:1] in "([{" or value in ("True", "False", "None"):
        return _parsed_dict(value)
    return value


def _as_tuple(values: Any) -> Any:
    """Undo what a Parquet file does to tuples, also to tuples of tuples."""
    if isinstance(values, np.ndarray | list):
        return tuple(map(_as_tuple, values.tolist() if isinstance(values, np.ndarray) else values))
    return values


def _is_missing(value: Any) -> bool:
    return value is np.ma.masked or value is pd.NA or (isinstance(value, float) and value != value)


def _distinct_keys(params: Sequence[Mapping[str, Any]]) -> Iterable[tuple[str, ...]]:
    return dict.fromkeys(map(tuple, params))


def _read_folds(table: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Read ``split<k>_<part>_<metric>``: ``<part>_<metric>`` to (n_candidates, n_folds)."""
    columns: dict[str, dict[int, np.ndarray]] = {}
    for name in table:
        if match := _SPLIT.fullmatch(name):
            columns.setdefault(f"{match[2]}_{match[3]}", {})[int(match[1])] = _floats(table[name])
    return {
        name: np.column_stack([folds[k] for k in sorted(folds)]) for name, folds in columns.items()
    }


def _read_extras(table: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Keep the columns that are none of scikit-learn's usual ones."""
    return {
        name: np.asarray(values)
        for name, values in table.items()
        if name not in _TIMES
        and name not in ("params", "error_messages")
        and not name.startswith(("param_", "Unnamed: "))
        and not _STATISTIC.fullmatch(name)
        and not _SPLIT.fullmatch(name)
        and np.ndim(values) == 1
    }


def _read_errors(messages: Any, n_candidates: int) -> list[str]:
    if messages is None:
        return [""] * n_candidates
    return [message if isinstance(message, str) else "" for message in messages]


def _floats(values: Any) -> np.ndarray:
    if isinstance(values, pd.Series):
        return values.to_numpy(dtype=float, na_value=np.nan)
    return np.ma.filled(np.ma.asarray(values, dtype=float), np.nan)


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:12])
    return shown if len(names) <= 12 else f"{shown} and {len(names) - 12} more"


def _near(name: object, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(str(name), known, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
