"""The rule whether ``jit_compile="auto"`` means XLA.

The rule depends only on the model and the sizes of a fit. It never depends on measured time, on
earlier fits or on programs that are already compiled, so that the same fit always has the same
results. XLA is used if the time that it saves in all steps is larger than the time to compile.

Measured on 2 CPU cores, TensorFlow 2.21, Keras 3.15; warm seconds of the loop without XLA and of
whole epochs under it, with steps of 32 rows:

====================================  =======  =====  ==========  ===========================
net                                     steps  today   under XLA  saved in a step
====================================  =======  =====  ==========  ===========================
MLP(64), digits                           380  0.074       0.017  0.15 ms
LSTM(32) on 30 x 8                        190   1.54        0.47  5.6 ms, or 0.18 a time step
MLP(512, 512), 784 inputs, each step     1875    7.1         2.8  2.3 ms, or 3.2 ns a weight
MLP(64) with dropout                      380  0.083       0.042  0.11 ms
CNN 16-32 on 8 x 8, each step             190   0.40        0.32  0.4 ms, for 2 s of compiling
====================================  =======  =====  ==========  ===========================

The row with dropout was measured on a slower machine (0.205 and 0.105 s) and scaled. Without
`xla_draws`, it took 0.31 s under XLA, so that XLA saved nothing.

Compiling the loop, the last batch, and the steps of prediction takes 1.2 s for an MLP, 1.2 s more
for each recurrent layer, and 0.4 s more for each layer that draws random numbers.

Compiled programs are never freed, and a rule for one fit cannot bound their memory. Therefore
"auto" is not the default. Each shape of a network needs about 12 MiB. Of these, 5 MiB are free
memory that the C library keeps. The other 7 MiB are code in a table of TensorFlow, which no public
function empties.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import keras
from keras import layers

from .serialization import compiled_metrics
from .trusted_libraries import package_of

_SECONDS_A_STEP = 0.15e-3
_SECONDS_A_TIME_STEP = 0.18e-3
_SECONDS_A_WEIGHT = 3.2e-9
_SECONDS_TO_COMPILE = 1.2
_SECONDS_TO_COMPILE_A_RECURRENT_LAYER = 1.2
_SECONDS_TO_COMPILE_A_DRAW = 0.4
# the expected number of fits for a program: the folds of about two candidates
_FITS_OF_A_PROGRAM = 5

# layers whose speed and results with XLA were compared with the loop without XLA
_COMPARED = {
    getattr(layers, name)
    for name in (
        *("InputLayer", "Dense", "EinsumDense", "Embedding", "Activation", "Masking"),
        *("ReLU", "LeakyReLU", "PReLU", "ELU", "Softmax"),
        *("BatchNormalization", "LayerNormalization", "UnitNormalization", "GroupNormalization"),
        *("Normalization", "Rescaling", "Dropout", "GaussianNoise", "GaussianDropout"),
        *("Flatten", "Reshape", "Permute", "RepeatVector", "Identity"),
        *("Add", "Average", "Concatenate", "Dot", "Maximum", "Minimum", "Multiply", "Subtract"),
        *("LSTM", "GRU", "SimpleRNN", "LSTMCell", "GRUCell", "SimpleRNNCell"),
        *("Bidirectional", "TimeDistributed"),
        *("Attention", "AdditiveAttention", "MultiHeadAttention"),
        *("GlobalAveragePooling1D", "GlobalMaxPooling1D"),
    )
}
_RECURRENT = (layers.LSTM, layers.GRU, layers.SimpleRNN)


def pays(model: keras.Model, *, n_rows: int, batch_size: int, epochs: int) -> bool:
    """Tell whether XLA saves more time than its compilation takes, for fits of a compiled model.

    Parameters
    ----------
    model : keras.Model
        A built and compiled model.
    n_rows, batch_size : int
        The sizes of a fit. The number of steps in an epoch is rounded to a power of two, so that
        the result is equal for folds that differ by a row.
    epochs : int
        The number of epochs of the whole fit, not of one call that continues it.
    """
    if why_never(model) is not None:
        return False
    steps = 2 ** round(math.log2(max(1, math.ceil(n_rows / batch_size))))
    layers_of_model = model._flatten_layers()
    n_recurrent = sum(isinstance(layer, _RECURRENT) for layer in layers_of_model)
    n_draws = sum(map(_draws, layers_of_model))
    saved = (
        _SECONDS_A_STEP
        + _SECONDS_A_TIME_STEP * n_recurrent * _time_steps(model)
        + _SECONDS_A_WEIGHT * sum(math.prod(w.shape) for w in model.trainable_weights)
    )
    compiling = (
        _SECONDS_TO_COMPILE
        + _SECONDS_TO_COMPILE_A_RECURRENT_LAYER * n_recurrent
        + _SECONDS_TO_COMPILE_A_DRAW * n_draws
    )
    return epochs * steps * saved * _FITS_OF_A_PROGRAM > compiling


def why_never(model: keras.Model) -> str | None:
    """Explain why a model never uses XLA; None if this depends on the length of training."""
    if keras.backend.backend() != "tensorflow":
        return f"the backend is {keras.backend.backend()}"
    return next(_reasons(model), None)


def _reasons(model: keras.Model) -> Iterator[str]:
    import tensorflow as tf  # imported here, because other backends do not need it

    # Checked for TensorFlow 2.18 to 2.21.
    from tensorflow.python.framework.config import is_op_determinism_enabled

    if tf.config.list_physical_devices("GPU"):
        yield "on an accelerator, Keras decides"
    if is_op_determinism_enabled():
        yield "operations are to be deterministic"
    if not model.built:
        yield "the model is not built"
        return
    if model.run_eagerly:
        yield "the model runs eagerly"
    for layer in model._flatten_layers():
        name = type(layer).__name__
        if not layer.supports_jit:
            yield f"Keras has no XLA for the layer {name}"
        if "Conv" in name:
            yield f"XLA gains next to nothing at the convolutions of {name}"
        if getattr(layer, "stateful", False):
            yield f"the layer {name} is stateful"
        if not isinstance(layer, keras.Model) and type(layer) not in _COMPARED:
            yield f"nobody has measured the layer {name}"
        yield from _not_keras_own([layer, *vars(layer).values()])
    yield from _not_keras_own([model.optimizer, *vars(model.optimizer).values()])
    yield from _not_keras_own(keras.tree.flatten([model.loss, compiled_metrics(model)]))
    if any(tensor.dtype == "string" for tensor in keras.tree.flatten(model.inputs)):
        yield "the model takes text"


def _not_keras_own(parts: list[Any]) -> Iterator[str]:
    """Name the parts of a step with code outside Keras, which XLA may not support."""
    for part in parts:
        owner = part if hasattr(part, "__qualname__") else type(part)
        if callable(part) and package_of(owner) not in ("keras", "builtins"):
            yield f"{getattr(part, '__name__', type(part).__name__)} is not one of Keras' own"


def _draws(layer: keras.Layer) -> bool:
    """Tell whether a layer draws random numbers; cells have a generator even without dropout."""
    if getattr(layer, "seed_generator", None) is None:
        return False
    rates = [getattr(layer, name, None) for name in ("dropout", "recurrent_dropout")]
    return all(rate is None for rate in rates) or any(rates)


def _time_steps(model: keras.Model) -> int:
    """Get the number of time steps of a recurrent layer; 1 if it is not known."""
    shapes = [tensor.shape for tensor in keras.tree.flatten(model.inputs)]
    return max((shape[1] or 1 for shape in shapes if len(shape) > 1), default=1)
