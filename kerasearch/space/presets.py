"""Where to start: ranges for the hyperparameters that every network has."""

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

# what a Keras estimator is known by
_NETWORK = ("optimizer", "epochs", "batch_size")
# the names under which builders have them, the most usual first
_ALIASES = {
    "hidden_layer_sizes": ("hidden_layer_sizes", "hidden_layers", "layer_sizes"),
    "units": ("units", "n_units", "num_units", "hidden_units", "width"),
    "depth": ("depth", "n_layers", "num_layers", "n_hidden", "n_hidden_layers"),
    "activation": ("activation",),
    "dropout": ("dropout", "dropout_rate"),
    "l2": ("l2", "l2_penalty", "weight_penalty"),
}


def common_space(estimator: Any, size: str = "medium") -> Space:
    """Make a space of sensible starting ranges, of what this estimator accepts.

    A parameter is there if the estimator has it: learning rate, batch size, epochs and optimizer
    always, the others where the model-building function has an argument of that name (`units`,
    `n_units`, `depth`, `n_layers`, `dropout_rate` and their like are known). Every Keras estimator
    in a pipeline or ensemble is searched.

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
        A Keras estimator, or a pipeline or ensemble with one or more.
    size : {"small", "medium", "large"}, default="medium"
        How much is searched: for some 10, 30 or 100 candidates drawn at random.

    Returns
    -------
    dict or list of dict
        By full names, as `param_distributions` makes it. ``"large"`` is a list: SGD has
        momentum, and learning rates of its own.

    Raises
    ------
    TypeError
        If `estimator` is no estimator.
    ValueError
        If it has no Keras estimator in it, or `size` is none of the three.

    Notes
    -----
    Why these ranges:

    - *Learning rate*: the one to tune if only one can be, below 1 and above 1e-6, on a
      logarithmic scale [1]_ (section 3.1), [2]_ (section 11.4.1). Adam's and RMSprop's default in
      Keras is 0.001, SGD's 0.01; ranges lie round these, SGD's ten times as high.
    - *Hidden layers and units*: larger than needed does little harm with regularization, so the
      upper end matters less [1]_ (section 3.2); widths on a logarithmic scale, as [3]_ draws
      18 to 1024 of them.
    - *Batch size*: changes the time of training more than what is reached; 32 is a good default
      [1]_ (section 3.1), powers of two suit the hardware [2]_ (section 8.1.3).
    - *Epochs*: what early stopping decides at no cost [1]_ (section 3.1). Search them only where
      there is none.
    - *Dropout*: 0.5 is the usual rate of hidden layers, 0 is none [2]_ (section 7.12).
    - *L2*: on a logarithmic scale, as [3]_ draws it, below Keras' own default factor of 0.01 or
      not far above it.
    - *Activation*: rectified linear units by default [2]_ (section 6.3); the others differ where
      inputs are centered.
    - *Optimizer*: no one is best, adaptive rates are robust [2]_ (section 8.5.4). SGD needs
      momentum: 0.5, 0.9 and 0.99 are common [2]_ (section 8.3.2).

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
            f"{type(estimator).__name__} has no Keras estimator in it, none with the parameters "
            f"{', '.join(_NETWORK)}"
        )
    return param_distributions(estimator, **specs)


def _network_prefixes(known: dict[str, Any]) -> Iterator[str]:
    """Find the prefixes under which Keras estimators have their parameters."""
    for name in known:
        prefix = name.removesuffix("optimizer")
        is_routed = not prefix or prefix.endswith("__")
        if name.endswith("optimizer") and is_routed and all(prefix + n in known for n in _NETWORK):
            yield prefix


def _network_space(prefix: str, known: dict[str, Any], size: int) -> Iterator[tuple[str, Any]]:
    """List what to search of one Keras estimator, by parameter."""
    rate = f"{prefix}optimizer__learning_rate"
    if size == 2:
        # a schedule, or an optimizer of one's own, is left as it is
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
