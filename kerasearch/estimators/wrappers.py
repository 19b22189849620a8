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

from . import missing_cells, output_layers, target_scale
from .base import KerasEstimator
from .class_weights import check_class_weight
from .estimator_docs import ATTRIBUTES, OF_CLASSIFIER, OF_REGRESSOR
from .heads import HeadsEncoder
from .input_data import Rows
from .label_encoder import ClassifierLabelEncoder, RegressorTargetEncoder
from .model_building import BuiltModel
from .multilayer_perceptron import mlp
from .one_hot_target import as_labels, is_one_hot, warn_of_target
from .target_encoding import is_ours, parts_of
from .targets import fields_of

__all__ = ["KerasClassifier", "KerasRegressor"]


class KerasClassifier(ClassifierMixin, KerasEstimator):
    __doc__ = f"""A Keras network as a scikit-learn classifier.

    A `y` is one-hot if it has several columns and exactly one 1 in each row. Its columns are
    classes in three cases: the loss is a categorical cross-entropy, the model ends with softmax,
    or the default model is used and the loss is not a binary cross-entropy. `predict` then returns
    one-hot rows too. scikit-learn regards the columns as labels that may occur together. It
    therefore does not stratify its folds, and scores such as balanced accuracy raise an error.

    A `y` of shape (n, T) or (n, H, W) has a label at each position if the output of the model has
    one more axis for the classes, such as (None, T, k), or (None, H, W, 1) with sigmoid. All
    positions have the same classes. `predict` returns the shape of `y`, and `score` is the accuracy
    over all positions. scikit-learn's scorers raise an error for such a `y`, so do not pass
    ``scoring``.

    Parameters
    ----------
{OF_CLASSIFIER}
    Attributes
    ----------
{ATTRIBUTES}\
    classes_ : ndarray of shape (n_classes,)
        The labels; a list of arrays if y has several multiclass columns.
    n_classes_ : int
        The number of classes; a list of int if y has several multiclass columns.
    all_classes_ : ndarray
        The labels in all columns or positions together, if y has two or more axes.

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
        jit_compile: Any = None,
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
            jit_compile=jit_compile,
            store=store,
            random_state=random_state,
            verbose=verbose,
            **kwargs,
        )

    def partial_fit(
        self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None, **kwargs: Any
    ) -> Any:
        """Train for one more epoch, from the current weights and optimizer state.

        The first call builds the model. With the same rows and `random_state` in each call, n calls
        give the same results as one fit of n epochs. With `validation_split`, each call splits its
        rows with the same seed. Each call appends to `history_`.

        Parameters
        ----------
        X, y : array-like
            As in `fit`.
        classes : array-like of shape (n_classes,), default=None
            All labels of all calls. It is needed only in the first call, and only if the first y
            lacks a label.
        sample_weight : array-like of shape (n_samples,), default=None
            As in `fit`, but not scaled, because a call does not know the weights of other calls.
        **kwargs : dict
            Arguments of Keras' ``Model.fit``, except ``epochs`` and ``initial_epoch``.

        Returns
        -------
        self : object
            The estimator.
        """
        if not self.initialized_ and classes is not None:
            self._all_classes = np.unique(classes)
        elif classes is not None and not np.array_equal(np.unique(classes), self.classes_):
            raise ValueError(
                f"classes={classes!r} differs from the classes of the first call of partial_fit: "
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
            Arguments of Keras' ``Model.predict``: ``batch_size``, ``verbose``, ``steps``.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes)
            The probabilities in the order of `classes_`. For a multilabel target, they are the
            probabilities of each label. For several multiclass columns, the result is a list with
            one array for each column. For labels at positions, the array has one more axis than y.
        """
        raw = self._predict_raw(X, **kwargs)
        return self.target_encoder_.inverse_transform(raw, return_proba=True)

    @staticmethod
    def scorer(y_true: Any, y_pred: Any, **kwargs: Any) -> float:
        """Compute the accuracy of predictions; subclasses may override this method."""
        return float(accuracy_score(y_true, y_pred, **kwargs))

    @property
    def target_encoder(self) -> Any:
        """The transformer of y, which encodes labels for the loss and decodes predictions."""
        classes = self.__dict__.get("_all_classes") if self.y_ndim_ != 2 else None
        positions = self.y_shape_[1:] if self.y_ndim_ > 2 else ()
        return ClassifierLabelEncoder(self.target_type_, categories=classes, positions=positions)

    def _meet_model(self, built: BuiltModel, train: Rows) -> None:
        encoder = self.target_encoder_
        if type(encoder) is not ClassifierLabelEncoder or built.reading.form != "plain":
            return
        if self.target_type_ == "multilabel-indicator" or is_one_hot(train.y):
            said = self.target_type_ == "multilabel-indicator" or self._loss_says_classes()
            warn_of_target(train.y, encoder.exclusive, built.loss, was_said=said)

    def _type_of_target(self, y: np.ndarray) -> str:
        if y.ndim > 2:
            return "binary" if len(np.unique(self._labels(y))) == 2 else "multiclass"
        if is_one_hot(y) and (self._loss_says_classes() or self._default_model_is_free()):
            return "multiclass"
        return type_of_target(self._labels(y), input_name="y")

    def _loss_says_classes(self) -> bool:
        return output_layers.says_classes(output_layers.losses_of(self.loss, 1)[0])

    def _default_model_is_free(self) -> bool:
        """Tell whether the default model is used, without a loss for independent labels."""
        loss = output_layers.losses_of(self.loss, 1)[0]
        return self._builder() is mlp and not output_layers.says_labels(loss)

    def _labels(self, y: np.ndarray) -> np.ndarray:
        """Get the labels of the rows, or the argument `classes` of the first partial_fit."""
        return self.__dict__.get("_all_classes", y) if y.ndim != 2 else y

    def _check_target(self, y: np.ndarray, reset: bool) -> None:
        check_classification_targets(y if y.ndim < 3 else y.ravel())
        labels = np.unique(self._labels(y)) if y.ndim != 2 else None
        if reset and labels is not None and len(labels) < 2:
            raise ValueError(
                f"y has one class, {labels[0].item()!r}; a classifier needs at least two classes"
            )
        if not reset and labels is not None and isinstance(self.classes_, np.ndarray):
            unknown = [label for label in labels.tolist() if label not in self.classes_.tolist()]
            if unknown:
                raise ValueError(
                    f"y has unknown classes {unknown}; the model was built for "
                    f"{self.classes_.tolist()}. For partial_fit, pass all classes as `classes` in "
                    "the first call"
                )

    def _class_weights(self, y: np.ndarray, class_weight: Any) -> np.ndarray | None:
        class_weight = self.class_weight if class_weight is None else class_weight
        if class_weight is None:
            return None
        y = missing_cells.known_target(self, y)
        if self._at_positions(y):
            check_class_weight(class_weight, y.ravel())
            return compute_sample_weight(class_weight, y.ravel()).reshape(y.shape)
        unknown = self._reading.form == "unknown" and is_ours(self.target_encoder_)
        if unknown and isinstance(class_weight, dict) and y.ndim == 2 and not is_one_hot(y):
            return None  # y may have labels at positions, which is known after the model is built
        check_class_weight(class_weight, y)
        # a list has one entry for each column; otherwise the columns of a one-hot y are classes
        return compute_sample_weight(
            class_weight, y if type(class_weight) is list else as_labels(y)
        )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


class KerasRegressor(RegressorMixin, KerasEstimator):
    __doc__ = f"""A Keras network as a scikit-learn regressor.

    Predictions have the floating dtype of the y in `fit`, or float64 if that y was integer. The
    default model can learn a `y` of any mean and scale. Your own model needs a `y` with mean near 0
    and scale near 1, or an output layer that uses ``meta["y_mean_"]`` and ``meta["y_scale_"]``.

    A `y` with three or more axes has values at positions, and the model's output has the same
    shape. `score` is R² over all values. scikit-learn's scorer ``"r2"`` raises an error for such a
    `y`, so do not pass ``scoring``.

    For a model with several heads, `y` is a data frame or a structured array with one field for
    each head. The field has the name of the output layer, or its key if the model returns a dict.
    The head and its loss decide whether the field has values or labels. If you do not pass losses,
    they are chosen by the fields. `predict` returns the same form as `y`, and `score` is the mean
    of the heads' R² and accuracy.

    Parameters
    ----------
{OF_REGRESSOR}
    Attributes
    ----------
{ATTRIBUTES}\
    y_mean_, y_scale_ : float, or ndarray of the shape of a row of y
        The weighted mean and standard deviation of y in the training rows of the fit that built the
        model. The scale of a constant column is 1.

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
            As in `fit`, but not scaled, because a call does not know the weights of other calls.
        **kwargs : dict
            Arguments of Keras' ``Model.fit``, except ``epochs`` and ``initial_epoch``.

        Returns
        -------
        self : object
            The estimator.
        """
        return self._fit(X, y, sample_weight, kwargs, one_epoch=True)

    def predict(self, X: Any, **kwargs: Any) -> Any:
        """Predict the target of the rows of X.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features), or (n_samples, ...)
            The features.
        **kwargs : dict
            Arguments of Keras' ``Model.predict``: ``batch_size``, ``verbose``, ``steps``.

        Returns
        -------
        y : ndarray, data frame or structured array
            The predicted values and labels, in the form of the y in `fit`. If only a loss of your
            own can interpret the output, the result is the output of the model, or the result of
            `output_to_prediction`.
        """
        values = super().predict(X, **kwargs)
        if not isinstance(values, np.ndarray) or values.dtype.kind not in "fiub":
            return values
        floating = self.y_dtype_.kind == "f"
        return values.astype(self.y_dtype_ if floating else np.float64, copy=False)

    @staticmethod
    def scorer(y_true: Any, y_pred: Any, **kwargs: Any) -> float:
        """Compute R² of predictions; subclasses may override this method."""
        return float(r2_score(y_true, y_pred, **kwargs))

    @property
    def target_encoder(self) -> Any:
        """The transformer of y, which does not change values."""
        in_fields = self._target_layout.form == "fields"
        return HeadsEncoder(self._target_layout) if in_fields else RegressorTargetEncoder()

    def _describe_target(self, train: Rows) -> None:
        for name in ("y_mean_", "y_scale_"):
            self.__dict__.pop(name, None)
        for name in self._facts.fields:
            part = fields_of(train.y, self._target_layout)[name]
            if part.dtype.kind in "fiu":
                told = self.targets_[name]
                told.mean, told.scale = target_scale.mean_and_scale(part, train.weights)
        y = self.target_encoder_.transform(train.y)
        if isinstance(y, np.ndarray) and y.dtype.kind in "fiub":
            self.y_mean_, self.y_scale_ = target_scale.mean_and_scale(y, train.weights)

    def _meet_model(self, built: BuiltModel, train: Rows) -> None:
        if not built.reading.heads:
            return  # a user's encoder makes the target, so that its form is not known
        losses = output_layers.losses_of(built.loss, len(built.outputs), built.names)
        parts = parts_of(self.target_encoder_, built.reading, train.y)
        for head, part, output, loss in zip(
            built.reading.heads, parts, built.outputs, losses, strict=True
        ):
            if loss is None or head.is_labels or head.output.is_free:
                continue
            where = "y" if head.name is None else f"y[{head.name!r}]"
            target_scale.check_target(output, part, loss, where)
            mean, scale = target_scale.mean_and_scale_of_columns(part, train.weights)
            target_scale.warn_of_scale(output, loss, mean, scale, where)

    def _type_of_target(self, y: np.ndarray) -> str:
        if y.dtype.names is not None:
            return "fields"
        return "continuous" if y.ndim == 1 or y.shape[1] == 1 else "continuous-multioutput"
