"""Building of the compiled model of one fit, and checks against the target."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from .. import training
from .._utils.names import last_part
from .._utils.plain_values import equal
from .._utils.user_warnings import warn
from ..training import build_record, data, outer_layers, serialization, sparse_rows
from ..training.loaded_rows import is_loaded
from . import (
    compared_metrics,
    keras_objects,
    missing_cells,
    model_inputs,
    output_layers,
    text_in_models,
    xla,
)
from .arguments import Arguments, arguments, route
from .features import Layout
from .model_outputs import ModelOutput, outputs_of
from .number_checks import check_numbers
from .own_losses import check_own_losses
from .routing import default_arguments
from .target_reading import Reading, Target
from .text_columns import check_no_missing_text

_FOR_KERAS_TUNER = "pass model=kerasearch.keras_tuner_model(build), where `build` is this object"

# parameters that a model is built and compiled from; changing them has no effect on a warm start
_BUILD_PARAMETERS = (
    "model",
    "optimizer",
    "loss",
    "metrics",
    "compile",
    "run_eagerly",
    "jit_compile",
)


@dataclass(frozen=True)
class BuildInputs:
    """All inputs that determine the model of a fit.

    Attributes
    ----------
    builder : callable
        The model-building function, which returns a Keras model, compiled or not.
    params : dict
        The estimator's own parameters and the routed parameters that were set, by full names.
    meta : dict
        Facts about the data, for the builder.
    example : tuple of arrays
        One row of X with all its parts, and one row of the encoded y.
    layout : Layout or None
        The layout of X; None if a subclass's `feature_encoder` changes the features.
    target : Target
        The known facts about y.
    seed : int
        The seed of the initial weights.
    X : array, or dict of arrays, or None
        The training rows, for a builder with an argument `X`.
    reads_estimator : bool
        Whether the builder is a method of the estimator, so that it can read all parameters.
    for_outputs : callable or None
        A function that adapts the arguments of ``model.compile`` to the outputs of the model. It
        is used if the target does not determine the loss.
    """

    builder: Callable[..., keras.Model]
    params: Mapping[str, Any]
    meta: dict[str, Any]
    example: tuple[Any, Any]
    layout: Layout | None
    target: Target
    seed: int
    X: Any = None
    reads_estimator: bool = False
    for_outputs: Callable[[dict[str, Any], list[ModelOutput]], dict[str, Any]] | None = None

    @property
    def defaults(self) -> dict[str, Any]:
        """The defaults of the arguments of the builder and the optimizer, read on first use."""
        return default_arguments(self.builder, self.params["optimizer"])


@dataclass(frozen=True)
class BuiltModel:
    """A compiled model, and how the target is encoded for its loss.

    Attributes
    ----------
    model : keras.Model
        The model, which is built, compiled and checked.
    outputs : list of ModelOutput
        Descriptions of the outputs of the model.
    loss : any
        The loss that the model was compiled with, before missing cells of y are left out.
    reading : Reading
        How y is interpreted.
    encoding : dict of str to bool or list of bool
        The arguments of ``ClassifierLabelEncoder.encode_for``; empty if it is not known which
        outputs the target needs.
    """

    model: keras.Model
    outputs: list[ModelOutput]
    loss: Any
    reading: Reading
    encoding: dict[str, Any]

    @property
    def names(self) -> list[str | None]:
        """The names of the outputs."""
        return [output.name for output in self.outputs]

    @property
    def gives_dict(self) -> bool:
        """Whether the model returns its outputs as a dict."""
        if getattr(self.model, "outputs", None):
            return isinstance(getattr(self.model, "output", None), dict)
        return self.outputs[0].name is not None


def as_builder(model: Any, default: Callable[..., keras.Model]) -> Callable[..., keras.Model]:
    """Get the model-building function for a value of the parameter `model`.

    Parameters
    ----------
    model : callable, keras.Model or None
        The estimator's parameter. A Keras model is a template: each call of the builder makes a
        copy.
    default : callable
        The builder that is used for None.

    Raises
    ------
    TypeError
        If `model` has none of these types.
    """
    if model is None:
        return default
    if isinstance(model, keras.Model):
        return lambda: serialization.copy_model(model)
    if not callable(model):
        if callable(getattr(model, "build", None)):
            raise TypeError(
                f"model={model!r} has a method build, as hypermodels of KerasTuner have: "
                f"{_FOR_KERAS_TUNER}"
            )
        raise TypeError(
            f"model={model!r} must be a function that returns a Keras model, a Keras model, or None"
        )
    return model


def build_model(inputs: BuildInputs) -> BuiltModel:
    """Build, compile and check the model of one fit, under its seed.

    Raises
    ------
    TypeError
        If the builder does not return a model.
    ValueError
        If an argument of the builder is missing, the builder returns a model that was trained
        before, a setting would be ignored, or the model does not fit the target.
    """
    return training.build(lambda: _build(inputs), inputs.seed)


def warn_of_changed_parameters(now: Mapping[str, Any], then: Mapping[str, Any]) -> None:
    """Warn of parameters that were changed after the model was built, which has no effect."""
    changed = sorted(
        name
        for name in now.keys() | then.keys()
        if name.partition("__")[0] in _BUILD_PARAMETERS
        and now.get(name) is not then.get(name)
        and not equal(now.get(name), then.get(name))
    )
    if changed:
        warn(
            f"{', '.join(changed)} changed since the model was built. This has no effect on "
            "a warm start or partial_fit, because the model is not built or compiled again"
        )


def _build(inputs: BuildInputs) -> BuiltModel:
    takes = arguments(inputs.builder)
    features, target = inputs.example
    with build_record.recorded(inputs.builder) as record:
        values = _builder_arguments(inputs, takes, record)
        # read now, because the builder may remove it from the dict
        made = values.get("compile_kwargs", {}).get("optimizer")
        with text_in_models.lookups_named(record):
            model = inputs.builder(**values)
        _check_is_model(model, inputs.builder)
        text_in_models.check_no_lookups(model)
        model = outer_layers.with_own_layers(model, record, inputs.builder)
        # Use all training rows if they are known: only some rows may have text or fractions.
        rows = features if inputs.X is None or _is_no_array(inputs.X) else inputs.X
        rows = model_inputs.as_model_takes(model, rows, inputs.layout)
        features = keras.tree.map_structure(lambda array: array[:1], rows)
        call = functools.partial(model_inputs.called_on, model, features, inputs.layout)
        # Call the model here, so that its weights are drawn from the seed.
        output = None if model.built else call()
        outer_layers.check_called(model, record)
    if record.watch.cleared_here:
        _warn_of_clearing(inputs.builder)
    outputs = outputs_of(model, lambda: call() if output is None else output)
    if not model.compiled or (made is not None and _lacks_loss(model)):
        _compile(model, inputs, outputs, target)
    elif not (
        inputs.reads_estimator
        or {"compile_kwargs", "params"}.intersection(takes.names)
        or _is_compiled_with(model, made)  # compile_kwargs may have come by ``**kwargs``
    ):
        _check_nothing_ignored(model, inputs, takes)
    check_numbers("the compiled model's optimizer", model.optimizer)
    check_numbers("the compiled model's loss", model.loss)
    reading = inputs.target.read(outputs, model.loss, own_step=has_own_loss(model))
    encoding = _check_outputs(model, outputs, reading, inputs)
    loss = model.loss
    check_own_losses(outputs, loss, reading, target)
    missing_cells.leave_out(model, outputs, reading, inputs.target.facts, has_own_loss(model))
    return BuiltModel(model, outputs, loss, reading, encoding)


def _builder_arguments(
    inputs: BuildInputs, takes: Arguments, record: build_record.BuildRecord
) -> dict[str, Any]:
    # Pass copies: the fit would train a model or layer in place, and a builder may change a list.
    values = serialization.copy_contents(
        route(inputs.params, "model"), lambda layer: outer_layers.copied(layer, record)
    )
    if takes.is_filled_in("meta"):
        values["meta"] = inputs.meta
    if takes.is_filled_in("compile_kwargs"):
        values["compile_kwargs"] = _compile_kwargs(inputs.params)
    if takes.is_filled_in("params"):
        values["params"] = {**inputs.defaults, **inputs.params}
        if values["params"]["optimizer"] is None:  # for model.compile(params["optimizer"])
            values["params"]["optimizer"] = "adam"
    if "X" in takes.names and is_loaded(inputs.X):
        values["X"] = inputs.X.rows()
    elif "X" in takes.names:
        for part in data.leaves(inputs.X):
            check_no_missing_text("X", part)
        values["X"] = keras.tree.map_structure(_shown, inputs.X)
    missing = [f"model__{name}" for name in takes.required if name not in values]
    if missing:
        name = getattr(inputs.builder, "__name__", inputs.builder)
        if takes.required[0] in ("hp", "hyperparameters"):
            raise ValueError(
                f"the model-building function {name!r} has an argument {takes.required[0]!r}, as "
                f"functions for KerasTuner have: {_FOR_KERAS_TUNER}"
            )
        raise ValueError(
            f"the model-building function {name!r} has arguments without a default: "
            f"set {', '.join(missing)}"
        )
    return values


def _is_no_array(X: Any) -> bool:
    return sparse_rows.is_sparse(X) or is_loaded(X)


def _shown(array: Any) -> np.ndarray:
    """Get a read-only view of a part of X, in the form that the model gets."""
    array = sparse_rows.dense(array)
    shown = array.astype(keras.config.floatx()) if array.dtype.kind == "f" else array.view()
    shown.flags.writeable = False
    return shown


def _check_is_model(model: Any, builder: Callable[..., Any]) -> None:
    if not isinstance(model, keras.Model):
        raise TypeError(f"model={builder!r} returned {type(model).__name__}, not a Keras model")


def _warn_of_clearing(builder: Callable[..., Any]) -> None:
    warn(
        f"the model-building function {getattr(builder, '__name__', builder)!r} calls "
        "keras.utils.clear_session(), which discards the state of compiled programs, so that each "
        "fit takes several times as long. Remove this call: models of earlier fits are not kept "
        "in memory, and the layers of each fit get new names"
    )


def _compile(
    model: keras.Model, inputs: BuildInputs, outputs: list[ModelOutput], target: Any
) -> None:
    compile_kwargs = _compile_kwargs(inputs.params)
    if isinstance(compile_kwargs["loss"], Mapping) and len(outputs) == 1:
        # the outputs of a Sequential have no names, so that Keras fails if the loss is a dict
        names = [output.name for output in outputs]
        compile_kwargs["loss"] = output_layers.losses_of(compile_kwargs["loss"], 1, names)[0]
    if inputs.for_outputs is not None:
        if compile_kwargs["loss"] is not None or not has_own_loss(model):
            compile_kwargs = inputs.for_outputs(compile_kwargs, outputs)
    elif compile_kwargs["loss"] is None and not has_own_loss(model):
        reading = inputs.target.read(outputs, None)
        compile_kwargs["loss"] = output_layers.default_loss(
            outputs,
            target if reading.form in ("plain", "unknown") else (),
            reading.expected,
            inputs.params["metrics"],
        )
    model.compile(**compile_kwargs)
    if xla.is_wanted(model, inputs.params, inputs.meta["X_shape_"][0]):
        model.compile(**{**compile_kwargs, "jit_compile": True})


def _compile_kwargs(params: Mapping[str, Any]) -> dict[str, Any]:
    """Make the arguments for ``model.compile``; no other fit uses these objects."""
    made = {
        "optimizer": keras_objects.make_optimizer,
        "loss": keras_objects.make_loss,
        "metrics": keras_objects.make_metrics,
    }
    return {
        **route(params, "compile"),
        **{name: make(params[name], route(params, name)) for name, make in made.items()},
        "run_eagerly": bool(params["run_eagerly"]),
        "jit_compile": xla.for_keras(params),
    }


def _check_nothing_ignored(model: keras.Model, inputs: BuildInputs, takes: Arguments) -> None:
    """Raise for settings that would be ignored because the builder compiles the model."""
    ignored = {
        name: value
        for name, value in inputs.params.items()
        if name.partition("__")[0] in ("optimizer", "loss", "metrics", "compile")
        and ("__" in name or value is not None)
    }
    if inputs.params["run_eagerly"]:
        ignored["run_eagerly"] = True
    if isinstance(given := inputs.params["jit_compile"], bool | np.bool_):
        ignored["jit_compile"] = given
    if not ignored:
        return
    advice = (
        "Pass the model uncompiled"
        if isinstance(inputs.params["model"], keras.Model)
        else "Let the function take `compile_kwargs` and call "
        "model.compile(**compile_kwargs), or return the model uncompiled"
    )
    own = [f"model__{last_part(name)}" for name in ignored if last_part(name) in takes.names]
    if own:
        advice = f"To set the argument of the function, use {', '.join(own)}. {advice}"
    raise ValueError(
        f"{', '.join(f'{name}={value!r}' for name, value in ignored.items())} would be ignored: "
        "the model is already compiled, with optimizer "
        f"{type(model.optimizer).__name__} and loss {model.loss!r}. {advice}"
    )


def _check_outputs(
    model: keras.Model, outputs: list[ModelOutput], reading: Reading, inputs: BuildInputs
) -> dict[str, Any]:
    """Check the output layers, and get the encoding of the target for the model's loss."""
    if reading.heads:
        output_layers.check_outputs(outputs, model.loss, reading.expected)
        types = [head.target_type for head in reading.heads]
        encoding = output_layers.encoding(model.loss, outputs, types)
        types = ["" if h.output.is_free else h.target_type for h in reading.heads]
        compared_metrics.check_metrics(model, outputs, encoding["one_hot"], types)
        return encoding
    n_expected = inputs.meta.get("n_outputs_expected_", len(outputs))
    if n_expected != len(outputs):
        raise ValueError(
            f"the model has {len(outputs)} outputs, but the target encoder expects {n_expected}"
        )
    return {}


def _is_compiled_with(model: keras.Model, optimizer: Any) -> bool:
    """Tell whether a model has the same optimizer object that its builder got."""
    # with float16, Keras wraps the optimizer in a LossScaleOptimizer
    theirs = (model.optimizer, getattr(model.optimizer, "inner_optimizer", None))
    return optimizer is not None and any(optimizer is one for one in theirs)


def has_own_loss(model: keras.Model) -> bool:
    """Tell whether a model overrides ``compute_loss`` or ``train_step``."""
    return any(
        getattr(type(model), method) is not getattr(keras.Model, method)
        for method in ("compute_loss", "train_step")
    )


def _lacks_loss(model: keras.Model) -> bool:
    return getattr(model, "loss", None) is None and not has_own_loss(model)
