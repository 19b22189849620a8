"""The logs that a step of a model returns: the results of its metrics, or custom logs."""

from __future__ import annotations

import keras


def has_own_logs(model: keras.Model, method: str) -> bool:
    """Tell whether a step may return logs other than the results of the metrics."""
    return any(
        getattr(type(model), name) is not getattr(keras.Model, name) or name in vars(model)
        for name in (method, "compute_metrics", "get_metrics_result")
    )


def are_means(model: keras.Model, method: str) -> bool:
    """Tell whether all logs of a step are results of metrics that divide one sum by another.

    Compilation does not change the bits of a division, but may change results of other metrics.
    """
    return not has_own_logs(model, method) and all(
        type(metric).result is keras.metrics.Mean.result for metric in single_metrics(model)
    )


def single_metrics(model: keras.Model) -> list[keras.Metric]:
    """List the single metrics of a compiled model; Keras wraps the metrics of `compile` in one."""
    return _metrics(model.metrics)


def _metrics(metrics: list[keras.Metric]) -> list[keras.Metric]:
    inner = [getattr(metric, "metrics", None) for metric in metrics]
    return [
        metric
        for one, parts in zip(metrics, inner, strict=True)
        for metric in ([one] if parts is None else _metrics(parts))
    ]
