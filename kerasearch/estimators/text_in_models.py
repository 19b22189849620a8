"""Checks for text and lookup tables in models, which only the TensorFlow backend supports."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator
from typing import Any

import keras

from ..training.backend_facts import backend_name, models_take_text
from ..training.build_record import BuildRecord
from ..training.loaded_rows import is_loaded
from ..training.model_layers import layers_by_path
from .features import Features, Layout
from .text_columns import check_no_text

# layers that need TensorFlow on every backend
_LOOKUPS = (
    keras.layers.HashedCrossing,
    keras.layers.Hashing,
    keras.layers.IntegerLookup,
    keras.layers.StringLookup,
    keras.layers.TextVectorization,
)
# Keras' message if TensorFlow is not installed; checked with Keras 3.10 to 3.15
_NOT_INSTALLED = re.compile(r"Layer (\w+) requires TensorFlow")


def check_backend_takes(features: Features, layout: Layout) -> None:
    """Raise for text in features if the backend does not support text.

    Raises
    ------
    ValueError
        If there is text. The message names the columns and a transformer that encodes them.
    """
    if models_take_text():
        return
    if is_loaded(features):
        features = features.example
    if not isinstance(features, dict):
        return check_no_text(layout.owner, layout.columns("X", features))
    columns: dict[Any, Any] = {}
    for name, part in features.items():
        columns.update(layout.columns(name, part))
    check_no_text(layout.owner, columns)


@contextlib.contextmanager
def lookups_named(record: BuildRecord) -> Iterator[None]:
    """Replace an error in a build by a clear one, if a lookup layer is the cause."""
    try:
        yield
    except Exception as error:
        if not models_take_text():
            _check(record.layers(), error)
            needs = _NOT_INSTALLED.search(str(error))
            if needs is not None:
                raise _error(f"a {needs[1]}") from error
        raise


def check_no_lookups(model: keras.Model) -> None:
    """Raise for a model with lookup layers or text Inputs if the backend does not support them.

    Raises
    ------
    ValueError
        If there is such a layer. The message names the layer and alternatives.
    """
    if not models_take_text():
        _check([layer for _, layer in layers_by_path(model)])


def _check(layers: Iterable[Any], cause: Exception | None = None) -> None:
    for layer in layers:
        if isinstance(layer, _LOOKUPS):
            raise _error(f"the {type(layer).__name__} {layer.name!r}") from cause
        if isinstance(layer, keras.layers.InputLayer) and str(layer.dtype) == "string":
            raise _error(f"the Input {layer.name!r} of text") from cause


def _error(what: str) -> ValueError:
    return ValueError(
        f"the model has {what}, but the backend {backend_name()} supports neither text nor lookup "
        "tables: encode X before the model, with OrdinalEncoder, OneHotEncoder, FeatureHasher or "
        "TfidfVectorizer in a pipeline, and begin the model with numbers; or use the backend that "
        "supports them, KERAS_BACKEND=tensorflow"
    )
