"""The default score of an estimator, for every form of target."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils.validation import check_is_fitted

from .. import training
from ..training import data
from . import dtype_policy
from .arguments import route
from .batch_sizes import rows_of_step
from .input_data import Rows, weigh
from .targets import fields_of, is_missing_in, read_fields


def score(estimator: Any, X: Any, y: Any, sample_weight: Any = None) -> float:
    """Score the predictions of X against y; higher is better.

    Parameters
    ----------
    estimator : estimator
        A fitted estimator.
    X, y : array-like
        Rows and their true targets.
    sample_weight : array-like or None
        Weights of the rows, or of their positions.

    Returns
    -------
    score : float
        The result of the estimator's `scorer`. Unless a subclass overrides `scorer`, the score is
        computed over all positions of y, and is the mean over the fields of y. It is minus the
        loss if only the loss can interpret the model's output.

    Raises
    ------
    ValueError
        If ``score__`` parameters are set and the score is minus the loss.
    """
    check_is_fitted(estimator)
    options = route(estimator._routed, "score")
    reading = estimator._reading
    if not _is_default(estimator) or reading.form == "unknown":
        predicted = estimator.predict(X)
        return estimator.scorer(y, predicted, sample_weight=sample_weight, **options)
    if reading.is_raw and estimator.output_to_prediction is None:
        if options:
            raise ValueError(
                f"score__{next(iter(options))} is for R² or accuracy, but the score is minus the "
                "loss, because only your loss can interpret the model's output: set "
                "output_to_prediction"
            )
        return -loss_on(estimator, X, y, sample_weight)
    predicted = estimator.predict(X)
    if reading.form == "heads":
        return _mean_over_heads(estimator, y, predicted, sample_weight, options)
    labels = reading.heads[0].is_labels
    is_table = hasattr(y, "toarray") or (labels and hasattr(y, "columns"))
    true = y if is_table and not estimator.allow_nan else np.asarray(y)
    if labels:
        by_position = reading.form == "positions"
        return _accuracy(true, predicted, sample_weight, options, by_position=by_position)
    if estimator.output_to_prediction is not None and true.ndim == 2:
        predicted = np.asarray(predicted).reshape(len(true), -1)
        true = true[:, : predicted.shape[1]]  # only the loss uses the other columns
    return _r2(true, predicted, sample_weight, options)


def _is_default(estimator: Any) -> bool:
    """Tell whether the estimator has the default scorer, not the scorer of a user's subclass."""
    module = getattr(estimator.scorer, "__module__", None) or ""
    return module.partition(".")[0] == __name__.partition(".")[0]


def loss_on(estimator: Any, X: Any, y: Any, sample_weight: Any) -> float:
    """Evaluate the loss with Keras, including penalties; weights are scaled to mean 1."""
    X, y = estimator._check_known_rows(X, y)
    rows = weigh(Rows(X, y), sample_weight, None, scale=True)
    features, target, weights = estimator._encode(estimator.model_, rows)
    n_rows = rows_of_step(estimator.batch_size, data.n_rows(features))
    with dtype_policy.carried(estimator._dtype_policy):
        logs = training.evaluate(estimator.model_, features, target, weights, batch_size=n_rows)
    return float(logs["loss"])


def _mean_over_heads(
    estimator: Any, y: Any, predicted: Any, sample_weight: Any, options: dict[str, Any]
) -> float:
    layout = estimator._target_layout
    true = fields_of(read_fields(y, layout, type(estimator).__name__), layout)
    parts = fields_of(read_fields(predicted, layout, type(estimator).__name__), layout)
    scores = []
    for head in estimator._reading.heads:
        pair = true[head.name], parts[head.name]
        if head.is_labels:
            by_position = head.target_type != "multilabel-indicator"
            scores.append(_accuracy(*pair, sample_weight, options, by_position=by_position))
        else:
            scores.append(_r2(*pair, sample_weight, options))
    return float(np.mean(scores))


def _accuracy(
    true: Any, predicted: Any, weights: Any, options: dict[str, Any], *, by_position: bool
) -> float:
    """Compute the accuracy over rows or positions, without missing labels."""
    missing = is_missing_in(true) if isinstance(true, np.ndarray) else None
    if by_position or (missing is not None and missing.any()):
        true, predicted, weights = _known(true, predicted, weights)
    return float(accuracy_score(true, predicted, sample_weight=weights, **options))


def _r2(true: Any, predicted: Any, weights: Any, options: dict[str, Any]) -> float:
    """Compute R²: the mean over columns; with three or more axes, over all values together."""
    if not isinstance(true, np.ndarray):
        return float(r2_score(true, predicted, sample_weight=weights, **options))
    if true.ndim > 2:
        true, predicted, weights = _known(true, predicted, weights)
    elif is_missing_in(true).any():
        predicted = np.asarray(predicted)
        columns = true.reshape(len(true), -1).T, predicted.reshape(len(true), -1).T
        each = [_known(t, p, weights) for t, p in zip(*columns, strict=True)]
        return float(np.mean([r2_score(t, p, sample_weight=w, **options) for t, p, w in each]))
    return float(r2_score(true, predicted, sample_weight=weights, **options))


def _known(true: Any, predicted: Any, weights: Any) -> tuple[Any, Any, Any]:
    """Flatten all known values, and give each value a weight."""
    true, predicted = np.asarray(true), np.asarray(predicted)
    if weights is not None:
        weights = np.asarray(weights)
        weights = weights.reshape(weights.shape + (1,) * (true.ndim - weights.ndim))
        weights = np.broadcast_to(weights, true.shape).ravel()
    known = ~is_missing_in(true).ravel()
    true, predicted = true.ravel()[known], predicted.ravel()[known]
    return true, predicted, weights if weights is None else weights[known]
