"""The base class of the estimators: ``fit``, ``predict`` and ``score`` as in scikit-learn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.validation import check_is_fitted

from .. import training
from ..store import FitStore
from ..training import serialization
from ..training.history import n_epochs
from ..training.loaded_rows import is_loaded
from ..training.sparse_rows import dense_for
from . import dtype_policy, missing_cells, target_encoding
from .arguments import arguments
from .callbacks import callbacks_of
from .copies import Copies
from .features import Features, Layout, describe, first_row, is_default_encoder, shape_and_dtype
from .fitting import FitArguments, draw_seed, open_store, train_model
from .input_data import Rows, check_shapes, check_X, check_X_y
from .loader import check_loader
from .model_building import (
    BuildInputs,
    BuiltModel,
    as_builder,
    build_model,
    warn_of_changed_parameters,
)
from .model_inputs import as_model_takes, check_categories
from .multilayer_perceptron import mlp
from .output_layers import expected_outputs
from .prediction import as_predictions, check_output_to_prediction, raw_predictions
from .scoring import score
from .target_reading import Reading, Target, TargetFacts
from .targets import TargetLayout
from .text_in_models import check_backend_takes

# the fitted attributes that training sets; the builder's `meta` has the other fitted attributes
_RESULTS = {
    "callbacks_",
    "history_",
    "model_",
    "n_epochs_",
    "n_epochs_trained_",
    "training_path_",
    "training_reason_",
}


class KerasEstimator(Copies):
    """Base class of the estimators. Subclasses define the encoders and the scorer."""

    callbacks_: list[keras.callbacks.Callback]
    history_: dict[str, list[Any]]
    model_: keras.Model

    _layout = Layout("array", "KerasEstimator")  # the layout of X in the last fit
    _target_layout = TargetLayout("array")  # the layout of y in the last fit
    _facts: TargetFacts  # properties of y in the last fit
    _reading = Reading("unknown")  # how the model's outputs interpret y
    _told: dict[str, Any]  # metadata that the builder got, if `_reading` changed them later
    _seed: int
    _fitted_params: dict[str, Any]
    _y_numeric: bool  # set by subclasses: whether y must be numeric
    _stratify: bool  # set by subclasses: whether `validation_split` is stratified

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
        inputs: Any = None,
        loader: Callable[..., Any] | None = None,
        loader_workers: int = 0,
        output_to_prediction: Callable[..., Any] | None = None,
        allow_nan: bool = False,
        shuffle: bool = True,
        warm_start: bool = False,
        run_eagerly: bool = False,
        jit_compile: Any = None,
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
        self.inputs = inputs
        self.loader = loader
        self.loader_workers = loader_workers
        self.output_to_prediction = output_to_prediction
        self.allow_nan = allow_nan
        self.shuffle = shuffle
        self.warm_start = warm_start
        self.run_eagerly = run_eagerly
        self.jit_compile = jit_compile
        self.store = store
        self.random_state = random_state
        self.verbose = verbose
        self._store_routed(kwargs)

    # ---------------------------------------------------------------- fitting

    def fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        X_val: Any = None,
        y_val: Any = None,
        **kwargs: Any,
    ) -> Any:
        """Build a model and train it on X and y.

        Parameters
        ----------
        X : array-like, data frame, sparse matrix, structured array, or dict or list of arrays
            The features, one row for each sample. Sparse rows are made dense, unless the model
            begins with ``keras.Input(..., sparse=True)``. Floats are cast to Keras' ``floatx``.
            Integers are not cast, because an Embedding layer needs integers. Text goes to Inputs
            with dtype string.
        y : array-like of shape (n_samples,), (n_samples, n_outputs) or (n_samples, ...)
            The target. A classifier accepts labels of any kind. For a model with several heads,
            pass a data frame or structured array with one field for each head.
        sample_weight : array-like of shape (n_samples,) or (n_samples, ...), default=None
            Nonnegative weights of the rows, or of the positions of each row. Rows with weight 0
            are left out. The other weights are scaled to mean 1, so that a row with weight 2
            counts like two equal rows.
        X_val, y_val : array-like, default=None
            Validation rows for every epoch, used instead of `validation_split`. In a search, pass
            them with metadata routing; without it, arrays as long as X are split into folds.
        **kwargs : dict
            Arguments of Keras' ``Model.fit`` for this call only, such as ``epochs``.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If a parameter or the data are not valid. This error comes before training.
        DivergenceError
            If the loss becomes NaN or infinite. It is a subclass of ValueError.
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
        """Fit the estimator; with `one_epoch`, train only the next epoch."""
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
            scaled = not one_epoch
            to_part = self, X, y, sample_weight, validation, arguments, scaled
            train, held_out = target_encoding.parted_rows(*to_part)
            model = self._build_model(X, y, train) if fresh else self.model_
            if fresh and y.ndim == 2 and self._reading.form == "positions":
                # only the built model says that y has labels at positions: split the rows again
                train, held_out = target_encoding.parted_rows(*to_part)
                model = self._build_model(X, y, train) if self._builder_saw_rows else model
            elif fresh and y.ndim == 2:
                self._class_weights(y, arguments.class_weight)
            rows = self._encode(model, train, scaled), self._encode(model, held_out)
            result = self._train(model, rows, arguments, epochs, store)
        return self._take_result(model, result, epochs.start, history)

    def initialize(self, X: Any, y: Any) -> Any:
        """Build the model for X and y without training, to predict with its initial weights.

        Parameters
        ----------
        X, y : array-like
            As in `fit`.

        Returns
        -------
        self : object
            The estimator.
        """
        settings = self._fit_arguments({})  # this call and the next one check the parameters
        callbacks_of(self.get_params(deep=False), "fit", settings.callbacks)
        with dtype_policy.carried(self._dtype_policy):
            X, y = self._check_rows(X, y, fresh=True)
            self._class_weights(y, settings.class_weight)
            self.model_ = self._build_model(X, y, Rows(X, y))
        self.callbacks_, self.history_ = [], {}
        self.n_epochs_ = self.n_epochs_trained_ = self._next_epoch = 0
        return self

    # ------------------------------------------------------- the steps of a fit

    def _fit_arguments(self, kwargs: Mapping[str, Any]) -> FitArguments:
        """Check all parameters, and collect the arguments of the fit."""
        for name in kwargs:
            self._check_name(f"fit__{name}", f"fit__{name}")
        self._check_names()
        self._builder()
        check_loader(self)
        check_output_to_prediction(self.output_to_prediction)
        return FitArguments.of(self.get_params(deep=False), kwargs)

    def _check_rows(self, X: Any, y: Any, fresh: bool) -> tuple[Features, np.ndarray]:
        """Check X and y. In a fresh fit, also fit the encoders and note the layout of the data."""
        if not fresh:
            warn_of_changed_parameters(self._build_parameters(), self._fitted_params)
            return self._check_known_rows(X, y)
        for name in _RESULTS:
            self.__dict__.pop(name, None)
        X, y = self._read_rows(X, y, reset=True)
        self.X_shape_, self.X_dtype_ = shape_and_dtype(X)
        target_encoding.note_target(self, y)
        self._seed = draw_seed(self.random_state)
        encoder = self.feature_encoder
        self.feature_encoder_ = encoder if is_default_encoder(encoder) else encoder.fit(X)
        self.__dict__.update(getattr(self.feature_encoder_, "get_metadata", dict)())
        if self._features_layout is not None:
            check_backend_takes(X, self._features_layout)
        return X, y

    def _check_known_rows(self, X: Any, y: Any) -> tuple[Features, np.ndarray]:
        """Check that X and y have the layout of the data that the estimator was fitted on."""
        X, y = self._read_rows(X, y, reset=False)
        self._check_target(missing_cells.known_target(self, y), reset=False)
        check_shapes(self, X, y)
        return X, y

    def _read_rows(self, X: Any, y: Any, reset: bool) -> tuple[Features, np.ndarray]:
        return check_X_y(self, X, y, y_numeric=self._y_numeric, reset=reset)

    def _build_model(self, X: Features, y: np.ndarray, train: Rows) -> keras.Model:
        """Build the model of a fresh fit, and note the inputs that it was built from."""
        self._describe_target(train)
        self.__dict__.pop("inputs_", None)
        if (inputs := describe(train.X, self._layout)) is not None:
            self.inputs_ = inputs
        known = missing_cells.known_target(self, y)
        example = self._encode_features(first_row(X)), self.target_encoder_.transform(known[:1])
        self._example = keras.tree.map_structure(np.array, example)
        self._fitted_params = serialization.copy_containers(self._build_parameters())
        self._builder_saw_rows = "X" in arguments(self._builder()).names
        is_wanted = self._builder_saw_rows or self._features_layout is not None
        rows = self._encode_features(train.X) if is_wanted else None
        built = build_model(self._build_inputs(rows))
        target_encoding.take_reading(self, built, known)
        self._meet_model(built, train)
        return built.model

    def _build_inputs(self, X: Any = None) -> BuildInputs:
        """Collect the inputs that the fitted model was built from, as they were in that fit.

        X is an argument, because an estimator does not keep its training rows.
        """
        params = self._fitted_params
        builder = as_builder(params["model"], self._default_builder())
        meta = self._metadata()
        ours = target_encoding.is_ours(self.target_encoder_)
        return BuildInputs(
            builder,
            params,
            meta,
            self._example,
            self._features_layout,
            Target(
                expected_outputs(meta) if ours else [],
                meta["target_type_"],
                self._facts,
                is_known=ours,
            ),
            self._seed,
            X,
            reads_estimator=getattr(builder, "__self__", None) is self,
        )

    def _builder(self) -> Callable[..., keras.Model]:
        return as_builder(self.model, self._default_builder())

    def _default_builder(self) -> Callable[..., keras.Model]:
        return getattr(self, "_keras_build_fn", mlp)

    def _metadata(self) -> dict[str, Any]:
        """Get the builder's argument `meta`: all fitted attributes except training results."""
        return {
            name: value
            for name, value in vars(self).items()
            if name.endswith("_") and not name.startswith("_") and name not in _RESULTS
        } | self._told

    def _at_positions(self, y: np.ndarray) -> bool:
        """Tell whether each row of y has labels at several positions.

        For a y with two axes, this is known only after the model is built.
        """
        return y.ndim > 2 or self._reading.form == "positions"

    def _encode(
        self, model: keras.Model, rows: Rows | None, scale: bool = True
    ) -> tuple[Any, ...] | None:
        """Encode the features, target and weights of rows for the model."""
        if rows is None:
            return None
        target = target_encoding.encode(self.target_encoder_, self._reading, rows, model, scale)
        return self._model_features(model, dense_for(model, rows.X)), *target

    @property
    def _features_layout(self) -> Layout | None:
        """The layout of the features; None if a subclass's `feature_encoder` changes them."""
        return self._layout if is_default_encoder(self.feature_encoder_) else None

    def _encode_features(self, X: Features) -> Any:
        return X if self._features_layout else self.feature_encoder_.transform(X)

    def _model_features(self, model: keras.Model, X: Features) -> Any:
        """Convert X to the form that the model accepts; raise if this is not possible."""
        if is_loaded(X):
            return X.then(lambda part: self._model_features(model, dense_for(model, part)))
        features = as_model_takes(model, self._encode_features(X), self._features_layout)
        check_categories(model, features, self._features_layout)
        return features

    def _train(
        self,
        model: keras.Model,
        rows: tuple[Any, Any],
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
        """Set the fitted attributes; `history` is the history of the earlier epochs."""
        self.model_ = model
        self.history_ = training.join_histories(history, result.history)
        self.n_epochs_ = n_epochs(self.history_)
        self._next_epoch = begin + n_epochs(result.history)
        self.n_epochs_trained_ = result.n_trained
        self.training_path_, self.training_reason_ = result.path, result.reason
        return self

    # ------------------------------------------------------- hooks for subclasses

    def _type_of_target(self, y: np.ndarray) -> str:
        raise NotImplementedError

    def _check_target(self, y: np.ndarray, reset: bool) -> None:
        """Raise if the estimator cannot be trained on the target."""

    def _class_weights(self, y: np.ndarray, class_weight: Any) -> np.ndarray | None:
        """Get the class weight of each row; None if there are no class weights."""
        if class_weight is not None:
            raise ValueError(f"class_weight={class_weight!r} is for classifiers")
        return None

    def _describe_target(self, train: Rows) -> None:
        """Note facts of the training rows that the builder gets in `meta`."""

    def _meet_model(self, built: BuiltModel, train: Rows) -> None:
        """Adapt to a new model; raise or warn if its outputs do not fit the target."""

    # ------------------------------------------------------------- prediction

    def predict(self, X: Any, **kwargs: Any) -> Any:
        """Predict the target of the rows of X.

        Parameters
        ----------
        X : array-like, data frame, sparse matrix, or dict or list of arrays
            The features, with the same layout as in `fit`.
        **kwargs : dict
            Arguments of Keras' ``Model.predict``: ``batch_size``, ``verbose``, ``steps``.

        Returns
        -------
        y : ndarray, data frame or structured array
            Labels or values, in the form of the y in `fit`. If only a loss of your own can
            interpret the output, the result is the output of the model, or the result of
            `output_to_prediction`.
        """
        return as_predictions(self, self._predict_raw(X, **kwargs), X)

    def _predict_raw(self, X: Any, **kwargs: Any) -> Any:
        """Get the output of the model: an array, or a list or dict of arrays."""
        training.check_process()
        check_is_fitted(self)
        features = self._model_features(self.model_, check_X(self, X))
        with dtype_policy.carried(self._dtype_policy):
            return raw_predictions(self, features, kwargs)

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
            Accuracy for a classifier, R² for a regressor; higher is better. If y has three or more
            axes, the score is computed over all positions. If y has fields, the score is the mean
            over the heads. If `predict` returns an output that only the loss can interpret, the
            score is minus the loss.
        """
        return score(self, X, y, sample_weight)

    @staticmethod
    def scorer(y_true: Any, y_pred: Any, **kwargs: Any) -> float:
        """Score predictions; subclasses may override this method."""
        raise NotImplementedError

    # ----------------------------------------------------- scikit-learn's protocol

    @property
    def feature_encoder(self) -> Any:
        """A transformer of X, fitted in each fit; subclasses may override this property."""
        return FunctionTransformer()

    @property
    def target_encoder(self) -> Any:
        """A transformer of y, fitted in each fit; subclasses may override this property."""
        return FunctionTransformer()

    @property
    def initialized_(self) -> bool:
        """Whether the estimator has a model and can predict."""
        return "model_" in vars(self)

    @property
    def current_epoch(self) -> int:
        """The next epoch of `partial_fit`, counted from 0."""
        return self._next_epoch if self.initialized_ else 0

    def __sklearn_is_fitted__(self) -> bool:
        return self.initialized_

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.three_d_array = True
        tags.target_tags.multi_output = True
        tags.input_tags.allow_nan = bool(self.allow_nan)
        return tags
