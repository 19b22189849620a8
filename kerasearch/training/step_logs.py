"""What a step of a model returns as logs: the results of its metrics, or something of its own."""

from __future__ import annotations

import keras


def has_own_logs(model: keras.Model, method: str) -> bool:
    """Tell whether a step may return something else than the results of the metrics."""
    return any(
        getattr(type(model), name) is not getattr(keras.Model, name) or name in vars(model)
        for name in (method, "compute_metrics", "get_metrics_result")
    )


def are_means(model: keras.Model, method: str) -> bool:
    """Tell whether a step returns the results of metrics that are all quotients of two sums.

    A division has the same bits wherever it is compiled. What other metrics compute may not.
    """
    return not has_own_logs(model, method) and all(
        type(metric).result is keras.metrics.Mean.result for metric in single_metrics(model)
    )


def single_metrics(model: keras.Model) -> list[keras.Metric]:
    """The metrics of a compiled model, each for itself: Keras makes one of those of `compile`."""
    return _metrics(model.metrics)


def _metrics(metrics: list[keras.Metric]) -> list[keras.Metric]:
    inner = [getattr(metric, "metrics", None) for metric in metrics]
    return [
        metric
        for one, parts in zip(metrics, inner, strict=True)
        for metric in ([one] if parts is None else _metrics(parts))
    ]
