"""What the two estimators share: fit, predict, score and pickle in scikit-learn's terms."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from .. import training
from .._utils.checks import as_integer
from .._utils.plain_values import as_python
from ..store import FitStore
from ..training import serialization
from ..training.history import n_epochs
from . import dtype_policy, pickling
from .arguments import route
from .callbacks import callbacks_of, watches_prediction
from .fitting import FitArguments, check_batch_size, open_store, rows_of_step, train_model
from .input_data import (
    Rows,
    at_least_float32,
    check_shapes,
    check_X,
    check_X_y,
    split_rows,
    validation_pair,
    warn_of_cut_rows,
    weigh,
)
from .label_encoder import ClassifierLabelEncoder, RegressorTargetEncoder
from .main_objects import warn_when_dumped
from .model_building import (
    BuildInputs,
    BuiltModel,
    as_builder,
    build_model,
    warn_of_changed_parameters,
)
from .model_inputs import check_categories
from .multilayer_perceptron import mlp
from .output_layers import expected_outputs
from .routing import RoutedParameters

# attributes that training leaves; a builder's `meta` has the other fitted ones
_RESULTS = {
    "callbacks_",
    "history_",
    "model_",
    "n_epochs_",
    "n_epochs_trained_",
    "training_path_",
    "training_reason_",
}


class KerasEstimator(RoutedParameters):
    """What the two estimators share. Subclasses give the encoders and the scorer."""

    callbacks_: list[keras.callbacks.Callback]
    history_: dict[str, list[Any]]
    model_: keras.Model

    _seed: int
    _fitted_params: dict[str, Any]
    _y_numeric: bool  # what a subclass says of its target
    _stratify: bool

    def __init__(
        self,
        model: Callable[..., keras.Model] | keras.Model | None = None,
        *,
        optimizer: Any = None,
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
        self._dtype_policy = dtype_policy.of_this_thread()
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
        self._store_routed(kwargs)

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
        return self._as_task(self._fit, X, y, sample_weight, kwargs, (X_val, y_val))

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        kwargs: dict[str, Any],
        validation: tuple[Any, Any] = (None, None),
        *,
        one_epoch: bool = False,
    ) -> Any:
        """Fit: parameters, rows, model, training, attributes; or train the next epoch alone."""
        if one_epoch and (given := {"epochs", "initial_epoch"} & kwargs.keys()):
            raise TypeError(f"partial_fit always trains one epoch; it takes no {min(given)!r}")
        fresh = not (self.initialized_ and (one_epoch or self.warm_start))
        history = self.history_ if one_epoch and not fresh else {}
        with dtype_policy.carried(self._dtype_policy):
            arguments = self._fit_arguments(kwargs)
            first = self.current_epoch
            epochs = range(first, first + 1) if one_epoch else arguments.all_epochs
            stored = not (one_epoch or self.warm_start)
            store = open_store(self.store, self.random_state) if stored else None
            X, y = self._check_rows(X, y, fresh)
            train, held_out = self._parted_rows(
                X, y, sample_weight, validation, arguments, scale_weights=not one_epoch
            )
            model = self._build_model(X[:1], y[:1], train) if fresh else self.model_
            rows = self._encode(train), self._encode(held_out) if held_out else None
            result = self._train(model, rows, arguments, epochs, store)
        return self._take_result(model, result, epochs.start, history)

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
        self._fit_arguments({})  # for its checks
        with dtype_policy.carried(self._dtype_policy):
            X, y = self._check_rows(X, y, fresh=True)
            self.model_ = self._build_model(X[:1], y[:1], Rows(X, y))
        self.callbacks_, self.history_ = [], {}
        self.n_epochs_ = self.n_epochs_trained_ = self._next_epoch = 0
        return self

    # ------------------------------------------------------- the steps of a fit

    def _fit_arguments(self, kwargs: Mapping[str, Any]) -> FitArguments:
        """Check all parameters, before anything is done, and collect those of the fit."""
        for name in kwargs:
            self._check_name(f"fit__{name}", f"fit__{name}")
        self._check_names()
        self._builder()
        return FitArguments.of(self.get_params(deep=False), kwargs)

    def _check_rows(self, X: Any, y: Any, fresh: bool) -> tuple[np.ndarray, np.ndarray]:
        """Check the rows; those of a fresh fit say what the encoders and the model must take."""
        if not fresh:
            warn_of_changed_parameters(self._build_parameters(), self._fitted_params)
            return self._check_known_rows(X, y)
        for name in _RESULTS:
            self.__dict__.pop(name, None)
        X, y = check_X_y(self, X, y, y_numeric=self._y_numeric, reset=True)
        self._check_target(y, reset=True)
        self.X_shape_, self.X_dtype_ = X.shape, X.dtype
        self.y_dtype_, self.y_ndim_ = y.dtype, y.ndim
        self.target_type_ = self._type_of_target(y)
        self._seed = self._draw_seed()
        self.target_encoder_ = self.target_encoder.fit(y)
        self.feature_encoder_ = self.feature_encoder.fit(X)
        for encoder in (self.target_encoder_, self.feature_encoder_):
            self.__dict__.update(getattr(encoder, "get_metadata", dict)())
        return X, y

    def _check_known_rows(self, X: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
        """Check rows against those that the estimator was fitted on."""
        X, y = check_X_y(self, X, y, y_numeric=self._y_numeric, reset=False)
        self._check_target(y, reset=False)
        check_shapes(self, X, y)
        return X, y

    def _draw_seed(self) -> int:
        seed = as_integer(self.random_state)
        if seed is not None:
            return seed
        with training.LOCK:  # a fit in another thread may have seeded NumPy for its own time
            return int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))

    def _build_model(self, X: np.ndarray, y: np.ndarray, train: Rows) -> keras.Model:
        """Build the model of a fresh fit for such rows, and note what it was built from."""
        self._describe_target(train)
        example = self.feature_encoder_.transform(X), self.target_encoder_.transform(y)
        self._example = keras.tree.map_structure(np.array, example)
        self._fitted_params = serialization.copy_containers(self._build_parameters())
        built = build_model(self._build_inputs())
        self._meet_model(built, train)
        return built.model

    def _build_inputs(self) -> BuildInputs:
        """Collect what the fitted model was built from, whatever was set since."""
        params = self._fitted_params
        builder = as_builder(params["model"], self._default_builder())
        own_encoder = type(self.target_encoder_) in (ClassifierLabelEncoder, RegressorTargetEncoder)
        meta = self._metadata()
        return BuildInputs(
            builder,
            params,
            meta,
            self._example,
            expected_outputs(meta) if own_encoder else [],
            self._seed,
            reads_estimator=getattr(builder, "__self__", None) is self,
        )

    def _builder(self) -> Callable[..., keras.Model]:
        return as_builder(self.model, self._default_builder())

    def _default_builder(self) -> Callable[..., keras.Model]:
        return getattr(self, "_keras_build_fn", mlp)

    def _metadata(self) -> dict[str, Any]:
        """What a builder may know of the data: every fitted attribute but the results."""
        return {
            name: value
            for name, value in vars(self).items()
            if name.endswith("_") and not name.startswith("_") and name not in _RESULTS
        }

    def _parted_rows(
        self,
        X: np.ndarray,
        y: np.ndarray,
        sample_weight: Any,
        validation: tuple[Any, Any],
        arguments: FitArguments,
        scale_weights: bool,
    ) -> tuple[Rows, Rows | None]:
        """Weigh the rows, and part those that train from those that validate."""
        pair = validation_pair(*validation, arguments.validation_data)
        class_weights = self._class_weights(y, arguments.class_weight)
        rows = weigh(Rows(X, y), sample_weight, class_weights, scale=scale_weights)
        if pair is None:
            split = arguments.validation_split
            return split_rows(split, rows, stratify=self._stratify, seed=self._seed)
        X_val, y_val = self._check_known_rows(pair[0], pair[1])
        warn_of_cut_rows(len(X_val), len(X))
        return rows, Rows(X_val, y_val, *pair[2:])

    def _encode(self, rows: Rows) -> tuple[Any, ...]:
        features = self.feature_encoder_.transform(rows.X)
        return features, self.target_encoder_.transform(rows.y), rows.weights

    def _train(
        self,
        model: keras.Model,
        rows: tuple[tuple[Any, ...], tuple[Any, ...] | None],
        arguments: FitArguments,
        epochs: range,
        store: FitStore | None,
    ) -> training.FitResult:
        params = self.get_params(deep=False)
        self.callbacks_ = callbacks_of(params, "fit", arguments.callbacks)
        return train_model(
            model,
            *rows,
            arguments,
            epochs=epochs,
            seed=self._seed,
            callbacks=self.callbacks_,
            store=store,
            estimator=self,
        )

    def _take_result(
        self,
        model: keras.Model,
        result: training.FitResult,
        begin: int,
        history: Mapping[str, list[Any]],
    ) -> Any:
        """Set the attributes that a fit leaves; `history` is of the epochs before."""
        self.model_ = model
        self.history_ = training.join_histories(history, result.history)
        self.n_epochs_ = n_epochs(self.history_)
        self._next_epoch = begin + n_epochs(result.history)
        self.n_epochs_trained_ = result.n_trained
        self.training_path_, self.training_reason_ = result.path, result.reason
        return self

    # ------------------------------------------------------- what subclasses say

    def _type_of_target(self, y: np.ndarray) -> str:
        raise NotImplementedError

    def _check_target(self, y: np.ndarray, reset: bool) -> None:
        """Raise for a target that the estimator cannot learn."""

    def _class_weights(self, y: np.ndarray, class_weight: Any) -> np.ndarray | None:
        """Get the weight of each row's class, None where classes weigh the same."""
        if class_weight is not None:
            raise ValueError(f"class_weight={class_weight!r} is for classifiers")
        return None

    def _describe_target(self, train: Rows) -> None:
        """Note what a builder may know of the rows that train."""

    def _meet_model(self, built: BuiltModel, train: Rows) -> None:
        """Take up what a new model asks of the target; raise or warn where they do not fit."""

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
        X = check_X(self, X)
        features = self.feature_encoder_.transform(X)
        check_categories(self.model_, features)
        for name in kwargs:
            self._check_name(f"predict__{name}", f"predict__{name}")
        settings: dict[str, Any] = {"batch_size": self.batch_size, "verbose": self.verbose}
        routed = route(self._routed, "predict")
        settings.update({n: v for n, v in routed.items() if not n.startswith("callbacks")})
        settings.update(kwargs)
        batch_size = as_python(settings.pop("batch_size"))
        check_batch_size("batch_size", batch_size)
        callbacks = [c for c in getattr(self, "callbacks_", []) if watches_prediction(c)]
        callbacks += callbacks_of(
            self.get_params(deep=False), "predict", settings.pop("callbacks", None)
        )
        with dtype_policy.carried(self._dtype_policy):
            raw = training.predict(
                self.model_,
                features,
                batch_size=rows_of_step(batch_size, len(keras.tree.flatten(features)[0])),
                callbacks=callbacks,
                **settings,
            )
        return keras.tree.map_structure(at_least_float32, raw)

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

    def __sklearn_clone__(self) -> KerasEstimator:
        FitStore.check(self.store)  # a search clones first: one error, not one a fit
        copy = super().__sklearn_clone__()
        copy._dtype_policy = dtype_policy.of_this_thread() or self._dtype_policy
        return copy

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        warn_when_dumped(type(self), state)
        return pickling.pack(state)

    def __setstate__(self, state: dict[str, Any]) -> None:
        attributes = pickling.unpack(state)
        packed = attributes.pop("model_", None)
        super().__setstate__(attributes)
        if packed is not None:
            with dtype_policy.carried(self._dtype_policy):
                self.model_ = packed.model(lambda: build_model(self._build_inputs()).model)
            self.callbacks_ = []
