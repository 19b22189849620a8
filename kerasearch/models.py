"""Builders of Keras models: what ``model=None`` stands for, and KerasTuner's ``build(hp)``."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ._names import argument_name

if TYPE_CHECKING:
    import keras

__all__ = ["keras_tuner_model", "mlp"]

_MOST_BUILDS = 64  # to find conditional hyperparameters


def mlp(
    meta: Mapping[str, Any],
    hidden_layer_sizes: int | Sequence[int] = (100,),
    activation: str = "relu",
    dropout: float = 0.0,
    batch_norm: bool = False,
    l2: float = 0.0,
) -> keras.Model:
    """Build a multilayer perceptron whose output layer follows the target.

    Each hidden layer is dense, then batch normalization if asked for, the activation, and dropout.
    The model is not compiled: the estimator does that, with a loss that follows the target too.

    Parameters
    ----------
    meta : mapping
        What the estimator knows of the data: ``X_shape_``, ``target_type_``, ``n_classes_``,
        ``n_outputs_``. The estimator fills it in.
    hidden_layer_sizes : int or sequence of int, default=(100,)
        The width of each hidden layer; ``()`` gives a linear model.
    activation : str, default="relu"
        The activation of the hidden layers, by Keras' name.
    dropout : float in [0, 1), default=0.0
        The share of each hidden layer's outputs that is dropped in training.
    batch_norm : bool, default=False
        Whether to normalize each hidden layer over the batch.
    l2 : float, default=0.0
        The factor of the L2 penalty on the weights, biases left out.

    Returns
    -------
    keras.Model
        An uncompiled functional model. Inputs with more than one axis are flattened.

    Raises
    ------
    ValueError
        If a layer's width is not a positive integer, or the target's type is not supported.

    Examples
    --------
    >>> from kerasearch import mlp
    >>> meta = {"X_shape_": (150, 4), "target_type_": "multiclass", "n_classes_": 3}
    >>> mlp(meta, hidden_layer_sizes=(16, 8)).count_params()
    243
    """
    import keras

    layers = keras.layers
    regularizer = keras.regularizers.L2(l2) if l2 else None
    inputs = keras.Input(shape=tuple(meta["X_shape_"][1:]))
    hidden = inputs if len(inputs.shape) == 2 else layers.Flatten()(inputs)
    for width in _widths(hidden_layer_sizes):
        hidden = layers.Dense(width, kernel_regularizer=regularizer, use_bias=not batch_norm)(
            hidden
        )
        if batch_norm:
            hidden = layers.BatchNormalization()(hidden)
        hidden = layers.Activation(activation)(hidden)
        if dropout:
            hidden = layers.Dropout(dropout)(hidden)
    outputs = [
        layers.Dense(units, activation=output_activation, kernel_regularizer=regularizer)(hidden)
        for units, output_activation in _output_layers(meta)
    ]
    return keras.Model(inputs, outputs[0] if len(outputs) == 1 else outputs)


def keras_tuner_model(build: Any) -> KerasTunerModel:
    """Let KerasTuner's ``build(hp)`` serve as the `model` of an estimator, unchanged.

    The function is called with its defaults, and then with other values of what it asks for, to
    find the hyperparameters: each becomes an argument, with KerasTuner's default.

    Parameters
    ----------
    build : callable or keras_tuner.HyperModel
        Takes a `keras_tuner.HyperParameters` and returns a Keras model. If that is compiled, the
        estimator's own `optimizer`, `loss` and `metrics` must not be set.

    Returns
    -------
    KerasTunerModel
        A model-building function. Its `hyperparameters` go to `from_keras_tuner`.

    Raises
    ------
    ImportError
        If KerasTuner is not installed.
    TypeError
        If `build` cannot be called.
    ValueError
        If two hyperparameters would have the same argument.

    Examples
    --------
    .. code-block:: python

        model = keras_tuner_model(build)
        network = KerasClassifier(model, epochs=20, random_state=0)
        space = from_keras_tuner(model.hyperparameters)
        search = RandomizedSearchCV(network, space, n_iter=20).fit(X, y)
    """
    return KerasTunerModel(build)


class KerasTunerModel:
    """See `keras_tuner_model`.

    Attributes
    ----------
    hyperparameters : keras_tuner.HyperParameters
        What `build` asks for.
    """

    def __init__(self, build: Any) -> None:
        self.build = build
        if not callable(self._build):
            raise TypeError(f"build={build!r} must be a function of hp, or a HyperModel")
        self.hyperparameters = _discovered(self._build)
        self._names: dict[str, str] = {}
        defaults: dict[str, Any] = {}
        for hp in self.hyperparameters.space:
            argument = argument_name(hp.name)
            if self._names.setdefault(argument, hp.name) != hp.name:
                raise ValueError(
                    f"the hyperparameters {self._names[argument]!r} and {hp.name!r} would both be "
                    f"the argument {argument!r}; give one of them another name"
                )
            defaults.setdefault(argument, hp.default)
        self.__signature__ = inspect.Signature(
            [
                inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default)
                for name, default in defaults.items()
            ]
        )

    @property
    def _build(self) -> Callable[[Any], keras.Model]:
        return getattr(self.build, "build", self.build)

    def __call__(self, **values: Any) -> keras.Model:
        """Build a model; hyperparameters that are not given have their defaults."""
        unknown = values.keys() - self._names.keys()
        if unknown:
            raise TypeError(f"{self!r} has no hyperparameter {', '.join(sorted(unknown))}")
        hp = self.hyperparameters.copy()
        hp.values = {**_defaults(hp), **{self._names[name]: v for name, v in values.items()}}
        return self._build(hp)

    def __repr__(self) -> str:
        return f"keras_tuner_model({getattr(self.build, '__name__', self.build)})"


def _discovered(build: Callable[[Any], Any]) -> Any:
    """Call `build` until no value of a choice, no switch and no largest number shows more."""
    import keras_tuner

    from . import training

    hp = keras_tuner.HyperParameters()
    settings: list[dict[str, Any]] = [{}]
    for n_builds, setting in enumerate(settings):
        n_known = len(hp.space)
        hp.values = {**_defaults(hp), **setting}
        try:
            training.build(lambda: build(hp), 0)
        except Exception:  # a combination that cannot be built; the defaults must be
            if not setting:
                raise
        for new in hp.space[n_known:]:
            others = new.values if hasattr(new, "values") else ()
            if type(new).__name__ in ("Int", "Float"):
                others = (new.max_value,)
            settings += [{**setting, new.name: v} for v in others if v != new.default]
        if n_builds + 1 == _MOST_BUILDS:
            break
    hp.values = {name: value for name, value in _defaults(hp).items() if hp.is_active(name)}
    return hp


def _defaults(hp: Any) -> dict[str, Any]:
    return {one.name: one.default for one in reversed(hp.space)}


def _widths(hidden_layer_sizes: int | Sequence[int]) -> list[int]:
    import numpy as np

    widths = np.atleast_1d(np.asarray(hidden_layer_sizes, dtype=object)).tolist()
    for width in widths:
        if isinstance(width, bool) or not isinstance(width, int | np.integer) or width < 1:
            raise ValueError(
                f"hidden_layer_sizes={hidden_layer_sizes!r} must hold positive integers, "
                "one for each hidden layer"
            )
    return [int(width) for width in widths]


def _output_layers(meta: Mapping[str, Any]) -> list[tuple[int, str]]:
    """Units and activation of each output layer."""
    target_type = meta["target_type_"]
    if target_type == "binary":
        return [(1, "sigmoid")]
    if target_type == "multiclass":
        return [(meta["n_classes_"], "softmax")]
    if target_type == "multilabel-indicator":
        return [(meta["n_classes_"], "sigmoid")]
    if target_type == "multiclass-multioutput":
        return [(n_classes, "softmax") for n_classes in meta["n_classes_"]]
    if target_type.startswith("continuous"):
        return [(meta["n_outputs_"], "linear")]
    raise ValueError(f"mlp cannot build an output layer for a target of type {target_type!r}")
