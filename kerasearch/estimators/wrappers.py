"""KerasClassifier and KerasRegressor: Keras networks as scikit-learn estimators."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets, type_of_target

from . import output_layers, target_scale
from .base import KerasEstimator
from .class_weights import check_class_weight
from .input_data import Rows
from .label_encoder import ClassifierLabelEncoder, RegressorTargetEncoder
from .model_building import BuiltModel
from .multilayer_perceptron import mlp
from .one_hot_target import as_labels, is_one_hot, warn_of_target

__all__ = ["KerasClassifier", "KerasRegressor"]

_PARAMETERS = """\
    model : callable, keras.Model or None, default=None
        What to train. A callable returns a Keras model, compiled or not; its arguments are
        hyperparameters of the estimator (``model__units``, or ``units`` for short). Of the
        arguments ``meta`` (a dict of what is known of the data: ``n_features_in_``,
        ``n_classes_``, ``X_shape_``, ``target_type_``, for a regressor ``y_mean_`` and
        ``y_scale_``, ...), ``compile_kwargs`` (for
        ``model.compile(**compile_kwargs)``) and ``params`` (`get_params`, with ``"adam"`` for an
        `optimizer` of None), those that it takes are filled in. A model that comes compiled by a
        function that takes neither of the last two keeps what it has, and any setting of
        `optimizer`, `loss`, `metrics`, ``compile__`` or `run_eagerly` is an error. A Keras model
        is a template: each fit trains a copy. None is :func:`kerasearch.mlp`, or the method
        ``_keras_build_fn`` of a subclass.
    optimizer : str, class or instance of keras.optimizers.Optimizer, default=None
        None: the optimizer of a compiled model; for another, Adam. Its arguments are
        ``optimizer__learning_rate`` and so on. An instance is a template.
    loss : str, callable, class or instance of keras.losses.Loss, or list or dict, default=None
        None: the loss of a compiled model; for another, what follows from the target.
    metrics : list or dict of str, class or instance of keras.metrics.Metric, default=None
        Recorded in `history_` in every epoch, under Keras' names.
    epochs : int, default=200
        Passes over the training rows; 0 builds the model and trains nothing.
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
        fit has copies of the instances, in `callbacks_`: with lists, dicts, arrays and random
        generators of their own where nothing else refers to those; all else (variables, trials,
        lists of yours) stays yours. Those passed to `fit` are used themselves. A search deep-copies
        callbacks of its grid, and worker processes get pickles: what those collect stays there.
        ``{{fit}}`` in a path of a callback becomes a short name of the fit, which follows from its
        parameters, data and seed.
{class_weight}\
    shuffle : bool, default=True
        Whether each epoch visits the rows in an order of its own, drawn from `random_state`.
    warm_start : bool, default=False
        Whether `fit` goes on from the weights and optimizer state of the fit before. The epochs
        and `history_` start anew; the model is neither built nor compiled again.
    run_eagerly : bool, default=False
        Whether to run Keras step by step in Python, for debugging.
    store : str, path-like, FitStore or None, default=None
        Where finished fits are looked up, continued and kept: a directory, or a
        :class:`kerasearch.FitStore`. It needs an integer `random_state`. ``partial_fit`` and
        `warm_start` neither read nor write it. Callbacks are not called for a fit that is read.
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
    n_epochs_trained_ : int
        How many of them the last call trained; the others came from the `store`.
    training_path_, training_reason_ : str
        Which loop trained, ``"compiled"`` or ``"model.fit"``, and why.
    callbacks_ : list of keras.callbacks.Callback
        The callbacks of the last fit. They are not pickled; those of a fit that was read from
        the `store` are as if they had not been called.
    target_encoder_, feature_encoder_ : transformer
        What turned the target and the features into what the model gets.
    n_features_in_ : int
        The size of the second axis of X.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        The columns of X, where it had names.
    X_shape_, X_dtype_, y_ndim_, y_dtype_, target_type_ : tuple, dtype, int, dtype, str
        What X and y looked like in `fit`; ``target_type_`` is what y was taken for.
    n_outputs_, n_outputs_expected_ : int
        The number of columns of y, and of outputs of the model.
"""


class KerasClassifier(ClassifierMixin, KerasEstimator):
    __doc__ = f"""A Keras network as a scikit-learn classifier.

    A `y` of several columns with exactly one 1 in each row is one-hot: it is trained as classes
    where the loss is a categorical cross-entropy, the model ends in softmax, or the model is the
    default one and the loss is not a binary cross-entropy. `predict` then gives one-hot rows too.
    scikit-learn takes such a `y` for labels that may occur together: it does not stratify its
    folds, and scores such as balanced accuracy refuse it.

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
    score = KerasEstimator.score  # before the mixin's, which knows no `scorer`

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
        class_weight: Any = None,
        shuffle: bool = True,
        warm_start: bool = False,
        run_eagerly: bool = False,
        store: Any = None,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
        **kwargs: Any,
    ) -> None:
        self.class_weight = class_weight
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
            store=store,
            random_state=random_state,
            verbose=verbose,
            **kwargs,
        )

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
            return self._fit(X, y, sample_weight, kwargs, one_epoch=True)
        finally:
            self.__dict__.pop("_all_classes", None)

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
        raw = self._predict_raw(X, **kwargs)
        return self.target_encoder_.inverse_transform(raw, return_proba=True)

    @staticmethod
    def scorer(y_true: Any, y_pred: Any, **kwargs: Any) -> float:
        """Accuracy of the predictions; subclasses may replace it."""
        return float(accuracy_score(y_true, y_pred, **kwargs))

    @property
    def target_encoder(self) -> Any:
        """The transformer of y: labels to what the loss wants and back."""
        classes = self.__dict__.get("_all_classes") if self.y_ndim_ == 1 else None
        return ClassifierLabelEncoder(self.target_type_, categories=classes)

    def _meet_model(self, built: BuiltModel, train: Rows) -> None:
        encoder = self.target_encoder_
        if type(encoder) is not ClassifierLabelEncoder or not built.encoding:
            return
        encoder.encode_for(**built.encoding)
        if self.target_type_ == "multilabel-indicator" or is_one_hot(train.y):
            said = self.target_type_ == "multilabel-indicator" or self._loss_says_classes()
            warn_of_target(train.y, encoder.exclusive, built.model.loss, was_said=said)

    def _type_of_target(self, y: np.ndarray) -> str:
        if is_one_hot(y) and (self._loss_says_classes() or self._default_model_is_free()):
            return "multiclass"
        return type_of_target(self._labels(y), input_name="y")

    def _loss_says_classes(self) -> bool:
        return output_layers.says_classes(output_layers.losses_of(self.loss, 1)[0])

    def _default_model_is_free(self) -> bool:
        """Whether the model is the default one, and its loss does not ask for labels."""
        loss = output_layers.losses_of(self.loss, 1)[0]
        return self._builder() is mlp and not output_layers.says_labels(loss)

    def _labels(self, y: np.ndarray) -> np.ndarray:
        """The rows' labels, or all that the first call of partial_fit was told of."""
        return self.__dict__.get("_all_classes", y) if y.ndim == 1 else y

    def _check_target(self, y: np.ndarray, reset: bool) -> None:
        check_classification_targets(y)
        labels = np.unique(self._labels(y)) if y.ndim == 1 else None
        if reset and labels is not None and len(labels) < 2:
            raise ValueError(
                f"y has one class, {labels[0].item()!r}; a classifier needs at least two classes"
            )
        if not reset and labels is not None and isinstance(self.classes_, np.ndarray):
            unknown = [label for label in labels.tolist() if label not in self.classes_.tolist()]
            if unknown:
                raise ValueError(
                    f"y has classes {unknown} that the model was not built for; it knows "
                    f"{self.classes_.tolist()}. For partial_fit, name all of them in the first "
                    "call with `classes`"
                )

    def _class_weights(self, y: np.ndarray, class_weight: Any) -> np.ndarray | None:
        class_weight = self.class_weight if class_weight is None else class_weight
        if class_weight is None:
            return None
        check_class_weight(class_weight, y)
        # a list has one entry for each column; else each column of a one-hot y is a class
        return compute_sample_weight(
            class_weight, y if type(class_weight) is list else as_labels(y)
        )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


class KerasRegressor(RegressorMixin, KerasEstimator):
    __doc__ = f"""A Keras network as a scikit-learn regressor.

    Predictions have the floating dtype of the y fitted on, float64 where that was integer. The
    default model learns a `y` of any mean and scale. A model of your own needs a `y` of about mean
    0 and scale 1, or an output layer that uses ``meta["y_mean_"]`` and ``meta["y_scale_"]``.

    Parameters
    ----------
{_PARAMETERS.format(class_weight="")}
    Attributes
    ----------
{_ATTRIBUTES}\
    y_mean_, y_scale_ : float, or ndarray of shape (n_outputs_,) for a two-dimensional y
        The weighted mean and standard deviation of y in the rows that the first fit trained on;
        the scale of a constant column is 1.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from kerasearch import KerasRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> regressor = make_pipeline(StandardScaler(), KerasRegressor(epochs=20, random_state=0))
    >>> bool(regressor.fit(X, y).score(X, y) > 0.4)
    True
    """

    _y_numeric = True
    _stratify = False
    score = KerasEstimator.score  # before the mixin's, which knows no `scorer`

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, **kwargs: Any) -> Any:
        """Train for one more epoch, as :meth:`KerasClassifier.partial_fit` does.

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
        return self._fit(X, y, sample_weight, kwargs, one_epoch=True)

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

    def _describe_target(self, train: Rows) -> None:
        for name in ("y_mean_", "y_scale_"):
            self.__dict__.pop(name, None)
        y = self.target_encoder_.transform(train.y)
        if isinstance(y, np.ndarray) and y.ndim <= 2 and y.dtype.kind in "fiub":
            self.y_mean_, self.y_scale_ = target_scale.mean_and_scale(y, train.weights)

    def _meet_model(self, built: BuiltModel, train: Rows) -> None:
        loss = built.model.loss
        if not built.encoding or loss is None:  # a target, or a loss, that only the user knows
            return
        target_scale.check_target(built.outputs[0], train.y, loss)
        target_scale.warn_of_scale(built.outputs[0], loss, self.y_mean_, self.y_scale_)

    def _type_of_target(self, y: np.ndarray) -> str:
        return "continuous" if y.ndim == 1 or y.shape[1] == 1 else "continuous-multioutput"
