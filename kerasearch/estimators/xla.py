"""The estimators' parameter `jit_compile`: checks, and its meaning for a model."""

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
    """Raise if `jit_compile` is not valid, or contradicts another parameter.

    Parameters
    ----------
    params : mapping
        The estimator's own parameters and the routed parameters that were set, by full names.
    """
    given = as_python(params["jit_compile"])
    if not (given is None or isinstance(given, bool) or _has_rule(given)):
        raise ValueError(
            f"jit_compile={given!r} must be None, True, False, 'auto', or ('auto', n), which is "
            "'auto' for n epochs with any value of `epochs`"
        )
    routed = route(params, "compile").get("jit_compile", given)
    if given is not None and routed != given:
        raise ValueError(
            f"jit_compile={given!r} and compile__jit_compile={routed!r} contradict each other: "
            "set only one of them"
        )
    if routed is True and params["run_eagerly"]:
        raise ValueError(
            "jit_compile=True and run_eagerly=True contradict each other: a step is either "
            "compiled by XLA or run in Python"
        )


def for_keras(params: Mapping[str, Any]) -> bool | str:
    """Get the argument for ``model.compile``; "auto" means False without an accelerator."""
    given = as_python(params["jit_compile"])
    given = given if isinstance(given, bool) else "auto"
    return route(params, "compile").get("jit_compile", given)


def is_wanted(model: keras.Model, params: Mapping[str, Any], n_rows: int) -> bool:
    """Tell whether "auto" means XLA for fits of a built and compiled model.

    Parameters
    ----------
    model : keras.Model
        A built and compiled model.
    params : mapping
        The parameters, as in `check_jit_compile`.
    n_rows : int
        The number of rows of the data that the model was built for.
    """
    # a whole epoch under XLA needs all rows in memory
    if not _has_rule(params["jit_compile"]) or params["loader"] is not None:
        return False
    settings = {**params, **route(params, "fit")}
    epochs = _judged_epochs(params["jit_compile"]) or settings["epochs"]
    batch_size = rows_of_step(settings["batch_size"], n_rows)
    return training.xla_pays(model, n_rows=n_rows, batch_size=batch_size, epochs=int(epochs))


def with_reason(
    result: training.FitResult, model: keras.Model, params: Mapping[str, Any]
) -> training.FitResult:
    """Add to the reason of a training path why "auto" does not use XLA, if this is the case."""
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
