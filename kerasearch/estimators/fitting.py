"""One call of ``fit``: checks of its arguments, and the call of the training engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import keras
import numpy as np
from sklearn.utils import check_random_state

from .. import training
from .._utils.checks import as_integer, check_integer
from .._utils.json_values import defaults_as_json, parameters_as_json
from .._utils.plain_values import as_python
from .._utils.user_warnings import warn
from ..exceptions import DivergenceError
from ..store import FitStore
from ..training import serialization
from . import fit_paths, xla
from .arguments import arguments as accepted_by
from .arguments import route
from .batch_sizes import check_batch_size, rows_of_step
from .callbacks import instances
from .input_data import check_validation_split
from .monitored import check_monitored

# parameters of the estimator that are settings of a fit
_OWN = (
    "epochs",
    "batch_size",
    "validation_split",
    "validation_batch_size",
    "shuffle",
    "verbose",
)


@dataclass(frozen=True)
class FitArguments:
    """The checked settings of one call of ``fit``.

    Attributes
    ----------
    epochs, initial_epoch : int
        As in Keras: the epochs from `initial_epoch` up to `epochs` are trained.
    batch_size, validation_batch_size : int or None
        Number of rows in a step; -1 means all rows.
    validation_split : float, splitter or None
        The share of the rows, or the splitter, for validation.
    validation_data : tuple or None
        Validation rows in Keras' form: (X, y) or (X, y, weights).
    validation_steps, validation_freq : int or None, int or list of int
        As in ``keras.Model.fit``.
    shuffle : bool
        Whether each epoch has its own order of rows.
    steps_per_epoch : int or None
        As in ``keras.Model.fit``.
    class_weight : dict, "balanced" or None
        Weights of the classes for this call.
    callbacks : callback, class, or list or dict of them, or None
        The callbacks for this call only.
    verbose : int or str
        As in ``keras.Model.fit``.
    own : dict
        Arguments for a model that overrides `fit`.
    """

    epochs: int
    batch_size: int | None
    validation_split: Any
    validation_batch_size: int | None
    shuffle: bool
    verbose: int | str
    initial_epoch: int = 0
    validation_data: tuple[Any, ...] | None = None
    validation_steps: int | None = None
    validation_freq: int | list[int] = 1
    steps_per_epoch: int | None = None
    class_weight: Any = None
    callbacks: Any = None
    own: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, params: Mapping[str, Any], arguments: Mapping[str, Any]) -> FitArguments:
        """Collect and check the settings of a call.

        Parameters
        ----------
        params : mapping
            The estimator's parameters; routed parameters have their full names.
        arguments : mapping
            The arguments of the call. They override ``fit__...``, which overrides parameters.

        Raises
        ------
        ValueError
            If a setting is not valid; the message names it and its value.
        RuntimeError
            If the backend would hang in this process, because the process was forked.
        """
        training.check_process()
        _check_seed_and_switches(params)
        xla.check_jit_compile(params)
        given = {name: params[name] for name in _OWN}
        routed = route(params, "fit")
        given.update({n: v for n, v in routed.items() if not n.startswith("callbacks")})
        given.update(arguments)
        known = {each.name for each in fields(cls)} - {"own"}
        own = {name: given.pop(name) for name in given.keys() - known}
        made = cls(**{name: as_python(value) for name, value in given.items()}, own=own)
        check_validation_split(made.validation_split)
        check_integer("epochs", made.epochs, at_least=0)
        check_integer("initial_epoch", made.initial_epoch, at_least=0)
        if made.steps_per_epoch is not None:
            check_integer("steps_per_epoch", made.steps_per_epoch, at_least=1)
        for name in ("batch_size", "validation_batch_size"):
            check_batch_size(name, getattr(made, name))
        return made

    @property
    def all_epochs(self) -> range:
        """The numbers of the epochs to train."""
        if self.epochs <= self.initial_epoch != 0:
            warn(
                f"epochs={self.epochs} and initial_epoch={self.initial_epoch}: nothing is "
                "trained. As in Keras, training starts at initial_epoch and ends at epochs"
            )
        return range(self.initial_epoch, self.epochs)

    def rows_of_step(self, n_rows: int) -> int:
        """Get the number of rows in a training step."""
        return rows_of_step(self.batch_size, n_rows)

    def rows_of_validation_step(self, n_rows: int) -> int:
        """Get the number of rows in a validation step; by default as in a training step."""
        return rows_of_step(self.validation_batch_size or self.batch_size, n_rows)


def draw_seed(random_state: Any) -> int:
    """Get the seed of a fit: the integer, or a draw from the generator; None is NumPy's global."""
    seed = as_integer(random_state)
    if seed is not None:
        return seed
    with training.LOCK:  # a fit in another thread may have seeded NumPy's generator temporarily
        return int(check_random_state(random_state).randint(np.iinfo(np.int32).max))


def open_store(store: Any, random_state: Any) -> FitStore | None:
    """Open the store of a fit for writing; None if the fit is not stored.

    Parameters
    ----------
    store : str, path-like, FitStore or None
        The estimator's parameter.
    random_state : int, RandomState or None
        The estimator's parameter. If it is not an integer, the results are not reproducible. The
        fit is then not stored, and a warning is given.
    """
    opened = FitStore.of(store)
    if opened is not None and as_integer(random_state) is None:
        given = "None" if random_state is None else "a RandomState"
        opened.warn(
            f"store={store!r} needs an integer random_state, not {given}: "
            "the results are not reproducible, so this fit is not stored"
        )
        return None
    return opened


def train_model(
    model: keras.Model,
    data: tuple[Any, ...],
    validation: tuple[Any, ...] | None,
    arguments: FitArguments,
    *,
    epochs: range,
    seed: int,
    callbacks: list[keras.callbacks.Callback],
    store: FitStore | None,
    estimator: Any,
) -> training.FitResult:
    """Train a model with the settings of a fit.

    Parameters
    ----------
    model : keras.Model
        A compiled model, which is trained in place.
    data, validation : tuple of arrays
        (X, y, weights) as the model gets them; None means no validation.
    arguments : FitArguments
        The settings of the call, such as batch sizes.
    epochs : range
        The numbers of the epochs to train.
    seed : int
        The seed of the order of the rows.
    callbacks : list of keras.callbacks.Callback
        The callbacks of this fit.
    store : FitStore or None
        The store of finished fits.
    estimator : estimator
        The estimator. Its parameters determine the name of the fit, and are recorded in the store.
        If it already has a model, the state of `model` is restored after a divergence.

    Raises
    ------
    DivergenceError
        If the loss becomes NaN or infinite.
    ValueError
        If a model with its own training step needs a loss and has none, or if a callback monitors
        a quantity that will not exist.
    """
    check_monitored(callbacks, model, validates=validation is not None)
    before = serialization.ModelState.of(model) if estimator.initialized_ else None
    n_rows = keras.tree.flatten(data[0])[0].shape[0]
    _check_own(model, arguments, estimator)
    _warn_of_too_many_steps(arguments, n_rows)
    store = store if epochs else None  # a fit of zero epochs is not stored
    name = ""
    if store is not None or fit_paths.writes_to_paths(callbacks):
        name = fit_paths.short_name(estimator, arguments, (data, validation), seed, callbacks)
    changes = fit_paths.fill_in(callbacks, name)
    try:
        result = training.fit(
            model,
            *data,
            validation_data=validation,
            epochs=epochs.stop,
            initial_epoch=epochs.start,
            batch_size=arguments.rows_of_step(n_rows),
            validation_batch_size=arguments.rows_of_validation_step(n_rows),
            shuffle=bool(arguments.shuffle),
            seed=seed,
            callbacks=callbacks,
            verbose=arguments.verbose,
            validation_steps=arguments.validation_steps,
            validation_freq=arguments.validation_freq,
            steps_per_epoch=arguments.steps_per_epoch,
            own_arguments=arguments.own,
            store=store,
            name=name,
            parameters=parameters_as_json(estimator) if store is not None else None,
            defaults=defaults_as_json(estimator) if store is not None else None,
        )
        return xla.with_reason(result, model, estimator.get_params(deep=False))
    except DivergenceError:
        if before is not None:
            before.restore(model)
        raise
    except ValueError as error:
        if "No loss to compute" not in str(error):
            raise
        raise ValueError(
            f"{type(model).__name__} has its own train_step or compute_loss, so no default loss "
            "is chosen by the target. However, it needs a loss: set loss="
        ) from error
    finally:
        fit_paths.take_back(changes, lent=instances(arguments.callbacks))


def _check_own(model: keras.Model, arguments: FitArguments, estimator: Any) -> None:
    """Raise for an argument that neither Keras' `fit` nor the model's own `fit` accepts."""
    own = accepted_by(model.fit) if training.has_own_fit(model) else None
    for name in arguments.own:
        if own is None or not own.accepts(name):
            estimator._refuse(f"fit__{name}")


def _warn_of_too_many_steps(arguments: FitArguments, n_rows: int) -> None:
    n_batches = -(-n_rows // arguments.rows_of_step(n_rows))
    if (arguments.steps_per_epoch or 0) > n_batches:
        warn(
            f"steps_per_epoch={arguments.steps_per_epoch}, but {n_rows} rows make only "
            f"{n_batches} batches, so an epoch has {n_batches} steps"
        )


def _check_seed_and_switches(params: Mapping[str, Any]) -> None:
    seed = params["random_state"]
    if not (seed is None or isinstance(seed, np.random.RandomState)):
        check_integer("random_state", seed, at_least=0, hint=", a RandomState or None")
    for name in ("allow_nan", "shuffle", "warm_start", "run_eagerly"):
        if not isinstance(params[name], bool | np.bool_):
            raise ValueError(f"{name}={params[name]!r} must be True or False")
