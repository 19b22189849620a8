"""A search space to start with: ranges of common hyperparameters of networks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .._utils.names import did_you_mean
from .branches import Space
from .conditions import when
from .distributions import integers, log_integers, log_uniform, uniform
from .layer_widths import layer_sizes
from .names import check_estimator
from .spaces import param_distributions

SIZES = ("small", "medium", "large")

# an estimator with these parameters is taken for a Keras estimator
_NETWORK = ("optimizer", "epochs", "batch_size")
# common names of the arguments of model-building functions, the most common name first
_ALIASES = {
    "hidden_layer_sizes": ("hidden_layer_sizes", "hidden_layers", "layer_sizes"),
    "units": ("units", "n_units", "num_units", "hidden_units", "width"),
    "depth": ("depth", "n_layers", "num_layers", "n_hidden", "n_hidden_layers"),
    "activation": ("activation",),
    "dropout": ("dropout", "dropout_rate"),
    "l2": ("l2", "l2_penalty", "weight_penalty"),
}


def common_space(estimator: Any, size: str = "medium") -> Space:
    """Make a search space with sensible starting ranges for the parameters of an estimator.

    The space contains only parameters that the estimator has. Batch size, epochs and optimizer are
    parameters of every Keras estimator; the learning rate is one unless it is a schedule. The other
    parameters are searched if the model-building function has an argument with a common name, such
    as `units`, `n_units`, `depth`, `n_layers` or `dropout_rate`. In a pipeline or ensemble, the
    space covers every Keras estimator.

    ====================  ====================  =====================  ======================
    parameter             small                 medium                 large
    ====================  ====================  =====================  ======================
    learning rate         1e-4 to 1e-2          1e-4 to 1e-1           1e-5 to 1e-1
    hidden layers         1 to 2 of 16 to 128   1 to 3 of 16 to 256    1 to 5 of 16 to 1024
    units                 16 to 128             16 to 256              16 to 1024
    depth                 1 to 2                1 to 3                 1 to 5
    batch size            32, 64                16 to 128              16 to 512
    dropout               -                     0 to 0.5               0 to 0.5
    L2                    -                     1e-6 to 1e-2           1e-7 to 1e-1
    activation            -                     relu, tanh             relu, tanh, elu, silu
    epochs                -                     -                      10 to 200
    optimizer             -                     -                      adam, rmsprop, SGD
    ====================  ====================  =====================  ======================

    Parameters
    ----------
    estimator : estimator
        A Keras estimator, or a pipeline or ensemble that contains at least one.
    size : {"small", "medium", "large"}, default="medium"
        The size of the space. It suits about 10, 30 or 100 candidates that are drawn at random.

    Returns
    -------
    dict or list of dict
        The space by full parameter names, as `param_distributions` makes it. With ``"large"`` and
        a search over optimizers it is a list, because momentum and a range of higher learning
        rates are searched only with SGD.

    Raises
    ------
    TypeError
        If `estimator` is not an estimator.
    ValueError
        If `estimator` contains no Keras estimator, or `size` is unknown.

    See Also
    --------
    param_distributions : Make a space with ranges of your choice.
    zoom : Make a narrower space after a search.

    Notes
    -----
    The reasons for these ranges:

    - *Learning rate*: if only one hyperparameter can be tuned, it should be the learning rate. It
      lies between 1e-6 and 1 and is tuned on a logarithmic scale [1]_ (section 3.1), [2]_ (section
      11.4.1). The Keras default is 0.001 for Adam and RMSprop, and 0.01 for SGD. The ranges
      contain these values; the range for SGD is ten times as high.
    - *Hidden layers and units*: with regularization, a larger network than necessary does little
      harm. Therefore the upper end matters less [1]_ (section 3.2). Widths are drawn on a
      logarithmic scale, as in [3]_, which draws 18 to 1024 units.
    - *Batch size*: it changes the training time more than the final score. A good default is 32
      [1]_ (section 3.1). Powers of two suit the hardware [2]_ (section 8.1.3).
    - *Epochs*: early stopping finds the number of epochs at no cost [1]_ (section 3.1). Search
      over epochs only if you do not use early stopping.
    - *Dropout*: 0.5 is the usual rate in hidden layers; 0 means no dropout [2]_ (section 7.12).
    - *L2*: the factor is drawn on a logarithmic scale, as in [3]_. The Keras default is 0.01.
    - *Activation*: rectified linear units are the default [2]_ (section 6.3). The other functions
      behave differently if inputs are centered.
    - *Optimizer*: no optimizer is always the best, but adaptive learning rates are robust [2]_
      (section 8.5.4). SGD needs momentum; 0.5, 0.9 and 0.99 are common [2]_ (section 8.3.2).

    References
    ----------
    .. [1] Y. Bengio, "Practical Recommendations for Gradient-Based Training of Deep
       Architectures", 2012, arXiv:1206.5533.
    .. [2] I. Goodfellow, Y. Bengio and A. Courville, "Deep Learning", MIT Press, 2016.
    .. [3] J. Bergstra and Y. Bengio, "Random Search for Hyper-Parameter Optimization", JMLR 13,
       2012.

    Examples
    --------
    >>> from kerasearch import KerasClassifier, common_space
    >>> for name, values in common_space(KerasClassifier(), size="small").items():
    ...     print(name, values)
    optimizer__learning_rate uniform(0.0001, 0.01, log=True)
    batch_size [32, 64]
    model__hidden_layer_sizes layer_sizes(depth=(1, 2), units=(16, 128), shape='free')
    """
    check_estimator(estimator)
    if size not in SIZES:
        raise ValueError(
            f"size={size!r} must be one of {', '.join(SIZES)}{did_you_mean(str(size), SIZES)}"
        )
    known = estimator.get_params()
    specs: dict[str, Any] = {}
    for prefix in _network_prefixes(known):
        specs.update(_network_space(prefix, known, SIZES.index(size)))
    if not specs:
        raise ValueError(
            f"estimator={type(estimator).__name__} contains no Keras estimator, that is, no "
            f"estimator with the parameters {', '.join(_NETWORK)}"
        )
    return param_distributions(estimator, **specs)


def _network_prefixes(known: dict[str, Any]) -> Iterator[str]:
    """Find the prefixes of the parameters of all Keras estimators."""
    for name in known:
        prefix = name.removesuffix("optimizer")
        is_routed = not prefix or prefix.endswith("__")
        if name.endswith("optimizer") and is_routed and all(prefix + n in known for n in _NETWORK):
            yield prefix


def _network_space(prefix: str, known: dict[str, Any], size: int) -> Iterator[tuple[str, Any]]:
    """List the parameters of one Keras estimator with the values to search."""
    rate = f"{prefix}optimizer__learning_rate"
    if size == 2:
        # an optimizer object of the user is left as it is
        if known[f"{prefix}optimizer"] is None or isinstance(known[f"{prefix}optimizer"], str):
            sgd = {rate: log_uniform(1e-4, 1.0), f"{prefix}optimizer__momentum": [0.5, 0.9, 0.99]}
            yield f"{prefix}optimizer", ["adam", "rmsprop", when("sgd", **sgd)]
        yield f"{prefix}epochs", log_integers(10, 200)
    if isinstance(known.get(rate), float):
        low, high = [(1e-4, 1e-2), (1e-4, 1e-1), (1e-5, 1e-1)][size]
        is_sgd = str(known[f"{prefix}optimizer"]).lower() == "sgd"
        yield rate, log_uniform(10 * low, 10 * high) if is_sgd else log_uniform(low, high)
    yield f"{prefix}batch_size", [[32, 64], [16, 32, 64, 128], [16, 32, 64, 128, 256, 512]][size]
    widest, deepest = [128, 256, 1024][size], [2, 3, 5][size]
    ranges: dict[str, Any] = {
        "hidden_layer_sizes": layer_sizes((1, deepest), (16, widest)),
        "units": log_integers(16, widest),
        "depth": integers(1, deepest),
    }
    if size:
        ranges["activation"] = [["relu", "tanh"], ["relu", "tanh", "elu", "silu"]][size - 1]
        ranges["dropout"] = uniform(0, 0.5)
        ranges["l2"] = log_uniform(*[(1e-6, 1e-2), (1e-7, 1e-1)][size - 1])
    for name, spec in ranges.items():
        for alias in _ALIASES[name]:
            if f"{prefix}model__{alias}" in known:
                yield f"{prefix}model__{alias}", spec
                break
