"""An estimator's attributes as plain data, and back; a fitted model travels as its state."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

import keras

from ..store import absolute
from ..training import serialization


def pack(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Turn an estimator's attributes into what can be pickled."""
    state = dict(attributes)
    if "model_" in state:
        # the builder, which travels anyway, makes the model again
        state["model_"] = serialization.ModelState.of(state["model_"])
    state.pop("callbacks_", None)
    if isinstance(store := state.get("store"), str | os.PathLike) and store:
        # a worker process may be in another directory
        state["store"] = absolute(store)
    return serialization.pack(state)


def unpack(state: Mapping[str, Any]) -> dict[str, Any]:
    """Undo `pack`; `model_` is still what `restored_model` takes."""
    return serialization.unpack(dict(state))


def restored_model(
    packed: serialization.ModelState, build: Callable[[], keras.Model]
) -> keras.Model:
    """Make a fitted model again, by `build`, which makes it as it was before the fit."""
    model = build()
    packed.restore(model)
    return model
