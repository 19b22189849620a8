"""An estimator's attributes as plain data, and back; a fitted model travels as its state.

The builder makes the model again, and the state is put into it. Where layers keep state outside
their variables, a builder that is called again may read it from what has changed since then, and a
builder that takes X would need the rows again. Such a model travels as Keras' own archive as well,
and the builder is not called.
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
    """Turn an estimator's attributes into what can be pickled.

    Raises
    ------
    TypeError
        If the model keeps state outside its variables and Keras cannot write it.
    """
    state = dict(attributes)
    # in a process that cannot run Keras' backend, a model stays as it came
    if isinstance(state.get("model_"), keras.Model):
        state["model_"] = PackedFit.of(state["model_"], state.get("_builder_saw_rows", False))
    state.pop("callbacks_", None)
    if isinstance(store := state.get("store"), str | os.PathLike) and store:
        # a worker process may be in another directory
        state["store"] = absolute(store)
    return serialization.pack(state)


def unpack(state: Mapping[str, Any]) -> dict[str, Any]:
    """Undo `pack`; `model_` is still a `PackedFit`."""
    return serialization.unpack(dict(state))


@dataclass(frozen=True)
class PackedFit:
    """A fitted model as plain data.

    Attributes
    ----------
    state : ModelState
        The values of its variables.
    attributes : dict
        What its layers keep outside them, by layer and name.
    archive : PackedModel or None
        The model itself, where the builder must not make it again.
    compile_kwargs : dict or None
        What it was compiled with, packed; None where only the archive knows.
    """

    state: serialization.ModelState
    attributes: dict[str, dict[str, Any]]
    archive: serialization.PackedModel | None = None
    compile_kwargs: dict[str, Any] | None = None

    @classmethod
    def of(cls, model: keras.Model, builder_saw_rows: bool = False) -> PackedFit:
        """Pack a fitted model; one that was built from the rows of a fit cannot be built again."""
        state = serialization.ModelState.of(model)
        attributes = layer_state.attributes_of(model)
        holder = layer_state.holder_of_state(model)
        if holder is None and builder_saw_rows:
            holder = "the model-building function takes X, the rows of the fit"
        if holder is None:
            return cls(state, attributes)
        cause: Exception | None = None
        try:
            archive = serialization.PackedModel.of(model)
            packed = cls(state, attributes, archive, _packed_compile_kwargs(model))
            why_not = _difference(packed._from_archive(archive), model)
        except Exception as error:  # whatever a layer's own code raises when it is written or read
            # Keras puts one message around another, each with a whole configuration
            why_not, cause = str(error).rpartition("Exception encountered: ")[2], error
        if why_not is not None:
            raise TypeError(
                f"the fitted model keeps state outside its variables: {holder}. So it is pickled "
                f"as Keras' own archive, which is not possible here: {why_not}"
            ) from cause
        return packed

    def model(self, build: Callable[[], keras.Model]) -> keras.Model:
        """Make the model again; `build` makes it as it was before the fit."""
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

        # for the names and for what Keras draws: the seed decides nothing that stays
        model = training.build(load, seed=0)
        layer_state.put_attributes(model, self.attributes)
        return model


def _packed_compile_kwargs(model: keras.Model) -> dict[str, Any] | None:
    """What a model was compiled with: an archive would lose what has no complete ``get_config``."""
    if type(model).compile is not keras.Model.compile:
        return None
    # checked for Keras 3.10 to 3.15
    return serialization.pack(dict(model._compile_config.config))


def _difference(loaded: keras.Model, model: keras.Model) -> str | None:
    """Tell what an archive lost of a model."""
    if (owner := layer_state.holder_of_own_table(model)) is not None:
        return f"the layer {owner!r}, which is none of Keras', fills a lookup table itself"
    weights = [[serialization.to_numpy(w) for w in m.weights] for m in (loaded, model)]
    if [w.shape for w in weights[0]] != [w.shape for w in weights[1]] or not all(
        map(np.array_equal, *weights)
    ):
        return "its weights come back in another order, or not at all"
    if layer_state.tables_of(loaded) != layer_state.tables_of(model):
        return "the contents of a lookup table do not come back as they were"
    attribute = layer_state.attribute_that_differs(
        layer_state.attributes_of(model), layer_state.attributes_of(loaded)
    )
    return attribute and f"the attribute {attribute} does not come back"
