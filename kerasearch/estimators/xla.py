"""The estimators' parameter `jit_compile`: checked, and what it means for a model."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import keras

from .. import training
from .._utils.checks import as_integer
from .._utils.plain_values import as_python
from .arguments import route
from .batch_sizes import rows_of_step


def check_jit_compile(params: Mapping[str, Any]) -> None:
    """Raise for a `jit_compile` that is not valid, or that another parameter contradicts.

    Parameters
    ----------
    params : mapping
        The estimator's own parameters and the routed ones that were set, by full names.
    """
    given = as_python(params["jit_compile"])
    if not (given is None or isinstance(given, bool) or _has_rule(given)):
        raise ValueError(
            f"jit_compile={given!r} must be None, True, False, 'auto', or ('auto', n): as 'auto' "
            "for n epochs, whatever `epochs` is"
        )
    routed = route(params, "compile").get("jit_compile", given)
    if given is not None and routed != given:
        raise ValueError(
            f"jit_compile={given!r} and compile__jit_compile={routed!r} contradict each other: "
            "set one of them"
        )
    if routed is True and params["run_eagerly"]:
        raise ValueError(
            "jit_compile=True and run_eagerly=True contradict each other: XLA compiles what Python "
            "would run step by step"
        )


def for_keras(params: Mapping[str, Any]) -> bool | str:
    """What ``model.compile`` gets: True, False or "auto", which without an accelerator is False."""
    given = as_python(params["jit_compile"])
    given = given if isinstance(given, bool) else "auto"
    return route(params, "compile").get("jit_compile", given)


def is_wanted(model: keras.Model, params: Mapping[str, Any], n_rows: int) -> bool:
    """Tell whether "auto" means XLA for fits of a model that is built and compiled.

    Parameters
    ----------
    model : keras.Model
        Built and compiled.
    params : mapping
        As for `check_jit_compile`.
    n_rows : int
        Of the data that the model was built for.
    """
    # whole epochs under XLA need the rows at hand
    if not _has_rule(params["jit_compile"]) or params["loader"] is not None:
        return False
    settings = {**params, **route(params, "fit")}
    epochs = _judged_epochs(params["jit_compile"]) or settings["epochs"]
    batch_size = rows_of_step(settings["batch_size"], n_rows)
    return training.xla_pays(model, n_rows=n_rows, batch_size=batch_size, epochs=int(epochs))


def with_reason(
    result: training.FitResult, model: keras.Model, params: Mapping[str, Any]
) -> training.FitResult:
    """Add to why a fit took its path why "auto" has no XLA for such a model, if that is so."""
    path = result.training_path
    ruled = _has_rule(params["jit_compile"]) and path.compiled and result.n_trained
    if not ruled or model.jit_compile:
        return result
    why = training.why_no_xla(model)
    if why is None:
        return result
    path = dataclasses.replace(path, reason=f"{path.reason}; without XLA: {why}")
    return dataclasses.replace(result, training_path=path)


def _has_rule(given: Any) -> bool:
    return (isinstance(given, str) and given == "auto") or _judged_epochs(given) is not None


def _judged_epochs(given: Any) -> int | None:
    """Get the n of ("auto", n); None for everything else."""
    if not (isinstance(given, (tuple, list)) and len(given) == 2 and given[0] == "auto"):
        return None
    epochs = as_integer(given[1])
    return epochs if epochs is not None and epochs > 0 else None
