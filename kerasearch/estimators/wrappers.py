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

    A `y` of several columns with exactly one 1 in each row is one-hot: it is trained as classes
    where the loss is a categorical cross-entropy, the model ends in softmax, or the model is the
    default one and the loss is not a binary cross-entropy. `predict` then gives one-hot rows too.
    scikit-learn takes such a `y` for labels that may occur together: it does not stratify its
    folds, and scores such as balanced accuracy refuse it.

    A `y` of shape (n, T) or (n, H, W) is a label at each position, where the model has one output
    of as many axes and one more for the classes: (None, T, k), or (None, H, W, 1) with sigmoid. All
    positions have the same classes. `predict` has the shape of `y`, `score` is the accuracy over
    all positions. scikit-learn's own scorers refuse such a `y`: leave ``scoring`` out.

    Parameters
    ----------
{OF_CLASSIFIER}
    Attributes
    ----------
{ATTRIBUTES}\
    classes_ : ndarray of shape (n_classes,)
        The labels; a list of such arrays for several multiclass columns.
    n_classes_ : int
        How many there are.
    all_classes_ : ndarray
        All labels of a y of two axes or more, whatever their column or position.

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
            several multiclass columns a list with one array a column. Labels at positions have one
            axis more than y.
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
        """Whether the model is the default one, and its loss does not ask for labels."""
        loss = output_layers.losses_of(self.loss, 1)[0]
        return self._builder() is mlp and not output_layers.says_labels(loss)

    def _labels(self, y: np.ndarray) -> np.ndarray:
        """The rows' labels, or all that the first call of partial_fit was told of."""
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
                    f"y has classes {unknown} that the model was not built for; it knows "
                    f"{self.classes_.tolist()}. For partial_fit, name all of them in the first "
                    "call with `classes`"
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
            return None  # of labels at positions, if the model says so
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

    A `y` of three axes or more is values at positions, as the model's output has them, and `score`
    is R² over all values; scikit-learn's ``"r2"`` refuses such a `y`: leave ``scoring`` out.

    A model with several heads takes a data frame or a structured array as `y`, with a field for
    each head by its name: the name of the output layer, or the key of a dict of outputs. A field is
    values or labels, as its head and its loss say; losses that are not given follow from the
    fields. `predict` gives the same form, `score` is the mean of the heads' R² and accuracy.

    Parameters
    ----------
{OF_REGRESSOR}
    Attributes
    ----------
{ATTRIBUTES}\
    y_mean_, y_scale_ : float, or ndarray of the shape of a row of y
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

    def predict(self, X: Any, **kwargs: Any) -> Any:
        """Predict the target of the rows of X.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features), or (n_samples, ...)
            The features.
        **kwargs : dict
            Keras' arguments of ``Model.predict``: ``batch_size``, ``verbose``, ``steps``.

        Returns
        -------
        y : ndarray, data frame or structured array
            The predicted values, and labels, in the form of the y fitted on; the model's own output
            where only a loss of your own can read it.
        """
        values = super().predict(X, **kwargs)
        if not isinstance(values, np.ndarray) or values.dtype.kind not in "fiub":
            return values
        floating = self.y_dtype_.kind == "f"
        return values.astype(self.y_dtype_ if floating else np.float64, copy=False)

    @staticmethod
    def scorer(y_true: Any, y_pred: Any, **kwargs: Any) -> float:
        """R² of the predictions; subclasses may replace it."""
        return float(r2_score(y_true, y_pred, **kwargs))

    @property
    def target_encoder(self) -> Any:
        """The transformer of y, which leaves it as it is."""
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
            return  # a user's encoder makes the target
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
