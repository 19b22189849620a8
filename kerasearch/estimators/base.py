"""What the two estimators share: fit, predict, score and pickle in scikit-learn's terms."""

from __future__ import annotations

import numbers
import os
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from .. import training
from .._utils.plain_data import equal, parameters_in_words, plain
from ..exceptions import DivergenceError
from ..store import FitStore, absolute
from ..training import serialization
from . import keras_objects
from .input_data import DataPreparation
from .model_building import RESULTS
from .routing import route
from .validation_split import check_validation_split

# parameters that a warm start cannot take up, since the model is built and compiled already
_BUILD_PARAMETERS = ("model", "optimizer", "loss", "metrics", "compile", "run_eagerly")


class KerasEstimator(DataPreparation):
    """What the two estimators share. Subclasses give the encoders and the scorer."""

    callbacks_: list[keras.callbacks.Callback]
    history_: dict[str, list[Any]]

    def __init__(
        self,
        model: Callable[..., keras.Model] | keras.Model | None = None,
        *,
        optimizer: Any = "adam",
        loss: Any = None,
        metrics: Any = None,
        epochs: int = 200,
        batch_size: int | None = 32,
        validation_split: Any = 0.0,
        validation_batch_size: int | None = None,
        callbacks: Any = None,
        shuffle: bool = True,
        warm_start: bool = False,
        run_eagerly: bool = False,
        store: Any = None,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
        **kwargs: Any,
    ) -> None:
        self._store_routed(kwargs)
        self.model = model
        self.optimizer = optimizer
        self.loss = loss
        self.metrics = metrics
        self.epochs = epochs
        self.batch_size = batch_size
        self.validation_split = validation_split
        self.validation_batch_size = validation_batch_size
        self.callbacks = callbacks
        self.shuffle = shuffle
        self.warm_start = warm_start
        self.run_eagerly = run_eagerly
        self.store = store
        self.random_state = random_state
        self.verbose = verbose

    # ---------------------------------------------------------------- fitting

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        X_val: Any = None,
        y_val: Any = None,
        **kwargs: Any,
    ) -> Any:
        """Build a model and train it on X and y.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features), or (n_samples, ...)
            The features. Sparse input is made dense. Floats are cast to Keras' ``floatx``,
            integers are left alone (an Embedding wants them).
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The target; labels of any kind for a classifier.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, none negative. Rows of weight 0 are left out, and the others are
            scaled to mean 1, so that a weight of 2 is the row twice.
        X_val, y_val : array-like, default=None
            Rows to validate each epoch on, in place of `validation_split`. In a search, pass them
            with metadata routing; arrays as long as X would be cut into its folds.
        **kwargs : dict
            Keras' arguments of ``Model.fit``, for this call alone: ``epochs``, ``batch_size``,
            ``verbose``, ``validation_data``, ...

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If a parameter or the data are not valid, before anything is trained.
        DivergenceError
            If the loss is no longer finite; a ValueError.
        """
        warm = self.warm_start and self.initialized_
        return self._train(X, y, sample_weight, X_val, y_val, kwargs, fresh=not warm)

    def _train_one_epoch(self, X: Any, y: Any, sample_weight: Any, kwargs: dict[str, Any]) -> Any:
        for name in ("epochs", "initial_epoch"):
            if name in kwargs:
                raise TypeError(f"partial_fit always trains one epoch; it takes no {name!r}")
        fresh = not self.initialized_
        return self._train(X, y, sample_weight, None, None, kwargs, fresh=fresh, one_epoch=True)

    def initialize(self, X: Any, y: Any) -> Any:
        """Build the model for X and y and train nothing, to predict with weights it came with.

        Parameters
        ----------
        X, y : array-like
            As in `fit`.

        Returns
        -------
        self : object
            The estimator.
        """
        self._check_params({})
        X, y = self._start(X, y)
        with self._dtype_policy_of_construction():
            self.model_ = self._build_model(X, y)
        self.callbacks_, self.history_ = [], {}
        self.n_epochs_ = self.n_epochs_trained_ = self._next_epoch = 0
        return self

    def _train(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        X_val: Any,
        y_val: Any,
        kwargs: dict[str, Any],
        *,
        fresh: bool,
        one_epoch: bool = False,
    ) -> Any:
        with self._dtype_policy_of_construction():
            settings = self._fit_settings(kwargs)
            store = None if one_epoch else self._open_store()
            if fresh:
                X, y = self._start(X, y)
                model = self._build_model(X, y)
            else:
                self._warn_of_changed_parameters()
                X, y = self._validate(X, y, reset=False)
                model = self.model_
            validation = self._validation_data(X, X_val, y_val, settings)
            # after the model is built: a class may have no row that weighs anything
            X, y, weights = self._apply_weights(
                X, y, sample_weight, settings.get("class_weight"), scale=not one_epoch
            )
            data = self.feature_encoder_.transform(X), self.target_encoder_.transform(y), weights
            if validation is None:
                data, validation = self._hold_out(X, y, data, settings)
            begin = self.current_epoch if one_epoch else settings["initial_epoch"]
            end = begin + (1 if one_epoch else settings["epochs"])
            self.callbacks_ = self._make_callbacks("fit", settings.get("callbacks"))
            result = self._run(model, data, validation, settings, begin, end, store)
        self.model_ = model
        before = self.history_ if one_epoch and not fresh else {}
        self.history_ = training.join_histories(before, result.history)
        self.n_epochs_ = max((len(values) for values in self.history_.values()), default=0)
        n_ran = max((len(values) for values in result.history.values()), default=0)
        self._next_epoch = begin + n_ran
        self.n_epochs_trained_ = result.n_trained
        self.training_path_, self.training_reason_ = result.path, result.reason
        return self

    def _run(
        self,
        model: keras.Model,
        data: tuple[Any, Any, Any],
        validation: tuple[Any, ...] | None,
        settings: Mapping[str, Any],
        begin: int,
        end: int,
        store: FitStore | None,
    ) -> training.FitResult:
        """Train the model; one that was trained before survives a divergence."""
        before = serialization.ModelState.of(model) if self.initialized_ else None
        n_rows = len(keras.tree.flatten(data[0])[0])
        batch_size = _batch_size(settings["batch_size"], n_rows)
        validation_batch_size = settings["validation_batch_size"] or settings["batch_size"]
        try:
            return training.fit(
                model,
                *data,
                validation_data=validation,
                epochs=end,
                initial_epoch=begin,
                batch_size=batch_size,
                validation_batch_size=_batch_size(validation_batch_size, n_rows),
                shuffle=bool(settings["shuffle"]),
                seed=self._seed,
                callbacks=self.callbacks_,
                verbose=settings["verbose"],
                validation_steps=settings.get("validation_steps"),
                validation_freq=settings.get("validation_freq", 1),
                store=store,
                parameters=parameters_in_words(self) if store is not None else None,
            )
        except DivergenceError:
            if before is not None:
                before.restore(model)
            raise
        except ValueError as error:
            if "No loss to compute" not in str(error):
                raise
            raise ValueError(
                f"{type(model).__name__} trains in its own way (train_step or compute_loss), so it "
                "gets no loss that follows from the target, and it asks for one: set loss="
            ) from error

    def _start(self, X: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
        """Begin a fit that sees nothing of an earlier one: data, seed, encoders."""
        for name in RESULTS:
            self.__dict__.pop(name, None)
        X, y = self._validate(X, y, reset=True)
        self._seed = self._draw_seed()
        self.target_encoder_ = self.target_encoder.fit(y)
        self.feature_encoder_ = self.feature_encoder.fit(X)
        for encoder in (self.target_encoder_, self.feature_encoder_):
            self._take_metadata(encoder)
        return X, y

    def _take_metadata(self, encoder: Any) -> None:
        self.__dict__.update(getattr(encoder, "get_metadata", dict)())

    def _draw_seed(self) -> int:
        if isinstance(self.random_state, numbers.Integral):
            return int(self.random_state)
        with training.LOCK:  # a fit in another thread may have seeded NumPy for its own time
            return int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))

    def _open_store(self) -> FitStore | None:
        """The store of this fit, ready to be written to; None where it is to have none."""
        store = FitStore.of(self.store)
        if store is None or self.warm_start:
            return None
        if not isinstance(self.random_state, numbers.Integral):
            given = "None" if self.random_state is None else "a RandomState"
            store.warn(
                f"store={self.store!r} needs an integer random_state, not {given}: "
                "fits that cannot be repeated are trained and not stored"
            )
            return None
        return store

    # --------------------------------------------------------- the parameters

    def _fit_settings(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        """The arguments of one fit: keywords of the call, then ``fit__...``, then parameters."""
        self._check_params(kwargs)
        own = ("epochs", "batch_size", "validation_split", "validation_batch_size", "shuffle")
        settings = {name: plain(getattr(self, name)) for name in (*own, "verbose")}
        settings["initial_epoch"] = 0
        settings.update(self._routed_arguments("fit"))
        settings.update({name: plain(value) for name, value in kwargs.items()})
        check_validation_split(settings["validation_split"])
        for name in ("epochs", "initial_epoch"):
            _check_integer(name, settings[name], at_least=name == "epochs")
        for name in ("batch_size", "validation_batch_size"):
            _check_batch_size(name, settings[name])
        return settings

    def _check_params(self, kwargs: Mapping[str, Any]) -> None:
        for name in kwargs:
            self._check_name(f"fit__{name}", f"fit__{name}")
        self._check_names()
        self._model_builder()
        if self.random_state is not None and not isinstance(
            self.random_state, np.random.RandomState
        ):
            hint = ", a RandomState or None"
            _check_integer("random_state", self.random_state, at_least=0, hint=hint)
        for name in ("shuffle", "warm_start", "run_eagerly"):
            if not isinstance(getattr(self, name), bool | np.bool_):
                raise ValueError(f"{name}={getattr(self, name)!r} must be True or False")

    def _warn_of_changed_parameters(self) -> None:
        now, then = self.get_params(deep=False), self._fitted_params
        changed = sorted(
            name
            for name in now.keys() | then.keys()
            if name.partition("__")[0] in _BUILD_PARAMETERS
            and now.get(name) is not then.get(name)
            and not equal(now.get(name), then.get(name))
        )
        if changed:
            warnings.warn(
                f"{', '.join(changed)} changed since the model was built, which has no effect on "
                "a warm start or partial_fit: the model is neither built nor compiled again",
                UserWarning,
                stacklevel=4,
            )

    def _make_callbacks(self, method: str, given: Any = None) -> list[keras.callbacks.Callback]:
        """The callbacks of a fit or of a prediction: general ones, routed ones, the call's."""
        made = keras_objects.make_callbacks(given, {})
        made[:0] = keras_objects.make_callbacks(
            self._routed.get(f"{method}__callbacks"), route(self._routed, f"{method}__callbacks")
        )
        if method == "fit":
            general = route(self._routed, "callbacks")
            made[:0] = keras_objects.make_callbacks(self.callbacks, general)
        return made

    def _routed_arguments(self, method: str) -> dict[str, Any]:
        routed = route(self._routed, method)
        return {k: v for k, v in routed.items() if not k.startswith("callbacks")}

    # ------------------------------------------------------------- prediction

    def predict(self, X: Any, **kwargs: Any) -> np.ndarray:
        """Predict the target of the rows of X.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features), or (n_samples, ...)
            The features.
        **kwargs : dict
            Keras' arguments of ``Model.predict``: ``batch_size``, ``verbose``, ``steps``.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Labels, or values.
        """
        raw = self._predict_raw(X, **kwargs)
        return self.target_encoder_.inverse_transform(raw)

    def _predict_raw(self, X: Any, **kwargs: Any) -> Any:
        """The model's own output: an array, or a list or dict of them."""
        check_is_fitted(self)
        features = self.feature_encoder_.transform(self._validate(X, reset=False))
        for name in kwargs:
            self._check_name(f"predict__{name}", f"predict__{name}")
        settings: dict[str, Any] = {"batch_size": self.batch_size, "verbose": self.verbose}
        settings.update(self._routed_arguments("predict"))
        settings.update(kwargs)
        batch_size = plain(settings.pop("batch_size"))
        _check_batch_size("batch_size", batch_size)
        watching = [c for c in getattr(self, "callbacks_", []) if _watches_prediction(c)]
        callbacks = watching + self._make_callbacks("predict", settings.pop("callbacks", None))
        n_rows = len(keras.tree.flatten(features)[0])
        with self._dtype_policy_of_construction():
            raw = training.predict(
                self.model_,
                features,
                batch_size=_batch_size(batch_size, n_rows),
                callbacks=callbacks,
                **settings,
            )
        # NumPy, and so scikit-learn, has no bfloat16 and counts badly in float16
        return keras.tree.map_structure(_at_least_float32, raw)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Score the predictions of X against y with `scorer`.

        Parameters
        ----------
        X, y : array-like
            Rows and their true targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        score : float
            Accuracy for a classifier, R² for a regressor; higher is better.
        """
        options = route(self._routed, "score")
        return self.scorer(y, self.predict(X), sample_weight=sample_weight, **options)

    @staticmethod
    def scorer(y_true: Any, y_pred: Any, **kwargs: Any) -> float:
        """Score predictions; subclasses may replace it."""
        raise NotImplementedError

    # ----------------------------------------------------- scikit-learn's side

    @property
    def feature_encoder(self) -> Any:
        """A transformer of X, fitted by each fit; subclasses may replace it."""
        return FunctionTransformer()

    @property
    def target_encoder(self) -> Any:
        """A transformer of y, fitted by each fit; subclasses may replace it."""
        return FunctionTransformer()

    @property
    def initialized_(self) -> bool:
        """Whether there is a model to predict with."""
        return "model_" in vars(self)

    @property
    def current_epoch(self) -> int:
        """The epoch, counted from 0, that `partial_fit` would train next."""
        return self._next_epoch if self.initialized_ else 0

    def __sklearn_is_fitted__(self) -> bool:
        return self.initialized_

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.three_d_array = True
        tags.target_tags.multi_output = True
        return tags

    def __getstate__(self) -> dict[str, Any]:
        # A fitted model travels as its state: the builder, which travels anyway, makes it again.
        state = dict(super().__getstate__())
        if "model_" in state:
            state["model_"] = serialization.ModelState.of(state["model_"])
        state.pop("callbacks_", None)
        if isinstance(self.store, str | os.PathLike) and self.store:
            # a worker process may be in another directory
            state["store"] = absolute(self.store)
        return serialization.pack(state)

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = serialization.unpack(state)
        model_state = state.pop("model_", None)
        super().__setstate__(state)
        if model_state is not None:
            self.model_ = self._rebuild_model()
            model_state.restore(self.model_)
            self.callbacks_ = []

    def _rebuild_model(self) -> keras.Model:
        """Build the fitted model again, whatever was set since it was fitted."""
        twin = type(self).__new__(type(self))
        twin.__dict__.update(vars(self))
        own = set(self._get_param_names())
        twin._routed = {k: v for k, v in self._fitted_params.items() if k not in own}
        for name in own:
            setattr(twin, name, self._fitted_params[name])
        with self._dtype_policy_of_construction():
            return training.build(twin._make_model, self._seed)


def _batch_size(batch_size: int | None, n_rows: int) -> int:
    if batch_size is None:
        return 32
    return max(1, n_rows) if batch_size == -1 else int(batch_size)


def _at_least_float32(array: np.ndarray) -> np.ndarray:
    narrow = array.dtype.kind not in "fiubcOSU" or array.dtype == np.float16
    return array.astype(np.float32) if narrow else array


def _check_batch_size(name: str, value: Any) -> None:
    if value is not None and value != -1:
        _check_integer(name, value, at_least=1, hint="; -1 stands for all rows")


def _check_integer(name: str, value: Any, at_least: int, hint: str = "") -> None:
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < at_least:
        raise ValueError(f"{name}={value!r} must be an integer of at least {at_least:d}{hint}")


def _watches_prediction(callback: keras.callbacks.Callback) -> bool:
    return any(
        getattr(type(callback), hook) is not getattr(keras.callbacks.Callback, hook)
        for hook in dir(keras.callbacks.Callback)
        if hook.startswith("on_predict")
    )
