"""Other tuning libraries' code, used unchanged."""

from .keras_tuner import from_keras_tuner, keras_tuner_model

__all__ = ["from_keras_tuner", "keras_tuner_model"]
