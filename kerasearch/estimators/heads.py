"""The encoder of a target with several fields, one for each head of a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from .label_encoder import ClassifierLabelEncoder, RegressorTargetEncoder
from .target_reading import Head
from .targets import TargetLayout, fields_of


class HeadsEncoder:
    """Encode the fields of y for the heads of a model, and decode the outputs of the heads.

    Parameters
    ----------
    layout : TargetLayout
        The layout of y.
    """

    def __init__(self, layout: TargetLayout) -> None:
        self.layout = layout

    def fit(self, y: np.ndarray) -> HeadsEncoder:
        """Count the fields; `encode_for` fits their encoders."""
        self.n_outputs_ = self.n_outputs_expected_ = len(self.layout.names)
        self.heads_: list[Head] = []
        return self

    def encode_for(
        self, heads: Sequence[Head], encoding: Mapping[str, Any], as_dict: bool, y: np.ndarray
    ) -> HeadsEncoder:
        """Fit an encoder for each head.

        Parameters
        ----------
        heads : sequence of Head
            The heads, in the order of the model's outputs.
        encoding : dict of str to list
            The settings of each head with labels, as returned by ``output_layers.encoding``.
        as_dict : bool
            Whether the model returns its outputs as a dict.
        y : ndarray
            The target of all rows, without missing cells.

        Returns
        -------
        self : HeadsEncoder
            This encoder.
        """
        self.heads_, self._as_dict = list(heads), as_dict
        parts = fields_of(y, self.layout)
        self._encoders: list[Any] = []
        for i, head in enumerate(heads):
            settings = {
                name: value[i] if isinstance(value, list) else value
                for name, value in encoding.items()
            }
            self._encoders.append(_encoder(head, settings, parts[head.name]))
        return self

    def transform(self, y: np.ndarray) -> Any:
        """Encode the fields, in the order and structure of the model's outputs."""
        parts = fields_of(y, self.layout)
        if not self.heads_:
            return {str(name): part for name, part in parts.items()}
        arrays = []
        for head, encoder in zip(self.heads_, self._encoders, strict=True):
            try:
                arrays.append(encoder.transform(parts[head.name]))
            except ValueError as error:
                raise ValueError(str(error).replace("y has", f"y[{head.name!r}] has", 1)) from error
        if self._as_dict:
            return {str(head.name): a for head, a in zip(self.heads_, arrays, strict=True)}
        return arrays if len(arrays) > 1 else arrays[0]

    def outputs(self, raw: Any) -> dict[Any, np.ndarray]:
        """Get the raw outputs of a model, by the names of the fields."""
        arrays = map(np.asarray, keras.tree.flatten(raw))
        return {head.name: array for head, array in zip(self.heads_, arrays, strict=True)}

    def decoded(self, outputs: Mapping[Any, np.ndarray]) -> dict[Any, np.ndarray]:
        """Decode outputs to values and labels, by the names of the fields and in their order."""
        found = {
            head.name: encoder.inverse_transform(outputs[head.name])
            for head, encoder in zip(self.heads_, self._encoders, strict=True)
        }
        return {name: found[name] for name in self.layout.names}

    def inverse_transform(self, raw: Any, index: Any = None) -> Any:
        """Turn a model's outputs into values and labels, in the form of y."""
        return self.layout.in_form(self.decoded(self.outputs(raw)), index)

    def get_metadata(self) -> dict[str, Any]:
        """Get the facts about the target for the estimator and its builder."""
        return {"n_outputs_": self.n_outputs_, "n_outputs_expected_": self.n_outputs_expected_}


def _encoder(head: Head, settings: Mapping[str, Any], part: np.ndarray) -> Any:
    is_raw = head.output.is_free
    if not head.is_labels:
        return RegressorTargetEncoder().fit(part).encode_for(head.row, is_raw)
    categories = None if head.target_type == "multilabel-indicator" else head.labels
    encoder = ClassifierLabelEncoder(
        head.target_type, categories=categories, positions=head.output.positions
    )
    return encoder.fit(part).encode_for(**settings, is_raw=is_raw)
