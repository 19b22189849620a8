"""Keras networks as scikit-learn estimators with routed parameters."""

from .multilayer_perceptron import mlp
from .structured_rows import stack_inputs
from .transformer import KerasTransformer
from .wrappers import KerasClassifier, KerasRegressor

__all__ = ["KerasClassifier", "KerasRegressor", "KerasTransformer", "mlp", "stack_inputs"]
