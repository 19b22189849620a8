"""Attributes and names of Keras' objects that do not change results.

This was checked with Keras 3.10 to 3.15. If a newer version of Keras adds an attribute, the
fingerprint includes it until it is listed here. Models then share fewer programs, but never wrong
programs.
"""

from __future__ import annotations

import functools
import re
from typing import Any

import keras

# Keras has no public name for the class of functional models, and for the function that makes the
# name of an object from the name of its class.
from keras.src.models.functional import Functional
from keras.src.utils import naming

from .trusted_libraries import is_library_class

# Attributes that no forward or backward pass reads, by class. The class matters: for example, the
# code of a user's layer may read its own attribute `history`.
_BOOKKEEPING: dict[type, set[str]] = {
    object: {"_tracker"},
    keras.Operation: {
        "_tracked",
        "_auto_config",
        "_lock",
        "_path",
        "_parent_path",
        "_called",
        "_inbound_nodes",
        "_outbound_nodes",
        "_losses",
        "_loss_ids",
        "_losses_override",
        "_build_shapes_dict",
        "build",
        "quantize",
        "_call_signature",
        "_saved_model_inputs_spec",
        "_saved_model_arg_spec",
        "_dropout_mask",
        "_recurrent_dropout_mask",
    },
    keras.Model: {
        "train_function",
        "test_function",
        "predict_function",
        "history",
        "stop_training",
        "stop_evaluating",
        "stop_predicting",
        "_initial_epoch",
        "_eval_epoch_iterator",
        "_compile_config",
        "_compiled_trainable_state",
        "_kerasearch",
        "_nodes",
        "_operations_by_depth",
        "_distribute_strategy",
    },
    # the graph already describes these layers
    Functional: {"input_names", "output_names"},
    # only `adapt` reads these attributes
    **{
        lookup: {"token_counts", "token_document_counts", "num_documents"}
        for lookup in (keras.layers.IntegerLookup, keras.layers.StringLookup)
    },
    keras.optimizers.Optimizer: {
        "_lock",
        "_trainable_variables_indices",
        "_distribution_strategy",
        "_exclude_from_weight_decay_cache",
    },
}
_ALL_BOOKKEEPING = {name for names in _BOOKKEEPING.values() for name in names}

# attributes that `compile` sets on a model; predictions do not read them
COMPILED_ATTRIBUTES = {"optimizer", "loss", "_compile_loss", "_compile_metrics", "_loss_tracker"}


@functools.lru_cache(maxsize=4096)
def bookkeeping(cls: type) -> set[str]:
    """Get the names of attributes of a Keras class, or a subclass, that do not change results."""
    if is_library_class(cls):
        return _ALL_BOOKKEEPING
    return {n for owner, names in _BOOKKEEPING.items() if issubclass(cls, owner) for n in names}


def layers_go_by_name(model: keras.Model) -> bool:
    """Tell whether the names that Keras gave to layers may matter.

    With several outputs, they are names in the history. An optimizer may also exclude variables
    from weight decay by name.
    """
    optimizer = getattr(model, "optimizer", None)
    names = getattr(model, "output_names", None) or []
    return len(names) > 1 or bool(getattr(optimizer, "_exclude_from_weight_decay_pattern", None))


def has_counted_name(value: Any) -> bool:
    """Tell whether Keras made the name of an object from the name of its class and a number."""
    name = naming.to_snake_case(type(value).__name__)
    return re.fullmatch(rf"{name}(_\d+)?", value.name) is not None
