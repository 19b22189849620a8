"""Manual search: one trial at a time. The results have the same form as in any search."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from jinja2 import Environment
from sklearn.exceptions import FitFailedWarning, NotFittedError

from .._utils.names import last_part, short_names
from .._utils.user_warnings import warn
from .._utils.values import identity
from ..cv_results.values import MISSING, labels
from ..space.names import resolve
from .base import IncrementalSearchCV
from .checks import check_candidate, check_data
from .dask_data import SentData
from .evaluations import Batch, Evaluation
from .fit_errors import error_message
from .fixed_splits import fixed_splits

_TABLE = """\
{% if not rows %}<pre>{{ text }}</pre>{% else %}
<table>
<tr>{% for head in heads %}<th>{{ head }}</th>{% endfor %}</tr>
{% for row in rows %}
<tr{% if loop.index0 == best %} style="font-weight: bold"{% endif %}>
<td>{{ loop.index }}</td>{% for cell in row %}<td>{{ cell }}</td>{% endfor %}</tr>
{% endfor %}
</table>
{% endif %}"""


class ManualSearchCV(IncrementalSearchCV):
    """Search by hand: you choose each candidate after you see the score of the last one.

    `fit` binds the data and trains nothing. `trial` evaluates one candidate with cross-validation,
    each time on the same folds. The results have the same form as in any search. If the estimator
    has a fit store, a trial that was evaluated before, for example in an earlier session, is read
    from the store.

    Parameters
    ----------
    estimator : estimator
        The estimator to tune.
    scoring, n_jobs, refit, cv, pre_dispatch, error_score, return_train_score
        As in `GridSearchCV`. With several metrics, the metric that `refit` names is reported, or
        else the first metric.
    verbose : int, default=1
        1 prints one or two lines for each trial; 0 prints nothing.

    Attributes
    ----------
    cv_results_ : dict
        A row for each trial. In addition to scikit-learn's columns it has ``note`` and
        ``error_messages``. A parameter that a trial did not set is masked.
    best_params_, best_score_, best_index_, scorer_, n_splits_
        As in `GridSearchCV`, for the trials so far. They exist after the first trial.
    best_estimator_ : estimator
        The best candidate, trained on all the data at the first access. `predict` and `score` use
        it.

    Examples
    --------
    >>> from kerasearch import ManualSearchCV
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.svm import SVC
    >>> search = ManualSearchCV(SVC(), cv=3).fit(*load_iris(return_X_y=True))
    >>> score = search.trial(C=0.1)
    trial 1: 0.9000 ± 0.0163
    >>> score = search.trial(C=10)
    trial 2: 0.9733 ± 0.0249, +0.0733 against trial 1: C=0.1 → 10
    >>> search.note("softer is worse").best_params_
    {'C': 10}
    """

    def __init__(
        self,
        estimator: Any,
        *,
        scoring: Any = None,
        n_jobs: int | None = None,
        refit: bool | str | Callable[[Mapping[str, Any]], int] = True,
        cv: Any = None,
        verbose: int = 1,
        pre_dispatch: int | str = "2*n_jobs",
        error_score: float | str = np.nan,
        return_train_score: bool = False,
    ) -> None:
        super().__init__(
            estimator=estimator,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            error_score=error_score,
            return_train_score=return_train_score,
        )

    def fit(self, X: Any, y: Any = None, **params: Any) -> ManualSearchCV:
        """Bind the data, and start without trials. Nothing is trained.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            The data.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            The target.
        **params : dict
            Parameters for the estimator's ``fit``, the splitter and the scorer.

        Returns
        -------
        self : ManualSearchCV
            This search.

        Warns
        -----
        UserWarning
            If the search had trials, because they are removed.

        Raises
        ------
        ValueError
            If a setting is wrong, or if `cv` is an iterator that was read before.
        """
        self._check_settings()
        check_data(X, y, self.scoring)
        if n_trials := len(getattr(self, "_trials", ())):
            warn(f"ManualSearchCV: fit removes the {n_trials} trial(s) so far")
        self._drop_results()
        self._data = (X, y, params)
        self._splitter = _read_once(self.cv)
        self._sent = SentData()  # one record for all trials
        self._cv = fixed_splits(self._splitter, y, self.estimator, self._sent)
        self._trials: list[Evaluation] = []
        self._best: tuple[Any, Any] | None = None
        return self

    def trial(self, **params: Any) -> float:
        """Evaluate one candidate: the estimator with these parameters.

        Parameters
        ----------
        **params : dict
            Parameters by short names (``learning_rate``) or full names. All other parameters have
            the values of `estimator`, and not the values of an earlier trial.

        Returns
        -------
        score : float
            The mean test score; NaN if a fit failed.

        Raises
        ------
        NotFittedError
            If `fit` was not called.
        ValueError
            If the estimator has no such parameter, or if `refit` is not the name of a metric that
            the scorer returns.
        KeyboardInterrupt
            At Ctrl-C. The earlier trials are kept.

        Warns
        -----
        FitFailedWarning, UserWarning
            With ``verbose=0``, if a fit failed or a score is not finite. Otherwise the printed line
            contains this information.
        """
        trials = self._checked_trials()
        resolved = resolve(self.estimator, {name: [value] for name, value in params.items()})
        candidate = {name: value for name, (value,) in resolved.items()}
        check_candidate(self.estimator, candidate)
        before = _best(self, trials)
        trials.append(self._evaluate_candidate(candidate))
        self._update_attributes()
        score = self._mean_score(trials[-1])
        if self.verbose:
            print(self._describe_last(before), flush=True)
        return score

    def note(self, text: str) -> ManualSearchCV:
        """Add a note to the last trial.

        Parameters
        ----------
        text : str
            The note. It replaces an earlier note of this trial.

        Returns
        -------
        self : ManualSearchCV
            This search.

        Raises
        ------
        NotFittedError
            If `fit` was not called.
        ValueError
            If there is no trial.
        """
        self._last_trial().columns["note"] = str(text)
        self._update_attributes()
        return self

    def undo(self) -> ManualSearchCV:
        """Remove the last trial.

        Returns
        -------
        self : ManualSearchCV
            This search.

        Raises
        ------
        NotFittedError
            If `fit` was not called.
        ValueError
            If there is no trial.
        """
        self._last_trial()
        written = _written(self._trials)
        gone = self._trials.pop()
        self._update_attributes()
        if self.verbose:
            names = ", ".join(f"{name}={written[name][-1]}" for name in gone.params)
            print(f"trial {len(self._trials) + 1} removed: {names or 'the defaults'}")
        return self

    @property
    def best_estimator_(self) -> Any:
        """The best candidate so far, trained on all the data at the first access."""
        if not getattr(self, "_trials", None) or not self.refit:
            raise AttributeError(
                "best_estimator_ does not exist: it needs a trial, and refit must not be False"
            )
        key = identity(self.best_params_)
        if self._best is None or self._best[0] != key:
            X, y, params = self._data
            self._best = (key, self._fit_best(X, y, params))
        return self._best[1]

    def _evaluate_candidate(self, candidate: dict[str, Any]) -> Evaluation:
        """Evaluate one candidate by a search that has only this candidate."""
        verbose = max(0, self.verbose - 1)
        one = self._as_search(Trial, cv=self._splitter, refit=False, verbose=verbose)
        X, y, params = self._data
        one._candidate, one._cv, one._sent = candidate, self._cv, self._sent
        with warnings.catch_warnings():
            if self.verbose:  # the printed line has this information
                warnings.simplefilter("ignore", FitFailedWarning)
                warnings.filterwarnings("ignore", ".*have no finite score")
            try:
                one.fit(X, y, **params)
            except ValueError:  # no fit succeeded; this is an error only for a whole search
                if not one._evaluations:
                    raise
        (evaluation,) = one._evaluations
        self._check_refit(evaluation.folds[0]["test_scores"])
        evaluation.columns["note"] = ""
        return evaluation

    def _update_attributes(self) -> None:
        self._drop_results()
        if any(trial.succeeded for trial in self._trials):
            self._update_results(self._trials)
            self._set_best()

    def _describe_last(self, before: int | None) -> str:
        """Describe the score of the last trial, and its difference from the best earlier trial."""
        trials = self._trials
        last = trials[-1]
        score = self._mean_score(last)
        head = f"trial {len(trials)}: "
        head += "failed" if np.isnan(score) else f"{score:.4f} ± {self._spread(last):.4f}"
        if before is not None:
            if not np.isnan(score):
                head += f", {score - self._mean_score(trials[before]):+.4f}"
            changes = self._differences(trials[before].params, last.params)
            head += f" against trial {before + 1}: {changes or 'the same parameters'}"
        message = error_message(last.folds)
        return f"{head}\n  {message}" if message else head

    def _spread(self, trial: Evaluation) -> float:
        return float(np.std(self._fold_scores(trial)))

    def _differences(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
        """List the parameters that differ. An unset parameter has the estimator's value."""
        own = self.estimator.get_params(deep=True)
        texts = []
        for name in dict.fromkeys([*new, *old]):
            pair = [params.get(name, own.get(name)) for params in (old, new)]
            if identity(pair[0]) != identity(pair[1]):
                texts.append(f"{last_part(name)}={' → '.join(labels(pair, 1))}")
        return ", ".join(texts)

    def _checked_trials(self) -> list[Evaluation]:
        if not hasattr(self, "_trials"):
            raise NotFittedError("ManualSearchCV: call fit(X, y) first, which binds the data")
        return self._trials

    def _last_trial(self) -> Evaluation:
        if not self._checked_trials():
            raise ValueError("ManualSearchCV: there is no trial yet; call trial() first")
        return self._trials[-1]

    def _n_planned(self) -> None: ...

    def _batches(self) -> Iterator[Batch]:
        yield from ()

    def __sklearn_is_fitted__(self) -> bool:
        return bool(getattr(self, "_trials", None))

    def _repr_html_(self) -> str:
        """Show the trials as a table with the best trial in bold."""
        trials: list[Evaluation] = getattr(self, "_trials", [])
        names = short_names([*dict.fromkeys(name for trial in trials for name in trial.params)])
        written = _written(trials)
        rows: list[list[str]] = []
        for trial in trials:
            score = self._mean_score(trial)
            numbers = ["failed", ""]
            if not np.isnan(score):
                numbers = [f"{score:.4f}", f"{self._spread(trial):.4f}"]
            values = [written[name][len(rows)] if name in trial.params else "" for name in names]
            rows.append([*values, *numbers, trial.columns["note"] or error_message(trial.folds)])
        heads = ["trial", *names.values(), "score", "±", "note"]
        table = Environment(autoescape=True).from_string(_TABLE)
        return table.render(text=repr(self), heads=heads, rows=rows, best=_best(self, trials))

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, str]:
        """Show the table in notebooks, where scikit-learn's method would show the estimator."""
        return {"text/plain": repr(self), "text/html": self._repr_html_()}


class Trial(IncrementalSearchCV):
    """A search with one candidate, which evaluates a trial."""

    _candidate: dict[str, Any]
    _cv: Any
    _sent: SentData
    _evaluations: list[Evaluation] = []

    def _n_planned(self) -> int:
        return 1

    def _sent_data(self) -> SentData:
        return self._sent

    def _batches(self) -> Iterator[Batch]:
        self._running.cv = self._cv
        self._evaluations = self._running.evaluations
        yield Batch([self._candidate])


def _written(trials: Sequence[Evaluation]) -> dict[str, list[str]]:
    """Convert the value of each parameter in each trial to text."""
    names = dict.fromkeys(name for trial in trials for name in trial.params)
    return {
        name: labels((trial.params.get(name, MISSING) for trial in trials), 1) for name in names
    }


def _read_once(cv: Any) -> Any:
    """Read an iterator of splits into a list, because only the first trial could read it."""
    if not hasattr(cv, "__next__"):
        return cv
    splits = list(cv)
    if not splits:
        raise ValueError(
            f"cv={cv!r} is an iterator without splits, because it was read before; pass a list of "
            "splits"
        )
    return splits


def _best(search: ManualSearchCV, trials: list[Evaluation]) -> int | None:
    """Find the index of the trial with the best score; None if no trial has a score."""
    scores = [search._mean_score(trial) for trial in trials]
    return None if not scores or np.isnan(scores).all() else int(np.nanargmax(scores))
