"""What is evaluated, and what comes of it: a batch of candidates, and a row for each of them."""

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
        Parameters to set on the estimator.
    columns : dict of str to list
        More columns of ``cv_results_``, one value a candidate.
    unrecorded : dict
        Parameters to set beside the candidates' own, which are no part of the results.
    """

    candidates: list[dict[str, Any]]
    columns: dict[str, list[Any]] = field(default_factory=dict)
    unrecorded: dict[str, Any] = field(default_factory=dict)


@dataclass
class Evaluation:
    """One candidate with what its fits gave: a row of ``cv_results_``.

    Attributes
    ----------
    params : dict
        The candidate.
    folds : list of dict
        For each fold, what scikit-learn's ``_fit_and_score`` returns: ``test_scores``,
        ``train_scores`` where asked for, ``n_test_samples``, ``fit_time``, ``score_time``,
        ``fit_error``; ``warnings`` of a fit in another process. The scores are None where every fit
        of the batch failed.
    columns : dict
        More columns.
    """

    params: dict[str, Any]
    folds: list[dict[str, Any]]
    columns: dict[str, Any] = field(default_factory=dict)

    @property
    def succeeded(self) -> bool:
        """Whether a fold or more was fitted."""
        return any(fold["fit_error"] is None for fold in self.folds)


def warning_message(folds: Iterable[Mapping[str, Any]]) -> str:
    """Say what fits of a candidate in other processes warned of; empty where none did."""
    return "; ".join(dict.fromkeys(str(w.message) for f in folds for w in f.get("warnings", ())))


def with_error_score(
    fold: Mapping[str, Any], scored: Mapping[str, Any], error_score: Any, with_train: bool
) -> dict[str, Any]:
    """Give a failed fold the scores that scikit-learn would have put there."""
    known = scored["test_scores"]
    failed = dict.fromkeys(known, error_score) if isinstance(known, dict) else error_score
    done = {name: fold[name] for name in ("fit_error", "n_test_samples", "fit_time", "score_time")}
    for name in ("test_scores", "train_scores") if with_train else ("test_scores",):
        scores = fold.get(name)
        done[name] = failed if scores is None else scores
    return done


def score_to_refit_by(scores: Any, refit: Any) -> float | None:
    """Get the score that the search goes by: the one that `refit` names, or else the first."""
    if not isinstance(scores, Mapping):
        return scores
    return scores[default_metric(scores, refit)]
