"""The layers of a model by paths, which are equal when the model is built again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras

# Keras has no public name for the class of functional models. Checked for Keras 3.10 to 3.15.
from keras.src.models.functional import Functional


def layers_by_path(model: keras.Layer) -> Iterator[tuple[str, keras.Layer]]:
    """List a model and all its distinct layers with their paths."""
    seen: set[int] = set()
    waiting: list[tuple[str, keras.Layer]] = [("", model)]
    while waiting:
        path, layer = waiting.pop()
        if id(layer) in seen:
            continue
        seen.add(id(layer))
        yield path, layer
        inner: list[Any] = [*layer._layers]  # checked for Keras 3.10 to 3.15
        network = getattr(layer, "_functional", None)  # of a Sequential model
        if isinstance(network, Functional):
            inner.append(network)
        # use positions and not names, because Keras numbers the names of unnamed layers
        for place, sublayer in enumerate(inner):
            waiting.append((f"{path}/{place}:{type(sublayer).__name__}", sublayer))
