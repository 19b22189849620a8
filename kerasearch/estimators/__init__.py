"""scikit-learn's side of the door: Keras networks as estimators with routed parameters."""

from .multilayer_perceptron import mlp
from .wrappers import KerasClassifier, KerasRegressor

__all__ = ["KerasClassifier", "KerasRegressor", "mlp"]
