"""KerasTransformer: a network that is trained without a target, and what one of its layers gives.

An autoencoder, mostly: the model learns to give X back, and its narrowest layer is the code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import keras
import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from .._utils.names import did_you_mean
from .._utils.text import counted, listed
from ..training import data, layer_outputs
from ..training.loaded_rows import is_loaded
from ..training.sparse_rows import dense, dense_for
from ..training.trusted_libraries import has_own
from . import dtype_policy, keras_objects, output_layers
from .base import KerasEstimator
from .estimator_docs import ATTRIBUTES, OF_TRANSFORMER
from .features import Features, n_rows
from .fitting import FitArguments
from .input_data import Rows, check_X
from .model_building import BuildInputs, BuiltModel
from .model_inputs import as_model_takes
from .model_outputs import ModelOutput
from .prediction import raw_predictions
from .scoring import loss_on

__all__ = ["KerasTransformer"]


def autoencoder(
    meta: Mapping[str, Any],
    code_size: int = 8,
    hidden_layer_sizes: int | tuple[int, ...] = (100,),
    activation: str = "relu",
) -> keras.Model:
    """Build the default model: dense layers to a linear code, and the same ones back to X."""
    layers, shape = keras.layers, tuple(meta["X_shape_"][1:])
    widths = np.atleast_1d(np.asarray(hidden_layer_sizes, dtype=int)).tolist()
    inputs = keras.Input(shape)
    hidden = inputs if len(shape) == 1 else layers.Flatten()(inputs)
    for width in widths:
        hidden = layers.Dense(width, activation)(hidden)
    code = layers.Dense(code_size, name="code")(hidden)
    hidden = code
    for width in reversed(widths):
        hidden = layers.Dense(width, activation)(hidden)
    outputs = layers.Dense(int(np.prod(shape)))(hidden)
    if len(shape) != 1:
        outputs = layers.Reshape(shape)(outputs)
    return keras.Model(inputs, [outputs, code])


class KerasTransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, KerasEstimator):
    __doc__ = f"""A Keras network without a target as a scikit-learn transformer.

    The model is trained to give X back, and `transform` is what one of its layers gives: the code
    of an autoencoder. A model of several Inputs gives back as many parts, by the names of its
    outputs or in their order; a model with a ``train_step`` of its own gets X alone, as by
    ``model.fit(X)``. The default model is a dense autoencoder, with the arguments ``code_size``
    (8), ``hidden_layer_sizes`` (``(100,)``) and ``activation``.

    Parameters
    ----------
{OF_TRANSFORMER}\
    layer : str, default=None
        The name of the layer whose output is the code, however deep in the model. None: the
        model's second output, on which there is no loss.

    Attributes
    ----------
{ATTRIBUTES}
    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from kerasearch import KerasTransformer
    >>> X, y = load_digits(return_X_y=True)
    >>> code = KerasTransformer(code_size=16, epochs=10, random_state=0)
    >>> pipeline = make_pipeline(code, LogisticRegression(max_iter=1000)).fit(X / 16, y)
    >>> bool(pipeline.score(X / 16, y) > 0.7)
    True
    """

    _y_numeric = True
    _stratify = False
    _output_names: list[str | None]  # of the fitted model

    def __init__(
        self,
        model: Callable[..., keras.Model] | keras.Model | None = None,
        *,
        layer: str | None = None,
        **kwargs: Any,
    ) -> None:
        self.layer = layer
        super().__init__(model, **kwargs)

    def fit(  # type: ignore[override]
        self, X: Any, y: Any = None, sample_weight: Any = None, X_val: Any = None, **kwargs: Any
    ) -> Any:
        """Build a model and train it to give X back.

        Parameters
        ----------
        X : array-like, data frame, sparse matrix, structured array, or dict of arrays
            The features, as a classifier takes them. With `loader`, what they are loaded from.
        y : None
            Not used; a pipeline passes it.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, as a classifier takes them.
        X_val : array-like, default=None
            Rows to validate each epoch on, in place of `validation_split`.
        **kwargs : dict
            Keras' arguments of ``Model.fit``, for this call alone: ``epochs``, ``verbose``, ...

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If a parameter or the data are not valid, before anything is trained.
        DivergenceError
            If the loss is no longer finite; a ValueError.
        """
        return self._as_task(self._fit, X, y, sample_weight, kwargs, (X_val, X_val))

    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None, **kwargs: Any) -> Any:
        """Train for one more epoch, as :meth:`KerasClassifier.partial_fit` does.

        Parameters
        ----------
        X : array-like
            As in `fit`.
        y : None
            Not used.
        sample_weight : array-like of shape (n_samples,), default=None
            As in `fit`, but not scaled: one call does not see the weights of the others.
        **kwargs : dict
            Keras' arguments of ``Model.fit``, ``epochs`` and ``initial_epoch`` excepted.

        Returns
        -------
        self : object
            The estimator.
        """
        return self._fit(X, y, sample_weight, kwargs, one_epoch=True)

    def transform(self, X: Any) -> np.ndarray:
        """Compute the code of the rows of X.

        Parameters
        ----------
        X : array-like, data frame, sparse matrix, or dict of arrays
            The features, laid out as those of the fit.

        Returns
        -------
        code : ndarray of shape (n_samples, n_features_out), or (n_samples, ...)
            What the layer gives, of dtype float32 mostly.
        """
        check_is_fitted(self)
        return self._code(self._model_features(self.model_, check_X(self, X)))

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Minus the model's loss on X, so that higher is better.

        Parameters
        ----------
        X : array-like, data frame, sparse matrix, or dict of arrays
            The features, laid out as those of the fit.
        y : None
            Not used.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        score : float
            At most 0 for most losses.
        """
        check_is_fitted(self)
        try:
            return -loss_on(self, X, None, sample_weight)
        except ValueError as error:
            if "No loss to compute" not in str(error):
                raise
            raise ValueError(
                f"{type(self.model_).__name__} trains in its own way, and its loss, which score is "
                "minus, is not known: give it a test_step"
            ) from error

    @property
    def predict(self) -> Any:  # type: ignore[override]
        """There is none: to scikit-learn, a prediction is of a target."""
        raise AttributeError("KerasTransformer has no predict: there is transform, and model_")

    @property
    def _n_features_out(self) -> int:
        """The number of columns of the code, which scikit-learn names."""
        features = as_model_takes(self.model_, self._example[0], self._features_layout)
        shape = self._code(features).shape
        return int(np.prod(shape[1:]))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

    # ------------------------------------------------------- the steps of a fit

    def _fit_arguments(self, kwargs: Mapping[str, Any]) -> FitArguments:
        if self.output_to_prediction is not None:
            raise ValueError(
                f"output_to_prediction={self.output_to_prediction!r} is for estimators with a "
                "target; what KerasTransformer gives is the output of `layer`"
            )
        return super()._fit_arguments(kwargs)

    def _default_builder(self) -> Callable[..., keras.Model]:
        return getattr(self, "_keras_build_fn", autoencoder)

    def _type_of_target(self, y: np.ndarray) -> str:
        return "none"

    def _read_rows(self, X: Any, y: Any, reset: bool) -> tuple[Features, np.ndarray]:
        X = check_X(self, X, reset=reset)
        return X, np.zeros(n_rows(X))

    def _build_inputs(self, X: Any = None) -> BuildInputs:
        return replace(super()._build_inputs(X), for_outputs=self._compiled_for)

    def _compiled_for(
        self, compile_kwargs: dict[str, Any], outputs: list[ModelOutput]
    ) -> dict[str, Any]:
        """Compile with a loss on those outputs that give X back, the code's left out."""
        names = [output.name for output in outputs]
        parts = _numbers(self._example[0])
        chosen = [i for i, name in enumerate(names) if name in parts]
        if len(chosen) < len(parts):
            chosen = [i for i, name in enumerate(names) if name is None or name != self.layer]
        chosen = (chosen or [0])[: len(parts)]
        if len(chosen) < len(parts):
            raise ValueError(
                f"the model has {counted(len(outputs), 'output')}, and X has {len(parts)} parts to "
                f"be given back, {listed(map(repr, parts))}: give it an output for each"
            )

        def for_each(given: Any) -> Any:
            if len(outputs) == 1 or given is None or isinstance(given, Mapping | tuple):
                return given
            return [given if i in chosen else None for i in range(len(outputs))]

        loss, metrics = compile_kwargs["loss"], compile_kwargs["metrics"]
        loss = "mean_squared_error" if loss is None else loss
        nested = isinstance(metrics, list) and any(isinstance(m, list | None) for m in metrics)
        return {
            **compile_kwargs,
            "loss": loss if isinstance(loss, list) else for_each(loss),
            "metrics": metrics if nested else for_each(metrics),
        }

    def _meet_model(self, built: BuiltModel, train: Rows) -> None:
        self._output_names = [output.name for output in built.outputs]
        self._check_layer(built.model)
        if not has_own(built.model, "train_step"):
            features = as_model_takes(built.model, self._example[0], self._features_layout)
            targets = keras.tree.flatten(self._targets(built.model, features))
            losses = self._losses(built.model)
            for output, loss, target in zip(built.outputs, losses, targets, strict=False):
                _check_shape(output, loss, target)

    def _encode(
        self, model: keras.Model, rows: Rows | None, scale: bool = True
    ) -> tuple[Any, ...] | None:
        if rows is None:
            return None
        features = self._model_features(model, dense_for(model, rows.X))
        if not is_loaded(features):
            return features, self._targets(model, features), rows.weights

        def read(loaded: Any, y: Any, n: int) -> tuple[Any, Any]:
            batch, _ = features.read(loaded, y, n)
            return batch, self._targets(model, batch)

        return replace(features, read=read), None, rows.weights

    def _targets(self, model: keras.Model, features: Any) -> Any:
        """What the model is to give for such features; None where it has no loss on an output."""
        chosen = self._outputs_with_loss(model)
        if has_own(model, "train_step") or not chosen:
            return None
        names = [tensor.name for tensor in getattr(model, "inputs", None) or []]
        if not isinstance(features, Mapping):
            leaves = data.leaves(features)
            keys = names if len(names) == len(leaves) else range(len(leaves))
            features = dict(zip(keys, leaves, strict=True))
        parts = _numbers(features)
        wanted = [self._output_names[i] for i in chosen]
        if not all(name in parts for name in wanted):
            if len(parts) != len(chosen):
                raise ValueError(
                    f"the model has a loss on {counted(len(chosen), 'output')}, and X has "
                    f"{counted(len(parts), 'part')} of numbers to be given back: compile it with "
                    "a loss on as many, and None for the others"
                )
            wanted = list(parts)
        n = data.n_rows(features)
        targets: list[Any] = [np.zeros(n, "float32")] * len(self._output_names)
        for i, name in zip(chosen, wanted, strict=True):
            targets[i] = dense(parts[name])
        return targets[0] if len(targets) == 1 else targets

    def _losses(self, model: keras.Model) -> list[Any]:
        names = self._output_names
        return output_layers.losses_of(model.loss, len(names), names)

    def _outputs_with_loss(self, model: keras.Model) -> list[int]:
        return [i for i, loss in enumerate(self._losses(model)) if loss is not None]

    def _check_layer(self, model: keras.Model) -> None:
        """Raise unless `layer` says what the code is."""
        names = layer_outputs.layer_names(model)
        if self.layer is None:
            if len(self._output_names) < 2:
                raise ValueError(
                    "layer=None takes the model's second output for the code, and it has one: name "
                    f"the layer that gives the code; its layers are {listed(map(repr, names))}"
                )
        elif not names:
            raise ValueError(
                f"layer={self.layer!r} needs a functional or Sequential model, whose layers tell "
                f"what they give; {type(model).__name__} has a call of its own: let it return the "
                "code as its second output, and leave layer= out"
            )
        elif self.layer not in names:
            raise ValueError(
                f"layer={self.layer!r} is none of the model's layers"
                f"{did_you_mean(str(self.layer), names)}; they are {listed(map(repr, names))}; an "
                "argument `layer` of the model-building function is model__layer"
            )
        else:
            layer_outputs.up_to_layer(model, self.layer)

    def _code(self, features: Any) -> np.ndarray:
        """The code of rows as the model gets them."""
        model = self.model_
        self._check_layer(model)  # `layer` may have been set since the fit
        if self.layer is None:
            second = layer_outputs.output_of(model, 1)
            models = [] if second is None else [second]
        else:
            models = layer_outputs.up_to_layer(model, self.layer)
        with dtype_policy.carried(self._dtype_policy):
            if not models:  # it has a call of its own
                return keras.tree.flatten(raw_predictions(self, features, {}))[1]
            for part in models:
                features = raw_predictions(self, features, {}, model=part)
        return features


def _numbers(features: Features) -> dict[Any, Any]:
    """The parts of features that are numbers, by name."""
    parts = features if isinstance(features, Mapping) else {"X": features}
    return {name: part for name, part in parts.items() if part.dtype.kind in "fiub"}


def _check_shape(output: ModelOutput, loss: Any, target: np.ndarray) -> None:
    """Raise for an output that a loss of Keras' cannot compare with what it is to give back."""
    if loss is None or not keras_objects.is_keras_loss(loss) or output_layers.says_classes(loss):
        return
    got, wanted = output.shape[1:], target.shape[1:]
    # Keras adds and takes away axes of length one
    if None not in got and [n for n in got if n != 1] != [n for n in wanted if n != 1]:
        raise ValueError(
            f"the model's output has shape {output.shape}, and X, which it is to give back, has "
            f"rows of shape {wanted}: end the model in a layer of that shape"
        )
