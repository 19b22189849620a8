"""KerasClassifier and KerasRegressor: Keras networks as scikit-learn estimators."""

from __future__ import annotations

import numbers
import warnings
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.metrics import accuracy_score, r2_score
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import check_array, check_consistent_length, check_random_state
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_is_fitted, validate_data

from . import _quiet

_quiet.import_keras()

import keras  # noqa: E402

from . import _objects, _targets, models, training  # noqa: E402
from ._parameters import FILLED_IN, RoutedParameters, arguments, plain, route  # noqa: E402
from ._scikeras import ClassifierLabelEncoder, RegressorTargetEncoder  # noqa: E402
from ._validation import check_validation_split, split_rows  # noqa: E402
from .training import serialization  # noqa: E402

__all__ = ["KerasClassifier", "KerasRegressor"]

_PARAMETERS = """\
    model : callable, keras.Model or None, default=None
        What to train. A callable returns a Keras model, compiled or not; its arguments are
        hyperparameters of the estimator (``model__units``, or ``units`` for short). Of the
        arguments ``meta`` (a dict of what is known of the data: ``n_features_in_``,
        ``n_classes_``, ``X_shape_``, ``target_type_``, ...), ``compile_kwargs`` (for
        ``model.compile(**compile_kwargs)``) and ``params`` (`get_params`), those that it takes
        are filled in. A Keras model is a template: each fit trains a copy. None is
        :func:`kerasearch.mlp`, or the method ``_keras_build_fn`` of a subclass.
    optimizer : str, class or instance of keras.optimizers.Optimizer, default="adam"
        Its arguments are ``optimizer__learning_rate`` and so on. An instance is a template.
    loss : str, callable, class or instance of keras.losses.Loss, or list or dict, default=None
        None: the loss of a compiled model; for another, what follows from the target.
    metrics : list or dict of str, class or instance of keras.metrics.Metric, default=None
        Recorded in `history_` in every epoch, under Keras' names.
    epochs : int, default=100
        Passes over the training rows.
    batch_size : int or None, default=32
        Rows in a gradient step, and in a step of prediction; -1 is all rows, None is 32.
    validation_split : float or splitter, default=0.0
        What a fit holds out to validate each epoch on: a share in [0, 1), drawn at random and
        stratified for a classifier, or a scikit-learn splitter, whose last split is taken
        (``TimeSeriesSplit()`` for ordered rows). `X_val` and `y_val` of `fit` come before it.
    validation_batch_size : int or None, default=None
        Rows in a step of validation; None is `batch_size`.
    callbacks : callback or class of them, or list or dict of them, default=None
        ``callbacks__0__patience`` (or the key in a dict) reaches the arguments of a class. Each
        fit copies the instances and keeps its own in `callbacks_`.
{class_weight}\
    shuffle : bool, default=True
        Whether each epoch visits the rows in an order of its own, drawn from `random_state`.
    warm_start : bool, default=False
        Whether `fit` goes on from the weights and optimizer state of the fit before. The epochs
        and `history_` start anew; the model is neither built nor compiled again.
    run_eagerly : bool, default=False
        Whether to run Keras step by step in Python, for debugging.
    random_state : int, RandomState or None, default=None
        Seeds the initial weights, dropout, the validation rows and the order of each epoch. An
        int gives the same numbers in every call.
    verbose : int, default=0
        0 is silent, 1 shows a bar, 2 prints a line an epoch.
    **kwargs : dict
        Arguments of the builder by their own names, and routed parameters: ``model__``,
        ``optimizer__``, ``loss__``, ``metrics__``, ``callbacks__``, ``compile__``, ``fit__``,
        ``predict__``, ``score__`` and a name.
"""

_CLASS_WEIGHT = """\
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes, by label; they multiply `sample_weight`.
"""

_ATTRIBUTES = """\
    model_ : keras.Model
        The trained model.
    history_ : dict of str to list
        Loss and metrics of every epoch, under Keras' own names (``loss``, ``val_loss``, ...).
    n_epochs_ : int
        How many epochs `history_` has; fewer than `epochs` after early stopping.
    training_path_, training_reason_ : str
        Which loop trained, ``"compiled"`` or ``"model.fit"``, and why.
    callbacks_ : list of keras.callbacks.Callback
        The callbacks of the last fit. They are not pickled.
    target_encoder_, feature_encoder_ : transformer
        What turned the target and the features into what the model gets.
    n_features_in_ : int
        The size of the second axis of X.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        The columns of X, where it had names.
    X_shape_, X_dtype_, y_ndim_, y_dtype_, target_type_ : tuple, dtype, int, dtype, str
        What X and y looked like in `fit`.
    n_outputs_, n_outputs_expected_ : int
        The number of columns of y, and of outputs of the model.
"""

# models that belong to a fitted estimator: a builder must not hand one of them out again
_OWNED: weakref.WeakSet[keras.Model] = weakref.WeakSet()
# attributes that training leaves; a builder's `meta` has the others
_RESULTS = {
    "model_",
    "history_",
    "n_epochs_",
    "callbacks_",
    "training_path_",
    "training_reason_",
    "target_encoder_",
    "feature_encoder_",
}
# parameters that a warm start cannot take up, since the model is built and compiled already
_BUILD_PARAMETERS = ("model", "optimizer", "loss", "metrics", "compile", "run_eagerly")


class _KerasEstimator(RoutedParameters):
    """What the two estimators share. Subclasses give the encoders and the scorer."""

    def __init__(
        self,
        model: Callable[..., keras.Model] | keras.Model | None = None,
        *,
        optimizer: Any = "adam",
        loss: Any = None,
        metrics: Any = None,
        epochs: int = 100,
        batch_size: int | None = 32,
        validation_split: Any = 0.0,
        validation_batch_size: int | None = None,
        callbacks: Any = None,
        shuffle: bool = True,
        warm_start: bool = False,
        run_eagerly: bool = False,
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

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, **kwargs: Any) -> Any:
        """Train for one more epoch, from the present weights and optimizer state.

        The first call builds the model. The n-th call is the n-th epoch of a fit: on the same rows
        and with the same `random_state`, n calls give the numbers of one fit of n epochs. With
        `validation_split`, the same draw holds rows out of the rows of each call. `history_` grows.

        Parameters
        ----------
        X, y : array-like
            As in `fit`.
        sample_weight : array-like of shape (n_samples,), default=None
            As in `fit`, but not scaled: one call does not see the weights of the others.
        **kwargs : dict
            Keras' arguments of ``Model.fit``, ``epochs`` and ``initial_epoch`` excepted.

        Returns
        -------
        self : object
            The estimator.
        """
        for name in ("epochs", "initial_epoch"):
            if name in kwargs:
                raise TypeError(f"partial_fit always trains one epoch; it takes no {name!r}")
        return self._train(
            X, y, sample_weight, None, None, kwargs, fresh=not self.initialized_, one_epoch=True
        )

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
        self.model_ = self._build_model(self.feature_encoder_.transform(X), y)
        _OWNED.add(self.model_)
        self.callbacks_ = []
        self.history_, self.n_epochs_ = {}, 0
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
        settings = self._fit_settings(kwargs)
        if fresh:
            X, y = self._start(X, y)
        else:
            self._warn_of_changed_parameters()
            X, y = self._validate(X, y, reset=False)
        X, y, weights = self._apply_weights(X, y, sample_weight, scale=not one_epoch)
        validation = self._validation_data(X, X_val, y_val, settings)
        rows = None
        if validation is None:
            rows = split_rows(
                settings["validation_split"], X, y, stratify=self._stratify, seed=self._seed
            )

        features = self.feature_encoder_.transform(X)
        model = self._build_model(features, y) if fresh else self.model_
        target = self.target_encoder_.transform(y)
        if rows is not None:
            train, held_out = rows
            validation = _rows((features, target, weights), held_out)
            features, target, weights = _rows((features, target, weights), train)

        initial_epoch = self.current_epoch if one_epoch else settings["initial_epoch"]
        epochs = initial_epoch + (1 if one_epoch else settings["epochs"])
        n_rows = len(keras.tree.flatten(features)[0])
        self.callbacks_ = self._make_callbacks("callbacks") + self._make_callbacks("fit__callbacks")
        result = training.fit(
            model,
            features,
            target,
            weights,
            validation_data=validation,
            epochs=epochs,
            initial_epoch=initial_epoch,
            batch_size=_batch_size(settings["batch_size"], n_rows),
            validation_batch_size=_batch_size(
                settings["validation_batch_size"] or settings["batch_size"], n_rows
            ),
            shuffle=bool(settings["shuffle"]),
            seed=self._seed,
            callbacks=self.callbacks_,
            verbose=settings["verbose"],
            class_weight=settings.get("class_weight"),
            validation_steps=settings.get("validation_steps"),
            validation_freq=settings.get("validation_freq", 1),
        )
        self.model_ = model
        _OWNED.add(model)
        before = self.history_ if one_epoch and not fresh else {}
        self.history_ = {
            name: [*before.get(name, []), *values]
            for name, values in {**dict.fromkeys(before, []), **result.history}.items()
        }
        self.n_epochs_ = max((len(values) for values in self.history_.values()), default=0)
        self.training_path_, self.training_reason_ = result.path, result.reason
        return self

    def _start(self, X: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
        """Begin a fit that sees nothing of an earlier one: data, seed, encoders."""
        for name in ("model_", "history_"):
            vars(self).pop(name, None)
        X, y = self._validate(X, y, reset=True)
        self._seed = self._draw_seed()
        self.target_encoder_ = self.target_encoder.fit(y)
        self.feature_encoder_ = self.feature_encoder.fit(X)
        for encoder in (self.target_encoder_, self.feature_encoder_):
            self._take_metadata(encoder)
        return X, y

    def _take_metadata(self, encoder: Any) -> None:
        vars(self).update(getattr(encoder, "get_metadata", dict)())

    def _draw_seed(self) -> int:
        if isinstance(self.random_state, numbers.Integral):
            return int(self.random_state)
        return int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))

    # --------------------------------------------------------------- the data

    def _validate(self, X: Any, y: Any = None, *, reset: bool) -> Any:
        options = {"accept_sparse": True, "allow_nd": True, "reset": reset}
        if y is None:
            X = validate_data(self, X, **options)
        else:
            X, y = validate_data(
                self, X, y, multi_output=True, y_numeric=self._y_numeric, **options
            )
            y = self._check_target(y)
        if sparse.issparse(X):
            X = X.toarray()
        if reset:
            self.X_shape_, self.X_dtype_ = X.shape, X.dtype
            self.y_dtype_, self.y_ndim_ = y.dtype, y.ndim
            self.target_type_ = self._type_of_target(y)
        elif X.shape[1:] != self.X_shape_[1:]:
            raise ValueError(
                f"X has rows of shape {X.shape[1:]}, but {type(self).__name__} was fitted on rows "
                f"of shape {self.X_shape_[1:]}"
            )
        elif y is not None and y.ndim != self.y_ndim_:
            raise ValueError(
                f"y has {y.ndim} dimensions, but {type(self).__name__} was fitted on a y of "
                f"{self.y_ndim_}"
            )
        return X if y is None else (X, y)

    def _check_target(self, y: np.ndarray) -> np.ndarray:
        return y.toarray() if sparse.issparse(y) else y

    def _apply_weights(
        self, X: np.ndarray, y: np.ndarray, sample_weight: Any, *, scale: bool
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Weights of the rows by sample and class; rows of weight 0 are dropped."""
        weights = None
        if sample_weight is not None:
            weights = check_array(
                sample_weight, ensure_2d=False, dtype=np.float64, input_name="sample_weight"
            )
            if weights.ndim != 1:
                raise ValueError(f"sample_weight must be 1-dimensional, got shape {weights.shape}")
            check_consistent_length(X, weights)
            if (weights < 0).any():
                raise ValueError(f"sample_weight must not be negative, got {weights.min()}")
        by_class = self._class_weights(y)
        if by_class is not None:
            weights = by_class if weights is None else weights * by_class
        if weights is None:
            return X, y, None
        kept = weights != 0
        if not kept.any():
            raise ValueError("sample_weight is zero for every row, so there is nothing to train on")
        if not kept.all():
            X, y, weights = X[kept], y[kept], weights[kept]
        return X, y, weights / weights.mean() if scale else weights

    def _class_weights(self, y: np.ndarray) -> np.ndarray | None:
        return None

    def _validation_data(
        self, X: np.ndarray, X_val: Any, y_val: Any, settings: Mapping[str, Any]
    ) -> tuple[Any, ...] | None:
        weights: tuple[Any, ...] = ()
        if X_val is None and y_val is None and settings.get("validation_data") is not None:
            X_val, y_val, *weights = settings["validation_data"]  # type: ignore[assignment]
        if X_val is None and y_val is None:
            return None
        if X_val is None or y_val is None:
            missing = "X_val" if X_val is None else "y_val"
            raise ValueError(f"X_val and y_val come together; {missing} is missing")
        X_val, y_val = self._validate(X_val, y_val, reset=False)
        if len(X_val) == len(X):
            warnings.warn(
                f"X_val has as many rows as X ({len(X)}). A search cuts an array as long as its "
                "own X into its folds: if this happens inside one, the rows that validate are not "
                "those you passed",
                UserWarning,
                stacklevel=4,
            )
        return (
            self.feature_encoder_.transform(X_val),
            self.target_encoder_.transform(y_val),
            *weights,
        )

    # -------------------------------------------------------------- the model

    def _model_builder(self) -> Callable[..., keras.Model]:
        if self.model is None:
            return getattr(self, "_keras_build_fn", models.mlp)
        if isinstance(self.model, keras.Model):
            template = self.model
            return lambda: serialization.copy_model(template)
        if not callable(self.model):
            raise TypeError(
                f"model={self.model!r} must be a function that returns a Keras model, a Keras "
                "model, or None"
            )
        return self.model

    def _build_model(self, features: Any, y: np.ndarray) -> keras.Model:
        """Build, compile and check the model of one fit, under its seed."""
        self._fitted_params = self.get_params(deep=False)
        first = features, self.target_encoder_.transform(y[:1])
        self._example = keras.tree.map_structure(lambda a: np.array(a[:1]), first)
        model = training.build(self._make_model, self._seed)
        self._fit_encoder_to(model.loss, y)
        return model

    def _make_model(self) -> keras.Model:
        features, target = self._example
        builder = self._model_builder()
        model = builder(**self._builder_arguments(builder))
        if not isinstance(model, keras.Model):
            raise TypeError(f"model={builder!r} returned {type(model).__name__}, not a Keras model")
        if model in _OWNED:
            raise ValueError(
                f"model={builder!r} returned a model that an earlier fit has trained. Build a new "
                "one in each call, or pass the model itself as `model`: then each fit copies it"
            )
        output = None
        if not model.built:  # here, so that its weights are drawn under the seed
            output = model(keras.tree.map_structure(_to_floatx, features))
        activations = _targets.output_activations(model, len(keras.tree.flatten(output)))
        takes = arguments(builder)
        if not model.compiled or (takes.accepts("compile_kwargs") and _lacks_loss(model)):
            compile_kwargs = self._compile_kwargs()
            if compile_kwargs["loss"] is None and not _has_own_loss(model):
                compile_kwargs["loss"] = _targets.default_loss(
                    activations, target, self._get_metadata()
                )
            model.compile(**compile_kwargs)
        elif not (takes.accepts("compile_kwargs") or takes.accepts("params")):
            self._check_nothing_ignored(builder, model)
        if self._encodes_target_itself():
            units = _targets.output_units(model, output)
            _targets.check_outputs(units, activations, model.loss, self._get_metadata())
        return model

    def _builder_arguments(self, builder: Callable[..., keras.Model]) -> dict[str, Any]:
        takes = arguments(builder)
        values = route(self._routed, "model")
        if takes.accepts("meta"):
            values["meta"] = self._get_metadata()
        if takes.accepts("compile_kwargs"):
            values["compile_kwargs"] = self._compile_kwargs()
        if takes.accepts("params"):
            values["params"] = self.get_params()
        missing = [f"model__{name}" for name in takes.required if name not in values]
        if missing:
            raise ValueError(
                f"the model-building function {getattr(builder, '__name__', builder)!r} has "
                f"arguments without a default: set {', '.join(missing)}"
            )
        return values

    def _compile_kwargs(self) -> dict[str, Any]:
        """Arguments for ``model.compile``: objects that belong to this fit alone."""
        return {
            **route(self._routed, "compile"),
            "optimizer": _objects.make_optimizer(self.optimizer, route(self._routed, "optimizer")),
            "loss": _objects.make_loss(self.loss, route(self._routed, "loss")),
            "metrics": _objects.make_metrics(self.metrics, route(self._routed, "metrics")),
            "run_eagerly": bool(self.run_eagerly),
        }

    def _check_nothing_ignored(self, builder: Any, model: keras.Model) -> None:
        """Raise for settings that a builder which compiles the model itself would ignore."""
        if getattr(builder, "__self__", None) is self:
            return  # a method of the estimator reads its parameters as it likes
        defaults = self._discovered()
        ignored = [
            f"{name}={value!r}"
            for name, value in self._routed.items()
            if name.partition("__")[0] in ("optimizer", "loss", "metrics", "compile")
            and not (name in defaults and defaults[name] == value)
        ]
        optimizer = _objects.optimizer_class(self.optimizer)
        if self.optimizer != "adam" and optimizer is not type(model.optimizer):
            ignored.append(f"optimizer={self.optimizer!r}")
        if self.loss is not None and _objects.loss_label(self.loss) != _objects.loss_label(
            model.loss
        ):
            ignored.append(f"loss={self.loss!r}")
        if self.metrics is not None:
            ignored.append(f"metrics={self.metrics!r}")
        if ignored:
            raise ValueError(
                f"{', '.join(ignored)} would be ignored: the model comes compiled, with "
                f"optimizer {type(model.optimizer).__name__} and loss {model.loss!r}. Let the "
                "function take `compile_kwargs` and call model.compile(**compile_kwargs), or "
                "return the model uncompiled"
            )

    def _encodes_target_itself(self) -> bool:
        """Tell whether the target has its default encoding, so that the output is known."""
        return type(self.target_encoder_) in (ClassifierLabelEncoder, RegressorTargetEncoder)

    def _fit_encoder_to(self, loss: Any, y: np.ndarray) -> None:
        """Encode the target for the loss that the model was compiled with."""

    def _get_metadata(self) -> dict[str, Any]:
        """What a builder may know of the data: every fitted attribute but the results."""
        return {
            name: value
            for name, value in vars(self).items()
            if name.endswith("_")
            and not name.endswith("__")
            and not name.startswith("_")
            and name not in _RESULTS
        }

    # --------------------------------------------------------- the parameters

    def _fit_settings(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        """The arguments of one fit: keywords of the call, then ``fit__...``, then parameters."""
        self._check_params(kwargs)
        own = ("epochs", "batch_size", "validation_split", "validation_batch_size", "shuffle")
        settings = {name: plain(getattr(self, name)) for name in (*own, "verbose")}
        settings["initial_epoch"] = 0
        settings.update(
            {k: v for k, v in route(self._routed, "fit").items() if not k.startswith("callbacks")}
        )
        settings.update({name: plain(value) for name, value in kwargs.items()})
        check_validation_split(settings["validation_split"])
        for name in ("epochs", "initial_epoch"):
            _check_integer(name, settings[name], at_least=name == "epochs")
        for name in ("batch_size", "validation_batch_size"):
            if settings[name] is not None and settings[name] != -1:
                _check_integer(name, settings[name], at_least=1, hint="; -1 stands for all rows")
        return settings

    def _check_params(self, kwargs: Mapping[str, Any]) -> None:
        for name in kwargs:
            self._check_name(f"fit__{name}", f"fit__{name}")
        self._check_names()
        self._model_builder()
        if self.random_state is not None and not isinstance(
            self.random_state, np.random.RandomState
        ):
            _check_integer("random_state", self.random_state, at_least=0)

    def _warn_of_changed_parameters(self) -> None:
        now, then = self.get_params(deep=False), self._fitted_params
        changed = sorted(
            name
            for name in now.keys() | then.keys()
            if name.partition("__")[0] in _BUILD_PARAMETERS
            and now.get(name) is not then.get(name)
            and not _equal(now.get(name), then.get(name))
        )
        if changed:
            warnings.warn(
                f"{', '.join(changed)} changed since the model was built, which has no effect on "
                "a warm start or partial_fit: the model is neither built nor compiled again",
                UserWarning,
                stacklevel=4,
            )

    def _make_callbacks(self, destination: str) -> list[keras.callbacks.Callback]:
        callbacks = self.callbacks if destination == "callbacks" else self._routed.get(destination)
        return _objects.make_callbacks(callbacks, route(self._routed, destination))

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
        return self.target_encoder_.inverse_transform(self._predict_raw(X, **kwargs))

    def _predict_raw(self, X: Any, **kwargs: Any) -> Any:
        """The model's own output: an array, or a list or dict of them."""
        check_is_fitted(self)
        features = self.feature_encoder_.transform(self._validate(X, reset=False))
        settings = {"batch_size": self.batch_size, "verbose": self.verbose}
        settings.update(
            {
                k: v
                for k, v in route(self._routed, "predict").items()
                if not k.startswith("callbacks")
            }
        )
        settings.update(kwargs)
        settings["batch_size"] = _batch_size(
            plain(settings["batch_size"]), len(keras.tree.flatten(features)[0])
        )
        callbacks = [c for c in getattr(self, "callbacks_", []) if _watches_prediction(c)]
        callbacks += self._make_callbacks("predict__callbacks")
        return training.predict(self.model_, features, callbacks=callbacks, **settings)

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
        """The number of epochs that the present model was trained for."""
        return getattr(self, "n_epochs_", 0) if self.initialized_ else 0

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
        return serialization.pack(state)

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = serialization.unpack(state)
        model_state = state.pop("model_", None)
        super().__setstate__(state)
        if model_state is not None:
            self.model_ = self._rebuild_model()
            model_state.restore(self.model_)
            _OWNED.add(self.model_)
            self.callbacks_ = []

    def _rebuild_model(self) -> keras.Model:
        """Build the fitted model again, whatever was set since it was fitted."""
        twin = type(self).__new__(type(self))
        vars(twin).update(vars(self))
        own = set(self._get_param_names())
        twin._routed = {k: v for k, v in self._fitted_params.items() if k not in own}
        for name in own:
            setattr(twin, name, self._fitted_params[name])
        return training.build(twin._make_model, self._seed)


class KerasClassifier(ClassifierMixin, _KerasEstimator):
    __doc__ = f"""A Keras network as a scikit-learn classifier.

    Parameters
    ----------
{_PARAMETERS.format(class_weight=_CLASS_WEIGHT)}
    Attributes
    ----------
{_ATTRIBUTES}\
    classes_ : ndarray of shape (n_classes,)
        The labels; a list of such arrays for several multiclass columns.
    n_classes_ : int
        How many there are.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import cross_val_score
    >>> from kerasearch import KerasClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = KerasClassifier(optimizer__learning_rate=0.01, random_state=0)
    >>> bool(cross_val_score(classifier, X, y, cv=3).min() > 0.9)
    True
    """

    _y_numeric = False
    _stratify = True

    def __init__(
        self,
        model: Callable[..., keras.Model] | keras.Model | None = None,
        *,
        optimizer: Any = "adam",
        loss: Any = None,
        metrics: Any = None,
        epochs: int = 100,
        batch_size: int | None = 32,
        validation_split: Any = 0.0,
        validation_batch_size: int | None = None,
        callbacks: Any = None,
        class_weight: Any = None,
        shuffle: bool = True,
        warm_start: bool = False,
        run_eagerly: bool = False,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            model,
            optimizer=optimizer,
            loss=loss,
            metrics=metrics,
            epochs=epochs,
            batch_size=batch_size,
            validation_split=validation_split,
            validation_batch_size=validation_batch_size,
            callbacks=callbacks,
            shuffle=shuffle,
            warm_start=warm_start,
            run_eagerly=run_eagerly,
            random_state=random_state,
            verbose=verbose,
            **kwargs,
        )
        self.class_weight = class_weight

    def partial_fit(
        self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None, **kwargs: Any
    ) -> Any:
        """Train for one more epoch, from the present weights and optimizer state.

        The first call builds the model. The n-th call is the n-th epoch of a fit: on the same rows
        and with the same `random_state`, n calls give the numbers of one fit of n epochs. With
        `validation_split`, the same draw holds rows out of the rows of each call. `history_` grows.

        Parameters
        ----------
        X, y : array-like
            As in `fit`.
        classes : array-like of shape (n_classes,), default=None
            All the labels there will be, where the first y lacks some. Later calls need it not.
        sample_weight : array-like of shape (n_samples,), default=None
            As in `fit`, but not scaled: one call does not see the weights of the others.
        **kwargs : dict
            Keras' arguments of ``Model.fit``, ``epochs`` and ``initial_epoch`` excepted.

        Returns
        -------
        self : object
            The estimator.
        """
        if not self.initialized_ and classes is not None:
            self._all_classes = np.unique(classes)
        elif classes is not None and not np.array_equal(np.unique(classes), self.classes_):
            raise ValueError(
                f"classes={classes!r} is not what the first call of partial_fit got: "
                f"{self.classes_!r}"
            )
        try:
            return super().partial_fit(X, y, sample_weight, **kwargs)
        finally:
            vars(self).pop("_all_classes", None)

    def predict_proba(self, X: Any, **kwargs: Any) -> np.ndarray:
        """Predict the probability of each class.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features), or (n_samples, ...)
            The features.
        **kwargs : dict
            Keras' arguments of ``Model.predict``: ``batch_size``, ``verbose``, ``steps``.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes)
            In the order of `classes_`; for a multilabel target the probability of each label, for
            several multiclass columns a list with one array a column.
        """
        return self.target_encoder_.inverse_transform(
            self._predict_raw(X, **kwargs), return_proba=True
        )

    @staticmethod
    def scorer(y_true: Any, y_pred: Any, **kwargs: Any) -> float:
        """Accuracy of the predictions; subclasses may replace it."""
        return float(accuracy_score(y_true, y_pred, **kwargs))

    @property
    def target_encoder(self) -> Any:
        """The transformer of y: labels to what the loss wants and back."""
        classes = vars(self).get("_all_classes")
        return ClassifierLabelEncoder(self.loss, "auto" if classes is None else [classes])

    def _fit_encoder_to(self, loss: Any, y: np.ndarray) -> None:
        if type(self.target_encoder_) is ClassifierLabelEncoder:
            self.target_encoder_ = self.target_encoder_.set_params(loss=loss).fit(y)

    def _type_of_target(self, y: np.ndarray) -> str:
        classes = vars(self).get("_all_classes")
        return type_of_target(y if classes is None else classes, input_name="y")

    def _check_target(self, y: np.ndarray) -> np.ndarray:
        y = super()._check_target(y)
        check_classification_targets(y)
        labels = vars(self).get("_all_classes", y)
        if not self.initialized_ and labels.ndim == 1 and len(np.unique(labels)) < 2:
            raise ValueError(
                f"y has one class, {labels[0].item()!r}; a classifier needs at least two classes"
            )
        return y

    def _class_weights(self, y: np.ndarray) -> np.ndarray | None:
        if self.class_weight is None:
            return None
        return compute_sample_weight(self.class_weight, y)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


class KerasRegressor(RegressorMixin, _KerasEstimator):
    __doc__ = f"""A Keras network as a scikit-learn regressor.

    Predictions have the floating dtype of the y fitted on, float64 where that was integer.

    Parameters
    ----------
{_PARAMETERS.format(class_weight="")}
    Attributes
    ----------
{_ATTRIBUTES}
    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.compose import TransformedTargetRegressor
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from kerasearch import KerasRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> network = make_pipeline(StandardScaler(), KerasRegressor(epochs=20, random_state=0))
    >>> regressor = TransformedTargetRegressor(network, transformer=StandardScaler())
    >>> bool(regressor.fit(X, y).score(X, y) > 0.4)
    True
    """

    _y_numeric = True
    _stratify = False

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
            The predicted values.
        """
        values = super().predict(X, **kwargs)
        floating = self.y_dtype_.kind == "f"
        return values.astype(self.y_dtype_ if floating else np.float64, copy=False)

    @staticmethod
    def scorer(y_true: Any, y_pred: Any, **kwargs: Any) -> float:
        """R² of the predictions; subclasses may replace it."""
        return float(r2_score(y_true, y_pred, **kwargs))

    @property
    def target_encoder(self) -> Any:
        """The transformer of y, which leaves it as it is."""
        return RegressorTargetEncoder()

    def _type_of_target(self, y: np.ndarray) -> str:
        return "continuous" if y.ndim == 1 or y.shape[1] == 1 else "continuous-multioutput"


def _rows(structure: Any, indices: np.ndarray) -> Any:
    return keras.tree.map_structure(lambda a: None if a is None else a[indices], structure)


def _to_floatx(array: np.ndarray) -> np.ndarray:
    return array.astype(keras.config.floatx()) if array.dtype.kind == "f" else array


def _batch_size(batch_size: int | None, n_rows: int) -> int:
    if batch_size is None:
        return 32
    return max(1, n_rows) if batch_size == -1 else int(batch_size)


def _check_integer(name: str, value: Any, at_least: int, hint: str = "") -> None:
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < at_least:
        raise ValueError(f"{name}={value!r} must be an integer of at least {at_least:d}{hint}")


def _has_own_loss(model: keras.Model) -> bool:
    return any(
        getattr(type(model), method) is not getattr(keras.Model, method)
        for method in ("compute_loss", "train_step")
    )


def _lacks_loss(model: keras.Model) -> bool:
    return getattr(model, "loss", None) is None and not _has_own_loss(model)


def _watches_prediction(callback: keras.callbacks.Callback) -> bool:
    return any(
        getattr(type(callback), hook) is not getattr(keras.callbacks.Callback, hook)
        for hook in dir(keras.callbacks.Callback)
        if hook.startswith("on_predict")
    )


def _equal(a: Any, b: Any) -> bool:
    try:
        return bool(np.all(a == b))
    except (TypeError, ValueError):
        return False
