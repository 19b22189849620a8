"""Creation of variables before training, and the optimizer's final update of the weights."""

from __future__ import annotations

import keras

# Keras has no public name for the class of functional models. If its `call` is not overridden, the
# output has the shape in the graph. Checked with Keras 3.10 to 3.15.
from keras.src.models.functional import Functional

from . import backends, data, seeds
from .step_logs import single_metrics
from .trusted_libraries import package_of

# a model that overrides none of these computes its loss and metrics from its output alone
_STEP_METHODS = ("train_step", "compute_loss", "compute_metrics", "test_step")


def prepare(model: keras.Model, arrays: data.Arrays, seed: int) -> None:
    """Create the variables that Keras would create at the first batch.

    ``_symbolic_build`` is what ``model.fit`` calls for that: it builds layers, loss, metrics and
    optimizer from the shapes of one batch. Keras has no public way to do so without training.
    Checked for Keras 3.10 to 3.15.
    """
    with seeds.fresh_names():
        if not all(layer.built for layer in model._flatten_layers()):
            with seeds.seeded(seed):  # weights are drawn
                model._symbolic_build(data_batch=data.head(arrays))
        elif not _prepare_quickly(model, arrays):
            model._symbolic_build(data_batch=data.head(arrays))
        elif _misses_variables(model):
            complete(model, arrays)


def complete(model: keras.Model, arrays: data.Arrays) -> None:
    """Create the variables that metrics make at their first update."""
    # Keras builds metrics that are marked as not built once more; checked for Keras 3.10 to 3.15
    with seeds.fresh_names():
        model._compile_metrics.built = False
        model._symbolic_build(data_batch=data.head(arrays))


def finalize(model: keras.Model) -> None:
    """Let the optimizer finalize the weights, as at the end of ``model.fit``."""
    if isinstance(model.optimizer, keras.optimizers.Optimizer):
        model.optimizer.finalize_variable_values(model.trainable_weights)


def _misses_variables(model: keras.Model) -> bool:
    """Tell whether metrics may make variables at their first update.

    On TensorFlow, that may be within a trace; on JAX, a step is given all variables there are.
    Keras' own tell by `_built`; checked for Keras 3.10 to 3.15.
    """
    return backends.NAME == "jax" and not all(
        package_of(type(metric)) == "keras" and getattr(metric, "_built", True)
        for metric in single_metrics(model)
    )


def _prepare_quickly(model: keras.Model, arrays: data.Arrays) -> bool:
    """Build loss, metrics and optimizer from shapes alone, without calling the model.

    Keras builds loss and metrics by running the model on symbolic tensors, which takes longer
    than an epoch. Where there is one output, they only look at two shapes. Tells whether this was
    possible. The private attributes were checked for Keras 3.10 to 3.15.
    """
    network = getattr(model, "_functional", None) or model  # which a Sequential model wraps
    output = getattr(network, "_outputs_struct", None)
    if (
        len(arrays) < 2
        or keras.tree.is_nested(arrays[1])
        or not isinstance(output, keras.KerasTensor)
        or type(model).call not in (keras.Sequential.call, Functional.call)
        or any(getattr(type(model), m) is not getattr(keras.Model, m) for m in _STEP_METHODS)
    ):
        return False
    for part in (model._compile_loss, model._compile_metrics):
        if part is not None and not part.built:
            part.build(keras.KerasTensor(arrays[1].shape, str(arrays[1].dtype)), output)
    if model.optimizer is not None and not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    return True
