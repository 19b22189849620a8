"""A batch of candidates to evaluate, and the evaluation of a candidate: a row of the results."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..cv_results.search_results import default_metric


@dataclass
class Batch:
    """Candidates to evaluate together.

    Attributes
    ----------
    candidates : list of dict
        The parameters of each candidate, to set on the estimator.
    columns : dict of str to list
        Additional columns of ``cv_results_`` with one value for each candidate.
    unrecorded : dict
        Parameters to set for all candidates, which the results do not show.
    """

    candidates: list[dict[str, Any]]
    columns: dict[str, list[Any]] = field(default_factory=dict)
    unrecorded: dict[str, Any] = field(default_factory=dict)


@dataclass
class Evaluation:
    """One candidate with the results of its fits: a row of ``cv_results_``.

    Attributes
    ----------
    params : dict
        The parameters of the candidate.
    folds : list of dict
        The result of scikit-learn's ``_fit_and_score`` for each fold: ``test_scores``,
        ``train_scores`` (if requested), ``n_test_samples``, ``fit_time``, ``score_time`` and
        ``fit_error``. A fit in another process adds ``warnings``. The scores are None if all fits
        of the batch failed.
    columns : dict
        The values of additional columns.
    """

    params: dict[str, Any]
    folds: list[dict[str, Any]]
    columns: dict[str, Any] = field(default_factory=dict)

    @property
    def succeeded(self) -> bool:
        """Whether the fit of at least one fold succeeded."""
        return any(fold["fit_error"] is None for fold in self.folds)


def warning_message(folds: Iterable[Mapping[str, Any]]) -> str:
    """Join the warnings of a candidate's fits in other processes; empty if there are none."""
    return "; ".join(dict.fromkeys(str(w.message) for f in folds for w in f.get("warnings", ())))


def with_error_score(
    fold: Mapping[str, Any], scored: Mapping[str, Any], error_score: Any, with_train: bool
) -> dict[str, Any]:
    """Fill in the scores of a failed fold as scikit-learn does."""
    known = scored["test_scores"]
    failed = dict.fromkeys(known, error_score) if isinstance(known, dict) else error_score
    done = {name: fold[name] for name in ("fit_error", "n_test_samples", "fit_time", "score_time")}
    for name in ("test_scores", "train_scores") if with_train else ("test_scores",):
        scores = fold.get(name)
        done[name] = failed if scores is None else scores
    return done


def score_to_refit_by(scores: Any, refit: Any) -> float | None:
    """Get the score of the metric that `refit` names, or else of the first metric."""
    if not isinstance(scores, Mapping):
        return scores
    return scores[default_metric(scores, refit)]
