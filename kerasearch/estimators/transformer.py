"""KerasTransformer: a network trained without a target, and the output of one of its layers.

The usual example is an autoencoder: the model is trained to reconstruct X, and its narrowest layer
is the code.
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
    """Build the default model: dense layers to a linear code, and dense layers back to X."""
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

    The model is trained to reconstruct X, and `transform` returns the output of one of its layers:
    the code of an autoencoder. A model with several Inputs reconstructs each part of X in an
    output. Outputs are matched by the names of the Inputs, or else by order. A model with its own
    ``train_step`` gets only X, as with ``model.fit(X)``. The default model is a dense autoencoder
    with the arguments ``code_size`` (8), ``hidden_layer_sizes`` (``(100,)``) and ``activation``
    (``"relu"``).

    Parameters
    ----------
{OF_TRANSFORMER}\
    layer : str, default=None
        The name of the layer whose output is the code. The layer may be inside a nested model. None
        means the model's second output, which has no loss.

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
    _output_names: list[str | None]  # names of the outputs of the fitted model

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
        """Build a model and train it to reconstruct X.

        Parameters
        ----------
        X : array-like, data frame, sparse matrix, structured array, or dict of arrays
            The features, as in `KerasClassifier.fit`. With `loader`, the sources of the rows.
        y : None
            Not used; a pipeline passes it.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, as in `KerasClassifier.fit`.
        X_val : array-like, default=None
            Validation rows for every epoch, used instead of `validation_split`.
        **kwargs : dict
            Arguments of Keras' ``Model.fit`` for this call only, such as ``epochs``.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If a parameter or the data are not valid. This error comes before training.
        DivergenceError
            If the loss becomes NaN or infinite. It is a subclass of ValueError.
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
            As in `fit`, but not scaled, because a call does not know the weights of other calls.
        **kwargs : dict
            Arguments of Keras' ``Model.fit``, except ``epochs`` and ``initial_epoch``.

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
            The features, with the same layout as in `fit`.

        Returns
        -------
        code : ndarray of shape (n_samples, n_features_out), or (n_samples, ...)
            The output of the layer, usually with dtype float32.
        """
        check_is_fitted(self)
        return self._code(self._model_features(self.model_, check_X(self, X)))

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Compute minus the model's loss on X, so that higher is better.

        Parameters
        ----------
        X : array-like, data frame, sparse matrix, or dict of arrays
            The features, with the same layout as in `fit`.
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
                f"{type(self.model_).__name__} has its own train_step and no known loss, but score "
                "returns minus the loss: define test_step in the model"
            ) from error

    @property
    def predict(self) -> Any:  # type: ignore[override]
        """Raise AttributeError, because a transformer has no target to predict."""
        raise AttributeError("KerasTransformer has no predict: use transform, or model_.predict")

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
                "target; KerasTransformer returns the output of `layer`"
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
        """Restrict loss and metrics to the outputs that reconstruct X, without the code."""
        names = [output.name for output in outputs]
        parts = _numbers(self._example[0])
        chosen = [i for i, name in enumerate(names) if name in parts]
        if len(chosen) < len(parts):
            chosen = [i for i, name in enumerate(names) if name is None or name != self.layer]
        chosen = (chosen or [0])[: len(parts)]
        if len(chosen) < len(parts):
            raise ValueError(
                f"the model has {counted(len(outputs), 'output')}, but X has {len(parts)} parts to "
                f"reconstruct, {listed(map(repr, parts))}: add an output for each part"
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
        """Get the targets of the outputs for features; None if no output has a loss."""
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
                    f"the model has a loss on {counted(len(chosen), 'output')}, but X has "
                    f"{counted(len(parts), 'numeric part')} to reconstruct: compile the model "
                    "with a loss for one output of each part, and None for the other outputs"
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
        """Raise unless `layer` determines the code."""
        names = layer_outputs.layer_names(model)
        if self.layer is None:
            if len(self._output_names) < 2:
                raise ValueError(
                    "layer=None means that the model's second output is the code, but the model "
                    "has one output: pass the name of the layer that computes the code; the "
                    f"layers are {listed(map(repr, names))}"
                )
        elif not names:
            raise ValueError(
                f"layer={self.layer!r} needs a functional or Sequential model, but "
                f"{type(model).__name__} has its own call method: return the code as its second "
                "output, and do not pass layer="
            )
        elif self.layer not in names:
            raise ValueError(
                f"layer={self.layer!r} is not a layer of the model. To set an argument `layer` of "
                "the model-building function, pass model__layer. The layers of the model are "
                f"{listed(map(repr, names))}{did_you_mean(str(self.layer), names)}"
            )
        else:
            layer_outputs.up_to_layer(model, self.layer)

    def _code(self, features: Any) -> np.ndarray:
        """Compute the code for features as the model gets them."""
        model = self.model_
        self._check_layer(model)  # `layer` may have been changed after the fit
        if self.layer is None:
            second = layer_outputs.output_of(model, 1)
            models = [] if second is None else [second]
        else:
            models = layer_outputs.up_to_layer(model, self.layer)
        with dtype_policy.carried(self._dtype_policy):
            if not models:  # the model has its own call method
                return keras.tree.flatten(raw_predictions(self, features, {}))[1]
            for part in models:
                features = raw_predictions(self, features, {}, model=part)
        return features


def _numbers(features: Features) -> dict[Any, Any]:
    """Get the numeric parts of features, by name."""
    parts = features if isinstance(features, Mapping) else {"X": features}
    return {name: part for name, part in parts.items() if part.dtype.kind in "fiub"}


def _check_shape(output: ModelOutput, loss: Any, target: np.ndarray) -> None:
    """Raise if a loss of Keras cannot compare an output with its target."""
    if loss is None or not keras_objects.is_keras_loss(loss) or output_layers.says_classes(loss):
        return
    got, wanted = output.shape[1:], target.shape[1:]
    # Keras adds or removes axes of size 1
    if None not in got and [n for n in got if n != 1] != [n for n in wanted if n != 1]:
        raise ValueError(
            f"the model's output has shape {output.shape}, but X, which it must reconstruct, has "
            f"rows of shape {wanted}: end the model with a layer of this shape"
        )
