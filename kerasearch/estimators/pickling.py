"""Conversion of an estimator's attributes to data that can be pickled, and back.

A fitted model is pickled as the values of its variables. Unpickling calls the builder again and
restores the values. In two cases the builder cannot be called again. First, layers may keep state
outside their variables, which a second call could compute from changed objects. Second, a builder
with an argument `X` needs the training rows. In these cases, Keras' archive of the model is pickled
too.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from .. import training
from ..store import absolute
from ..training import layer_state, serialization


def pack(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Convert an estimator's attributes to data that can be pickled.

    Raises
    ------
    TypeError
        If the model keeps state outside its variables and Keras cannot save it.
    """
    state = dict(attributes)
    # in a process that cannot run Keras' backend, the model is still packed
    if isinstance(state.get("model_"), keras.Model):
        state["model_"] = PackedFit.of(state["model_"], state.get("_builder_saw_rows", False))
    state.pop("callbacks_", None)
    if isinstance(store := state.get("store"), str | os.PathLike) and store:
        # a worker process may have another working directory
        state["store"] = absolute(store)
    return serialization.pack(state)


def unpack(state: Mapping[str, Any]) -> dict[str, Any]:
    """Undo `pack`, except that `model_` stays a `PackedFit`."""
    return serialization.unpack(dict(state))


@dataclass(frozen=True)
class PackedFit:
    """A fitted model as plain data.

    Attributes
    ----------
    state : ModelState
        The values of the variables.
    attributes : dict
        The state of layers outside their variables, by layer and name.
    archive : PackedModel or None
        Keras' archive of the model, if the builder must not be called again.
    compile_kwargs : dict or None
        The packed compile arguments; None if only the archive has them.
    """

    state: serialization.ModelState
    attributes: dict[str, dict[str, Any]]
    archive: serialization.PackedModel | None = None
    compile_kwargs: dict[str, Any] | None = None

    @classmethod
    def of(cls, model: keras.Model, builder_saw_rows: bool = False) -> PackedFit:
        """Pack a fitted model; `builder_saw_rows` tells whether the builder got the rows in X."""
        state = serialization.ModelState.of(model)
        attributes = layer_state.attributes_of(model)
        holder = layer_state.holder_of_state(model)
        if holder is None and builder_saw_rows:
            holder = "the model-building function has an argument X for the training rows"
        if holder is None:
            return cls(state, attributes)
        cause: Exception | None = None
        try:
            archive = serialization.PackedModel.of(model)
            packed = cls(state, attributes, archive, _packed_compile_kwargs(model))
            why_not = _difference(packed._from_archive(archive), model)
        except Exception as error:  # the code of a layer may raise any error
            # Keras nests messages, and each one contains a whole configuration
            why_not, cause = str(error).rpartition("Exception encountered: ")[2], error
        if why_not is not None:
            raise TypeError(
                f"the fitted model keeps state outside its variables: {holder}. It must therefore "
                f"be pickled as Keras' archive, which is not possible here: {why_not}"
            ) from cause
        return packed

    def model(self, build: Callable[[], keras.Model]) -> keras.Model:
        """Recreate the fitted model; `build` makes the model before training."""
        model = build() if self.archive is None else self._from_archive(self.archive)
        self.state.restore(model)
        if self.archive is None:
            layer_state.put_attributes(model, self.attributes)
        return model

    def _from_archive(self, archive: serialization.PackedModel) -> keras.Model:
        def load() -> keras.Model:
            model = archive.model(compiled=self.compile_kwargs is None)
            if self.compile_kwargs is not None:
                model.compile(**serialization.unpack(self.compile_kwargs))
            return model

        # This isolates layer names and Keras' draws. All drawn values are replaced, so that the
        # seed has no effect.
        model = training.build(load, seed=0)
        layer_state.put_attributes(model, self.attributes)
        return model


def _packed_compile_kwargs(model: keras.Model) -> dict[str, Any] | None:
    """Pack the compile arguments of a model.

    An archive would lose parts of objects whose ``get_config`` is not complete.
    """
    if type(model).compile is not keras.Model.compile:
        return None
    # checked with Keras 3.10 to 3.15
    return serialization.pack(dict(model._compile_config.config))


def _difference(loaded: keras.Model, model: keras.Model) -> str | None:
    """Describe the first difference between a loaded model and the original; None if equal."""
    if (owner := layer_state.holder_of_own_table(model)) is not None:
        return f"the layer {owner!r}, which is not a Keras layer, fills a lookup table itself"
    weights = [[serialization.to_numpy(w) for w in m.weights] for m in (loaded, model)]
    if [w.shape for w in weights[0]] != [w.shape for w in weights[1]] or not all(
        map(np.array_equal, *weights)
    ):
        return "the loaded model has weights in another order, or lacks weights"
    if layer_state.tables_of(loaded) != layer_state.tables_of(model):
        return "the loaded model has other contents in a lookup table"
    attribute = layer_state.attribute_that_differs(
        layer_state.attributes_of(model), layer_state.attributes_of(loaded)
    )
    return attribute and f"the loaded model lacks the value of the attribute {attribute}"
