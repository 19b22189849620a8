"""From parameters to the compiled model of one fit, checked against the target."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from .. import training
from ..training import serialization
from . import keras_objects, output_layers
from .label_encoder import ClassifierLabelEncoder, RegressorTargetEncoder
from .multilayer_perceptron import mlp
from .routing import RoutedParameters, arguments, route

# models that belong to a fitted estimator: a builder must not hand one of them out again
OWNED: weakref.WeakSet[keras.Model] = weakref.WeakSet()
# attributes that training leaves; a builder's `meta` has the others
RESULTS = {
    "model_",
    "history_",
    "n_epochs_",
    "n_epochs_trained_",
    "callbacks_",
    "training_path_",
    "training_reason_",
    "target_encoder_",
    "feature_encoder_",
}


class ModelBuilding(RoutedParameters):
    """Builds the model of a fit from the estimator's parameters and what it knows of the data."""

    def _model_builder(self) -> Callable[..., keras.Model]:
        if self.model is None:
            return getattr(self, "_keras_build_fn", mlp)
        if isinstance(self.model, keras.Model):
            template = self.model
            return lambda: serialization.copy_model(template)
        if not callable(self.model):
            raise TypeError(
                f"model={self.model!r} must be a function that returns a Keras model, a Keras "
                "model, or None"
            )
        return self.model

    def _build_model(self, X: np.ndarray, y: np.ndarray) -> keras.Model:
        """Build, compile and check the model of one fit, under its seed."""
        params = self.get_params(deep=False)
        self._fitted_params = serialization.copy_containers(params)
        first = self.feature_encoder_.transform(X[:1]), self.target_encoder_.transform(y[:1])
        self._example = keras.tree.map_structure(np.array, first)
        model = training.build(self._make_model, self._seed)
        self._encode_for_model(y)
        return model

    def _make_model(self) -> keras.Model:
        features, target = self._example
        builder = self._model_builder()
        model = builder(**self._builder_arguments(builder))
        if not isinstance(model, keras.Model):
            raise TypeError(f"model={builder!r} returned {type(model).__name__}, not a Keras model")
        if model in OWNED:
            raise ValueError(
                f"model={builder!r} returned a model that an earlier fit has trained. Build a new "
                "one in each call, or pass the model itself as `model`: then each fit copies it"
            )
        output = None
        if not model.built:  # here, so that its weights are drawn under the seed
            output = model(keras.tree.map_structure(_to_floatx, features))
        activations = output_layers.output_activations(model, len(keras.tree.flatten(output)))
        expected = self._expected_outputs()
        takes = arguments(builder)
        if not model.compiled or (takes.accepts("compile_kwargs") and _lacks_loss(model)):
            compile_kwargs = self._compile_kwargs()
            if compile_kwargs["loss"] is None and not _has_own_loss(model):
                compile_kwargs["loss"] = output_layers.default_loss(
                    activations, target, expected, self.metrics
                )
            model.compile(**compile_kwargs)
        elif not (takes.accepts("compile_kwargs") or takes.accepts("params")):
            self._check_nothing_ignored(builder, model)
        if expected:
            units = output_layers.output_units(model, output)
            output_layers.check_outputs(units, activations, model.loss, expected)
            self._encoding = output_layers.encoding(model.loss, units, self.target_type_)
            output_layers.check_metrics(self.metrics, self._encoding["one_hot"], expected)
        elif getattr(self, "n_outputs_expected_", len(activations)) != len(activations):
            raise ValueError(
                f"the model has {len(activations)} outputs, but the target encoder "
                f"{type(self.target_encoder_).__name__} expects {self.n_outputs_expected_}"
            )
        OWNED.add(model)
        return model

    def _builder_arguments(self, builder: Callable[..., keras.Model]) -> dict[str, Any]:
        takes = arguments(builder)
        # copies: a model or layer among them would be trained in place, a list might be changed
        values = serialization.copy_contents(route(self._routed, "model"))
        if takes.accepts("meta"):
            values["meta"] = self._get_metadata()
        if takes.accepts("compile_kwargs"):
            values["compile_kwargs"] = self._compile_kwargs()
        if takes.accepts("params"):
            values["params"] = self.get_params()
        missing = [f"model__{name}" for name in takes.required if name not in values]
        if missing:
            raise ValueError(
                f"the model-building function {getattr(builder, '__name__', builder)!r} has "
                f"arguments without a default: set {', '.join(missing)}"
            )
        return values

    def _compile_kwargs(self) -> dict[str, Any]:
        """Arguments for ``model.compile``: objects that belong to this fit alone."""
        return {
            **route(self._routed, "compile"),
            "optimizer": keras_objects.make_optimizer(
                self.optimizer, route(self._routed, "optimizer")
            ),
            "loss": keras_objects.make_loss(self.loss, route(self._routed, "loss")),
            "metrics": keras_objects.make_metrics(self.metrics, route(self._routed, "metrics")),
            "run_eagerly": bool(self.run_eagerly),
        }

    def _check_nothing_ignored(self, builder: Any, model: keras.Model) -> None:
        """Raise for settings that a builder which compiles the model itself would ignore."""
        if getattr(builder, "__self__", None) is self:
            return  # a method of the estimator reads its parameters as it likes
        defaults = self._discovered()
        ignored = [
            f"{name}={value!r}"
            for name, value in self._routed.items()
            if name.partition("__")[0] in ("optimizer", "loss", "metrics", "compile")
            and not (name in defaults and defaults[name] == value)
        ]
        if self.optimizer != "adam" and not keras_objects.same_optimizer(
            self.optimizer, model.optimizer
        ):
            ignored.append(f"optimizer={self.optimizer!r}")
        if self.loss is not None and not keras_objects.same_loss(self.loss, model.loss):
            ignored.append(f"loss={self.loss!r}")
        if self.metrics is not None:
            ignored.append(f"metrics={self.metrics!r}")
        if self.run_eagerly and not model.run_eagerly:
            ignored.append("run_eagerly=True")
        if ignored:
            advice = (
                "Pass the model uncompiled"
                if isinstance(self.model, keras.Model)
                else "Let the function take `compile_kwargs` and call "
                "model.compile(**compile_kwargs), or return the model uncompiled"
            )
            raise ValueError(
                f"{', '.join(ignored)} would be ignored: the model comes compiled, with "
                f"optimizer {type(model.optimizer).__name__} and loss {model.loss!r}. {advice}"
            )

    def _expected_outputs(self) -> list[output_layers.Output]:
        """The outputs that the target asks for; none are known with an encoder of the user's."""
        if type(self.target_encoder_) in (ClassifierLabelEncoder, RegressorTargetEncoder):
            return output_layers.expected_outputs(self._get_metadata())
        return []

    def _encode_for_model(self, y: np.ndarray) -> None:
        """Fit the encoder to the loss that the model was compiled with."""

    def _get_metadata(self) -> dict[str, Any]:
        """What a builder may know of the data: every fitted attribute but the results."""
        return {
            name: value
            for name, value in vars(self).items()
            if name.endswith("_")
            and not name.endswith("__")
            and not name.startswith("_")
            and name not in RESULTS
        }


def _to_floatx(array: np.ndarray) -> np.ndarray:
    return array.astype(keras.config.floatx()) if array.dtype.kind == "f" else array


def _has_own_loss(model: keras.Model) -> bool:
    return any(
        getattr(type(model), method) is not getattr(keras.Model, method)
        for method in ("compute_loss", "train_step")
    )


def _lacks_loss(model: keras.Model) -> bool:
    return getattr(model, "loss", None) is None and not _has_own_loss(model)
